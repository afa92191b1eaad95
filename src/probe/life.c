/*
 * One probe: its life, its deadline and its end.
 *
 * What a new client would meet is what counts, and a kept connection is cheap:
 * so nearly always the kept one alone is asked, and a new one is made beside it
 * when the renewal is due, when the last new one was not served, when the kept
 * one's answer contradicts the status, or when it stays silent for a part of
 * the time.  The newest that answers is kept.
 *
 * Whatever happens to one of the two ends in decide, which looks at both; a
 * probe ends in finish and nowhere else.  A question that was not answered in
 * time stays asked, and keeps its place for a while: there are never more than
 * two connections, so that a server that hangs is not buried under ours.
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

/* After this part of the time the other connection is tried. */
#define PARTS 3

const char *probe_phase_name(enum probe_phase p)
{
    static const char *const names[] = {
        [PROBE_IDLE] = "idle",       [PROBE_LOOKUP] = "lookup",
        [PROBE_CONNECT] = "connect", [PROBE_TLS] = "tls",
        [PROBE_AUTH] = "auth",       [PROBE_REPLY] = "reply",
    };

    return names[p];
}

enum probe_phase probe_phase(const struct probe *p)
{
    return atomic_load_explicit(&p->phase, memory_order_relaxed);
}

bool probe_certificate(const struct probe *p, struct tls_certificate *out)
{
    return p->remote.tls != NULL && tls_peer_certificate(p->remote.tls, out);
}

static void show_phase(struct probe *p, enum probe_phase phase)
{
    atomic_store_explicit(&p->phase, phase, memory_order_relaxed);
}

static void decide(struct probe *p);
static void on_expired(struct deadline *d);

static void arm(struct probe *p, uint64_t now_us, uint64_t until_us)
{
    uint64_t ms = until_us > now_us ? (until_us - now_us + 999) / 1000 : 1;

    p->grace = false;
    deadline_set(&p->remote.env->deadlines, &p->deadline, now_us / 1000, ms);
}

/* ------------------------------------------------------------------ the end */

/*
 * Could it be different had we listened all the time?  A server, or what
 * stands before it, may also close on a client that says nothing.
 */
static bool timed(const struct probe *p, enum reason r)
{
    if (r == REASON_NO_NEW_CLIENTS)
        r = p->new.verdict.reason;
    if (r == REASON_BACKEND)
        return p->failed_ran_out;
    switch (reason_status(r)) {
    case STATUS_UP:
    case STATUS_DEGRADED:
        return false;
    case STATUS_DOWN:
    case STATUS_UNKNOWN:
        break;
    }
    return p->failed_ran_out || r == REASON_CONNECT_TIMEOUT ||
           r == REASON_REPLY_TIMEOUT || r == REASON_CLOSED ||
           r == REASON_RESET || r == REASON_DNS;
}

/* C: the connection that answered, or NULL. */
static void tell_connection(const struct probe *p, const struct connection *c,
                            uint64_t now_us, struct result *r)
{
    const uint32_t *us = c != NULL ? c->spent_us : p->failed_us;

    r->lookup_us = us[PROBE_LOOKUP];
    r->connect_us = us[PROBE_CONNECT];
    r->tls_us = us[PROBE_TLS];
    r->auth_us = us[PROBE_AUTH];
    r->reply_us = us[PROBE_REPLY];
    r->connection_age_ms = c != NULL ? (now_us - c->opened_us) / 1000 : 0;
    r->rtt_us = c != NULL ? connection_rtt_us(c) : p->failed_rtt_us;
}

static void tell_remote(const struct remote *to, struct result *r)
{
    r->role = to->role;
    r->follows = to->follows;
    r->run_id = to->run_id;
    r->started_mono_ms = to->started_mono_ms;
    strcpy(r->role_word, remote_role_word(to));
    memcpy(r->server, to->server, sizeof r->server);
    memcpy(r->version, to->version, sizeof r->version);
    strcpy(r->refusal, to->refusal != NULL ? to->refusal : "");
    r->fresh_info = to->fresh_info;
    r->offset = to->fresh_info ? to->offset : -1;
    r->behind = to->fresh_info ? to->behind : -1;
    r->replid[0] = '\0';
    if (to->fresh_info)
        memcpy(r->replid, to->replid, sizeof r->replid);
}

