/*
 * One table declares every metric: its name, its type, its help, its labels
 * and where its value stands.  There is one sample an instance for most of
 * what an instance has, four for its status, and one for each reason that
 * occurred: so many lines grow with the instances, and with nothing else.
 *
 * Names and units are those that promtool wants: seconds, bytes, and _total
 * for what only grows.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/objects.h"
#include "metrics_line.h"

#include "metrics.h"

/* ----------------------------------------------------------- of instances */

static void each_up(const struct out *o, const struct metrics_instance *i)
{
    metrics_put(o, i->name, i->address,
                i->status == STATUS_UP || i->status == STATUS_DEGRADED, 0);
}

static void each_status(const struct out *o, const struct metrics_instance *i)
{
    for (int s = 0; s < STATUS_COUNT; s++)
        metrics_put(o, i->name, status_name((enum status)s),
                    i->status == (enum status)s, 0);
}

static void each_since(const struct out *o, const struct metrics_instance *i)
{
    metrics_put(o, i->name, NULL, (uint64_t)i->since_wall_ms, 3);
}

static void each_maintenance(const struct out *o,
                             const struct metrics_instance *i)
{
    metrics_put(o, i->name, NULL, i->maintenance, 0);
}

static void each_rtt(const struct out *o, const struct metrics_instance *i)
{
    if (i->rtt_us >= 0)
        metrics_put(o, i->name, NULL, (uint64_t)i->rtt_us, 6);
}

static void each_tls_not_after(const struct out *o,
                               const struct metrics_instance *i)
{
    if (i->tls_not_after_wall_ms != 0)
        metrics_put(o, i->name, NULL, (uint64_t)i->tls_not_after_wall_ms, 3);
}

static void each_tls_expiring(const struct out *o,
                              const struct metrics_instance *i)
{
    if (i->tls_not_after_wall_ms != 0)
        metrics_put(o, i->name, NULL, i->tls_expiring, 0);
}

static void each_last_probe(const struct out *o,
                            const struct metrics_instance *i)
{
    if (i->last_probe_wall_ms > 0)
        metrics_put(o, i->name, NULL, (uint64_t)i->last_probe_wall_ms, 3);
}

/* Those that are ok always, so that a rate has both its parts from the first
 * bad one on. */
static void each_probes(const struct out *o, const struct metrics_instance *i)
{
    for (int r = 0; r < REASON_COUNT; r++) {
        uint32_t n = r == REASON_OK      ? i->oks
                     : i->others == NULL ? 0
                                         : i->others[r];

        if (r == REASON_OK || n > 0)
            metrics_put(o, i->name, reason_name((enum reason)r), n, 0);
    }
}

static void each_changes(const struct out *o, const struct metrics_instance *i)
{
    metrics_put(o, i->name, NULL, i->status_changes, 0);
}

static void each_rejected(const struct out *o, const struct metrics_instance *i)
{
    metrics_put(o, i->name, NULL, i->credentials_rejected, 0);
}

static void each_restarts(const struct out *o, const struct metrics_instance *i)
{
    metrics_put(o, i->name, NULL, i->restarts, 0);
}

/* --------------------------------------------------------------- of others */

static void build_info(const struct out *o)
{
    metrics_put(o, o->source->version, NULL, 1, 0);
}

static void zookeeper_connected(const struct out *o)
{
    metrics_put(o, NULL, NULL,
                o->source->zookeeper.store.state == STORE_CONNECTED, 0);
}

/* Nothing before it is known. */
static void clock_skew(const struct out *o)
{
    const struct publisher_info *z = &o->source->zookeeper;

    if (z->clock_known)
        metrics_put(o, NULL, NULL, (uint64_t)llabs(z->clock_offset_ms), 3);
}

static void fleet_moves(const struct out *o)
{
    const struct fleet_info *f = &o->source->fleet;

    metrics_put(o, "came", NULL, f->moves_came, 0);
    metrics_put(o, "went", NULL, f->moves_went, 0);
    metrics_put(o, "targets", NULL, f->moves_targets, 0);
}

static void zookeeper_writes(const struct out *o)
{
    metrics_put(o, "ok", NULL, o->source->zookeeper.writes_ok, 0);
    metrics_put(o, "failed", NULL, o->source->zookeeper.writes_failed, 0);
}

static void probe_duration(const struct out *o)
{
    metrics_put_histogram(o, o->source->probe_time);
}

