/*
 * /metrics and /memory: figures, gathered here and named elsewhere.
 */
#include "agent/clock.h"
#include "agent/config.h"
#include "agent/fleet.h"
#include "agent/json_writer.h"
#include "agent/log.h"
#include "agent/objects.h"
#include "agent/pool.h"
#include "agent/process.h"
#include "agent/rounds.h"
#include "agent/tls.h"
#include "agent/watchdog.h"
#include "metrics.h"
#include "page_health.h"
#include "page_time.h"

#include "page_figures.h"

static bool instance_figures(void *arg, size_t index,
                             struct metrics_instance *out)
{
    const struct page_source *s = arg;
    const struct instance *i = pool_instance(s->pool, index);
    struct instance_maintenance m;
    struct tls_certificate c;

    /* A target is its speaker's to tell: two of them would be two alerts. */
    if (i == NULL || i->share.share == SHARE_PENDING)
        return false;
    instance_maintenance(i, &m);
    *out = (struct metrics_instance){
        .name = i->config->name,
        .address = i->config->address,
        .status = i->health.status,
        .maintenance = m.on,
        .since_wall_ms = i->since_wall_ms,
        .last_probe_wall_ms = i->checked_wall_ms,
        .rtt_us = i->rtt_us,
        .oks = i->record.oks,
        .others = i->record.others,
        .status_changes = i->record.status_changes,
        .credentials_rejected = i->credentials_rejected,
        .restarts = i->record.restarts,
    };
    if (pool_certificate(i, &c)) {
        out->tls_not_after_wall_ms = c.earliest_wall_ms;
        out->tls_expiring = pool_certificate_ends(i, &c, clock_wall_ms());
    }
    return true;
}

void page_metrics(const struct page_source *s, const struct page_query *q,
                  struct text *out)
{
    const struct page_time now = page_now();
    const struct pool_parts pool = pool_parts(s->pool);
    const char *wedged[WATCHDOG_THREADS];
    struct publisher_node heartbeat = { 0 };
    struct troubles troubles;
    struct rounds_info info;

    (void)q;
    rounds_info(s->rounds, &info);
    page_troubles(s, &now, &troubles);
    if (pool.publisher != NULL)
        publisher_node(pool.publisher, pool.heartbeat_slot, &heartbeat);
    struct metrics_source m = {
        .version = AGENT_VERSION,
        .interval_ms = info.interval_ms,
        .rounds = info.round,
        .rounds_overrun = info.overruns,
        .round_us = info.round_us,
        .last_round_wall_ms = info.settled_wall_ms,
        .probes_skipped = info.skipped,
        .results_void = info.voided,
        .probe_time = info.probes,
        .workers = pool.workers,
        .jobs_active = pool.jobs,
        .jobs_queued = pool_queued(s->pool),
        .wedged_threads =
            watchdog_wedged(pool.watchdog, wedged, WATCHDOG_THREADS),
        .healthy = troubles.count == 0,
        .log_dropped = log_dropped(),
        .zookeeper_configured = pool.publisher != NULL,
        .heartbeat_wall_ms = heartbeat.acked_wall_ms,
        .not_vouched = pool.not_vouched->count,
        .in_maintenance = rounds_in_maintenance(s->rounds),
        .process_started_wall_ms = process_started_wall_ms(),
        .instance = instance_figures,
        .arg = (void *)(uintptr_t)s,
        .slots = pool_size(s->pool),
    };
    if (pool.publisher != NULL)
        publisher_info(pool.publisher, &m.zookeeper);
    m.fleet_configured = rounds_fleet(s->rounds, &m.fleet);
    process_figures(&m.process);
    metrics_render(&m, out);
}

void page_memory(const struct page_source *s, const struct page_query *q,
                 struct text *out)
{
    struct process_memory m;

    (void)s;
    (void)q;
    process_memory(&m);
    jsonw_open(out, NULL, '{');
    jsonw_uint(out, "schema", 1);
    jsonw_time(out, "time", page_now().wall_ms);
    jsonw_open(out, "heap", '{');
    jsonw_uint(out, "in_use", m.heap_in_use);
    jsonw_uint(out, "free", m.heap_free);
    jsonw_uint(out, "mapped", m.heap_mapped);
    jsonw_uint(out, "arena", m.heap_arena);
    jsonw_close(out, '}');
    jsonw_uint(out, "rss_kb", m.resident / 1024);
    jsonw_uint(out, "rss_bytes", m.resident);
    jsonw_open(out, "objects", '{');
    for (size_t i = 0; i < OBJECT_KINDS; i++) {
        struct object_count count;

        objects_read((enum object_kind)i, &count);
        jsonw_open(out, object_kind_name((enum object_kind)i), '{');
        jsonw_uint(out, "allocated", count.allocated);
        jsonw_uint(out, "freed", count.freed);
        jsonw_uint(out, "live", count.live);
        jsonw_close(out, '}');
    }
    jsonw_close(out, '}');
    jsonw_close(out, '}');
    text_add_char(out, '\n');
}
