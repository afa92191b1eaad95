/*
 * A connection stays open between probes, with reading on, so that a server
 * that closes it meanwhile is noticed.  libuv wants a socket's memory until its
 * close callback: so the connection outlives its owner's interest in it, and
 * holds nothing of the owner's from then on.
 */
#include <assert.h>
#include <stddef.h>

#include <uv.h>

#include "agent/clock.h"

#include "connection.h"
#include "dial.h"
#include "env.h"
#include "remote.h"

static struct connection *connection_of(struct socket *s)
{
    return (struct connection *)((char *)s -
                                 offsetof(struct connection, socket));
}

static void enter(struct connection *c, enum probe_phase phase, uint64_t now_us)
{
    c->spent_us[c->phase] += (uint32_t)(now_us - c->entered_us);
    c->entered_us = now_us;
    c->phase = phase;
}

static void enter_and_tell(struct connection *c, enum probe_phase phase,
                           uint64_t now_us)
{
    enter(c, phase, now_us);
    c->events->entered(c->owner, phase);
}

/* The socket may still use its connect request. */
static void dial_done(struct connection *c)
{
    if (c->dial == NULL || c->socket.state == SOCKET_CONNECTING ||
        c->socket.state == SOCKET_CLOSING)
        return;
    probe_env_dial_done(c->env, c->dial);
    c->dial = NULL;
}

static void free_if_closed(struct connection *c)
{
    if (c->owner != NULL || c->socket.state != SOCKET_CLOSED)
        return;
    dial_done(c);
    probe_env_connection_done(c->env, c);
}

static void let_go(struct connection *c)
{
    if (c->dial != NULL)
        dial_stop(c->dial);
    talk_clear(&c->talk, c->to);
    socket_close(&c->socket);
    c->owner = NULL;
    c->to = NULL;
}

void connection_drop(struct connection *c)
{
    let_go(c);
    free_if_closed(c);
}

static void fail(struct connection *c, const struct verdict *v, bool answered)
{
    void *owner = c->owner;

    enter(c, PROBE_IDLE, clock_mono_us());
    if (c->dial != NULL)
        c->ran_out = c->dial->ran_out;
    c->events->failed(owner, c, v, answered);
    let_go(c);
    free_if_closed(c);
}

/* ----------------------------------------------------------------- talking */

static void ask(struct connection *c, const struct talk_ask *a)
{
    uv_buf_t bufs[ASKS];
    unsigned n = talk_ask(&c->talk, c->to, a, bufs);

    socket_write(&c->socket, bufs, n);
}

void connection_ask(struct connection *c, bool want_info, uint64_t now_us)
{
    assert(c->phase == PROBE_IDLE && c->socket.state == SOCKET_OPEN &&
           !talk_is_asking(&c->talk));
    c->spent_us[PROBE_LOOKUP] = 0;
    c->spent_us[PROBE_CONNECT] = 0;
    c->spent_us[PROBE_AUTH] = 0;
    c->spent_us[PROBE_REPLY] = 0;
    enter(c, PROBE_REPLY, now_us);
    ask(c, &(struct talk_ask){ .want_info = want_info, .now_us = now_us });
}

bool connection_is_waiting(const struct connection *c)
{
    return c->phase == PROBE_IDLE && talk_is_asking(&c->talk);
}

bool connection_is_mute(const struct connection *c)
{
    return !c->talk.heard;
}

int64_t connection_rtt_us(const struct connection *c)
{
    return (int64_t)(c->entered_us - c->talk.asked_us);
}

static void lost(struct connection *c)
{
    c->events->lost(c->owner, c);
    let_go(c);
    free_if_closed(c);
}

static void late(struct connection *c, enum talk_next next)
{
    if (next == TALK_ANSWERED)
        c->events->late(c->owner, c);
    else if (next != TALK_MORE)
        lost(c);
}

