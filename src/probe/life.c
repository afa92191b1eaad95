/*
 * One probe: its life, its phase, its deadline and its end.  How a connection
 * comes about is in probe_dial.c, what is said on it in probe_talk.c, the
 * socket in probe_net.c.  A probe ends in probe_finish and nowhere else; the
 * connection stays open for the next one, with reading on, so that a server
 * that closes it meanwhile is noticed: that is told, and counts for nothing by
 * itself.
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

#include "env.h"
#include "private.h"
#include "agent/probe.h"

#define CACHE_LINE 64

static void lookup_expired(struct probe *p);

static const struct {
    const char *name; /* as dumped */
    void (*on_expired)(struct probe *p);
} PHASES[] = {
    [PROBE_IDLE] = { "idle", NULL },
    [PROBE_LOOKUP] = { "lookup", lookup_expired },
    [PROBE_CONNECT] = { "connect", dial_expired },
    [PROBE_AUTH] = { "auth", talk_expired },
    [PROBE_REPLY] = { "reply", talk_expired },
};

const char *probe_phase_name(enum probe_phase p)
{
    return PHASES[p].name;
}

enum probe_phase probe_phase(const struct probe *p)
{
    return atomic_load_explicit(&p->phase, memory_order_relaxed);
}

void probe_enter(struct probe *p, enum probe_phase phase, uint64_t now_us)
{
    enum probe_phase old = probe_phase(p);

    if (old == PROBE_LOOKUP)
        LIST_REMOVE(p, waiting);
    if (phase == PROBE_LOOKUP)
        LIST_INSERT_HEAD(&p->env->waiting, p, waiting);
    p->spent_us[old] += (uint32_t)(now_us - p->entered_us);
    p->entered_us = now_us;
    atomic_store_explicit(&p->phase, phase, memory_order_relaxed);
}

uint64_t probe_left_ms(const struct probe *p, uint64_t now_us)
{
    if (now_us + 1000 >= p->deadline_us)
        return 1;
    return (p->deadline_us - now_us + 999) / 1000;
}

/*
 * libuv runs timers before it looks at sockets: after a stall of this process
 * (or machine) the reply may already be here when the deadline is found to
 * have passed.  So a deadline that passes gives the sockets one more turn.
 */
void probe_expired(struct deadline *d)
{
    struct probe *p =
        (struct probe *)((char *)d - offsetof(struct probe, deadline));

    if (!p->expired) {
        p->expired = true;
        deadline_set(&p->env->deadlines, d, clock_mono_ms(), 1);
        return;
    }
    p->ran_out = true;
    PHASES[probe_phase(p)].on_expired(p);
}

void probe_arm(struct probe *p, uint64_t now_us, uint64_t ms)
{
    p->expired = false;
    deadline_set(&p->env->deadlines, &p->deadline, now_us / 1000, ms);
}

static void lookup_expired(struct probe *p)
{
    struct verdict v;

    verdict_set(&v, REASON_DNS, "lookup: no answer within %u ms",
                p->config->timeout_ms);
    probe_finish(p, v.reason, v.detail, false);
}

void probe_hang_up(struct probe *p)
{
    if (p->reader != NULL) {
        probe_env_reader_done(p->env, p->reader, false);
        p->reader = NULL;
    }
    probe_net_close(&p->net);
}

/*
 * Could it be different had we listened all the time?  A server, or what
 * stands before it, may also close on a client that says nothing.
 */
static bool timed(const struct probe *p, enum reason r)
{
    switch (reason_status(r)) {
    case STATUS_UP:
    case STATUS_DEGRADED:
        return false;
    case STATUS_DOWN:
    case STATUS_UNKNOWN:
        break;
    }
    return p->ran_out || r == REASON_CONNECT_TIMEOUT ||
           r == REASON_REPLY_TIMEOUT || r == REASON_CLOSED ||
           r == REASON_RESET || r == REASON_DNS;
}

void probe_finish(struct probe *p, enum reason reason, const char *words,
                  bool keep)
{
    uint64_t now_us = clock_mono_us();
    struct result r;

    deadline_clear(&p->env->deadlines, &p->deadline);
    probe_enter(p, PROBE_IDLE, now_us);
    if (!keep)
        probe_hang_up(p);
    r.id = p->job.id;
    r.lost = false;
    r.round = p->job.round;
    r.reason = reason;
    r.started_mono_us = p->started_us;
    r.timed = timed(p, reason);
    r.stalled_ms =
        probe_watch_end(&p->env->watch, p->watch_begun, now_us / 1000);
    r.ended_wall_ms = clock_wall_ms();
    r.lookup_us = p->spent_us[PROBE_LOOKUP];
    r.connect_us = p->spent_us[PROBE_CONNECT];
    r.auth_us = p->spent_us[PROBE_AUTH];
    r.reply_us = p->spent_us[PROBE_REPLY];
    r.rtt_us = p->answered ? (int64_t)(now_us - p->sent_us) : -1;
    r.role = p->role;
    memcpy(r.version, p->version, sizeof r.version);
    r.fresh_info = p->fresh_info;
    r.offset = p->fresh_info ? p->offset : -1;
    r.replid[0] = '\0';
    if (p->fresh_info)
        memcpy(r.replid, p->replid, sizeof r.replid);
    strcpy(r.detail, words);
    dial_done(p);
    p->env->ended(p->env->arg, &r);
}

