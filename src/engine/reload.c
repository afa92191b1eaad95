/*
 * Instances come and go: the start, a reload, the stop.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/clock.h"
#include "agent/config.h"
#include "agent/log.h"
#include "come.h"
#include "fleet.h"
#include "fleet_set.h"
#include "settle.h"
#include "verdicts.h"

#include "rounds.h"

/* Each step wakes the loop, a worker and the loop again, so it is to be worth
 * it: for a block of instances, and not more often than this. */
static void place_all(struct rounds *r, uint64_t now)
{
    for (size_t k = 0; k < pool_size(r->pool); k++) {
        struct instance *i = pool_instance(r->pool, k);
        if (i != NULL)
            come_place(r, i, now);
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
    /* In a fleet there may be no instance yet. */
    r->schedule = schedule_new(1, e);
    if (r->schedule == NULL)
        goto free_rounds;
    r->schedule_size = 1;
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
        if (come_add(r, config->instances[i], e) == NULL)
            goto stop;
    if (pool_own(r->pool, false, e) != 0)
        goto stop;
    r->clock.began_mono_ms = r->clock.next_mono_ms = clock_mono_ms();
    place_all(r, r->clock.began_mono_ms);
    if (fleet_start(r, config, e) != 0 || maintenance_start(r, config, e) != 0)
        goto stop;
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
    fleet_free(r->fleet);
    maintenance_free(&r->maintenance);
    rounds_free(r);
    return end;
}

void rounds_leave(struct rounds *r, uint64_t now)
{
    if (r->fleet != NULL)
        fleet_leave(r->fleet, now);
}

bool rounds_left(const struct rounds *r)
{
    return r->fleet == NULL || fleet_left(r->fleet);
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

/* The config has it now: what was done for the fleet is done for ourselves from
 * here on, and the fleet leaves it alone. */
static void make_own(struct rounds *r, struct instance *i)
{
    if (i->share.fleet == NULL)
        return;
    i->share.target->instance = NULL;
    i->share = (struct instance_share){ 0 };
    pool_share(r->pool, i);
    verdicts_post(r, i);
}

/* The config has it no more, and the fleet does: its document goes on without a
 * gap, here until another member takes it. */
static bool give_to_fleet(struct rounds *r, struct instance *i)
{
    if (r->fleet == NULL || !fleet_adopt(r->fleet, i))
        return false;
    verdicts_post(r, i);
    return true;
}

/* Keeps or changes the instance, or adds one. */
static int reload_one(struct rounds *r, struct config_instance *config,
                      struct instance *old, struct rounds_change *change,
                      struct err *e)
{
    if (old == NULL) {
        change->added++;
        return come_add(r, config, e) == NULL ? -1 : 0;
    }
    make_own(r, old);
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
    if (come_change(r, old, config, e) != 0)
        return -1;
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
        if (stays[k] || old[k]->share.fleet != NULL || give_to_fleet(r, old[k]))
            continue;
        come_drop(r, old[k]);
        out->removed++;
    }
    rc = pool_own(r->pool, false, e);
    if (r->fleet != NULL) {
        if (fleet_set_reload(r->fleet, config, clock_mono_ms(), e) != 0)
            rc = -1;
        fleet_stale(r->fleet);
    }
done:
    change_pace(r, config);
    place_all(r, clock_mono_ms());
    free(stays);
    free(old);
    return rc;
}
