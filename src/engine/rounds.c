/*
 * The pace of the long run.
 *
 * Every instance has a time of its own at which it is due: the start of a
 * round plus its place in the spread, or, while results contradict its
 * status or nothing listens at its address, retry_interval after its last
 * probe began, or at once when the connection that was kept to it ends.  A
 * round is over when everything that was due in it has a result; then the
 * heartbeat is written.  A job that is still busy when its instance is due
 * again is skipped; the round does not wait for it as long as it is within its
 * own deadline.  A job past its deadline means that a worker does not do its
 * work: the heartbeat is then withheld until the instance is declared stuck.
 */
#include <inttypes.h>
#include <stdio.h>

#include "agent/clock.h"
#include "agent/config.h"
#include "agent/escape.h"
#include "agent/log.h"
#include "agent/watchdog.h"
#include "doubt.h"
#include "fleet.h"
#include "inherit.h"
#include "settle.h"
#include "skew.h"
#include "verdicts.h"

#include "rounds.h"

/* A worker's loop may be this late before its jobs count as overdue. */
#define OVERDUE_SLACK_MS 1000
/* Overruns are logged at most so often. */
#define OVERRUN_LOG_MS 60000

static bool overdue(const struct instance *i, uint64_t now)
{
    return i->job.busy && now - i->job.posted_mono_ms >
                              i->config->timeout_ms + OVERDUE_SLACK_MS;
}

static bool is_stuck(const struct instance *i)
{
    return i->health.reason == REASON_STUCK;
}

/* ---------------------------------------------------------------- results */

/*
 * When to ask again.  Where nothing listens there is no connection whose end or
 * begin would tell, and to be refused costs next to nothing: so the pace of
 * retries also finds the server that comes back.
 */
static uint64_t due_after(const struct instance *i, enum reason reason)
{
    uint64_t retry = i->job.posted_mono_ms + i->config->retry_interval_ms;
    bool settled = health_settled(&i->health);
    if (settled && reason != REASON_REFUSED)
        return i->pace.regular_mono_ms;
    return retry < i->pace.regular_mono_ms ? retry : i->pace.regular_mono_ms;
}

static void on_result(void *arg, struct instance *i, const struct result *res,
                      enum reason reason)
{
    struct rounds *r = arg;
    bool voided = doubt_is_void(r, i, res);

    verdicts_tell_server(r, i);
    recent_add(&i->record.recent, res, reason,
               reason == res->reason ? res->detail : i->lag_detail, voided);
    histogram_observe(&r->probes, (uint64_t)res->lookup_us + res->connect_us +
                                      res->tls_us + res->auth_us +
                                      res->reply_us);
    if (voided) {
        doubt_void(r, i, res);
        return;
    }
    i->pace.voids = 0;
    instance_count(i, reason);
    verdicts_judge(r, i, res, reason);
    LOG_EVENT(LOG_LEVEL_DEBUG, "result", LOG_STR("instance", i->config->name),
              LOG_STR("reason", reason_name(reason)),
              LOG_STR("detail", res->detail), LOG_INT("rtt_us", res->rtt_us),
              LOG_UINT("round", res->round));

    if (!health_settled(&i->health))
        i->pace.want_info = true;
    rounds_set_due(r, i, due_after(i, reason));
    if (i->share.share == SHARE_PENDING && i->health.reason != REASON_PENDING)
        fleet_news(r->fleet);
    /* A first verdict belongs into the first heartbeat. */
    if (res->round == r->clock.round && i->health.reason != REASON_PENDING)
        settle_not_awaited(r, i);
}

/*
 * A server that closes a connection may be going away: it is asked at once.
 * One that closes every idle connection is asked once more an interval, not
 * all the time.  While results contradict the status nothing is hastened, so
 * that `rise` results are never a matter of milliseconds.
 */
static void on_lost(void *arg, struct instance *i)
{
    struct rounds *r = arg;
    if (i->job.busy || i->pace.hastened || !health_settled(&i->health))
        return;
    i->pace.hastened = true;
    rounds_set_due(r, i, clock_mono_ms());
}

/* It answers again: whether it serves is asked at once, whatever the pace. Only
 * a question that was not answered in time brings this about. */
static void on_late(void *arg, struct instance *i)
{
    if (!i->job.busy)
        rounds_set_due(arg, i, clock_mono_ms());
}

static void on_found(void *arg, struct instance *i,
                     const struct publisher_event *e)
{
    struct rounds *r = arg;

    inherit_found(r, i, e);
    if (i != NULL && i->share.fleet != NULL)
        fleet_news(r->fleet);
}

static void on_displaced(void *arg, struct instance *i)
{
    struct rounds *r = arg;

    i->share.displaced = true;
    fleet_news(r->fleet);
}

static bool on_spared(void *arg, const char *name)
{
    const struct rounds *r = arg;

    return r->fleet != NULL && fleet_may_have(r->fleet, name);
}

static void on_followed(void *arg, const struct follow_event *e)
{
    struct rounds *r = arg;

    if (!maintenance_took(r, e) && r->fleet != NULL)
        fleet_took(r->fleet, e);
}

const struct pool_hooks ROUNDS_HOOKS = {
    .result = on_result,
    .lost = on_lost,
    .late = on_late,
    .found = on_found,
    .displaced = on_displaced,
    .spared = on_spared,
    .followed = on_followed,
};

/* ------------------------------------------------------------------ pace */

static void check_silence(struct rounds *r, struct instance *i, uint64_t now)
{
    uint64_t silent = now - i->job.result_mono_ms;
    if (is_stuck(i) || silent <= doubt_silence_ms(i))
        return;
    char detail[ESCAPED_SIZE];
    snprintf(detail, sizeof detail, "no result for %" PRIu64 " ms, phase %s",
             silent, pool_phase(i));
    verdicts_doubt(r, i, REASON_STUCK, detail);
}

