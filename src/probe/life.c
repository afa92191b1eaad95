/*
 * One probe: its life, its deadline and its end.  How a connection comes about
 * and what is said on it is in connection.c.  A probe ends in finish and
 * nowhere else; the connection stays open for the next one.
 */
#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "agent/clock.h"
#include "agent/config.h"
#include "agent/objects.h"
#include "agent/resolver.h"

#include "connection.h"
#include "env.h"
#include "life.h"
#include "agent/probe.h"

#define CACHE_LINE 64

const char *probe_phase_name(enum probe_phase p)
{
    static const char *const names[] = {
        [PROBE_IDLE] = "idle",       [PROBE_LOOKUP] = "lookup",
        [PROBE_CONNECT] = "connect", [PROBE_AUTH] = "auth",
        [PROBE_REPLY] = "reply",
    };

    return names[p];
}

enum probe_phase probe_phase(const struct probe *p)
{
    return atomic_load_explicit(&p->phase, memory_order_relaxed);
}

static void show_phase(struct probe *p, enum probe_phase phase)
{
    atomic_store_explicit(&p->phase, phase, memory_order_relaxed);
}

static void arm(struct probe *p, uint64_t now_us, uint64_t ms)
{
    p->grace = false;
    deadline_set(&p->remote.env->deadlines, &p->deadline, now_us / 1000, ms);
}

/*
 * Could it be different had we listened all the time?  A server, or what
 * stands before it, may also close on a client that says nothing.
 */
static bool timed(enum reason r, bool ran_out)
{
    switch (reason_status(r)) {
    case STATUS_UP:
    case STATUS_DEGRADED:
        return false;
    case STATUS_DOWN:
    case STATUS_UNKNOWN:
        break;
    }
    return ran_out || r == REASON_CONNECT_TIMEOUT ||
           r == REASON_REPLY_TIMEOUT || r == REASON_CLOSED ||
           r == REASON_RESET || r == REASON_DNS;
}

/* What the connection that settled it has to tell; NULL: there was none. */
static void tell_connection(struct result *r, const struct connection *c,
                            bool answered)
{
    r->lookup_us = c != NULL ? c->spent_us[PROBE_LOOKUP] : 0;
    r->connect_us = c != NULL ? c->spent_us[PROBE_CONNECT] : 0;
    r->auth_us = c != NULL ? c->spent_us[PROBE_AUTH] : 0;
    r->reply_us = c != NULL ? c->spent_us[PROBE_REPLY] : 0;
    r->rtt_us = answered ? connection_rtt_us(c) : -1;
}

static void tell_remote(struct result *r, const struct remote *to)
{
    r->role = to->role;
    memcpy(r->version, to->version, sizeof r->version);
    r->fresh_info = to->fresh_info;
    r->offset = to->fresh_info ? to->offset : -1;
    r->replid[0] = '\0';
    if (to->fresh_info)
        memcpy(r->replid, to->replid, sizeof r->replid);
}

/* C: the connection that settled it, or NULL. */
static void finish(struct probe *p, const struct connection *c,
                   const struct verdict *v, bool answered)
{
    struct probe_env *env = p->remote.env;
    uint64_t now_us = c != NULL ? c->entered_us : clock_mono_us();
    struct result r;

    deadline_clear(&env->deadlines, &p->deadline);
    show_phase(p, PROBE_IDLE);
    r.id = p->job.id;
    r.lost = false;
    r.round = p->job.round;
    r.reason = v->reason;
    r.started_mono_us = p->started_us;
    r.timed = timed(v->reason, c != NULL && c->ran_out);
    r.stalled_ms = probe_watch_end(&env->watch, p->watch_begun, now_us / 1000);
    r.ended_wall_ms = clock_wall_ms();
    tell_connection(&r, c, answered);
    tell_remote(&r, &p->remote);
    strcpy(r.detail, v->detail);
    env->ended(env->arg, &r);
}

/* The name may have moved.  That is asked at the pace of rounds: the one of
 * retries may go on for as long as the port is closed. */
static void look_anew(struct probe *p)
{
    uint64_t interval_us = (uint64_t)p->remote.config->interval_ms * 1000;

    if (p->remote.name == NULL ||
        (p->looked_anew_us != 0 &&
         p->started_us - p->looked_anew_us < interval_us))
        return;
    p->looked_anew_us = p->started_us;
    resolver_refresh(p->remote.name);
}

static void on_entered(void *owner, enum probe_phase phase)
{
    show_phase(owner, phase);
}

