/*
 * The pace of the long run.
 *
 * Every instance has a time of its own at which it is due: the start of a
 * round plus its place in the spread, or, while results contradict its
 * status or nobody listens at its address, retry_interval after its last probe
 * began, or at once when the connection that was kept to it ends.  A round is
 * over when everything that was due in it has a result; then the heartbeat is
 * written. A job that is still busy when its instance is due again is skipped;
 * the round does not wait for it as long as it is within its own deadline.  A
 * job past its deadline means that a worker does not do its work: the heartbeat
 * is then withheld until the instance is declared stuck.
 *
 * After a restart the documents of the earlier life are left alone for a
 * while: they give way to the first verdict, or to `pending` when the second
 * round begins and the earlier heartbeat vouches for them no longer.  Until
 * then there is no new heartbeat, so that nothing vouches for what was not
 * checked; and a restart that is quick does not lose `since`.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/clock.h"
#include "agent/config.h"
#include "agent/escape.h"
#include "agent/log.h"
#include "agent/process.h"
#include "rounds_impl.h"

#include "agent/rounds.h"

/* A worker's loop may be this late before its jobs count as overdue. */
#define OVERDUE_SLACK_MS 1000
/* Overruns are logged at most so often. */
#define OVERRUN_LOG_MS 60000

/* -------------------------------------------------------- what is awaited */

static bool overdue(const struct member *m, uint64_t now)
{
    return m->busy && now - m->job_mono_ms >
                          m->instance.config->timeout_ms + OVERDUE_SLACK_MS;
}

static bool is_stuck(const struct member *m)
{
    return m->instance.health.reason == REASON_STUCK;
}

void rounds_set_due(struct rounds *r, struct member *m, uint64_t due_mono_ms)
{
    turn_of(m)->due_mono_ms = due_mono_ms;
    schedule_set(r->schedule, m->index, due_mono_ms);
}

void rounds_heartbeat(struct rounds *r)
{
    r->vouching = true;
    struct document_heartbeat d = {
        .agent = pool_id(r->pool),
        .host = pool_host(r->pool),
        .pid = (long)getpid(),
        .started_wall_ms = r->started_wall_ms,
        .round = r->round,
        .interval_ms = r->interval_ms,
        .time_wall_ms = clock_wall_ms(),
        .instances = pool_count(r->pool),
    };
    pool_tally(r->pool, d.by_status);
    pool_heartbeat(r->pool, &d);
}

static void note_settled(struct rounds *r)
{
    if (r->settled == r->round)
        return;
    r->settled = r->round;
    r->settled_mono_ms = clock_mono_ms();
    r->settled_wall_ms = clock_wall_ms();
    r->round_us = clock_mono_us() - r->round_began_us;
    long threads = process_threads();
    r->threads[r->nthreads++ % ROUNDS_COURSE] =
        (uint16_t)(threads < 0 ? 0 : threads);
}

/* The results of the round are in, as far as they can be. */
static void round_in(struct rounds *r)
{
    note_settled(r);
    if (!r->heartbeat_due || !r->heartbeat_found || r->inherited > 0)
        return;
    r->heartbeat_due = false;
    rounds_heartbeat(r);
}

void rounds_not_awaited(struct rounds *r, struct member *m)
{
    struct turn *t = turn_of(m);
    if (!t->awaited)
        return;
    t->awaited = false;
    r->awaited--;
    if (r->awaited == 0)
        round_in(r);
}

/* --------------------------------------------------- verdicts and posting */

void rounds_post(struct rounds *r, struct member *m)
{
    struct turn *t = turn_of(m);
    if (t->inherited) {
        t->inherited = false;
        r->inherited--;
    }
    m->instance.news = false;
    pool_post(r->pool, m);
}

