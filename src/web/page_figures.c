/*
 * /metrics and /memory: figures, gathered here and named elsewhere.
 */
#include "agent/config.h"
#include "agent/log.h"
#include "metrics.h"
#include "agent/objects.h"
#include "agent/process.h"
#include "agent/watchdog.h"
#include "agent/json_writer.h"
#include "pages_impl.h"

static bool instance_figures(void *arg, size_t index,
                             struct metrics_instance *out)
{
    const struct pages *p = arg;
    const struct member *m = fleet_member(p->fleet, index);
    const struct instance *i;
    struct rounds_turn turn;

    if (m == NULL)
        return false;
    i = &m->instance;
    rounds_turn(m, &turn);
    *out = (struct metrics_instance){
        .name = i->config->name,
        .address = i->config->address,
        .status = i->health.status,
        .maintenance = i->config->paused,
        .since_wall_ms = i->since_wall_ms,
        .last_probe_wall_ms = i->checked_wall_ms,
        .rtt_us = i->rtt_us,
        .by_reason = turn.by_reason,
        .status_changes = turn.status_changes,
    };
    return true;
}

void pages_metrics(const struct pages *p, const struct page_key *k,
                   struct text *out)
{
    const struct page_time now = page_now();
    const char *wedged[WATCHDOG_THREADS];
    struct publisher_node heartbeat = { 0 };
    struct troubles troubles;
    struct rounds_info info;

    (void)k;
    rounds_info(p->rounds, &info);
    pages_troubles(p, &now, &troubles);
    (void)fleet_heartbeat_node(p->fleet, &heartbeat);
    struct metrics_source s = {
        .version = AGENT_VERSION,
        .interval_ms = info.interval_ms,
        .rounds = info.round,
        .rounds_overrun = info.overruns,
        .round_us = info.round_us,
        .last_round_wall_ms = info.settled_wall_ms,
        .probes_skipped = info.skipped,
        .results_void = info.voided,
        .probe_time = info.probes,
        .workers = fleet_workers(p->fleet),
        .jobs_active = fleet_jobs(p->fleet),
        .jobs_queued = fleet_queued(p->fleet),
        .wedged_threads =
            fleet_wedged_threads(p->fleet, wedged, WATCHDOG_THREADS),
        .healthy = troubles.count == 0,
        .log_dropped = log_dropped(),
        .zookeeper_configured = fleet_publishing(p->fleet),
        .heartbeat_wall_ms = heartbeat.acked_wall_ms,
        .process_started_wall_ms = process_started_wall_ms(),
        .instance = instance_figures,
        .arg = (void *)(uintptr_t)p,
        .slots = fleet_slots(p->fleet),
    };
    fleet_publisher_info(p->fleet, &s.zookeeper);
    process_figures(&s.process);
    metrics_render(&s, out);
}

void pages_memory(const struct pages *p, const struct page_key *k,
                  struct text *out)
{
    struct process_memory m;

    (void)p;
    (void)k;
    process_memory(&m);
    emit_open(out, NULL, '{');
    emit_uint(out, "schema", 1);
    emit_time(out, "time", page_now().wall_ms);
    emit_open(out, "heap", '{');
    emit_uint(out, "in_use", m.heap_in_use);
    emit_uint(out, "free", m.heap_free);
    emit_uint(out, "mapped", m.heap_mapped);
    emit_uint(out, "arena", m.heap_arena);
    emit_close(out, '}');
    emit_uint(out, "rss_kb", m.resident / 1024);
    emit_uint(out, "rss_bytes", m.resident);
    emit_open(out, "objects", '{');
    for (size_t i = 0; i < OBJECT_KINDS; i++) {
        struct object_count count;

        objects_read((enum object_kind)i, &count);
        emit_open(out, object_kind_name((enum object_kind)i), '{');
        emit_uint(out, "allocated", count.allocated);
        emit_uint(out, "freed", count.freed);
        emit_uint(out, "live", count.live);
        emit_close(out, '}');
    }
    emit_close(out, '}');
    emit_close(out, '}');
    text_add_char(out, '\n');
}