static void zookeeper_publish(const struct out *o)
{
    metrics_put_histogram(o, &o->source->zookeeper.publish);
}

static void process_heap(const struct out *o)
{
    const struct process_memory *m = &o->source->process.memory;

    metrics_put(o, NULL, NULL, m->heap_arena + m->heap_mapped, 0);
}

/* One of the counts of each kind. */
static void put_kinds(const struct out *o,
                      uint64_t (*pick)(const struct object_count *))
{
    for (int k = 0; k < OBJECT_KINDS; k++) {
        struct object_count count;

        objects_read((enum object_kind)k, &count);
        metrics_put(o, object_kind_name((enum object_kind)k), NULL,
                    pick(&count), 0);
    }
}

static uint64_t pick_live(const struct object_count *c)
{
    return c->live;
}

static uint64_t pick_allocated(const struct object_count *c)
{
    return c->allocated;
}

static uint64_t pick_freed(const struct object_count *c)
{
    return c->freed;
}

static void objects_live(const struct out *o)
{
    put_kinds(o, pick_live);
}

static void objects_allocated(const struct out *o)
{
    put_kinds(o, pick_allocated);
}

static void objects_freed(const struct out *o)
{
    put_kinds(o, pick_freed);
}

/* --------------------------------------------------------------- the table */

#define OURS(name) "sentinel_agent_" name

#define AT(member)                                     \
    .offset = offsetof(struct metrics_source, member), \
    .size = sizeof(((struct metrics_source *)0)->member)
#define MS .places = 3
#define US .places = 6

