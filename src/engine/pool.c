/*
 * Composition of resolver, workers and publisher around the instances.  It
 * moves values between the mailboxes and the instances; it knows neither
 * rounds nor verdicts.
 *
 * A job carries an id made of the instance's index and a generation, so that a
 * result that was under way while its instance was removed is dropped.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/clock.h"
#include "agent/config.h"
#include "agent/log.h"
#include "agent/objects.h"
#include "agent/resolver.h"
#include "agent/role.h"
#include "agent/sd_notify.h"
#include "agent/watchdog.h"
#include "agent/worker.h"
#include "masters.h"
#include "nodes.h"

#include "agent/pool.h"

#define TAKE_AT_ONCE 64
#define CACHE_LINE   64
/* So many instances are probed by one worker before another one is used. */
#define ONE_WORKER_MAX 256
/* A start that failed half-way has nothing to publish. */
#define FAILED_START_MS 1000

struct pool {
    struct pool_options options; /* config is not used after the start */
    char id[256];
    char host[256];
    struct resolver *resolver;
    struct worker **workers;
    size_t *loads; /* of each worker, in instances */
    unsigned nworkers;
    unsigned chosen;           /* the worker that the last instance went to */
    struct watchdog *watchdog; /* NULL: none was asked for */
    struct pulse pulse;        /* the loop's */
    struct instance **instances;
    size_t ninstances; /* in use or holes */
    size_t lowest;     /* no hole below it */
    size_t capacity;
    size_t count;
    size_t jobs;
    uint64_t round; /* of the last job */
    uint32_t generation;
    struct nodes nodes;
    struct masters masters;
};

/* ------------------------------------------------------------- starting */

static int start_workers(struct pool *p, unsigned n, struct err *e)
{
    p->workers = calloc(n, sizeof *p->workers);
    p->loads = calloc(n, sizeof *p->loads);
    if (p->workers == NULL || p->loads == NULL) {
        err_set(e, "out of memory for %u workers", n);
        return -1;
    }
    for (; p->nworkers < n; p->nworkers++) {
        const struct worker_options o = {
            .index = p->nworkers,
            .resolver = p->resolver,
            .wake = p->options.wake,
            .arg = p->options.wake_arg,
        };
        p->workers[p->nworkers] = worker_start(&o, e);
        if (p->workers[p->nworkers] == NULL)
            return -1;
    }
    return 0;
}

static void tell_manager(void *arg)
{
    (void)arg;
    sd_notify_watchdog();
}

static int start_watchdog(struct pool *p, const struct config *c, struct err *e)
{
    const struct watchdog_options o = {
        .wedge_timeout_ms = c->agent.wedge_timeout_ms,
        .changed = p->options.wake,
        .changed_arg = p->options.wake_arg,
        .alive = tell_manager,
        /* Half of what is allowed, as sd_watchdog_enabled(3) advises. */
        .alive_ms = (unsigned)(sd_notify_watchdog_interval_ms() + 1) / 2,
    };
    p->watchdog = watchdog_new(&o, e);
    if (p->watchdog == NULL)
        return -1;
    watchdog_watch(p->watchdog, &(struct watch){ .thread = "loop",
                                                 .pulse = &p->pulse,
                                                 .nudge = p->options.wake,
                                                 .arg = p->options.wake_arg });
    resolver_watch(p->resolver, p->watchdog);
    for (unsigned i = 0; i < p->nworkers; i++)
        worker_watch(p->workers[i], p->watchdog);
    if (p->nodes.publisher != NULL)
        publisher_watch(p->nodes.publisher, p->watchdog);
    return watchdog_start(p->watchdog, e);
}

struct pool *pool_start(const struct pool_options *o, struct err *e)
{
    struct pool *p = calloc(1, sizeof *p);
    if (p == NULL) {
        err_set(e, "out of memory for the pool");
        return NULL;
    }
    p->options = *o;
    snprintf(p->id, sizeof p->id, "%s", o->config->agent.id);
    if (gethostname(p->host, sizeof p->host - 1) != 0)
        snprintf(p->host, sizeof p->host, "%s", p->id);
    p->resolver = resolver_start(e);
    if (p->resolver == NULL)
        goto stop;
    if (start_workers(p, o->config->agent.workers, e) != 0)
        goto stop;
    const struct nodes_options nodes = {
        .pool = o,
        .agent = p->id,
        .host = p->host,
        .resolver = p->resolver,
    };
    if (nodes_start(&p->nodes, &nodes, e) != 0)
        goto stop;
    if (o->watchdog && start_watchdog(p, o->config, e) != 0)
        goto stop;
    return p;
stop:
    if (pool_stop(p, FAILED_START_MS) == STORE_LEFT)
        LOG_EVENT(LOG_LEVEL_WARN, "stopped", LOG_STR("left", "threads"));
    return NULL;
}

