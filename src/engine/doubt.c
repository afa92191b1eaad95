/*
 * An agent that was stopped, suspended or without a processor has not
 * listened, and must not blame the servers for it.
 *
 * Two clocks tell: the loop's own timer that slipped, and each worker, which
 * measures how much of a probe's time it did not run.  A missing answer is
 * void then: the status and its counters stay, and the instance is asked
 * again, the first time at once, then every retry_interval, so that a starved
 * agent does not starve others.  An agent that gets nothing but void results
 * for as long as silence is borne knows nothing any more, and says so.
 */
#include <inttypes.h>
#include <stdio.h>

#include "agent/clock.h"
#include "agent/config.h"
#include "agent/escape.h"
#include "agent/log.h"
#include "agent/stall.h"
#include "verdicts.h"

#include "doubt.h"

/* Void results in a row that may be one long stall and its echo: as many as
 * intervals of silence are borne. */
#define VOIDS_BORNE 3

uint64_t doubt_silence_ms(const struct instance *i)
{
    const struct config_instance *c = i->config;
    uint64_t three = 3ULL * c->interval_ms;
    /* A probe alone may take longer than an interval. */
    uint64_t slow_probe = 2ULL * c->interval_ms + c->timeout_ms;
    return three > slow_probe ? three : slow_probe;
}

/* What could not be heard meanwhile is no silence of others. */
static void forgive(struct rounds *r, uint64_t wanted, uint64_t late)
{
    for (size_t k = 0; k < pool_size(r->pool); k++) {
        struct instance *i = pool_instance(r->pool, k);
        if (i == NULL)
            continue;
        /* What came in just now is not older than it is. */
        if (i->job.result_mono_ms < wanted)
            i->job.result_mono_ms += late;
        if (i->job.posted_mono_ms < wanted)
            i->job.posted_mono_ms += late;
    }
}

/* A loop that is so late has no right to call others silent. */
static uint64_t forgiven_from_ms(const struct rounds *r)
{
    return r->settings.interval_ms / 2 < STALL_EVENT_MS
               ? r->settings.interval_ms / 2
               : STALL_EVENT_MS;
}

void doubt_note_stall(struct rounds *r, uint64_t now)
{
    uint64_t wanted = r->clock.wanted_mono_ms;
    if (wanted == 0 || now <= wanted || now - wanted <= forgiven_from_ms(r))
        return;
    uint64_t late = now - wanted;
    r->clock.wanted_mono_ms = 0; /* told once */
    forgive(r, wanted, late);
    if (late <= STALL_EVENT_MS)
        return;
    r->doubt.begin_mono_ms = wanted;
    r->doubt.end_mono_ms = now;
    LOG_EVENT(LOG_LEVEL_WARN, "stalled", LOG_UINT("late_ms", late),
              LOG_UINT("probes", pool_parts(r->pool).jobs));
}

/* Did the loop's own stall fall into the probe's time? */
static bool overlaps_stall(const struct rounds *r,
                           const struct config_instance *c,
                           const struct result *res)
{
    uint64_t began = res->started_mono_us / 1000;
    uint64_t late = r->doubt.end_mono_ms - r->doubt.begin_mono_ms;
    return late > stall_slip_limit_ms(c->interval_ms) &&
           began < r->doubt.end_mono_ms &&
           began + c->timeout_ms > r->doubt.begin_mono_ms;
}

bool doubt_is_void(const struct rounds *r, const struct instance *i,
                   const struct result *res)
{
    return instance_void(i, res) ||
           (res->timed && overlaps_stall(r, i->config, res));
}

static void doubt(struct rounds *r, struct instance *i,
                  const struct result *res)
{
    char detail[ESCAPED_SIZE];
    snprintf(detail, sizeof detail,
             "the agent was stalled: %u void results in a row, "
             "%" PRIu64 " ms in the last",
             i->pace.voids, res->stalled_ms);
    verdicts_doubt(r, i, REASON_DOUBT, detail);
}

static void ask_again(struct rounds *r, struct instance *i)
{
    uint64_t due = i->job.result_mono_ms;
    if (i->pace.voids > 1)
        due += i->config->retry_interval_ms;
    if (due > i->pace.regular_mono_ms)
        due = i->pace.regular_mono_ms;
    if (!health_settled(&i->health))
        i->pace.want_info = true;
    rounds_set_due(r, i, due);
}

void doubt_void(struct rounds *r, struct instance *i, const struct result *res)
{
    uint64_t now = i->job.result_mono_ms;
    r->doubt.voided++;
    r->doubt.voided_unlogged++;
    if (res->stalled_ms > r->doubt.longest_unlogged_ms)
        r->doubt.longest_unlogged_ms = res->stalled_ms;
    LOG_EVENT(
        LOG_LEVEL_DEBUG, "result_void", LOG_STR("instance", i->config->name),
        LOG_STR("reason", reason_name(res->reason)),
        LOG_STR("detail", res->detail), LOG_UINT("stalled_ms", res->stalled_ms),
        LOG_UINT("round", res->round));
    if (i->pace.voids++ == 0)
        i->pace.void_mono_ms = now;
    ask_again(r, i);
    if (i->pace.voids > VOIDS_BORNE &&
        now - i->pace.void_mono_ms > doubt_silence_ms(i) &&
        i->health.reason != REASON_DOUBT)
        doubt(r, i, res);
}

void doubt_log(struct rounds *r)
{
    if (r->doubt.voided_unlogged == 0)
        return;
    LOG_EVENT(LOG_LEVEL_WARN, "stalled",
              LOG_UINT("late_ms", r->doubt.longest_unlogged_ms),
              LOG_UINT("voided", r->doubt.voided_unlogged));
    r->doubt.voided_unlogged = 0;
    r->doubt.longest_unlogged_ms = 0;
}