/* As seen from now, in whole seconds: the server's uptime is in such. */
static int64_t started_wall_ms(const struct remote *to, const struct result *r,
                               uint64_t now_us)
{
    int64_t ago_ms = (int64_t)(now_us / 1000) - to->started_mono_ms;

    return to->process_known ? (r->ended_wall_ms - ago_ms) / 1000 * 1000 : 0;
}

/*
 * Is the name asked for anew?  As long as nothing serves there that is done at
 * the pace of rounds only: the one of retries may go on for ever.
 */
static bool may_look_anew(struct probe *p)
{
    uint64_t interval_us = (uint64_t)p->remote.config->interval_ms * 1000;

    if (p->remote.name == NULL ||
        (p->looked_anew_us != 0 &&
         p->started_us - p->looked_anew_us < interval_us))
        return false;
    p->looked_anew_us = p->started_us;
    return true;
}

static void finish(struct probe *p, const struct connection *c,
                   enum answered_by by, enum reason reason, const char *words)
{
    struct probe_env *env = p->remote.env;
    uint64_t now_us = clock_mono_us();
    struct result r;

    deadline_clear(&env->deadlines, &p->deadline);
    p->under_way = false;
    show_phase(p, PROBE_IDLE);
    if (reason != REASON_OK && may_look_anew(p))
        resolver_refresh(p->remote.name);
    r.id = p->job.id;
    r.lost = false;
    r.late = false;
    r.round = p->job.round;
    r.reason = reason;
    r.started_mono_us = p->started_us;
    r.timed = timed(p, reason);
    r.stalled_ms = probe_watch_end(&env->watch, p->watch_begun, now_us / 1000);
    r.ended_wall_ms = clock_wall_ms();
    r.answered_by = by;
    tell_connection(p, c, now_us, &r);
    r.credentials_rejected = p->rejected;
    tell_remote(&p->remote, &r);
    p->remote.fresh_info = false;
    r.started_wall_ms = started_wall_ms(&p->remote, &r, now_us);
    strcpy(r.detail, words);
    env->ended(env->arg, &r);
}

/* Makes the new connection the one that is kept. */
static void take_over(struct probe *p)
{
    struct kept_verdict spare = p->kept.verdict;

    if (p->kept.connection != NULL)
        connection_drop(p->kept.connection);
    p->kept = p->new;
    p->new = (struct leg){ .verdict = spare };
}

static void finish_served(struct probe *p)
{
    take_over(p);
    p->refused = false;
    p->rejected = false;
    finish(p, p->kept.connection, ANSWERED_BY_NEW, p->kept.verdict.reason,
           verdict_words(&p->kept.verdict));
}

static void finish_kept(struct probe *p)
{
    finish(p, p->kept.connection, ANSWERED_BY_KEPT, p->kept.verdict.reason,
           verdict_words(&p->kept.verdict));
}

static void finish_failed(struct probe *p, const struct leg *leg)
{
    finish(p, NULL,
           p->failed_rtt_us < 0 ? ANSWERED_BY_NONE
           : leg == &p->new     ? ANSWERED_BY_NEW
                                : ANSWERED_BY_KEPT,
           leg->verdict.reason, verdict_words(&leg->verdict));
}

/* This machine or its name service could not bring a new one about.  Where the
 * last one was not served the kept one is no proof of the contrary. */
static void finish_untried(struct probe *p)
{
    const struct kept_verdict *k =
        p->refused ? &p->new.verdict : &p->kept.verdict;

    finish(p, p->kept.connection, ANSWERED_BY_KEPT, k->reason,
           verdict_words(k));
}

/* The kept one answers, and the new one failed.  One to where the name does not
 * lead any more counts for nothing. */
static void finish_unserved(struct probe *p)
{
    struct verdict v;

    if (p->remote.name != NULL &&
        !remote_leads_to(&p->remote, &p->kept.connection->place)) {
        connection_drop(p->kept.connection);
        p->kept.connection = NULL;
        finish_failed(p, &p->new);
        return;
    }
    if (p->new.verdict.reason == REASON_DOUBT ||
        p->new.verdict.reason == REASON_DNS) {
        finish_untried(p);
        return;
    }
    p->rejected = judge_new_client(&p->kept.verdict, &p->new.verdict, &v);
    p->refused = v.reason == REASON_NO_NEW_CLIENTS;
    finish(p, p->kept.connection, ANSWERED_BY_KEPT, v.reason, v.detail);
}

/* -------------------------------------------------------------- connections */

