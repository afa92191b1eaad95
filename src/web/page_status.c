/*
 * /status: the agent, its pool, ZooKeeper and every instance, as of one
 * moment.
 */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/config.h"
#include "agent/process.h"
#include "agent/watchdog.h"
#include "agent/json_writer.h"
#include "pages_impl.h"

/* Of the active jobs; all of them have a place in SIGUSR1's dump. */
#define JOBS_SHOWN 100

void pages_document(const struct pages *p, const struct instance *i,
                    const struct publisher_node *node, struct text *out)
{
    emit_uint(out, "schema", 1);
    emit_string(out, "instance", i->config->name);
    emit_string(out, "address", i->config->address);
    emit_string(out, "status", status_name(i->health.status));
    emit_string(out, "reason", reason_name(i->health.reason));
    emit_string(out, "detail", i->detail);
    emit_time(out, "since", i->since_wall_ms);
    emit_time(out, "checked", i->checked_wall_ms);
    emit_natural(out, "rtt_us", i->rtt_us);
    emit_string(out, "role", i->role == ROLE_ANY ? NULL : role_name(i->role));
    emit_string(out, "version", i->version[0] != '\0' ? i->version : NULL);
    emit_bool(out, "maintenance", i->config->paused);
    emit_string(out, "agent", fleet_id(p->fleet));
    emit_uint(out, "round", i->round);
    emit_natural(out, "seq",
                 node != NULL && node->seq > 0 ? (int64_t)node->seq : -1);
}

void pages_conflict(const struct pages *p, const struct member *m,
                    struct text *out)
{
    struct publisher_holder holder;

    if (!fleet_conflict(p->fleet, m, &holder)) {
        emit_null(out, "conflict");
        return;
    }
    emit_open(out, "conflict", '{');
    emit_string(out, "agent", holder.agent);
    emit_string(out, "host", holder.host);
    emit_close(out, '}');
}

static void add_course(const struct recent *recent, struct text *out)
{
    emit_open(out, "course", '[');
    for (size_t i = recent->count; i-- > 0;)
        emit_natural(out, NULL, recent_rtt_us(recent, i));
    emit_close(out, ']');
}

static void add_results(const struct recent *recent, uint64_t n,
                        struct text *out)
{
    struct recent_walk walk = { .recent = recent };
    struct recent_result r;

    emit_open(out, "results", '[');
    while (walk.i < n && recent_next(&walk, &r)) {
        emit_open(out, NULL, '{');
        emit_time(out, "time", r.ended_wall_ms);
        emit_string(out, "reason", reason_name(r.reason));
        emit_natural(out, "rtt_us", r.rtt_us);
        emit_close(out, '}');
    }
    emit_close(out, ']');
}

static void add_instance(const struct pages *p, const struct member *m,
                         const struct page_time *now, uint64_t nresults,
                         struct text *out)
{
    struct publisher_node node;
    struct rounds_turn turn;
    bool publishing = fleet_node(p->fleet, m, &node);

    rounds_turn(m, &turn);
    emit_open(out, NULL, '{');
    pages_document(p, &m->instance, publishing ? &node : NULL, out);
    if (publishing)
        emit_bool(out, "published",
                  node.posted && node.standing == PUBLISHER_CLEAN);
    else
        emit_null(out, "published");
    pages_conflict(p, m, out);
    emit_uint(out, "interval_ms", m->instance.config->interval_ms);
    emit_time(out, "next", page_wall_ms(now, turn.due_mono_ms));
    add_course(turn.recent, out);
    add_results(turn.recent, nresults, out);
    emit_close(out, '}');
}

static void add_troubles(const struct pages *p, const struct page_time *now,
                         struct text *out)
{
    struct troubles troubles;

    pages_troubles(p, now, &troubles);
    emit_bool(out, "healthy", troubles.count == 0);
    emit_open(out, "trouble", '[');
    for (size_t i = 0; i < troubles.count; i++)
        emit_string(out, NULL, troubles.text[i]);
    emit_close(out, ']');
}

static void add_agent(const struct pages *p, const struct rounds_info *info,
                      const struct page_time *now, struct text *out)
{
    size_t by[STATUS_COUNT];
    size_t paused = 0;

    fleet_tally(p->fleet, by);
    for (size_t i = 0; i < fleet_slots(p->fleet); i++) {
        const struct member *m = fleet_member(p->fleet, i);

        paused += m != NULL && m->instance.config->paused;
    }
    emit_open(out, "agent", '{');
    emit_string(out, "id", fleet_id(p->fleet));
    emit_string(out, "host", fleet_host(p->fleet));
    emit_int(out, "pid", (int64_t)getpid());
    emit_string(out, "version", AGENT_VERSION);
    emit_time(out, "started", info->started_wall_ms);
    emit_string(out, "config_file", p->config_file);
    emit_uint(out, "round", info->round);
    emit_uint(out, "interval_ms", info->interval_ms);
    emit_uint(out, "instances", fleet_count(p->fleet));
    for (size_t s = 0; s < STATUS_COUNT; s++)
        emit_uint(out, status_name((enum status)s), by[s]);
    emit_uint(out, "maintenance", paused);
    add_troubles(p, now, out);
    emit_uint(out, "round_us", info->round_us);
    emit_uint(out, "rounds_overrun", info->overruns);
    emit_uint(out, "probes_skipped", info->skipped);
    emit_uint(out, "results_void", info->voided);
    emit_uint(out, "events", history_newest(rounds_history(p->rounds)));
    emit_close(out, '}');
}