void rounds_note_verdict(struct rounds *r, struct member *m,
                         enum health_edge edge, const struct health *before,
                         const char *cause)
{
    const struct instance *i = &m->instance;
    const struct history_event event = {
        .time_wall_ms = clock_wall_ms(),
        .round = r->round,
        .from = before->status,
        .to = i->health.status,
        .from_reason = before->reason,
        .reason = i->health.reason,
        .instance = i->config->name,
        .address = i->config->address,
        .detail = i->detail,
        .cause = cause,
    };
    if (edge == HEALTH_SAME)
        return;
    turn_of(m)->status_changes += edge == HEALTH_STATUS;
    history_add(r->history, &event);
    LOG_EVENT(i->health.status == STATUS_UP ? LOG_LEVEL_INFO : LOG_LEVEL_WARN,
              edge == HEALTH_STATUS ? "status_changed" : "reason_changed",
              LOG_STR("instance", event.instance),
              LOG_STR("address", event.address),
              LOG_STR("from", status_name(event.from)),
              LOG_STR("to", status_name(event.to)),
              LOG_STR("reason", reason_name(event.reason)),
              LOG_STR("detail", event.detail), LOG_UINT("round", event.round));
}

void rounds_doubt(struct rounds *r, struct member *m, enum reason reason,
                  const char *detail)
{
    struct health before = m->instance.health;
    enum health_edge edge =
        instance_doubt(&m->instance, reason, detail, clock_wall_ms());
    rounds_note_verdict(r, m, edge, &before, reason_sentence(reason));
    rounds_post(r, m);
    rounds_not_awaited(r, m);
}

/* Judges a result that counts; posts what came of it. */
static void judge(struct rounds *r, struct member *m, const struct result *res,
                  enum reason reason)
{
    struct instance *i = &m->instance;
    const struct health_policy policy = {
        .rise = i->config->rise,
        .fall = i->config->fall,
    };
    struct health before = i->health;
    char cause[HEALTH_CAUSE];
    enum health_edge edge = instance_judge(i, res, reason, &policy);
    if (edge == HEALTH_STATUS)
        turn_of(m)->hastened = false; /* it was no habit */
    if (edge != HEALTH_SAME) {
        health_explain(&before, &i->health, &policy, cause, sizeof cause);
        rounds_note_verdict(r, m, edge, &before, cause);
    }
    bool news = i->news && i->health.reason != REASON_PENDING;
    if (edge != HEALTH_SAME || (news && !turn_of(m)->inherited))
        rounds_post(r, m);
}

/*
 * When to ask again.  Where nobody listens there is no connection whose end or
 * begin would tell, and to be refused costs next to nothing: so the pace of
 * retries also finds the server that comes back.
 */
static uint64_t due_after(const struct member *m, enum reason reason)
{
    const struct instance *i = &m->instance;
    struct turn *t = turn_of(m);
    uint64_t retry = m->job_mono_ms + i->config->retry_interval_ms;
    bool settled = health_settled(&i->health);
    t->want_info = t->want_info || !settled;
    if (settled && reason != REASON_REFUSED)
        return t->regular_mono_ms;
    return retry < t->regular_mono_ms ? retry : t->regular_mono_ms;
}

static void on_result(void *arg, struct member *m, const struct result *res,
                      enum reason reason)
{
    struct rounds *r = arg;
    const struct instance *i = &m->instance;
    struct turn *t = turn_of(m);
    bool voided = rounds_is_void(r, m, res);

    recent_add(&t->recent, res, reason,
               reason == res->reason ? res->detail : i->lag_detail, voided);
    histogram_observe(&r->probes, (uint64_t)res->lookup_us + res->connect_us +
                                      res->auth_us + res->reply_us);
    if (voided) {
        rounds_void(r, m, res);
        return;
    }
    t->voids = 0;
    t->by_reason[reason]++;
    judge(r, m, res, reason);
    LOG_EVENT(LOG_LEVEL_DEBUG, "result", LOG_STR("instance", i->config->name),
              LOG_STR("reason", reason_name(reason)),
              LOG_STR("detail", res->detail), LOG_INT("rtt_us", res->rtt_us),
              LOG_UINT("round", res->round));

