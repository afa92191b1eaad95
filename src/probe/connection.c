/*
 * A connection stays open between probes, with reading on, so that a server
 * that closes it meanwhile is noticed.  libuv wants a socket's memory until its
 * close callback: so the connection outlives its owner's interest in it, and
 * holds nothing of the owner's from then on.
 */
#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

#include <uv.h>

#include "agent/clock.h"
#include "agent/tls_stream.h"

#include "connection.h"
#include "dial.h"
#include "env.h"
#include "remote.h"

/* Of what was said over TLS: a record has 16 KiB at most. */
#define TLS_PIECE 16384

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

/* Sends what the stream has to send.  The bytes are copied where the kernel
 * does not take them at once. */
static void flush_tls(struct connection *c)
{
    size_t len;
    char *bytes = tls_stream_output(c->tls, &len);
    if (bytes != NULL && c->socket.state == SOCKET_OPEN)
        socket_write_owned(&c->socket, bytes, len);
    else
        free(bytes);
}

static void end_tls(struct connection *c)
{
    if (c->tls == NULL)
        return;
    tls_stream_end(c->tls);
    flush_tls(c);
    tls_stream_free(c->tls);
    c->tls = NULL;
}

static void let_go(struct connection *c)
{
    if (c->dial != NULL)
        dial_stop(c->dial);
    talk_clear(&c->talk, c->to);
    end_tls(c);
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

static void send_asks(struct connection *c, uv_buf_t *bufs, unsigned n)
{
    if (c->tls == NULL) {
        socket_write(&c->socket, bufs, n);
        return;
    }
    /* One that cannot write breaks where it reads, too. */
    for (unsigned i = 0; i < n; i++)
        if (tls_stream_write(c->tls, bufs[i].base, bufs[i].len) != 0)
            break;
    flush_tls(c);
}

static void ask(struct connection *c, const struct talk_ask *a)
{
    uv_buf_t bufs[ASKS];

    send_asks(c, bufs, talk_ask(&c->talk, c->to, a, bufs));
}

static void ask_more(struct connection *c)
{
    uv_buf_t bufs[ASKS];

    send_asks(c, bufs, talk_ask_more(&c->talk, c->to, bufs));
}

void connection_ask(struct connection *c, bool want_info, uint64_t now_us)
{
    assert(c->phase == PROBE_IDLE && c->socket.state == SOCKET_OPEN &&
           !c->shaking && !talk_is_asking(&c->talk));
    c->spent_us[PROBE_LOOKUP] = 0;
    c->spent_us[PROBE_CONNECT] = 0;
    c->spent_us[PROBE_TLS] = 0;
    c->spent_us[PROBE_AUTH] = 0;
    c->spent_us[PROBE_REPLY] = 0;
    enter(c, PROBE_REPLY, now_us);
    ask(c, &(struct talk_ask){ .want_info = want_info, .now_us = now_us });
}

bool connection_is_waiting(const struct connection *c)
{
    return c->phase == PROBE_IDLE && (c->shaking || talk_is_asking(&c->talk));
}

void connection_say_end(struct connection *c)
{
    socket_say_end(&c->socket);
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

static void hear(struct connection *c, const char *bytes, size_t len)
{
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
    case TALK_ASK_MORE:
        ask_more(c);
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

/* --------------------------------------------------------------------- TLS */

/* What is said begins, on a connection that stands. */
static void begin_talk(struct connection *c, uint64_t now_us)
{
    if (c->phase != PROBE_IDLE)
        enter_and_tell(c, PROBE_AUTH, now_us);
    ask(c, &(struct talk_ask){
               .fresh = true, .want_info = c->want_info, .now_us = now_us });
}

static void fail_tls(struct connection *c, enum tls_next next)
{
    struct verdict v;

    if (c->phase == PROBE_IDLE) {
        lost(c);
        return;
    }
    c->again = tls_stream_try_in_full(c->tls);
    if (next == TLS_CLOSED) { /* never in the handshake */
        c->ended = true;
        talk_broken(&c->talk, c->to, UV_EOF, &v);
    } else {
        verdict_set(&v, next == TLS_PLAIN ? REASON_PROTOCOL : REASON_TLS, "%s",
                    tls_words(c->tls));
        v.ours = tls_stream_disowned(c->tls);
    }
    fail(c, &v, false);
}

/* Hands on what is in the records; each piece may end the connection. */
static void hear_tls(struct connection *c)
{
    char plain[TLS_PIECE];
    enum tls_next next;

    for (;;) {
        size_t n = tls_stream_read(c->tls, plain, sizeof plain, &next);

        if (n == 0)
            break;
        hear(c, plain, n);
        if (c->owner == NULL)
            return;
    }
    flush_tls(c);
    if (next != TLS_MORE)
        fail_tls(c, next);
}

static void shake(struct connection *c, const char *bytes, size_t len)
{
    enum tls_next next = tls_stream_shake(c->tls, bytes, len);

    c->to->mute = false;
    flush_tls(c);
    if (next == TLS_MORE)
        return;
    if (next != TLS_OPEN) {
        fail_tls(c, next);
        return;
    }
    c->shaking = false;
    begin_talk(c, clock_mono_us());
    hear_tls(c);
}

/*
 * A Redis without TLS waits for the end of a line that never comes, and is as
 * mute as one that hangs.  So after a handshake in which nothing came the next
 * connection asks in plain whether it understands that.
 */
static void ask_in_plain(struct connection *c)
{
    static char ping[] = "PING\r\n";
    uv_buf_t buf = uv_buf_init(ping, sizeof ping - 1);

    socket_write(&c->socket, &buf, 1);
}

static void hear_in_plain(struct connection *c, const char *bytes)
{
    struct verdict v;
    bool understood = bytes[0] == '+' || bytes[0] == '-';

    c->to->mute = understood;
    if (c->phase == PROBE_IDLE) {
        lost(c);
        return;
    }
    if (understood)
        verdict_set(&v, REASON_PROTOCOL, "no TLS there: it answers in plain");
    else
        verdict_set(&v, REASON_REPLY_TIMEOUT,
                    "no reply in the last TLS handshake");
    c->again = !understood;
    fail(c, &v, false);
}

static void begin_tls(struct connection *c, uint64_t now_us)
{
    struct verdict v;

    c->shaking = true;
    enter_and_tell(c, PROBE_TLS, now_us);
    if (c->to->mute) {
        ask_in_plain(c);
        return;
    }
    c->tls = tls_stream_new(c->to->tls, now_us / 1000);
    if (c->tls == NULL) {
        verdict_set(&v, REASON_DOUBT, "out of memory for a TLS connection");
        fail(c, &v, false);
        return;
    }
    flush_tls(c);
}

static void on_bytes(struct socket *s, const char *bytes, size_t len)
{
    struct connection *c = connection_of(s);

    if (c->shaking && c->tls == NULL) {
        hear_in_plain(c, bytes);
    } else if (c->shaking) {
        shake(c, bytes, len);
    } else if (c->tls != NULL) {
        tls_stream_take(c->tls, bytes, len);
        hear_tls(c);
    } else {
        hear(c, bytes, len);
    }
}

static void broken_tls(struct connection *c, int error)
{
    struct verdict v;
    char what[64];

    uv_strerror_r(error, what, sizeof what);
    c->again = c->tls == NULL || tls_stream_try_in_full(c->tls);
    c->to->mute = false;
    if (error == UV_EOF)
        verdict_set(&v, REASON_CLOSED,
                    "closed by the server (in TLS handshake)");
    else
        verdict_set(&v, socket_read_reason(error),
                    "read: %s (in TLS handshake)", what);
    fail(c, &v, false);
}

static void on_broken(struct socket *s, int error)
{
    struct connection *c = connection_of(s);
    struct verdict v;

    if (c->phase == PROBE_IDLE) {
        lost(c);
    } else if (c->phase == PROBE_TLS) {
        broken_tls(c, error);
    } else if (c->phase == PROBE_CONNECT) {
        dial_broken(c->dial, error);
    } else {
        c->ended = true;
        talk_broken(&c->talk, c->to, error, &v);
        fail(c, &v, false);
    }
}

/* ----------------------------------------------------------------- dialling */

static void on_found(struct socket *s)
{
    struct connection *c = connection_of(s);

    enter_and_tell(c, PROBE_CONNECT, clock_mono_us());
    if (c->to->name == NULL)
        c->spent_us[PROBE_LOOKUP] = 0; /* there was nothing to look up */
}

static void on_connected(struct socket *s)
{
    struct connection *c = connection_of(s);
    uint64_t now_us = clock_mono_us();

    remote_place(c->to, dial_addr(c->dial), &c->place);
    dial_done(c);
    c->opened_us = now_us;
    if (c->to->tls != NULL)
        begin_tls(c, now_us);
    else
        begin_talk(c, now_us);
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

static void expired_tls(struct connection *c, struct verdict *v)
{
    /* In turns, lest a server that hangs is never spoken to in TLS again. */
    c->to->mute = c->tls != NULL && !tls_stream_heard(c->tls);
    verdict_set(v, REASON_REPLY_TIMEOUT,
                "no reply within %u ms (in TLS handshake)",
                c->to->config->timeout_ms);
}

/* A host may take its time to acknowledge, in the hope of an answer to go with
 * it: up to 200 ms (tcp(7), TCP_QUICKACK), and the way. */
#define ACK_US 400000

static enum socket_ack ack_of(const struct connection *c, uint64_t now_us)
{
    enum socket_ack ack = socket_ack(&c->socket);

    if (ack == SOCKET_ACK_MISSING && now_us - c->talk.asked_us < ACK_US)
        return SOCKET_ACK_UNKNOWN;
    return ack;
}

bool connection_expire(struct connection *c, uint64_t now_us, struct verdict *v)
{
    bool talking = c->opened_us > 0;
    enum socket_ack ack = SOCKET_ACK_UNKNOWN;

    c->ran_out = true;
    if (talking) {
        ack = ack_of(c, now_us);
        if (c->shaking)
            expired_tls(c, v);
        else
            talk_expired(&c->talk, c->to, ack, v);
    } else {
        dial_expired(c->dial, v);
    }
    enter(c, PROBE_IDLE, now_us);
    /* One that drips was accepted: that it is closed buries nobody, and a new
     * client may be served better. */
    if (!talking || ack == SOCKET_ACK_MISSING || c->talk.heard)
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
    c->socket.buffer = env->buffer;
    c->socket.buffer_size = REPLY_MAX;
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