static const struct metric METRICS[] = {
    { OURS("build_info"),
      GAUGE,
      "The version that runs; always 1.",
      { "version" },
      .samples = build_info },
    { OURS("healthy"), GAUGE,
      "Whether the agent itself is well, as /healthz says.", AT(healthy) },

    { OURS("instance_up"),
      GAUGE,
      "Whether the instance answers: 1 when up or degraded.",
      { "instance", "address" },
      .each = each_up },
    { OURS("instance_status"),
      GAUGE,
      "1 for the status that it has.",
      { "instance", "status" },
      .each = each_status },
    { OURS("instance_status_since_timestamp_seconds"),
      GAUGE,
      "When the status began.",
      { "instance" },
      .each = each_since },
    { OURS("instance_maintenance"),
      GAUGE,
      "1 while it is paused in the config, or in maintenance by an entry.",
      { "instance" },
      .each = each_maintenance },
    { OURS("instance_rtt_seconds"),
      GAUGE,
      "Round trip of the last probe; absent when that had no answer.",
      { "instance" },
      .each = each_rtt },
    { OURS("instance_tls_not_after_timestamp_seconds"),
      GAUGE,
      "When the first of the certificates that the server sent ends.",
      { "instance" },
      .each = each_tls_not_after },
    { OURS("instance_tls_expiring"),
      GAUGE,
      "1 when that is within tls_min_days.",
      { "instance" },
      .each = each_tls_expiring },
    { OURS("instance_last_probe_timestamp_seconds"),
      GAUGE,
      "When the last probe ended.",
      { "instance" },
      .each = each_last_probe },
    { OURS("probes_total"),
      COUNTER,
      "Results by reason.",
      { "instance", "reason" },
      .each = each_probes },
    { OURS("status_changes_total"),
      COUNTER,
      "How often the status changed.",
      { "instance" },
      .each = each_changes },
    { OURS("instance_credentials_rejected"),
      GAUGE,
      "1 while a new connection cannot log in, and the kept one answers.",
      { "instance" },
      .each = each_rejected },
    { OURS("restarts_total"),
      COUNTER,
      "How often another process answered at the address than before.",
      { "instance" },
      .each = each_restarts },
    { OURS("probe_duration_seconds"), HISTOGRAM,
      "What probes took, from start to result.", .samples = probe_duration },

    { OURS("interval_seconds"), GAUGE, "The configured pace of rounds.",
      AT(interval_ms), MS },
    { OURS("rounds_total"), COUNTER, "Rounds begun.", AT(rounds) },
    { OURS("rounds_overrun_total"), COUNTER,
      "Rounds whose results were not all in when the next one began.",
      AT(rounds_overrun) },
    { OURS("round_duration_seconds"), GAUGE,
      "What the last round took until its results were in.", AT(round_us), US },
    { OURS("last_round_timestamp_seconds"), GAUGE,
      "When the last round's results were in.", AT(last_round_wall_ms), MS,
      .unless_0 = true },
    { OURS("probes_skipped_total"), COUNTER,
      "Turns left out, as the probe before was still under way.",
      AT(probes_skipped) },
    { OURS("results_void_total"), COUNTER,
      "Results not judged, as the agent itself had been stalled.",
      AT(results_void) },

    { OURS("pool_workers"), GAUGE, "Probe threads.", AT(workers) },
    { OURS("pool_jobs_active"), GAUGE, "Probes queued or running.",
      AT(jobs_active) },
    { OURS("pool_jobs_queued"), GAUGE, "Probes not yet begun.",
      AT(jobs_queued) },
    { OURS("threads"), GAUGE, "Threads of the process.", AT(process.threads) },
    { OURS("wedged_threads"), GAUGE, "Threads that give no sign of life.",
      AT(wedged_threads) },
    { OURS("log_lines_dropped_total"), COUNTER,
      "Log lines lost to a full disk or pipe.", AT(log_dropped) },

    { OURS("zookeeper_connected"), GAUGE, "Whether there is a session.",
      .samples = zookeeper_connected, .zookeeper = true },
    { OURS("zookeeper_sessions_total"), COUNTER,
      "Sessions so far; each new one after the first means that one was lost.",
      AT(zookeeper.store.sessions), .zookeeper = true },
    { OURS("zookeeper_losses_total"), COUNTER,
      "Connections to ZooKeeper that were lost after they had served.",
      AT(zookeeper.store.losses), .zookeeper = true },
    { OURS("zookeeper_writes_total"),
      COUNTER,
      "Writes of nodes.",
      { "result" },
      .samples = zookeeper_writes,
      .zookeeper = true },
    { OURS("zookeeper_pending"), GAUGE,
      "Nodes that are not yet as they should be.", AT(zookeeper.pending),
      .zookeeper = true },
    { OURS("zookeeper_oldest_pending_seconds"), GAUGE,
      "For how long the oldest of them has been waiting.",
      AT(zookeeper.oldest_pending_ms), MS, .zookeeper = true },
    { OURS("zookeeper_in_flight"), GAUGE, "Requests under way.",
      AT(zookeeper.in_flight), .zookeeper = true },
    { OURS("zookeeper_refused"), GAUGE, "Nodes that ZooKeeper refuses.",
      AT(zookeeper.refused), .zookeeper = true },
    { OURS("zookeeper_not_vouched"), GAUGE,
      "Instances whose status in ZooKeeper the heartbeat does not vouch for.",
      AT(not_vouched), .zookeeper = true },
    { OURS("zookeeper_conflicts"), GAUGE, "Nodes left to another agent.",
      AT(zookeeper.conflicts), .zookeeper = true },
    { OURS("zookeeper_drifts_total"), COUNTER,
      "Nodes of ours that somebody else deleted, changed or replaced.",
      AT(zookeeper.drifts), .zookeeper = true },
    { OURS("zookeeper_watches"), GAUGE,
      "Nodes of others whose changes ZooKeeper is to tell.",
      AT(zookeeper.watches), .zookeeper = true },
    { OURS("maintenance_active"), GAUGE,
      "Entries of maintenance in force, for instances of our own or the fleet.",
      AT(in_maintenance), .zookeeper = true },
    { OURS("clock_skew_seconds"), GAUGE,
      "By how much our clock and ZooKeeper's differ, at least.",
      .samples = clock_skew, .zookeeper = true },
    { OURS("zookeeper_publish_seconds"), HISTOGRAM,
      "From a verdict to ZooKeeper's acknowledgement of it.",
      .samples = zookeeper_publish, .zookeeper = true },
    { OURS("zookeeper_heartbeat_timestamp_seconds"), GAUGE,
      "When ZooKeeper acknowledged the last heartbeat.", AT(heartbeat_wall_ms),
      MS, .unless_0 = true, .zookeeper = true },

    { OURS("fleet_member"), GAUGE,
      "Whether this agent is a member of its fleet.", AT(fleet.member),
      .fleet = true },
    { OURS("fleet_members"), GAUGE, "Members that share the targets.",
      AT(fleet.members), .fleet = true },
    { OURS("fleet_targets"), GAUGE, "Targets of the fleet.", AT(fleet.targets),
      .fleet = true },
    { OURS("fleet_observing"), GAUGE, "Targets that this agent watches.",
      AT(fleet.observing), .fleet = true },
    { OURS("fleet_speaking"), GAUGE,
      "Targets whose documents this agent writes.", AT(fleet.speaking),
      .fleet = true },
    { OURS("fleet_pending"), GAUGE,
      "Targets that it watches and has no verdict on yet.", AT(fleet.pending),
      .fleet = true },
    { OURS("fleet_leaving"), GAUGE,
      "Targets that it watches until another member does.", AT(fleet.leaving),
      .fleet = true },
    { OURS("fleet_held"), GAUGE,
      "1 while more than half of the members are gone, and nothing is taken "
      "over.",
      AT(fleet.held_members), .fleet = true },
    { OURS("fleet_targets_held"), GAUGE,
      "1 while too many targets are gone at once, and are kept.",
      AT(fleet.held_targets), .fleet = true },
    { OURS("fleet_moves_total"),
      COUNTER,
      "Targets that moved, by what moved them.",
      { "cause" },
      .samples = fleet_moves,
      .fleet = true },

    { OURS("objects_live"),
      GAUGE,
      "Objects made and not yet freed.",
      { "kind" },
      .samples = objects_live },
    { OURS("objects_allocated_total"),
      COUNTER,
      "Objects made.",
      { "kind" },
      .samples = objects_allocated },
    { OURS("objects_freed_total"),
      COUNTER,
      "Objects freed.",
      { "kind" },
      .samples = objects_freed },
    { OURS("heap_in_use_bytes"), GAUGE, "What malloc has handed out.",
      AT(process.memory.heap_in_use) },
    { OURS("heap_free_bytes"), GAUGE,
      "What was given back to malloc, and it keeps.",
      AT(process.memory.heap_free) },

    { "process_cpu_seconds_total", COUNTER,
      "Total user and system CPU time spent in seconds.", AT(process.cpu_us),
      US },
    { "process_open_fds", GAUGE, "Number of open file descriptors.",
      AT(process.open_fds) },
    { "process_max_fds", GAUGE, "Maximum number of open file descriptors.",
      AT(process.max_fds) },
    { "process_virtual_memory_bytes", GAUGE, "Virtual memory size in bytes.",
      AT(process.memory.virtual_size) },
    { "process_virtual_memory_max_bytes", GAUGE,
      "Maximum amount of virtual memory available in bytes.",
      AT(process.memory.virtual_max) },
    { "process_resident_memory_bytes", GAUGE, "Resident memory size in bytes.",
      AT(process.memory.resident) },
    { "process_heap_bytes", GAUGE, "Process heap size in bytes.",
      .samples = process_heap },
    { "process_start_time_seconds", GAUGE,
      "Start time of the process since unix epoch in seconds.",
      AT(process_started_wall_ms), MS },
    { "process_threads", GAUGE, "Number of OS threads in the process.",
      AT(process.threads) },
};