static struct leg *leg_of(struct probe *p, const struct connection *c)
{
    return c == p->kept.connection ? &p->kept : &p->new;
}

static void note_failed(struct probe *p, const struct connection *c,
                        bool answered)
{
    memcpy(p->failed_us, c->spent_us, sizeof p->failed_us);
    p->failed_ran_out = c->ran_out;
    p->failed_rtt_us = answered ? connection_rtt_us(c) : -1;
}

/* Between two probes: the next round may be far away. */
static void tell_loop(struct probe *p, bool late)
{
    struct probe_env *env = p->remote.env;
    const struct result r = { .id = p->job.id, .lost = !late, .late = late };

    if (p->told)
        return;
    p->told = true;
    env->ended(env->arg, &r);
}

static void on_entered(void *owner, enum probe_phase phase)
{
    show_phase(owner, phase);
}

static void on_answered(void *owner, struct connection *c,
                        const struct verdict *v)
{
    struct probe *p = owner;
    struct leg *leg = leg_of(p, c);

    leg->state = LEG_ANSWERED;
    verdict_keep(&leg->verdict, v);
    decide(p);
}

static void dial_new(struct probe *p);

static void on_failed(void *owner, struct connection *c,
                      const struct verdict *v, bool answered)
{
    struct probe *p = owner;
    struct leg *leg = leg_of(p, c);

    note_failed(p, c, answered);
    leg->connection = NULL;
    if (c->again && p->under_way && leg == &p->new) {
        dial_new(p);
        return;
    }
    if (c->ended && talk_was_courteous(&c->talk, &p->remote)) {
        if (p->under_way && leg == &p->new) {
            dial_new(p); /* with PING alone */
            return;
        }
    } else {
        p->remote.plain = false; /* it was not that */
    }
    leg->state = LEG_FAILED;
    verdict_keep(&leg->verdict, v);
    decide(p);
}

static void on_late(void *owner, struct connection *c)
{
    struct probe *p = owner;

    if (p->under_way) {
        leg_of(p, c)->state = LEG_READY;
        decide(p);
        return;
    }
    if (c == p->new.connection)
        take_over(p);
    tell_loop(p, true);
}

/* A server that closes may be gone.  A connection that was waited for may have
 * been closed by what stands before the server: another is tried. */
static void on_lost(void *owner, struct connection *c)
{
    struct probe *p = owner;
    struct leg *leg = leg_of(p, c);
    bool new = leg == &p->new;

    leg->connection = NULL;
    leg->state = new ? LEG_NONE : LEG_FAILED;
    p->refused = p->refused || new || connection_is_waiting(c);
    p->remote.plain = false; /* it may be another server next time */
    if (!p->under_way && !new)
        tell_loop(p, false);
    else if (p->under_way && new)
        dial_new(p);
    else if (p->under_way)
        decide(p);
}

static const struct connection_events EVENTS = {
    .entered = on_entered,
    .answered = on_answered,
    .failed = on_failed,
    .late = on_late,
    .lost = on_lost,
};

static void dial_new(struct probe *p)
{
    bool paced = p->job.status == STATUS_DOWN;
    const struct dial_order order = {
        .anew = may_look_anew(p) || !paced,
        .end_us = p->deadline_us,
    };
    struct verdict v;

    p->new.connection = connection_new(&EVENTS, p, &p->remote);
    if (p->new.connection != NULL) {
        p->new.state = LEG_ASKED;
        connection_dial(p->new.connection, true, &order);
        return;
    }
    verdict_set(&v, REASON_DOUBT, "out of memory for a connection");
    verdict_keep(&p->new.verdict, &v);
    p->new.state = LEG_FAILED;
    decide(p);
}

static void ask(struct probe *p, struct leg *leg)
{
    leg->state = LEG_ASKED;
    show_phase(p, PROBE_REPLY);
    connection_ask(leg->connection, p->job.want_info, clock_mono_us());
}

/* --------------------------------------------------------------- decisions */

/* An answer that speaks for another status is to be seen by a new client,
 * too. */
static bool contradicts(const struct probe *p)
{
    enum status s = reason_status(p->kept.verdict.reason);

    return p->job.status != STATUS_UNKNOWN && s != STATUS_UNKNOWN &&
           s != p->job.status;
}