/* ------------------------------------------------------------- stopping */

static void free_instance(struct instance *i)
{
    instance_drop(i);
    free(i);
}

static unsigned left_ms(uint64_t end_mono_ms)
{
    uint64_t now = clock_mono_ms();
    return now < end_mono_ms ? (unsigned)(end_mono_ms - now) : 0;
}

enum store_end pool_stop(struct pool *p, unsigned budget_ms)
{
    if (p == NULL)
        return STORE_CLOSED;
    uint64_t end = clock_mono_ms() + budget_ms;
    bool clean = true;
    watchdog_stop(p->watchdog);
    for (unsigned i = 0; i < p->nworkers; i++)
        clean = worker_stop(p->workers[i], left_ms(end) / 4) && clean;

    /* The close may take 1.5 s on a server that hangs while connected. */
    unsigned half_ms = left_ms(end) * 2 / 5;
    enum store_end store = nodes_stop(&p->nodes, half_ms);
    clean = store != STORE_LEFT && clean;
    for (size_t k = 0; k < p->ninstances; k++)
        if (p->instances[k] != NULL)
            free_instance(p->instances[k]);
    /* A thread that was left behind may still use it. */
    if (clean)
        clean = resolver_stop(p->resolver);
    free(p->instances);
    masters_free(&p->masters);
    nodes_free(&p->nodes);
    free(p->workers);
    free(p->loads);
    free(p);
    return clean ? store : STORE_LEFT;
}

/* ------------------------------------------------------------ instances */

/* The lowest hole, or the end. */
static size_t free_index(struct pool *p)
{
    while (p->lowest < p->ninstances && p->instances[p->lowest] != NULL)
        p->lowest++;
    return p->lowest;
}

static int reserve(struct pool *p, struct err *e)
{
    if (p->ninstances < p->capacity)
        return 0;
    size_t capacity = p->capacity == 0 ? 64 : p->capacity * 2;
    struct instance **grown = realloc(p->instances, capacity * sizeof(*grown));
    if (grown == NULL)
        goto no_memory;
    p->instances = grown;
    if (masters_fit(&p->masters, capacity) != 0)
        goto no_memory;
    p->capacity = capacity;
    return 0;
no_memory:
    err_set(e, "out of memory for %zu instances", capacity);
    return -1;
}

/*
 * A wake-up costs more than some probes, so few instances share one worker, and
 * the others sleep.  Beyond, instances that follow each other, which are due at
 * the same step of a round (reload.c), stay together as well.
 */
static unsigned choose_worker(struct pool *p)
{
    unsigned least = 0;
    for (unsigned w = 0; w < p->nworkers; w++) {
        if (p->loads[w] < ONE_WORKER_MAX)
            return p->chosen = w;
        if (p->loads[w] < p->loads[least])
            least = w;
    }
    if (p->loads[p->chosen] >= p->loads[least] + POOL_BLOCK)
        p->chosen = least;
    return p->chosen;
}

static struct worker *worker_of(const struct pool *p, const struct instance *i)
{
    return p->workers[i->job.worker];
}

static uint64_t job_id(const struct instance *i)
{
    return (uint64_t)i->job.generation << 32 | i->job.index;
}

struct instance *pool_add(struct pool *p, struct config_instance *config,
                          struct err *e)
{
    if (reserve(p, e) != 0)
        return NULL;
    struct instance *i = calloc(1, sizeof *i);
    if (i == NULL) {
        err_set(e, "out of memory for instance %s", config->name);
        return NULL;
    }
    instance_init(i, config, clock_wall_ms());
    i->job.index = free_index(p);
    i->job.generation = ++p->generation;
    i->job.worker = choose_worker(p);
    i->job.result_mono_ms = clock_mono_ms();
    if (nodes_take(&p->nodes, i, e) != 0)
        goto give_back;
    i->job.probe = worker_add(worker_of(p, i), job_id(i), config, e);
    if (i->job.probe == NULL)
        goto give_back;
    p->instances[i->job.index] = i;
    if (i->job.index == p->ninstances)
        p->ninstances++;
    p->count++;
    p->loads[i->job.worker]++;
    return i;
give_back:
    nodes_give_back(&p->nodes, i);
    free_instance(i);
    return NULL;
}