/* -------------------------------------------------------------- rendering */

/* Members of these sizes are unsigned, or never negative. */
static uint64_t number_at(const void *at, size_t size)
{
    uint32_t small;
    uint64_t large;
    bool yes;

    if (size == sizeof large) {
        memcpy(&large, at, sizeof large);
        return large;
    }
    if (size == sizeof small) {
        memcpy(&small, at, sizeof small);
        return small;
    }
    memcpy(&yes, at, sizeof yes);
    return yes;
}

static void put_figure(const struct out *o)
{
    const struct metric *m = o->metric;
    const void *at = (const char *)o->source + m->offset;

    uint64_t value = number_at(at, m->size);
    if (value != 0 || !m->unless_0)
        metrics_put(o, NULL, NULL, value, m->places);
}

static void put_each(const struct out *o)
{
    struct metrics_instance i;

    for (size_t at = 0; at < o->source->slots; at++)
        if (o->source->instance(o->source->arg, at, &i))
            o->metric->each(o, &i);
}

void metrics_render(const struct metrics_source *s, struct text *out)
{
    for (size_t i = 0; i < sizeof METRICS / sizeof METRICS[0]; i++) {
        const struct out o = { out, &METRICS[i], s };

        if ((METRICS[i].zookeeper && !s->zookeeper_configured) ||
            (METRICS[i].fleet && !s->fleet_configured))
            continue;
        metrics_head(&o);
        if (METRICS[i].samples != NULL)
            METRICS[i].samples(&o);
        else if (METRICS[i].each != NULL)
            put_each(&o);
        else
            put_figure(&o);
    }
}