    rounds_set_due(r, m, due_after(m, reason));
    /* A first verdict belongs into the first heartbeat. */
    if (res->round == r->round && i->health.reason != REASON_PENDING)
        rounds_not_awaited(r, m);
}

/*
 * Whoever closes may be gone: it is asked at once.  A server that makes a habit
 * of closing what is idle is asked once more an interval, and not for ever.
 * While results contradict the status that is the pace, so that `rise` of them
 * are never a matter of milliseconds.
 */
static void on_lost(void *arg, struct member *m)
{
    struct rounds *r = arg;
    struct turn *t = turn_of(m);
    if (m->busy || t->hastened || !health_settled(&m->instance.health))
        return;
    t->hastened = true;
    rounds_set_due(r, m, clock_mono_ms());
}

/* ------------------------------------------------ what ZooKeeper held */

static void found_member(struct rounds *r, struct member *m,
                         const struct publisher_event *e)
{
    bool ours = e->seen.valid && strcmp(e->seen.agent, pool_id(r->pool)) == 0;
    /* Once we vouch for all of ours, nothing unchecked may stay. */
    if (ours && !r->vouching && m->instance.health.reason == REASON_PENDING) {
        turn_of(m)->inherited = true;
        r->inherited++;
        return;
    }
    rounds_post(r, m);
}

static void found_heartbeat(struct rounds *r, const struct publisher_event *e)
{
    int64_t left_ms = e->seen.valid_until_wall_ms - clock_wall_ms();
    /* Where the wall clock was set back meanwhile it may seem hours. */
    int64_t most_ms = 3 * (int64_t)r->interval_ms;
    r->heartbeat_found = true;
    if (e->exists && e->seen.valid &&
        strcmp(e->seen.agent, pool_id(r->pool)) == 0 &&
        strcmp(e->seen.host, pool_host(r->pool)) == 0 && left_ms > 0)
        r->vouched_until_mono_ms =
            clock_mono_ms() + (uint64_t)(left_ms < most_ms ? left_ms : most_ms);
    if (r->awaited == 0)
        round_in(r);
}

static void on_found(void *arg, struct member *m,
                     const struct publisher_event *e)
{
    if (m == NULL)
        found_heartbeat(arg, e);
    else
        found_member(arg, m, e);
}

const struct pool_hooks ROUNDS_HOOKS = {
    .result = on_result,
    .lost = on_lost,
    .found = on_found,
};

/* The earlier heartbeat vouches no longer: say what is known now. */
static void stop_inheriting(struct rounds *r)
{
    r->vouched_until_mono_ms = 0;
    for (size_t i = 0; i < pool_slots(r->pool) && r->inherited > 0; i++) {
        struct member *m = pool_member(r->pool, i);
        if (m != NULL && turn_of(m)->inherited)
            rounds_post(r, m);
    }
}

/* ------------------------------------------------------------------ pace */

static void check_silence(struct rounds *r, struct member *m, uint64_t now)
{
    uint64_t silent = now - m->result_mono_ms;
    if (is_stuck(m) || silent <= rounds_silence_ms(m))
        return;
    char detail[ESCAPED_SIZE];
    snprintf(detail, sizeof detail, "no result for %" PRIu64 " ms, phase %s",
             silent, pool_phase(m));
    rounds_doubt(r, m, REASON_STUCK, detail);
}

/* What the watchdog knows need not be waited for. */
static void look_for_wedged(struct rounds *r)
{
    if (pool_well(r->pool))
        return;
    for (size_t i = 0; i < pool_slots(r->pool); i++) {
        struct member *m = pool_member(r->pool, i);
        if (m == NULL || is_stuck(m) || !pool_wedged(r->pool, m))
            continue;
        char detail[ESCAPED_SIZE];
        snprintf(detail, sizeof detail, "thread worker-%u hangs, phase %s",
                 m->worker, pool_phase(m));
        rounds_doubt(r, m, REASON_STUCK, detail);
    }
}

/* A member's turn has come while its last job is still busy. */
static void skip(struct rounds *r, struct member *m, uint64_t now)
{
    r->skipped++;
    check_silence(r, m, now);
    if (!overdue(m, now))
        rounds_not_awaited(r, m);
}