/* There is no new connection, and none was tried. */
static void decide_kept(struct probe *p)
{
    switch (p->kept.state) {
    case LEG_NONE:
    case LEG_FAILED:
        dial_new(p);
        return;
    case LEG_READY:
        ask(p, &p->kept);
        return;
    case LEG_WAITING:
        return;
    case LEG_ASKED:
        if (p->part_over && connection_is_mute(p->kept.connection)) {
            p->hedge = true;
            dial_new(p);
        }
        return;
    case LEG_ANSWERED:
        if (contradicts(p))
            dial_new(p);
        else
            finish_kept(p);
        return;
    }
}

/* The new connection is no good. */
static void decide_unserved(struct probe *p)
{
    switch (p->kept.state) {
    case LEG_NONE:
    case LEG_FAILED:
        finish_failed(p, &p->new);
        return;
    case LEG_READY:
        ask(p, &p->kept);
        return;
    case LEG_WAITING:
    case LEG_ASKED:
        return;
    case LEG_ANSWERED:
        finish_unserved(p);
        return;
    }
}

/* The kept one was mute for a while, and has answered first. */
static void drop_hedge(struct probe *p)
{
    connection_drop(p->new.connection);
    p->new.connection = NULL;
    p->new.state = LEG_NONE;
    finish_kept(p);
}

/* There is room again: the one that is waited for becomes the kept one. */
static void replace_kept(struct probe *p)
{
    take_over(p);
    dial_new(p);
}

static void decide(struct probe *p)
{
    switch (p->new.state) {
    case LEG_NONE:
        decide_kept(p);
        return;
    case LEG_READY:
        ask(p, &p->new);
        return;
    case LEG_ASKED:
        if (p->kept.state == LEG_READY && p->part_over)
            ask(p, &p->kept);
        else if (p->hedge && p->kept.state == LEG_ANSWERED && !contradicts(p))
            drop_hedge(p);
        return;
    case LEG_WAITING:
        if (p->kept.state == LEG_READY)
            ask(p, &p->kept);
        else if (p->kept.connection == NULL)
            replace_kept(p);
        return;
    case LEG_ANSWERED:
        finish_served(p);
        return;
    case LEG_FAILED:
        decide_unserved(p);
        return;
    }
}

/* ---------------------------------------------------------------- deadlines */

/* No time is left for LEG. */
static void expire(struct probe *p, struct leg *leg, uint64_t now_us)
{
    struct connection *c = leg->connection;
    struct verdict v;

    if (leg->state != LEG_ASKED && leg->state != LEG_WAITING)
        return;
    if (!connection_expire(c, now_us, &v))
        leg->connection = NULL;
    note_failed(p, c, false);
    if (leg->state == LEG_WAITING) { /* its times are an earlier probe's */
        memset(p->failed_us, 0, sizeof p->failed_us);
        p->failed_us[PROBE_REPLY] = (uint32_t)(now_us - p->started_us);
    }
    leg->state = LEG_FAILED;
    if (leg->connection == NULL)
        connection_drop(c);
    verdict_keep(&leg->verdict, &v);
}

static void run_out(struct probe *p)
{
    uint64_t now_us = clock_mono_us();

    expire(p, &p->kept, now_us);
    expire(p, &p->new, now_us);
    if (p->remote.refusal == NULL)
        p->remote.plain = false; /* no PONG has confirmed it */
    if (p->kept.state == LEG_ANSWERED)
        finish_unserved(p);
    else
        finish_failed(p, p->new.state == LEG_FAILED ? &p->new : &p->kept);
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

    if (!p->grace) {
        p->grace = true;
        deadline_set(&p->remote.env->deadlines, d, clock_mono_ms(), 1);
        return;
    }
    if (p->part_over) {
        run_out(p);
        return;
    }
    p->part_over = true;
    arm(p, clock_mono_us(), p->deadline_us);
    decide(p);
}

/* ---------------------------------------------------------------- beginning */

/* A connection to where the address does not lead any more is left at once. */
static void leave_strangers(struct probe *p)
{
    struct leg *legs[] = { &p->kept, &p->new };
    bool moved = remote_has_moved(&p->remote);

    for (size_t i = 0; i < 2; i++) {
        struct connection *c = legs[i]->connection;

        if (c == NULL || (!moved && !connection_is_waiting(c)) ||
            remote_leads_to(&p->remote, &c->place))
            continue;
        connection_drop(c);
        legs[i]->connection = NULL;
    }
    if (p->kept.connection == NULL && p->new.connection != NULL)
        take_over(p);
}

