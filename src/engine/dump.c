/*
 * What SIGUSR1 asks for: the figures, and every job under way.
 */
#include <stdio.h>
#include <string.h>

#include "agent/config.h"
#include "agent/log.h"
#include "agent/objects.h"
#include "agent/process.h"

#include "rounds.h"

static void dump_job(const struct instance *i, uint64_t now_mono_ms)
{
    LOG_EVENT(LOG_LEVEL_INFO, "dump_job", LOG_STR("instance", i->config->name),
              LOG_STR("phase", pool_phase(i)),
              LOG_UINT("age_ms", now_mono_ms - i->job.posted_mono_ms),
              LOG_UINT("worker", i->job.worker));
}

/* Names of the pairs "live_connection" and so on. */
#define LIVE_SIZE 32

static struct log_pair live_pair(enum object_kind k, char name[LIVE_SIZE])
{
    struct object_count count;
    objects_read(k, &count);
    snprintf(name, LIVE_SIZE, "live_%s", object_kind_name(k));
    return (struct log_pair)LOG_UINT(name, count.live);
}

static void dump_head(struct rounds *r)
{
    const struct pool_parts pool = pool_parts(r->pool);
    struct publisher_info info = { 0 };
    struct process_memory memory;
    if (pool.publisher != NULL)
        publisher_info(pool.publisher, &info);
    process_memory(&memory);
    const struct log_pair figures[] = {
        LOG_UINT("workers", pool.workers),
        LOG_UINT("jobs_active", pool.jobs),
        LOG_UINT("jobs_queued", pool_queued(r->pool)),
        LOG_INT("threads", process_threads()),
        LOG_UINT("round", r->clock.round),
        LOG_STR("zk_state", pool.publisher != NULL
                                ? store_state_name(info.store.state)
                                : "off"),
        LOG_UINT("zk_pending", info.pending),
        LOG_UINT("zk_in_flight", info.in_flight),
        LOG_UINT("zk_oldest_pending_ms", info.oldest_pending_ms),
        LOG_UINT("zk_writes_ok", info.writes_ok),
        LOG_UINT("zk_writes_failed", info.writes_failed),
        LOG_UINT("zk_drifts", info.drifts),
        LOG_UINT("zk_conflicts", info.conflicts),
        LOG_UINT("zk_watches", info.watches),
        LOG_UINT("zk_reapers", info.store.reapers),
        LOG_INT("clock_skew_ms", info.clock_offset_ms),
        LOG_INT("rss_kb", process_rss_kb()),
        LOG_UINT("instances", pool.count),
        LOG_UINT("skipped", r->clock.skipped),
        LOG_UINT("overruns", r->clock.overruns),
        LOG_UINT("voided", r->doubt.voided),
        LOG_UINT("log_dropped", log_dropped()),
        LOG_UINT("heap_in_use", memory.heap_in_use),
        LOG_UINT("heap_free", memory.heap_free),
        LOG_UINT("heap_mapped", memory.heap_mapped),
        LOG_UINT("heap_arena", memory.heap_arena),
    };
    enum { FIGURES = sizeof figures / sizeof figures[0] };
    struct log_pair pairs[FIGURES + OBJECT_KINDS];
    char names[OBJECT_KINDS][LIVE_SIZE];
    memcpy(pairs, figures, sizeof figures);
    for (int k = 0; k < OBJECT_KINDS; k++)
        pairs[FIGURES + k] = live_pair((enum object_kind)k, names[k]);
    log_write(LOG_LEVEL_INFO, "dump", pairs, FIGURES + OBJECT_KINDS);
}

void rounds_dump(struct rounds *r, uint64_t now_mono_ms)
{
    dump_head(r);
    for (size_t k = 0; k < pool_size(r->pool); k++) {
        const struct instance *i = pool_instance(r->pool, k);
        if (i != NULL && i->job.busy)
            dump_job(i, now_mono_ms);
    }
}