static void job_over(struct pool *p, struct instance *i)
{
    if (!i->job.busy)
        return;
    i->job.busy = false;
    p->jobs--;
    object_gone(OBJECT_JOB);
}

void pool_release(struct pool *p, struct instance *i)
{
    nodes_give_back(&p->nodes, i);
    worker_remove(worker_of(p, i), i->job.probe);
    job_over(p, i);
    p->instances[i->job.index] = NULL;
    if (i->job.index < p->lowest)
        p->lowest = i->job.index;
    p->count--;
    p->loads[i->job.worker]--;
    masters_forget(i);
    free_instance(i);
}

void pool_remove(struct pool *p, struct instance *i)
{
    instance_doubt(i, REASON_REMOVED, "no longer configured", clock_wall_ms());
    nodes_end(&p->nodes, i);
    pool_release(p, i);
}

void pool_share(struct pool *p, struct instance *i)
{
    nodes_share(&p->nodes, i);
}

size_t pool_member(struct pool *p, const char *id, struct err *e)
{
    return publisher_add(p->nodes.publisher, SLOT_MEMBER, id, e);
}

void pool_listed(struct pool *p, bool listed)
{
    p->nodes.listed = listed;
}

int pool_change(struct pool *p, struct instance *i,
                struct config_instance *config, struct err *e)
{
    uint32_t before = i->job.generation;
    i->job.generation = ++p->generation;
    struct probe *probe = worker_add(worker_of(p, i), job_id(i), config, e);
    if (probe == NULL) {
        i->job.generation = before;
        return -1;
    }
    worker_remove(worker_of(p, i), i->job.probe);
    job_over(p, i);
    i->job.probe = probe;
    i->job.result_mono_ms = clock_mono_ms();
    if (strcmp(i->config->address, config->address) == 0) {
        instance_take_config(i, config);
    } else {
        masters_forget(i);
        instance_move(i, config, clock_wall_ms());
        /* It must not advertise where nothing was found yet. */
        nodes_withdraw(&p->nodes, i);
    }
    return 0;
}

size_t pool_size(const struct pool *p)
{
    return p->ninstances;
}

struct instance *pool_instance(const struct pool *p, size_t index)
{
    return index < p->ninstances ? p->instances[index] : NULL;
}

/* ----------------------------------------------------- jobs and results */

/* The lag behind a master is found out here: to the probe it is no reason. */
static enum status told_status(const struct instance *i)
{
    return i->health.reason == REASON_LAG ? STATUS_UP : i->health.status;
}

void pool_probe(struct pool *p, struct instance *i, uint64_t round,
                bool want_info, uint64_t now_mono_ms)
{
    const struct job job = {
        .id = job_id(i),
        .round = round,
        .want_info = want_info,
        .retry =
            i->health.status != STATUS_UNKNOWN && !health_settled(&i->health),
        .status = told_status(i),
    };
    assert(!i->job.busy);
    i->job.busy = true;
    i->job.posted_mono_ms = now_mono_ms;
    p->jobs++;
    object_made(OBJECT_JOB);
    p->round = round;
    worker_post(worker_of(p, i), i->job.probe, &job);
}

void pool_begin(struct pool *p)
{
    for (unsigned w = 0; w < p->nworkers; w++)
        worker_wake(p->workers[w]);
}

static struct instance *by_job_id(const struct pool *p, uint64_t id)
{
    struct instance *i = pool_instance(p, (size_t)(id & UINT32_MAX));
    return i != NULL && job_id(i) == id ? i : NULL;
}

/* Its master, if that is watched as well, and the lag matters. */
static const struct instance *find_master(const struct pool *p,
                                          const struct instance *i,
                                          const struct result *r)
{
    if (!r->fresh_info || !r->follows || i->config->max_lag == 0)
        return NULL;
    return masters_find(&p->masters, r->replid);
}

/* Between two rounds an instance's memory went cold: it is fetched while the
 * one before is looked at. */
