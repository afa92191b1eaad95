/*
 * Instances come and go: the start, a reload, the stop.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/clock.h"
#include "agent/config.h"
#include "agent/log.h"
#include "settle.h"
#include "verdicts.h"

#include "rounds.h"

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
static void place(struct rounds *r, struct instance *i, uint64_t now)
{
    bool known = i->health.reason != REASON_PENDING;
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

static struct instance *add(struct rounds *r, struct config_instance *config,
                            struct err *e)
{
    if (fit_schedule(r, pool_size(r->pool) + 1, e) != 0)
        return NULL;
    return pool_add(r->pool, config, e);
}

static void drop(struct rounds *r, struct instance *i)
{
    if (i->pace.inherited)
        r->inherited.count--;
    settle_not_awaited(r, i);
    schedule_remove(r->schedule, i->job.index);
    verdicts_removed(r, i);
    pool_remove(r->pool, i);
}

static void place_all(struct rounds *r, uint64_t now)
{
    for (size_t k = 0; k < pool_size(r->pool); k++) {
        struct instance *i = pool_instance(r->pool, k);
        if (i != NULL)
            place(r, i, now);
    }
}

static void take_settings(struct rounds *r, const struct config *c)
{
    r->settings.interval_ms = c->agent.interval_ms;
    r->settings.spread_percent = c->agent.spread_percent;
    r->settings.publish_every_round =
        c->zookeeper.publish == CONFIG_PUBLISH_ROUND;
}

/* ------------------------------------------------------- start and stop */

static void rounds_free(struct rounds *r)
{
    history_free(r->history);
    schedule_free(r->schedule);
    free(r);
}

struct rounds *rounds_start(const struct config *config, void (*wake)(void *),
                            void *arg, struct err *e)
{
    struct rounds *r = calloc(1, sizeof *r);
    if (r == NULL) {
        err_set(e, "out of memory for the rounds");
        return NULL;
    }
    take_settings(r, config);
    r->started_wall_ms = clock_wall_ms();
    r->started_mono_ms = clock_mono_ms();
    histogram_init(&r->probes, &HISTOGRAM_PROBE);
    r->history = history_new(e);
    if (r->history == NULL)
        goto free_rounds;
    const struct pool_options o = {
        .config = config,
        .publish = config->zookeeper.enabled,
        .presence = true,
        .watchdog = true,
        .resume = true,
        .hooks = &ROUNDS_HOOKS,
        .hooks_arg = r,
        .wake = wake,
        .wake_arg = arg,
    };
    r->pool = pool_start(&o, e);
    if (r->pool == NULL)
        goto free_rounds;
    for (size_t i = 0; i < config->ninstances; i++)
        if (add(r, config->instances[i], e) == NULL)
            goto stop;
    if (pool_own(r->pool, e) != 0)
        goto stop;
    r->clock.began_mono_ms = r->clock.next_mono_ms = clock_mono_ms();
    place_all(r, r->clock.began_mono_ms);
    return r;
stop:
    if (rounds_stop(r, 1000) == STORE_LEFT)
        LOG_EVENT(LOG_LEVEL_WARN, "stopped", LOG_STR("left", "threads"));
    return NULL;
free_rounds:
    rounds_free(r);
    return NULL;
}

enum store_end rounds_stop(struct rounds *r, unsigned budget_ms)
{
    pool_collect(r->pool, clock_mono_ms());
    enum store_end end = pool_stop(r->pool, budget_ms);
    rounds_free(r);
    return end;
}

/* ------------------------------------------------------------------ reload */

static int by_name(const void *a, const void *b)
{
    const struct instance *const *x = a;
    const struct instance *const *y = b;
    return strcmp((*x)->config->name, (*y)->config->name);
}

static int name_and_instance(const void *key, const void *element)
{
    const struct instance *const *i = element;
    return strcmp(key, (*i)->config->name);
}

/* Fills the array of all instances, sorted by name; returns how many. */
static size_t sorted(const struct rounds *r, struct instance **out)
{
    size_t n = 0;
    for (size_t k = 0; k < pool_size(r->pool); k++) {
        struct instance *i = pool_instance(r->pool, k);
        if (i != NULL)
            out[n++] = i;
    }
    qsort(out, n, sizeof(*out), by_name);
    return n;
}

/* What is known of one address says nothing of another. */
static int change_settings(struct rounds *r, struct instance *i,
                           struct config_instance *config, struct err *e)
{
    bool moved = strcmp(i->config->address, config->address) != 0;
    struct health before = i->health;
    if (pool_change(r->pool, i, config, e) != 0)
        return -1;
    if (!moved)
        return 0;
    if (before.reason != REASON_PENDING)
        verdicts_note(r, i,
                      before.status == STATUS_UNKNOWN ? HEALTH_REASON
                                                      : HEALTH_STATUS,
                      &before, "another address is configured");
    return 0;
}

/* Keeps or changes the instance, or adds one. */
static int reload_one(struct rounds *r, struct config_instance *config,
                      struct instance *old, struct rounds_change *change,
                      struct err *e)
{
    if (old == NULL) {
        change->added++;
        return add(r, config, e) == NULL ? -1 : 0;
    }
    if (config_instance_equal(old->config, config)) {
        /* What only a reader of the document sees. */
        bool paused = old->config->paused != config->paused;
        instance_take_config(old, config);
        change->changed += paused;
        change->kept += !paused;
        if (paused)
            verdicts_post(r, old);
        return 0;
    }
    change->changed++;
    if (change_settings(r, old, config, e) != 0)
        return -1;
    /* The job that this round waited for is gone. */
    settle_not_awaited(r, old);
    verdicts_post(r, old);
    return 0;
}

/* The heartbeat that was written last was to be renewed at the old pace. */
static void change_pace(struct rounds *r, const struct config *config)
{
    unsigned before = r->settings.interval_ms;
    take_settings(r, config);
    if (r->settings.interval_ms == before)
        return;
    r->clock.next_mono_ms = r->clock.began_mono_ms + r->settings.interval_ms;
    if (!r->settled.heartbeat_due)
        settle_heartbeat(r);
}

int rounds_reload(struct rounds *r, const struct config *config,
                  struct rounds_change *out, struct err *e)
{
    memset(out, 0, sizeof *out);
    size_t count = pool_parts(r->pool).count;
    struct instance **old = calloc(count + 1, sizeof(*old));
    bool *stays = calloc(count + 1, sizeof(*stays));
    int rc = -1;
    if (old == NULL || stays == NULL) {
        err_set(e, "out of memory for %zu instances", count);
        goto done;
    }
    size_t n = sorted(r, old);
    for (size_t k = 0; k < config->ninstances; k++) {
        struct config_instance *c = config->instances[k];
        struct instance **i =
            bsearch(c->name, old, n, sizeof(*old), name_and_instance);
        if (i != NULL)
            stays[i - old] = true;
        if (reload_one(r, c, i == NULL ? NULL : *i, out, e) != 0)
            goto done;
    }
    for (size_t k = 0; k < n; k++) {
        if (stays[k])
            continue;
        drop(r, old[k]);
        out->removed++;
    }
    rc = pool_own(r->pool, e);
done:
    change_pace(r, config);
    place_all(r, clock_mono_ms());
    free(stays);
    free(old);
    return rc;
}
