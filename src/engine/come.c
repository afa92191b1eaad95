/*
 * One instance comes or goes, in the config or in the share of a fleet.
 */
#include <string.h>

#include "agent/config.h"
#include "settle.h"
#include "verdicts.h"

#include "come.h"

/* Each step wakes the loop, a worker and the loop again, so it is to be worth
 * it: for a block of instances, and not more often than this. */
#define SPREAD_STEP_MS 10

/* ------------------------------------------------------------------ pace */

/* An instance's place in the spread of its interval. */
static uint64_t offset_ms(const struct rounds *r, const struct instance *i)
{
    size_t count = pool_parts(r->pool).count;
    uint64_t part =
        (uint64_t)i->config->interval_ms * r->settings.spread_percent / 100;
    uint64_t step = part < 10 * SPREAD_STEP_MS ? 1 : SPREAD_STEP_MS;
    if (count <= POOL_BLOCK)
        return 0;
    size_t block = i->job.index % count / POOL_BLOCK;
    size_t blocks = (count + POOL_BLOCK - 1) / POOL_BLOCK;
    return part * block / blocks / step * step;
}

/* The first regular due time after NOW, in step with the rounds. */
void come_place(struct rounds *r, struct instance *i, uint64_t now)
{
    bool known = i->health.reason != REASON_PENDING;

    /* There is nothing that could be asked. */
    if (i->config->fault != NULL) {
        i->pace.regular_mono_ms = UINT64_MAX;
        rounds_set_due(r, i, UINT64_MAX);
        return;
    }
    uint64_t interval = i->config->interval_ms;
    uint64_t due = r->clock.began_mono_ms + offset_ms(r, i);
    if (due <= now)
        due += ((now - due) / interval + 1) * interval;
    /* What is not known yet is asked at once; its regular times begin with
     * the next round. */
    if (!known && due < now + interval)
        due += interval;
    i->pace.regular_mono_ms = due;
    if (!known)
        due = now;
    else if (i->pace.due_mono_ms != 0 && i->pace.due_mono_ms < due)
        due = i->pace.due_mono_ms;
    rounds_set_due(r, i, due);
}

void come_say_fault(struct rounds *r, struct instance *i)
{
    if (i->config->fault != NULL)
        verdicts_doubt(r, i, REASON_SETTINGS, i->config->fault);
}

static int fit_schedule(struct rounds *r, size_t size, struct err *e)
{
    if (size <= r->schedule_size)
        return 0;
    size_t grown = size + size / 2;
    struct schedule *s = schedule_new(grown, e);
    if (s == NULL)
        return -1;
    for (size_t k = 0; k < pool_size(r->pool); k++) {
        const struct instance *i = pool_instance(r->pool, k);
        if (i != NULL)
            schedule_set(s, k, i->pace.due_mono_ms);
    }
    schedule_free(r->schedule);
    r->schedule = s;
    r->schedule_size = grown;
    return 0;
}

struct instance *come_add(struct rounds *r, struct config_instance *config,
                          struct err *e)
{
    if (fit_schedule(r, pool_size(r->pool) + 1, e) != 0)
        return NULL;
    r->maintenance.stale = true;
    return pool_add(r->pool, config, e);
}

/* What is known of one address says nothing of another. */
int come_change(struct rounds *r, struct instance *i,
                struct config_instance *config, struct err *e)
{
    bool moved = strcmp(i->config->address, config->address) != 0;
    struct health before = i->health;
    if (pool_change(r->pool, i, config, e) != 0)
        return -1;
    if (moved && before.reason != REASON_PENDING)
        verdicts_note(r, i,
                      before.status == STATUS_UNKNOWN ? HEALTH_REASON
                                                      : HEALTH_STATUS,
                      &before, "another address is configured");
    /* The job that this round waited for is gone. */
    settle_not_awaited(r, i);
    verdicts_post(r, i);
    return 0;
}

static void forget(struct rounds *r, struct instance *i)
{
    if (i->pace.inherited)
        r->inherited.count--;
    settle_not_awaited(r, i);
    schedule_remove(r->schedule, i->job.index);
}

void come_drop(struct rounds *r, struct instance *i)
{
    forget(r, i);
    verdicts_removed(r, i);
    pool_remove(r->pool, i);
}

void come_release(struct rounds *r, struct instance *i)
{
    forget(r, i);
    pool_release(r->pool, i);
}
