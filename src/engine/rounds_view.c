/*
 * What others may see of the rounds: the service manager in a line, the status
 * page in full.
 */
#include <stdio.h>
#include <string.h>

#include "rounds_impl.h"

#include "agent/rounds.h"

void rounds_info(const struct rounds *r, struct rounds_info *out)
{
    *out = (struct rounds_info){
        .started_wall_ms = r->started_wall_ms,
        .started_mono_ms = r->started_mono_ms,
        .interval_ms = r->interval_ms,
        .round = r->round,
        .settled = r->settled,
        .settled_wall_ms = r->settled_wall_ms,
        .settled_mono_ms = r->settled_mono_ms,
        .round_us = r->round_us,
        .skipped = r->skipped,
        .overruns = r->overruns,
        .voided = r->voided,
        .probes = &r->probes,
        .nthreads = r->nthreads < ROUNDS_COURSE ? r->nthreads : ROUNDS_COURSE,
    };
    size_t oldest = r->nthreads - out->nthreads;
    for (size_t i = 0; i < out->nthreads; i++)
        out->threads[i] = r->threads[(oldest + i) % ROUNDS_COURSE];
}

const struct pool *rounds_pool(const struct rounds *r)
{
    return r->pool;
}

const struct history *rounds_history(const struct rounds *r)
{
    return r->history;
}

void rounds_turn(const struct member *m, struct rounds_turn *out)
{
    const struct turn *t = turn_of(m);
    *out = (struct rounds_turn){
        .recent = &t->recent,
        .by_reason = t->by_reason,
        .status_changes = t->status_changes,
        .due_mono_ms = t->due_mono_ms,
    };
}

uint64_t rounds_settled(const struct rounds *r)
{
    return r->settled;
}

void rounds_describe(const struct rounds *r, char *out, size_t size)
{
    struct publisher_info info;
    size_t by[STATUS_COUNT];
    pool_tally(r->pool, by);
    pool_publisher_info(r->pool, &info);
    snprintf(
        out, size, "%zu up, %zu degraded, %zu down, %zu unknown; ZooKeeper %s",
        by[STATUS_UP], by[STATUS_DEGRADED], by[STATUS_DOWN], by[STATUS_UNKNOWN],
        pool_publishing(r->pool) ? store_state_name(info.store.state) : "off");
}

bool rounds_well(struct rounds *r, struct err *why)
{
    struct publisher_info info;
    pool_publisher_info(r->pool, &info);
    if (!pool_publishing(r->pool) || info.store.state != STORE_BROKEN)
        return true;
    err_set(why, "ZooKeeper's library hangs: %s", info.store.why);
    return false;
}