static void expect_result(const struct pool *p, const struct result *r)
{
    const struct instance *i = pool_instance(p, (size_t)(r->id & UINT32_MAX));
    if (i == NULL)
        return;
    for (size_t at = 0; at < offsetof(struct instance, record);
         at += CACHE_LINE)
        __builtin_prefetch((const char *)i + at);
}

static void take_result(struct pool *p, const struct result *r,
                        uint64_t now_mono_ms)
{
    struct instance *i = by_job_id(p, r->id);
    const struct pool_hooks *hooks = p->options.hooks;
    if (i == NULL)
        return;
    if (r->lost) {
        if (hooks->lost != NULL)
            hooks->lost(p->options.hooks_arg, i);
        return;
    }
    if (r->late) {
        if (hooks->late != NULL)
            hooks->late(p->options.hooks_arg, i);
        return;
    }
    job_over(p, i);
    i->job.result_mono_ms = now_mono_ms;
    const struct instance *master = find_master(p, i, r);
    enum reason reason = instance_replication(i, r, master);
    if (r->fresh_info)
        masters_note(&p->masters, i);
    hooks->result(p->options.hooks_arg, i, r, reason);
}

static void take_results(struct pool *p, const struct result *results, size_t n,
                         uint64_t now_mono_ms)
{
    for (size_t k = 0; k < n; k++) {
        if (k + 1 < n)
            expect_result(p, &results[k + 1]);
        take_result(p, &results[k], now_mono_ms);
    }
}

void pool_collect(struct pool *p, uint64_t now_mono_ms)
{
    struct result results[TAKE_AT_ONCE];
    pulse_beat(&p->pulse);
    for (unsigned w = 0; w < p->nworkers; w++) {
        size_t n;
        while ((n = worker_take(p->workers[w], results, TAKE_AT_ONCE)) > 0)
            take_results(p, results, n, now_mono_ms);
    }
    nodes_collect(&p->nodes, p->round);
}

void pool_post(struct pool *p, struct instance *i)
{
    nodes_post(&p->nodes, i);
}

void pool_heartbeat(struct pool *p, const struct document_heartbeat *d)
{
    nodes_heartbeat(&p->nodes, d);
}

int pool_own(struct pool *p, bool part, struct err *e)
{
    if (p->nodes.publisher == NULL)
        return 0;
    const char **names = calloc(p->count + 1, sizeof *names);
    size_t n = 0;
    if (names == NULL) {
        err_set(e, "out of memory for the names of %zu instances", p->count);
        return -1;
    }
    for (size_t k = 0; k < pool_size(p); k++) {
        const struct instance *i = pool_instance(p, k);
        if (i != NULL)
            names[n++] = i->config->name;
    }
    int rc = publisher_own(p->nodes.publisher, names, n, part, e);
    free(names);
    return rc;
}

/* -------------------------------------------------------------- figures */

void pool_tally(const struct pool *p, size_t by_status[STATUS_COUNT])
{
    memset(by_status, 0, STATUS_COUNT * sizeof by_status[0]);
    for (size_t k = 0; k < p->ninstances; k++)
        if (p->instances[k] != NULL)
            by_status[p->instances[k]->health.status]++;
}

bool pool_wedged(const struct pool *p, const struct instance *i)
{
    return worker_wedged(worker_of(p, i));
}

size_t pool_queued(const struct pool *p)
{
    size_t n = 0;
    for (unsigned w = 0; w < p->nworkers; w++)
        n += worker_queued(p->workers[w]);
    return n;
}

const char *pool_phase(const struct instance *i)
{
    return worker_phase(i->job.probe);
}

const char *pool_presence(const struct pool *p, const struct instance *i)
{
    if (p->nodes.publisher == NULL || !p->nodes.presence)
        return NULL;
    switch (i->nodes.presence) {
    case PRESENCE_HERE:
        return "here";
    case PRESENCE_GONE:
        return "gone";
    case PRESENCE_AS_IT_IS:
        break;
    }
    return "as it is";
}

struct pool_parts pool_parts(const struct pool *p)
{
    return (struct pool_parts){
        .id = p->id,
        .host = p->host,
        .workers = p->nworkers,
        .count = p->count,
        .jobs = p->jobs,
        .publisher = p->nodes.publisher,
        .heartbeat_slot = p->nodes.heartbeat_slot,
        .not_vouched = &p->nodes.not_vouched,
        .watchdog = p->watchdog,
    };
}