static void take_turn(struct rounds *r, struct member *m, uint64_t now)
{
    struct turn *t = turn_of(m);
    unsigned interval = m->instance.config->interval_ms;
    if (t->regular_mono_ms <= now) {
        uint64_t missed = (now - t->regular_mono_ms) / interval;
        r->skipped += missed;
        t->regular_mono_ms += (missed + 1) * interval;
        t->hastened = false;
    }
    if (m->busy) {
        skip(r, m, now);
        rounds_set_due(r, m, t->regular_mono_ms);
        return;
    }
    pool_probe(r->pool, m, r->round, t->want_info, now);
    t->want_info = false;
    /* Should the result never come, the next turn notices. */
    rounds_set_due(r, m, t->regular_mono_ms);
}

static void log_overrun(struct rounds *r, size_t late, uint64_t now)
{
    r->overruns++;
    r->overruns_unlogged++;
    if (r->overruns > 1 && now - r->overrun_logged_mono_ms < OVERRUN_LOG_MS)
        return;
    LOG_EVENT(LOG_LEVEL_WARN, "round_overrun", LOG_UINT("round", r->round),
              LOG_UINT("missing", late),
              LOG_UINT("overruns", r->overruns_unlogged),
              LOG_UINT("skipped", r->skipped));
    r->overrun_logged_mono_ms = now;
    r->overruns_unlogged = 0;
}

/*
 * The next round begins.  What is still busy within its own deadline is as
 * much as can be had; a worker that owes a result past it, and of which
 * nobody was told yet, keeps the heartbeat back.
 */
static void end_round(struct rounds *r, uint64_t now)
{
    size_t late = 0;
    size_t owed = 0;
    for (size_t i = 0; i < pool_slots(r->pool); i++) {
        const struct member *m = pool_member(r->pool, i);
        if (m == NULL)
            continue;
        late += turn_of(m)->awaited && m->busy;
        owed += overdue(m, now) && !is_stuck(m);
    }
    if (late > 0)
        log_overrun(r, late, now);
    rounds_log_voids(r);
    if (owed == 0)
        round_in(r);
    note_settled(r);
}

static void begin_round(struct rounds *r, uint64_t now)
{
    end_round(r, now);
    uint64_t missed = (now - r->next_round_mono_ms) / r->interval_ms;
    r->round++;
    r->round_began_us = clock_mono_us();
    r->round_mono_ms = r->next_round_mono_ms + missed * r->interval_ms;
    r->next_round_mono_ms = r->round_mono_ms + r->interval_ms;
    r->heartbeat_due = true;
    r->awaited = 0;
    for (size_t i = 0; i < pool_slots(r->pool); i++) {
        struct member *m = pool_member(r->pool, i);
        if (m == NULL)
            continue;
        struct turn *t = turn_of(m);
        t->awaited = t->due_mono_ms < r->next_round_mono_ms;
        r->awaited += t->awaited;
        if (r->publish_every_round && !t->inherited)
            pool_post(r->pool, m);
    }
    if (r->inherited > 0 && now > r->vouched_until_mono_ms)
        stop_inheriting(r);
    if (r->awaited == 0)
        round_in(r);
}

uint64_t rounds_fire(struct rounds *r, uint64_t now)
{
    rounds_note_stall(r, now);
    if (r->next_round_mono_ms <= now)
        begin_round(r, now);
    size_t index;
    while ((index = schedule_due(r->schedule, now)) != SIZE_MAX)
        take_turn(r, pool_member(r->pool, index), now);
    pool_begin(r->pool);
    uint64_t next = schedule_next_ms(r->schedule);
    if (next > r->next_round_mono_ms)
        next = r->next_round_mono_ms;
    r->wanted_mono_ms = next;
    return next;
}

void rounds_collect(struct rounds *r, uint64_t now)
{
    rounds_note_stall(r, now);
    pool_collect(r->pool, now);
    look_for_wedged(r);
}