static void on_bytes(struct socket *s, const char *bytes, size_t len)
{
    struct connection *c = connection_of(s);
    struct verdict v;
    enum talk_next next;

    if (c->phase == PROBE_IDLE && !talk_is_asking(&c->talk)) {
        lost(c); /* nothing was asked */
        return;
    }
    next = talk_bytes(&c->talk, c->to, bytes, len, &v);
    if (c->phase == PROBE_AUTH && c->talk.logged_in_us > 0)
        enter_and_tell(c, PROBE_REPLY, c->talk.logged_in_us);
    if (c->phase == PROBE_IDLE) {
        late(c, next);
        return;
    }
    switch (next) {
    case TALK_MORE:
        return;
    case TALK_ANSWERED:
        enter(c, PROBE_IDLE, clock_mono_us());
        c->events->answered(c->owner, c, &v);
        return;
    case TALK_LAST_WORDS:
        fail(c, &v, true);
        return;
    case TALK_BAD:
        fail(c, &v, false);
        return;
    }
}

static void on_broken(struct socket *s, int error)
{
    struct connection *c = connection_of(s);
    struct verdict v;

    if (c->phase == PROBE_IDLE) {
        lost(c);
    } else if (c->phase == PROBE_CONNECT) {
        dial_broken(c->dial, error);
    } else {
        talk_broken(&c->talk, error, &v);
        fail(c, &v, false);
    }
}

/* ----------------------------------------------------------------- dialling */

static void on_found(struct socket *s)
{
    struct connection *c = connection_of(s);

    enter_and_tell(c, PROBE_CONNECT, clock_mono_us());
}

static void on_connected(struct socket *s)
{
    struct connection *c = connection_of(s);
    uint64_t now_us = clock_mono_us();

    remote_place(c->to, dial_addr(c->dial), &c->place);
    dial_done(c);
    c->opened_us = now_us;
    enter_and_tell(c, PROBE_AUTH, now_us);
    ask(c, &(struct talk_ask){
               .fresh = true, .want_info = c->want_info, .now_us = now_us });
}

static void on_dial_failed(struct socket *s, const struct verdict *v)
{
    struct verdict kept = *v; /* it lies in the dial */

    fail(connection_of(s), &kept, false);
}

static const struct dial_events DIAL_EVENTS = {
    .found = on_found,
    .connected = on_connected,
    .failed = on_dial_failed,
};

static void on_opened(struct socket *s)
{
    dial_opened(connection_of(s)->dial);
}

static void on_closed(struct socket *s)
{
    struct connection *c = connection_of(s);

    if (c->owner == NULL)
        free_if_closed(c);
    else
        dial_closed(c->dial); /* the next address */
}

static const struct socket_events SOCKET_EVENTS = {
    .opened = on_opened,
    .bytes = on_bytes,
    .broken = on_broken,
    .closed = on_closed,
};

/* Its kernel looks after a connection that is waited on: a host that is gone,
 * or knows of no such connection any more, breaks it. */
static void wait_on(struct connection *c)
{
    if (!c->kept_alive)
        socket_keep_alive(&c->socket);
    c->kept_alive = true;
}

bool connection_expire(struct connection *c, uint64_t now_us, struct verdict *v)
{
    bool talking = c->opened_us > 0;
    enum socket_ack ack = SOCKET_ACK_UNKNOWN;

    c->ran_out = true;
    if (talking) {
        ack = socket_ack(&c->socket);
        talk_expired(&c->talk, c->to, ack, v);
    } else {
        dial_expired(c->dial, v);
    }
    enter(c, PROBE_IDLE, now_us);
    if (!talking || ack == SOCKET_ACK_MISSING)
        return false;
    wait_on(c);
    return true;
}

struct connection *connection_new(const struct connection_events *events,
                                  void *owner, struct remote *to)
{
    struct probe_env *env = to->env;
    struct connection *c = probe_env_connection(env);

    if (c == NULL)
        return NULL;
    c->dial = probe_env_dial(env);
    if (c->dial == NULL) {
        probe_env_connection_done(env, c);
        return NULL;
    }
    c->env = env;
    c->events = events;
    c->owner = owner;
    c->to = to;
    c->socket.events = &SOCKET_EVENTS;
    c->socket.buffer = uv_buf_init(env->buffer, REPLY_MAX);
    talk_init(&c->talk);
    return c;
}

void connection_dial(struct connection *c, bool want_info,
                     const struct dial_order *order)
{
    c->want_info = want_info;
    c->entered_us = clock_mono_us();
    enter_and_tell(c, PROBE_LOOKUP, c->entered_us);
    dial_start(c->dial, &DIAL_EVENTS, &c->socket, c->to, order);
}
