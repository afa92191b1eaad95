/*
 * What others may see of the rounds: the service manager in a line, the status
 * page in full.
 */
#include <stdio.h>
#include <string.h>

#include "rounds.h"

void rounds_info(const struct rounds *r, struct rounds_info *out)
{
    *out = (struct rounds_info){
        .started_wall_ms = r->started_wall_ms,
        .started_mono_ms = r->started_mono_ms,
        .interval_ms = r->settings.interval_ms,
        .round = r->clock.round,
        .settled = r->settled.round,
        .settled_wall_ms = r->settled.wall_ms,
        .settled_mono_ms = r->settled.mono_ms,
        .round_us = r->settled.round_us,
        .skipped = r->clock.skipped,
        .overruns = r->clock.overruns,
        .voided = r->doubt.voided,
        .probes = &r->probes,
    };
    const struct rounds_settled *s = &r->settled;
    out->nthreads = s->nthreads < ROUNDS_THREADS ? s->nthreads : ROUNDS_THREADS;
    size_t oldest = s->nthreads - out->nthreads;
    for (size_t i = 0; i < out->nthreads; i++)
        out->threads[i] = s->threads[(oldest + i) % ROUNDS_THREADS];
}

const struct pool *rounds_pool(const struct rounds *r)
{
    return r->pool;
}

const struct history *rounds_history(const struct rounds *r)
{
    return r->history;
}

uint64_t rounds_settled(const struct rounds *r)
{
    return r->settled.round;
}

void rounds_describe(const struct rounds *r, char *out, size_t size)
{
    struct publisher *publisher = pool_parts(r->pool).publisher;
    struct publisher_info info = { 0 };
    size_t by[STATUS_COUNT];
    pool_tally(r->pool, by);
    if (publisher != NULL)
        publisher_info(publisher, &info);
    snprintf(
        out, size, "%zu up, %zu degraded, %zu down, %zu unknown; ZooKeeper %s",
        by[STATUS_UP], by[STATUS_DEGRADED], by[STATUS_DOWN], by[STATUS_UNKNOWN],
        publisher != NULL ? store_state_name(info.store.state) : "off");
}

bool rounds_well(struct rounds *r, struct err *why)
{
    struct publisher *publisher = pool_parts(r->pool).publisher;
    struct publisher_info info;
    if (publisher == NULL)
        return true;
    publisher_info(publisher, &info);
    if (info.store.state != STORE_BROKEN)
        return true;
    err_set(why, "ZooKeeper's library hangs: %s", info.store.why);
    return false;
}