static void add_jobs(const struct pages *p, const struct page_time *now,
                     struct text *out)
{
    size_t shown = 0;

    emit_open(out, "jobs", '[');
    for (size_t i = 0; i < fleet_slots(p->fleet) && shown < JOBS_SHOWN; i++) {
        const struct member *m = fleet_member(p->fleet, i);

        if (m == NULL || !m->busy)
            continue;
        emit_open(out, NULL, '{');
        emit_string(out, "instance", m->instance.config->name);
        emit_string(out, "phase", fleet_phase(m));
        emit_uint(out, "age_ms", now->mono_ms - m->job_mono_ms);
        emit_uint(out, "worker", m->worker);
        emit_close(out, '}');
        shown++;
    }
    emit_close(out, ']');
}

static void add_pool(const struct pages *p, const struct rounds_info *info,
                     const struct page_time *now, struct text *out)
{
    const char *wedged[WATCHDOG_THREADS];
    size_t nwedged = fleet_wedged_threads(p->fleet, wedged, WATCHDOG_THREADS);
    struct process_figures f;

    process_figures(&f);
    emit_open(out, "pool", '{');
    emit_uint(out, "workers", fleet_workers(p->fleet));
    emit_uint(out, "jobs_active", fleet_jobs(p->fleet));
    emit_uint(out, "jobs_queued", fleet_queued(p->fleet));
    emit_uint(out, "threads", f.threads);
    emit_open(out, "threads_course", '[');
    for (size_t i = 0; i < info->nthreads; i++)
        emit_uint(out, NULL, info->threads[i]);
    emit_close(out, ']');
    emit_open(out, "wedged", '[');
    for (size_t i = 0; i < nwedged; i++)
        emit_string(out, NULL, wedged[i]);
    emit_close(out, ']');
    emit_uint(out, "rss_kb", f.memory.resident / 1024);
    emit_uint(out, "fds", f.open_fds);
    emit_uint(out, "fds_max", f.max_fds);
    add_jobs(p, now, out);
    emit_close(out, '}');
}

static void add_zookeeper(const struct pages *p, const struct page_time *now,
                          struct text *out)
{
    struct publisher_info i;
    char session[20];

    emit_open(out, "zookeeper", '{');
    emit_bool(out, "configured", fleet_publishing(p->fleet));
    if (fleet_publishing(p->fleet)) {
        fleet_publisher_info(p->fleet, &i);
        snprintf(session, sizeof session, "0x%" PRIx64,
                 (uint64_t)i.store.session);
        emit_string(out, "state", store_state_name(i.store.state));
        emit_time(out, "since", page_wall_ms(now, i.store.since_mono_ms));
        emit_string(out, "servers", p->config->zookeeper.servers_text);
        emit_string(out, "server",
                    i.store.server[0] != '\0' ? i.store.server : NULL);
        emit_string(out, "session", i.store.session != 0 ? session : NULL);
        emit_uint(out, "sessions", i.store.sessions);
        emit_string(out, "root", p->config->zookeeper.root);
        emit_uint(out, "pending", i.pending);
        emit_uint(out, "in_flight", i.in_flight);
        emit_uint(out, "oldest_pending_ms", i.oldest_pending_ms);
        emit_uint(out, "writes_ok", i.writes_ok);
        emit_uint(out, "writes_failed", i.writes_failed);
        emit_uint(out, "drifts", i.drifts);
        emit_uint(out, "conflicts", i.conflicts);
        emit_uint(out, "refused", i.refused);
        emit_string(out, "trouble",
                    i.trouble[0] != '\0'     ? i.trouble
                    : i.store.why[0] != '\0' ? i.store.why
                                             : NULL);
    }
    emit_close(out, '}');
}

/* For people: what each reason means, once and not for each instance. */
static void add_reasons(struct text *out)
{
    emit_open(out, "reasons", '{');
    for (size_t r = 0; r < REASON_COUNT; r++)
        emit_string(out, reason_name((enum reason)r),
                    reason_sentence((enum reason)r));
    emit_close(out, '}');
}

void pages_status(const struct pages *p, const struct page_key *k,
                  struct text *out)
{
    const struct page_time now = page_now();
    struct rounds_info info;

    rounds_info(p->rounds, &info);
    emit_open(out, NULL, '{');
    emit_uint(out, "schema", 1);
    emit_time(out, "time", now.wall_ms);
    add_agent(p, &info, &now, out);
    add_pool(p, &info, &now, out);
    add_zookeeper(p, &now, out);
    add_reasons(out);
    emit_open(out, "instances", '[');
    for (size_t i = 0; i < fleet_slots(p->fleet); i++) {
        const struct member *m = fleet_member(p->fleet, i);

        if (m != NULL)
            add_instance(p, m, &now, k->number, out);
    }
    emit_close(out, ']');
    emit_close(out, '}');
    text_add_char(out, '\n');
}
