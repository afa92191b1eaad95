/*
 * The agent doubts itself.  Who was stopped, suspended or without a processor
 * has not listened, and must not blame the servers for it.
 *
 * Two clocks tell: the loop's own timer that slipped, and each worker, which
 * measures how much of a probe's time it did not run (probe_watch.c).  A
 * missing answer is void then: the status and its counters stay, and the
 * instance is asked again, the first time at once, then every retry_interval,
 * so that a starved agent does not starve others.  An agent that gets nothing
 * but void results for as long as silence is borne knows nothing any more,
 * and says so.
 */
#include <inttypes.h>
#include <stdio.h>

#include "agent/clock.h"
#include "agent/config.h"
#include "agent/escape.h"
#include "agent/log.h"
#include "agent/stall.h"
#include "rounds_impl.h"

/* Void results in a row that may be one long stall and its echo: as many as
 * intervals of silence are borne. */
#define VOIDS_BORNE 3

uint64_t rounds_silence_ms(const struct member *m)
{
    const struct config_instance *c = m->instance.config;
    uint64_t three = 3ULL * c->interval_ms;
    /* A probe alone may take longer than an interval. */
    uint64_t slow_probe = 2ULL * c->interval_ms + c->timeout_ms;
    return three > slow_probe ? three : slow_probe;
}

/* What could not be heard meanwhile is no silence of others. */
static void forgive(struct rounds *r, uint64_t wanted, uint64_t late)
{
    for (size_t i = 0; i < pool_slots(r->pool); i++) {
        struct member *m = pool_member(r->pool, i);
        if (m == NULL)
            continue;
        /* What came in just now is not older than it is. */
        if (m->result_mono_ms < wanted)
            m->result_mono_ms += late;
        if (m->job_mono_ms < wanted)
            m->job_mono_ms += late;
    }
}

/* A loop that is so late has no right to call others silent. */
static uint64_t forgiven_from_ms(const struct rounds *r)
{
    return r->interval_ms / 2 < STALL_EVENT_MS ? r->interval_ms / 2
                                               : STALL_EVENT_MS;
}

void rounds_note_stall(struct rounds *r, uint64_t now)
{
    uint64_t wanted = r->wanted_mono_ms;
    if (wanted == 0 || now <= wanted || now - wanted <= forgiven_from_ms(r))
        return;
    uint64_t late = now - wanted;
    r->wanted_mono_ms = 0; /* told once */
    forgive(r, wanted, late);
    if (late <= STALL_EVENT_MS)
        return;
    r->stall_begin_mono_ms = wanted;
    r->stall_end_mono_ms = now;
    LOG_EVENT(LOG_LEVEL_WARN, "stalled", LOG_UINT("late_ms", late),
              LOG_UINT("probes", pool_jobs(r->pool)));
}

/* Did the loop's own stall fall into the probe's time? */
static bool overlaps_stall(const struct rounds *r,
                           const struct config_instance *c,
                           const struct result *res)
{
    uint64_t began = res->started_mono_us / 1000;
    uint64_t late = r->stall_end_mono_ms - r->stall_begin_mono_ms;
    return late > stall_slip_limit_ms(c->interval_ms) &&
           began < r->stall_end_mono_ms &&
           began + c->timeout_ms > r->stall_begin_mono_ms;
}

bool rounds_is_void(const struct rounds *r, const struct member *m,
                    const struct result *res)
{
    return instance_void(&m->instance, res) ||
           (res->timed && overlaps_stall(r, m->instance.config, res));
}

static void doubt(struct rounds *r, struct member *m, const struct result *res)
{
    char detail[ESCAPED_SIZE];
    snprintf(detail, sizeof detail,
             "the agent was stalled: %u void results in a row, "
             "%" PRIu64 " ms in the last",
             turn_of(m)->voids, res->stalled_ms);
    rounds_doubt(r, m, REASON_DOUBT, detail);
}

static void ask_again(struct rounds *r, struct member *m)
{
    struct turn *t = turn_of(m);
    uint64_t due = m->result_mono_ms;
    if (t->voids > 1)
        due += m->instance.config->retry_interval_ms;
    if (due > t->regular_mono_ms)
        due = t->regular_mono_ms;
    if (!health_settled(&m->instance.health))
        t->want_info = true;
    rounds_set_due(r, m, due);
}

void rounds_void(struct rounds *r, struct member *m, const struct result *res)
{
    struct turn *t = turn_of(m);
    uint64_t now = m->result_mono_ms;
    r->voided++;
    r->voided_unlogged++;
    if (res->stalled_ms > r->longest_unlogged_ms)
        r->longest_unlogged_ms = res->stalled_ms;
    LOG_EVENT(LOG_LEVEL_DEBUG, "result_void",
              LOG_STR("instance", m->instance.config->name),
              LOG_STR("reason", reason_name(res->reason)),
              LOG_STR("detail", res->detail),
              LOG_UINT("stalled_ms", res->stalled_ms),
              LOG_UINT("round", res->round));
    if (t->voids++ == 0)
        t->void_mono_ms = now;
    ask_again(r, m);
    if (t->voids > VOIDS_BORNE &&
        now - t->void_mono_ms > rounds_silence_ms(m) &&
        m->instance.health.reason != REASON_DOUBT)
        doubt(r, m, res);
}

void rounds_log_voids(struct rounds *r)
{
    if (r->voided_unlogged == 0)
        return;
    LOG_EVENT(LOG_LEVEL_WARN, "stalled",
              LOG_UINT("late_ms", r->longest_unlogged_ms),
              LOG_UINT("voided", r->voided_unlogged));
    r->voided_unlogged = 0;
    r->longest_unlogged_ms = 0;
}