/* Where the watchdog has named the worker already, nothing is waited for. */
static void look_for_wedged(struct rounds *r)
{
    const struct watchdog *w = pool_parts(r->pool).watchdog;
    if (w == NULL || watchdog_well(w))
        return;
    for (size_t k = 0; k < pool_size(r->pool); k++) {
        struct instance *i = pool_instance(r->pool, k);
        if (i == NULL || is_stuck(i) || !pool_wedged(r->pool, i))
            continue;
        char detail[ESCAPED_SIZE];
        snprintf(detail, sizeof detail, "thread worker-%u hangs, phase %s",
                 i->job.worker, pool_phase(i));
        verdicts_doubt(r, i, REASON_STUCK, detail);
    }
}

/* It is due again while its last job is still busy. */
static void skip(struct rounds *r, struct instance *i, uint64_t now)
{
    r->clock.skipped++;
    check_silence(r, i, now);
    if (!overdue(i, now))
        settle_not_awaited(r, i);
}

/* It is due. */
static void probe_or_skip(struct rounds *r, struct instance *i, uint64_t now)
{
    unsigned interval = i->config->interval_ms;
    if (i->pace.regular_mono_ms <= now) {
        uint64_t missed = (now - i->pace.regular_mono_ms) / interval;
        r->clock.skipped += missed;
        i->pace.regular_mono_ms += (missed + 1) * interval;
        i->pace.hastened = false;
    }
    if (i->job.busy) {
        skip(r, i, now);
        rounds_set_due(r, i, i->pace.regular_mono_ms);
        return;
    }
    pool_probe(r->pool, i, r->clock.round, i->pace.want_info, now);
    i->pace.want_info = false;
    /* Should the result never come, that is noticed when it is due again. */
    rounds_set_due(r, i, i->pace.regular_mono_ms);
}

static void log_overrun(struct rounds *r, size_t late, uint64_t now)
{
    r->clock.overruns++;
    r->clock.overruns_unlogged++;
    if (r->clock.overruns > 1 &&
        now - r->clock.overrun_logged_mono_ms < OVERRUN_LOG_MS)
        return;
    LOG_EVENT(LOG_LEVEL_WARN, "round_overrun",
              LOG_UINT("round", r->clock.round), LOG_UINT("missing", late),
              LOG_UINT("overruns", r->clock.overruns_unlogged),
              LOG_UINT("skipped", r->clock.skipped));
    r->clock.overrun_logged_mono_ms = now;
    r->clock.overruns_unlogged = 0;
}

/*
 * The next round begins.  A job that is still busy within its own deadline does
 * not keep the heartbeat back.  One past its deadline does, until its instance
 * is said to be stuck: its worker does not do its work.
 */
static void end_round(struct rounds *r, uint64_t now)
{
    size_t late = 0;
    size_t owed = 0;
    for (size_t k = 0; k < pool_size(r->pool); k++) {
        const struct instance *i = pool_instance(r->pool, k);
        if (i == NULL)
            continue;
        late += i->pace.awaited && i->job.busy;
        owed += overdue(i, now) && !is_stuck(i);
    }
    if (late > 0)
        log_overrun(r, late, now);
    doubt_log(r);
    if (owed == 0)
        settle_round(r);
    settle_note(r);
}

static void begin_round(struct rounds *r, uint64_t now)
{
    end_round(r, now);
    skew_look(r);
    maintenance_round(r);
    uint64_t missed = (now - r->clock.next_mono_ms) / r->settings.interval_ms;
    r->clock.round++;
    r->clock.began_us = clock_mono_us();
    r->clock.began_mono_ms =
        r->clock.next_mono_ms + missed * r->settings.interval_ms;
    r->clock.next_mono_ms = r->clock.began_mono_ms + r->settings.interval_ms;
    settle_begin(r);
    for (size_t k = 0; k < pool_size(r->pool); k++) {
        struct instance *i = pool_instance(r->pool, k);
        if (i == NULL)
            continue;
        settle_await(r, i, i->pace.due_mono_ms < r->clock.next_mono_ms);
        if (r->settings.publish_every_round && !i->pace.inherited &&
            !maintenance_awaited(r, i))
            pool_post(r->pool, i);
    }
    inherit_check(r, now);
    if (r->settled.awaited == 0)
        settle_round(r);
}

uint64_t rounds_fire(struct rounds *r, uint64_t now)
{
    doubt_note_stall(r, now);
    if (r->clock.next_mono_ms <= now)
        begin_round(r, now);
    uint64_t maintenance_ms = maintenance_look(r, now);
    uint64_t fleet_ms =
        r->fleet != NULL ? fleet_tick(r->fleet, now) : UINT64_MAX;
    size_t index;
    while ((index = schedule_due(r->schedule, now)) != SIZE_MAX)
        probe_or_skip(r, pool_instance(r->pool, index), now);
    pool_begin(r->pool);
    uint64_t next = schedule_next_ms(r->schedule);
    if (next > r->clock.next_mono_ms)
        next = r->clock.next_mono_ms;
    if (next > fleet_ms)
        next = fleet_ms;
    if (next > maintenance_ms)
        next = maintenance_ms;
    r->clock.wanted_mono_ms = next;
    return next;
}

void rounds_collect(struct rounds *r, uint64_t now)
{
    doubt_note_stall(r, now);
    pool_collect(r->pool, now);
    (void)maintenance_look(r, now);
    look_for_wedged(r);
}