/* Who closes may be gone: nobody needs to wait for the next round to see. */
static void lost(struct probe *p)
{
    const struct result r = { .id = p->job.id, .lost = true };

    probe_hang_up(p);
    p->env->ended(p->env->arg, &r);
}

static struct probe *probe_of(struct probe_net *n)
{
    return (struct probe *)((char *)n - offsetof(struct probe, net));
}

static void on_opened(struct probe_net *n)
{
    dial_succeeded(probe_of(n));
}

static void on_bytes(struct probe_net *n, const char *bytes, size_t len)
{
    struct probe *p = probe_of(n);

    if (probe_phase(p) == PROBE_IDLE)
        lost(p); /* nothing was asked */
    else
        talk_bytes(p, bytes, len);
}

static void on_broken(struct probe_net *n, int error)
{
    struct probe *p = probe_of(n);

    if (probe_phase(p) == PROBE_IDLE)
        lost(p);
    else if (probe_phase(p) == PROBE_CONNECT)
        dial_failed(p, error);
    else
        talk_broken(p, error);
}

static void free_if_closed(struct probe *p)
{
    if (p->closing && p->net.state == NET_CLOSED)
        probe_free(p);
}

static void on_closed(struct probe_net *n)
{
    struct probe *p = probe_of(n);

    switch (probe_phase(p)) {
    case PROBE_CONNECT:
        dial_next(p);
        break;
    case PROBE_LOOKUP:
        break;
    case PROBE_IDLE:
    case PROBE_AUTH:
    case PROBE_REPLY:
        dial_done(p);
        free_if_closed(p);
        break;
    }
}

static const struct probe_net_events EVENTS = {
    .opened = on_opened,
    .bytes = on_bytes,
    .broken = on_broken,
    .closed = on_closed,
};

static int format_auth(struct probe *p)
{
    const char *argv[3] = { "AUTH" };
    int argc = 1;

    if (p->config->password == NULL)
        return 0;
    if (p->config->username != NULL)
        argv[argc++] = p->config->username;
    argv[argc++] = p->config->password;
    return probe_request_format(&p->auth, argc, argv);
}

struct probe *probe_new(struct config_instance *config,
                        struct resolver *resolver, struct err *e)
{
    struct probe *p = calloc(1, sizeof *p);

    if (p == NULL)
        goto no_memory;
    object_made(OBJECT_PROBE);
    p->config = config_instance_ref(config);
    p->net.events = &EVENTS;
    if (format_auth(p) < 0)
        goto no_memory;
    if (config->path != NULL ||
        net_addr_parse(config->host, config->port, &p->addr))
        return p;
    p->name = resolver_name_get(resolver, config->host, e);
    if (p->name == NULL)
        goto no_name;
    return p;

no_memory:
    err_set(e, "no memory for the probe of %s", config->name);
no_name:
    probe_free(p);
    return NULL;
}

void probe_free(struct probe *p)
{
    if (p == NULL)
        return;
    resolver_name_put(p->name);
    probe_request_clear(&p->auth);
    free(p->ping.words);
    free(p->info.words);
    config_instance_unref(p->config);
    free(p);
    object_gone(OBJECT_PROBE);
}

void probe_attach(struct probe *p, struct probe_env *env)
{
    assert(p->env == NULL);
    p->env = env;
    p->net.buffer = uv_buf_init(env->buffer, REPLY_MAX);
}

void probe_expect(const struct probe *p)
{
    const char *at = (const char *)p;

    for (size_t i = 0; i < offsetof(struct probe, replid); i += CACHE_LINE)
        __builtin_prefetch(at + i);
}

void probe_start(struct probe *p, const struct job *job)
{
    uint64_t now_us = clock_mono_us();

    assert(probe_phase(p) == PROBE_IDLE && !p->closing);
    p->job = *job;
    p->watch_begun = probe_watch_begin(&p->env->watch, now_us / 1000);
    p->started_us = now_us;
    p->deadline_us = now_us + (uint64_t)p->config->timeout_ms * 1000;
    p->entered_us = now_us;
    memset(p->spent_us, 0, sizeof p->spent_us);
    p->answered = false;
    p->received = 0;
    p->ran_out = false;
    p->fresh_info = false;
    p->may_reopen = p->net.state == NET_OPEN;
    if (!p->may_reopen) {
        dial_start(p);
        return;
    }
    probe_arm(p, now_us, p->config->timeout_ms);
    talk_start(p, false, now_us);
}

void probe_resolved(struct probe *p)
{
    if (probe_phase(p) == PROBE_LOOKUP)
        dial_resolved(p);
}

void probe_env_resolved(struct probe_env *env)
{
    struct probe *p, *next;

    for (p = LIST_FIRST(&env->waiting); p != NULL; p = next) {
        next = LIST_NEXT(p, waiting);
        probe_resolved(p);
    }
}

void probe_close(struct probe *p)
{
    uint64_t now_us = clock_mono_us();

    assert(!p->closing);
    if (probe_phase(p) != PROBE_IDLE)
        probe_watch_end(&p->env->watch, p->watch_begun, now_us / 1000);
    deadline_clear(&p->env->deadlines, &p->deadline);
    probe_enter(p, PROBE_IDLE, now_us);
    p->closing = true;
    probe_hang_up(p);
    dial_done(p);
    free_if_closed(p);
}
