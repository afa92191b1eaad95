/*
 * /status: the agent, its pool, ZooKeeper and every instance, as of one
 * moment.
 */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/config.h"
#include "agent/json_writer.h"
#include "agent/pool.h"
#include "agent/process.h"
#include "agent/role.h"
#include "agent/rounds.h"
#include "agent/watchdog.h"
#include "page_document.h"
#include "page_fleet.h"
#include "page_health.h"
#include "page_maintenance.h"
#include "page_time.h"

#include "page_status.h"

/* More active jobs than these are only in the dump of SIGUSR1. */
#define JOBS_SHOWN 100

static void add_round_trips(const struct recent *recent, struct text *out)
{
    jsonw_open(out, "course", '[');
    for (size_t i = recent->count; i-- > 0;)
        jsonw_natural(out, NULL, recent_rtt_us(recent, i));
    jsonw_close(out, ']');
}

static void add_results(const struct recent *recent, uint64_t n,
                        struct text *out)
{
    struct recent_walk walk = { .recent = recent };
    struct recent_result r;

    jsonw_open(out, "results", '[');
    while (walk.i < n && recent_next(&walk, &r)) {
        jsonw_open(out, NULL, '{');
        jsonw_time(out, "time", r.ended_wall_ms);
        jsonw_string(out, "reason", reason_name(r.reason));
        jsonw_natural(out, "rtt_us", r.rtt_us);
        jsonw_close(out, '}');
    }
    jsonw_close(out, ']');
}

static void add_instance(const struct page_source *s, const struct instance *i,
                         const struct page_time *now, uint64_t nresults,
                         struct text *out)
{
    struct publisher *publisher = pool_parts(s->pool).publisher;
    struct publisher_node node;

    if (publisher != NULL)
        publisher_node(publisher, i->nodes.status_slot, &node);
    jsonw_open(out, NULL, '{');
    page_add_document(s, i, publisher != NULL ? &node : NULL, out);
    if (publisher != NULL)
        jsonw_bool(out, "published",
                   node.posted && node.standing == PUBLISHER_CLEAN);
    else
        jsonw_null(out, "published");
    page_add_conflict(s, i, out);
    page_add_share(s, i, out);
    jsonw_uint(out, "interval_ms", i->config->interval_ms);
    jsonw_time(out, "next", page_wall_ms(now, i->pace.due_mono_ms));
    add_round_trips(&i->record.recent, out);
    add_results(&i->record.recent, nresults, out);
    jsonw_close(out, '}');
}

static void add_troubles(const struct page_source *s,
                         const struct page_time *now, struct text *out)
{
    struct troubles troubles;

    page_troubles(s, now, &troubles);
    jsonw_bool(out, "healthy", troubles.count == 0);
    jsonw_open(out, "trouble", '[');
    for (size_t i = 0; i < troubles.count; i++)
        jsonw_string(out, NULL, troubles.text[i]);
    jsonw_close(out, ']');
}

static void add_agent(const struct page_source *s,
                      const struct rounds_info *info,
                      const struct page_time *now, struct text *out)
{
    size_t by[STATUS_COUNT];
    struct instance_maintenance m;
    size_t maintenance = 0;

    pool_tally(s->pool, by);
    for (size_t k = 0; k < pool_size(s->pool); k++) {
        const struct instance *i = pool_instance(s->pool, k);

        if (i == NULL)
            continue;
        instance_maintenance(i, &m);
        maintenance += m.on;
    }
    jsonw_open(out, "agent", '{');
    jsonw_string(out, "id", pool_parts(s->pool).id);
    jsonw_string(out, "host", pool_parts(s->pool).host);
    jsonw_int(out, "pid", (int64_t)getpid());
    jsonw_string(out, "version", AGENT_VERSION);
    jsonw_time(out, "started", info->started_wall_ms);
    jsonw_string(out, "config_file", s->config_file);
    jsonw_string(out, "needs_restart",
                 s->needs_restart[0] != '\0' ? s->needs_restart : NULL);
    jsonw_uint(out, "round", info->round);
    jsonw_uint(out, "interval_ms", info->interval_ms);
    if (s->config->fleet.name != NULL)
        jsonw_string(out, "fleet", s->config->fleet.name);
    jsonw_uint(out, "instances", pool_parts(s->pool).count);
    for (size_t i = 0; i < STATUS_COUNT; i++)
        jsonw_uint(out, status_name((enum status)i), by[i]);
    jsonw_uint(out, "maintenance", maintenance);
    add_troubles(s, now, out);
    jsonw_uint(out, "round_us", info->round_us);
    jsonw_uint(out, "rounds_overrun", info->overruns);
    jsonw_uint(out, "probes_skipped", info->skipped);
    jsonw_uint(out, "results_void", info->voided);
    jsonw_uint(out, "events", history_newest(rounds_history(s->rounds)));
    jsonw_close(out, '}');
}

static void add_jobs(const struct page_source *s, const struct page_time *now,
                     struct text *out)
{
    size_t shown = 0;

    jsonw_open(out, "jobs", '[');
    for (size_t k = 0; k < pool_size(s->pool) && shown < JOBS_SHOWN; k++) {
        const struct instance *i = pool_instance(s->pool, k);

        if (i == NULL || !i->job.busy)
            continue;
        jsonw_open(out, NULL, '{');
        jsonw_string(out, "instance", i->config->name);
        jsonw_string(out, "phase", pool_phase(i));
        jsonw_uint(out, "age_ms", now->mono_ms - i->job.posted_mono_ms);
        jsonw_uint(out, "worker", i->job.worker);
        jsonw_close(out, '}');
        shown++;
    }
    jsonw_close(out, ']');
}