static void begin_leg(struct leg *leg)
{
    if (leg->connection == NULL)
        leg->state = LEG_NONE;
    else if (connection_is_waiting(leg->connection))
        leg->state = LEG_WAITING;
    else
        leg->state = LEG_READY;
}

/*
 * The last new one is still waited for, and perhaps the kept one, too.  A
 * server that hangs must never have three of ours in its queue, where also one
 * that we close keeps its place.  But a proxy may have lost the questions, and
 * serve new clients long since: so the older one that waits is told the end.  A
 * process that runs closes it, and then there is room.  Where the kept one
 * answers there is time for that until a new one is due.
 */
static void make_room(struct probe *p, bool due)
{
    if (p->new.state != LEG_WAITING)
        return;
    if (p->kept.state == LEG_WAITING)
        connection_say_end(p->kept.connection);
    else if (due)
        connection_say_end(p->new.connection);
}

/* Is one made before the kept one is asked?  While that still owes an answer
 * there is nothing else to ask, and what stands before the server may have lost
 * the question; and where results contradict the status the kept one alone
 * would not be believed. */
static bool wants_new(struct probe *p)
{
    const struct config_instance *c = p->remote.config;
    bool due = p->renewal.due_us > 0 &&
               renewal_due(&p->renewal, p->started_us, c->interval_ms,
                           c->connect_interval_ms);

    make_room(p, due);
    if (due)
        p->remote.plain = false; /* the server may be another by now */
    if (p->new.state != LEG_NONE)
        return false;
    if (p->renewal.due_us == 0)
        renewal_begin(&p->renewal, p->job.id, p->started_us, c->interval_ms,
                      c->connect_interval_ms);
    return due || p->refused || p->job.retry || p->kept.state == LEG_WAITING;
}

static void reset(struct probe *p, const struct job *job, uint64_t now_us)
{
    p->job = *job;
    p->watch_begun = probe_watch_begin(&p->remote.env->watch, now_us / 1000);
    p->started_us = now_us;
    p->deadline_us = now_us + (uint64_t)p->remote.config->timeout_ms * 1000;
    p->under_way = true;
    p->told = false;
    p->hedge = false;
    memset(p->failed_us, 0, sizeof p->failed_us);
    p->failed_rtt_us = -1;
    p->failed_ran_out = false;
    if (p->remote.fresh_info) /* it came late: no result has told it */
        p->remote.info_us = 0;
    p->remote.fresh_info = false;
}

void probe_start(struct probe *p, const struct job *job)
{
    uint64_t now_us = clock_mono_us();
    uint64_t timeout_us = (uint64_t)p->remote.config->timeout_ms * 1000;
    bool new;

    assert(!p->under_way);
    reset(p, job, now_us);
    leave_strangers(p);
    begin_leg(&p->kept);
    begin_leg(&p->new);
    show_phase(p, PROBE_REPLY);
    new = wants_new(p);
    /* Without a kept one there is nothing to turn to. */
    p->part_over = p->kept.state != LEG_READY;
    arm(p, now_us, now_us + (p->part_over ? timeout_us : timeout_us / PARTS));
    if (new)
        dial_new(p);
    else
        decide(p);
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
    free(p->kept.verdict.words);
    free(p->new.verdict.words);
    remote_clear(&p->remote);
    free(p);
    object_gone(OBJECT_PROBE);
}

void probe_attach(struct probe *p, struct probe_env *env)
{
    assert(p->remote.env == NULL);
    p->remote.env = env;
}

static void prefetch(const void *object, size_t size)
{
    for (size_t at = 0; at < size; at += CACHE_LINE)
        __builtin_prefetch((const char *)object + at);
}

void probe_expect(const struct probe *p)
{
    prefetch(p, sizeof *p);
}

void probe_expect_connection(const struct probe *p)
{
    if (p->kept.connection != NULL)
        prefetch(p->kept.connection, sizeof *p->kept.connection);
}

void probe_close(struct probe *p)
{
    struct probe_env *env = p->remote.env;

    if (p->under_way)
        probe_watch_end(&env->watch, p->watch_begun, clock_mono_ms());
    deadline_clear(&env->deadlines, &p->deadline);
    if (p->kept.connection != NULL)
        connection_drop(p->kept.connection);
    if (p->new.connection != NULL)
        connection_drop(p->new.connection);
    probe_free(p);
}