static void on_answered(void *owner, struct connection *c,
                        const struct verdict *v)
{
    finish(owner, c, v, true);
}

static void dial(struct probe *p);

static void on_failed(void *owner, struct connection *c,
                      const struct verdict *v, bool answered)
{
    struct probe *p = owner;

    p->connection = NULL;
    if (p->may_reopen && !answered && connection_is_mute(c)) {
        dial(p);
        return;
    }
    /* It got no further than the addresses. */
    if (c->dial != NULL && v->reason != REASON_DNS)
        look_anew(p);
    finish(p, c, v, answered);
}

/* A server that closes may be gone, and the next round may be far away. */
static void on_lost(void *owner, struct connection *c)
{
    struct probe *p = owner;
    struct probe_env *env = p->remote.env;
    const struct result r = { .id = p->job.id, .lost = true };

    (void)c;
    p->connection = NULL;
    env->ended(env->arg, &r);
}

static const struct connection_events EVENTS = {
    .entered = on_entered,
    .answered = on_answered,
    .failed = on_failed,
    .lost = on_lost,
};

static void dial(struct probe *p)
{
    p->may_reopen = false;
    p->connection = connection_new(&EVENTS, p, &p->remote);
    if (p->connection == NULL) {
        struct verdict v;

        verdict_set(&v, REASON_DOUBT, "out of memory for a connection");
        finish(p, NULL, &v, false);
        return;
    }
    connection_dial(p->connection, true, p->deadline_us);
}

/*
 * libuv runs timers before it looks at sockets: after a stall of this process
 * (or machine) the reply may already be here when the deadline is found to
 * have passed.  So a deadline that passes gives the sockets one more turn.
 */
static void on_expired(struct deadline *d)
{
    struct probe *p =
        (struct probe *)((char *)d - offsetof(struct probe, deadline));
    struct connection *c = p->connection;
    struct verdict v;

    if (!p->grace) {
        p->grace = true;
        deadline_set(&p->remote.env->deadlines, d, clock_mono_ms(), 1);
        return;
    }
    p->connection = NULL;
    connection_expire(c, clock_mono_us(), &v);
    if (v.reason == REASON_CONNECT_TIMEOUT)
        look_anew(p);
    finish(p, c, &v, false);
    connection_drop(c);
}

struct probe *probe_new(uint64_t id, struct config_instance *config,
                        struct resolver *resolver, struct err *e)
{
    struct probe *p = calloc(1, sizeof *p);

    if (p == NULL) {
        err_set(e, "out of memory for the probe of %s", config->name);
        return NULL;
    }
    object_made(OBJECT_PROBE);
    p->job.id = id;
    p->deadline.expired = on_expired;
    if (remote_init(&p->remote, config, resolver, e) == 0)
        return p;
    probe_free(p);
    return NULL;
}

void probe_free(struct probe *p)
{
    if (p == NULL)
        return;
    remote_clear(&p->remote);
    free(p);
    object_gone(OBJECT_PROBE);
}

void probe_attach(struct probe *p, struct probe_env *env)
{
    assert(p->remote.env == NULL);
    p->remote.env = env;
}

void probe_expect(const struct probe *p)
{
    const char *at = (const char *)p;

    for (size_t i = 0; i < sizeof *p; i += CACHE_LINE)
        __builtin_prefetch(at + i);
}

void probe_start(struct probe *p, const struct job *job)
{
    uint64_t now_us = clock_mono_us();
    unsigned timeout_ms = p->remote.config->timeout_ms;

    assert(probe_phase(p) == PROBE_IDLE);
    p->job = *job;
    p->watch_begun = probe_watch_begin(&p->remote.env->watch, now_us / 1000);
    p->started_us = now_us;
    p->deadline_us = now_us + (uint64_t)timeout_ms * 1000;
    p->remote.fresh_info = false;
    arm(p, now_us, timeout_ms);
    p->may_reopen = p->connection != NULL;
    if (!p->may_reopen) {
        dial(p);
        return;
    }
    show_phase(p, PROBE_REPLY);
    connection_ask(p->connection, job->want_info, now_us);
}

void probe_close(struct probe *p)
{
    struct probe_env *env = p->remote.env;

    if (probe_phase(p) != PROBE_IDLE)
        probe_watch_end(&env->watch, p->watch_begun, clock_mono_ms());
    deadline_clear(&env->deadlines, &p->deadline);
    if (p->connection != NULL)
        connection_drop(p->connection);
    probe_free(p);
}