static void add_pool(const struct page_source *s,
                     const struct rounds_info *info,
                     const struct page_time *now, struct text *out)
{
    const struct pool_parts pool = pool_parts(s->pool);
    const char *wedged[WATCHDOG_THREADS];
    size_t nwedged = watchdog_wedged(pool.watchdog, wedged, WATCHDOG_THREADS);
    struct process_figures f;

    process_figures(&f);
    jsonw_open(out, "pool", '{');
    jsonw_uint(out, "workers", pool.workers);
    jsonw_uint(out, "jobs_active", pool.jobs);
    jsonw_uint(out, "jobs_queued", pool_queued(s->pool));
    jsonw_uint(out, "threads", f.threads);
    jsonw_open(out, "threads_course", '[');
    for (size_t i = 0; i < info->nthreads; i++)
        jsonw_uint(out, NULL, info->threads[i]);
    jsonw_close(out, ']');
    jsonw_open(out, "wedged", '[');
    for (size_t i = 0; i < nwedged; i++)
        jsonw_string(out, NULL, wedged[i]);
    jsonw_close(out, ']');
    jsonw_uint(out, "rss_kb", f.memory.resident / 1024);
    jsonw_uint(out, "fds", f.open_fds);
    jsonw_uint(out, "fds_max", f.max_fds);
    add_jobs(s, now, out);
    jsonw_close(out, '}');
}

/* What the heartbeat does not vouch for; where that is more than it can name,
 * there is no heartbeat. */
static void add_not_vouched(const struct publisher_refused *r, struct text *out)
{
    jsonw_uint(out, "not_vouched", r->count);
    jsonw_open(out, "except", '[');
    for (size_t i = 0; i < r->count && i < PUBLISHER_REFUSED_NAMES; i++)
        jsonw_string(out, NULL, r->names[i]);
    jsonw_close(out, ']');
}

static void add_zookeeper(const struct page_source *s,
                          const struct page_time *now, struct text *out)
{
    struct publisher *publisher = pool_parts(s->pool).publisher;
    struct publisher_info i;
    char session[20];

    jsonw_open(out, "zookeeper", '{');
    jsonw_bool(out, "configured", publisher != NULL);
    if (publisher != NULL) {
        publisher_info(publisher, &i);
        snprintf(session, sizeof session, "0x%" PRIx64,
                 (uint64_t)i.store.session);
        jsonw_string(out, "state", store_state_name(i.store.state));
        jsonw_time(out, "since", page_wall_ms(now, i.store.since_mono_ms));
        jsonw_string(out, "servers", s->config->zookeeper.servers_text);
        jsonw_string(out, "server",
                     i.store.server[0] != '\0' ? i.store.server : NULL);
        jsonw_string(out, "session", i.store.session != 0 ? session : NULL);
        jsonw_uint(out, "sessions", i.store.sessions);
        jsonw_uint(out, "session_timeout_ms", i.store.timeout_ms);
        jsonw_bool(out, "outage", i.store.outage);
        jsonw_uint(out, "losses", i.store.losses);
        jsonw_string(out, "root", s->config->zookeeper.root);
        jsonw_uint(out, "pending", i.pending);
        jsonw_uint(out, "in_flight", i.in_flight);
        jsonw_uint(out, "oldest_pending_ms", i.oldest_pending_ms);
        jsonw_uint(out, "writes_ok", i.writes_ok);
        jsonw_uint(out, "writes_failed", i.writes_failed);
        jsonw_uint(out, "drifts", i.drifts);
        jsonw_uint(out, "watches", i.watches);
        if (i.clock_known)
            jsonw_int(out, "clock_offset_ms", i.clock_offset_ms);
        else
            jsonw_null(out, "clock_offset_ms");
        jsonw_uint(out, "conflicts", i.conflicts);
        jsonw_uint(out, "refused", i.refused);
        add_not_vouched(pool_parts(s->pool).not_vouched, out);
        jsonw_string(out, "trouble",
                     i.store.why[0] != '\0' ? i.store.why
                     : i.trouble[0] != '\0' ? i.trouble
                                            : NULL);
    }
    jsonw_close(out, '}');
}

/* For people: what each reason means, once and not for each instance. */
static void add_reasons(struct text *out)
{
    jsonw_open(out, "reasons", '{');
    for (size_t r = 0; r < REASON_COUNT; r++)
        jsonw_string(out, reason_name((enum reason)r),
                     reason_sentence((enum reason)r));
    jsonw_close(out, '}');
}

void page_status(const struct page_source *s, const struct page_query *q,
                 struct text *out)
{
    const struct page_time now = page_now();
    struct rounds_info info;

    rounds_info(s->rounds, &info);
    jsonw_open(out, NULL, '{');
    jsonw_uint(out, "schema", 1);
    jsonw_time(out, "time", now.wall_ms);
    add_agent(s, &info, &now, out);
    add_pool(s, &info, &now, out);
    add_zookeeper(s, &now, out);
    page_add_maintenance(s->rounds, false, out);
    add_reasons(out);
    jsonw_open(out, "instances", '[');
    for (size_t n = 0; n < pool_size(s->pool); n++) {
        const struct instance *i = pool_instance(s->pool, n);

        if (i != NULL)
            add_instance(s, i, &now, q->number, out);
    }
    jsonw_close(out, ']');
    jsonw_close(out, '}');
    text_add_char(out, '\n');
}
