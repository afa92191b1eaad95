/*
 * Composition of resolver, workers and publisher around the instances.  It
 * moves values between the mailboxes and the members; it knows neither
 * rounds nor verdicts.
 *
 * A job carries an id made of the member's index and a generation, so that a
 * result that was under way while its member was removed finds nobody.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/clock.h"
#include "agent/config.h"
#include "agent/log.h"
#include "agent/role.h"
#include "agent/sd_notify.h"
#include "agent/objects.h"
#include "agent/resolver.h"
#include "pool_impl.h"

#include "agent/pool.h"

#define TAKE_AT_ONCE 64
#define CACHE_LINE   64
/* A start that failed half-way has nothing to publish. */
#define FAILED_START_MS 1000

/* ------------------------------------------------------------- starting */

static int start_workers(struct pool *f, unsigned n, struct err *e)
{
    f->workers = calloc(n, sizeof *f->workers);
    if (f->workers == NULL) {
        err_set(e, "out of memory for %u workers", n);
        return -1;
    }
    for (; f->nworkers < n; f->nworkers++) {
        const struct worker_options o = {
            .index = f->nworkers,
            .resolver = f->resolver,
            .wake = f->options.wake,
            .arg = f->options.wake_arg,
        };
        f->workers[f->nworkers] = worker_start(&o, e);
        if (f->workers[f->nworkers] == NULL)
            return -1;
    }
    return 0;
}

static void tell_manager(void *arg)
{
    (void)arg;
    sd_notify_watchdog();
}

static int start_watchdog(struct pool *f, const struct config *c, struct err *e)
{
    const struct watchdog_options o = {
        .wedge_timeout_ms = c->agent.wedge_timeout_ms,
        .changed = f->options.wake,
        .changed_arg = f->options.wake_arg,
        .alive = tell_manager,
        /* Half of what is allowed, as sd_watchdog_enabled(3) advises. */
        .alive_ms = (unsigned)(sd_notify_watchdog_interval_ms() + 1) / 2,
    };
    f->watchdog = watchdog_new(&o, e);
    if (f->watchdog == NULL)
        return -1;
    watchdog_watch(f->watchdog, &(struct watch){ .thread = "loop",
                                                 .pulse = &f->pulse,
                                                 .nudge = f->options.wake,
                                                 .arg = f->options.wake_arg });
    resolver_watch(f->resolver, f->watchdog);
    for (unsigned i = 0; i < f->nworkers; i++)
        worker_watch(f->workers[i], f->watchdog);
    if (f->publisher != NULL)
        publisher_watch(f->publisher, f->watchdog);
    return watchdog_start(f->watchdog, e);
}

struct pool *pool_start(const struct pool_options *o, struct err *e)
{
    struct pool *f = calloc(1, sizeof *f);
    if (f == NULL) {
        err_set(e, "out of memory");
        return NULL;
    }
    f->options = *o;
    f->heartbeat_slot = NO_SLOT;
    f->presence = o->presence && o->config->zookeeper.presence;
    snprintf(f->id, sizeof f->id, "%s", o->config->agent.id);
    if (gethostname(f->host, sizeof f->host - 1) != 0)
        snprintf(f->host, sizeof f->host, "%s", f->id);
    f->resolver = resolver_start(e);
    if (f->resolver == NULL)
        goto stop;
    if (start_workers(f, o->config->agent.workers, e) != 0)
        goto stop;
    if (o->publish && pool_start_publisher(f, o->config, e) != 0)
        goto stop;
    if (o->watchdog && start_watchdog(f, o->config, e) != 0)
        goto stop;
    return f;
stop:
    if (pool_stop(f, FAILED_START_MS) == STORE_LEFT)
        LOG_EVENT(LOG_LEVEL_WARN, "stopped", LOG_STR("left", "threads"));
    return NULL;
}

/* ------------------------------------------------------------- stopping */

static void entry_free(struct entry *n)
{
    instance_drop(&n->member.instance);
    free(n);
}

static unsigned left_ms(uint64_t end_mono_ms)
{
    uint64_t now = clock_mono_ms();
    return now < end_mono_ms ? (unsigned)(end_mono_ms - now) : 0;
}

enum store_end pool_stop(struct pool *f, unsigned budget_ms)
{
    if (f == NULL)
        return STORE_CLOSED;
    uint64_t end = clock_mono_ms() + budget_ms;
    bool clean = true;
    watchdog_stop(f->watchdog);
    for (unsigned i = 0; i < f->nworkers; i++)
        clean = worker_stop(f->workers[i], left_ms(end) / 4) && clean;

    /* The close may take 1.5 s on a server that hangs while connected. */
    unsigned half_ms = left_ms(end) * 2 / 5;
    enum store_end store = publisher_stop(f->publisher, half_ms, half_ms);
    clean = store != STORE_LEFT && clean;
    for (size_t i = 0; i < f->nentries; i++)
        if (f->entries[i] != NULL)
            entry_free(f->entries[i]);
    /* Who was left behind may still use it. */
    if (clean)
        clean = resolver_stop(f->resolver);
    free(f->entries);
    free(f->masters.buckets);
    free(f->by_slot);
    free(f->workers);
    free(f);
    return clean ? store : STORE_LEFT;
}

/* -------------------------------------------------------------- members */

/* The lowest hole, or the end. */
static size_t free_index(struct pool *f)
{
    while (f->lowest < f->nentries && f->entries[f->lowest] != NULL)
        f->lowest++;
    return f->lowest;
}

static int reserve(struct pool *f, struct err *e)
{
    if (f->nentries < f->capacity)
        return 0;
    size_t capacity = f->capacity == 0 ? 64 : f->capacity * 2;
    struct entry **grown = realloc(f->entries, capacity * sizeof(*grown));
    if (grown == NULL) {
        err_set(e, "out of memory for %zu instances", capacity);
        return -1;
    }
    f->entries = grown;
    if (pool_masters_fit(f, capacity) != 0) {
        err_set(e, "out of memory for %zu instances", capacity);
        return -1;
    }
    f->capacity = capacity;
    return 0;
}

struct member *pool_add(struct pool *f, struct config_instance *config,
                        struct err *e)
{
    if (reserve(f, e) != 0)
        return NULL;
    struct entry *n = calloc(1, sizeof *n);
    if (n == NULL) {
        err_set(e, "out of memory for instance %s", config->name);
        return NULL;
    }
    n->member.index = free_index(f);
    n->generation = ++f->generation;
    n->member.worker = (unsigned)(n->member.index % f->nworkers);
    n->member.result_mono_ms = clock_mono_ms();
    n->status_slot = n->presence_slot = NO_SLOT;
    instance_init(&n->member.instance, config, clock_wall_ms());
    if (pool_take_slots(f, n, e) != 0)
        goto give_back;
    n->target =
        worker_add(f->workers[n->member.worker], entry_id(n), config, e);
    if (n->target == NULL)
        goto give_back;
    f->entries[n->member.index] = n;
    if (n->member.index == f->nentries)
        f->nentries++;
    f->count++;
    return &n->member;
give_back:
    pool_give_slots_back(f, n);
    entry_free(n);
    return NULL;
}

static void job_over(struct pool *f, struct member *m)
{
    if (!m->busy)
        return;
    m->busy = false;
    f->jobs--;
    object_gone(OBJECT_JOB);
}

void pool_remove(struct pool *f, struct member *m)
{
    struct entry *n = entry_of(m);
    instance_doubt(&m->instance, REASON_REMOVED, "no longer configured",
                   clock_wall_ms());
    m->found = true; /* its last document is posted in any case */
    pool_post(f, m);
    pool_withdraw(f, n);
    pool_give_slots_back(f, n);
    worker_remove(f->workers[m->worker], n->target);
    job_over(f, m);
    f->entries[m->index] = NULL;
    if (m->index < f->lowest)
        f->lowest = m->index;
    f->count--;
    pool_masters_forget(n);
    entry_free(n);
}

int pool_change(struct pool *f, struct member *m,
                struct config_instance *config, struct err *e)
{
    struct entry *n = entry_of(m);
    struct instance *i = &m->instance;
    uint32_t before = n->generation;
    n->generation = ++f->generation;
    struct worker_target *target =
        worker_add(f->workers[m->worker], entry_id(n), config, e);
    if (target == NULL) {
        n->generation = before;
        return -1;
    }
    worker_remove(f->workers[m->worker], n->target);
    job_over(f, m);
    n->target = target;
    m->result_mono_ms = clock_mono_ms();
    if (strcmp(i->config->address, config->address) == 0) {
        instance_take_config(i, config);
    } else {
        pool_masters_forget(n);
        instance_drop(i);
        instance_init(i, config, clock_wall_ms());
        /* It must not advertise where nothing was found yet. */
        pool_withdraw(f, n);
    }
    return 0;
}

size_t pool_slots(const struct pool *f)
{
    return f->nentries;
}

size_t pool_count(const struct pool *f)
{
    return f->count;
}

struct member *pool_member(const struct pool *f, size_t index)
{
    if (index >= f->nentries || f->entries[index] == NULL)
        return NULL;
    return &f->entries[index]->member;
}

/* ----------------------------------------------------- jobs and results */

void pool_probe(struct pool *f, struct member *m, uint64_t round,
                bool want_info, uint64_t now_mono_ms)
{
    struct entry *n = entry_of(m);
    const struct job job = {
        .id = entry_id(n),
        .round = round,
        .want_info = want_info,
    };
    assert(!m->busy);
    m->busy = true;
    m->job_mono_ms = now_mono_ms;
    f->jobs++;
    object_made(OBJECT_JOB);
    f->round = round;
    worker_post(f->workers[m->worker], n->target, &job);
}

void pool_begin(struct pool *f)
{
    for (unsigned i = 0; i < f->nworkers; i++)
        worker_wake(f->workers[i]);
}

static struct member *member_by_id(const struct pool *f, uint64_t id)
{
    struct member *m = pool_member(f, (size_t)(id & UINT32_MAX));
    return m != NULL && entry_id(entry_of(m)) == id ? m : NULL;
}

/* Its master, if that is watched as well, and the lag matters. */
static const struct instance *find_master(const struct pool *f,
                                          const struct member *m,
                                          const struct result *r)
{
    if (!r->fresh_info || r->role != ROLE_REPLICA ||
        m->instance.config->max_lag == 0)
        return NULL;
    return pool_masters_find(f, r->replid);
}

/* Between two rounds a member's memory went cold: it is fetched while the one
 * before is looked at. */
static void expect_result(const struct pool *f, const struct result *r)
{
    const struct member *m = pool_member(f, (size_t)(r->id & UINT32_MAX));
    const char *at = (const char *)m;
    if (m == NULL)
        return;
    for (size_t i = 0; i < sizeof *m; i += CACHE_LINE)
        __builtin_prefetch(at + i);
    __builtin_prefetch(m->user);
}

static void take_result(struct pool *f, const struct result *r,
                        uint64_t now_mono_ms)
{
    struct member *m = member_by_id(f, r->id);
    const struct pool_hooks *hooks = f->options.hooks;
    if (m == NULL)
        return;
    if (r->lost) {
        if (hooks->lost != NULL)
            hooks->lost(f->options.hooks_arg, m);
        return;
    }
    job_over(f, m);
    m->result_mono_ms = now_mono_ms;
    const struct instance *master = find_master(f, m, r);
    enum reason reason = instance_replication(&m->instance, r, master);
    if (r->fresh_info)
        pool_masters_note(f, entry_of(m));
    hooks->result(f->options.hooks_arg, m, r, reason);
}

static void take_results(struct pool *f, const struct result *results, size_t n,
                         uint64_t now_mono_ms)
{
    for (size_t i = 0; i < n; i++) {
        if (i + 1 < n)
            expect_result(f, &results[i + 1]);
        take_result(f, &results[i], now_mono_ms);
    }
}

void pool_collect(struct pool *f, uint64_t now_mono_ms)
{
    struct result results[TAKE_AT_ONCE];
    pulse_beat(&f->pulse);
    for (unsigned w = 0; w < f->nworkers; w++) {
        size_t n;
        while ((n = worker_take(f->workers[w], results, TAKE_AT_ONCE)) > 0)
            take_results(f, results, n, now_mono_ms);
    }
    pool_take_events(f);
}

/* -------------------------------------------------------------- figures */

void pool_tally(const struct pool *f, size_t by_status[STATUS_COUNT])
{
    memset(by_status, 0, STATUS_COUNT * sizeof by_status[0]);
    for (size_t i = 0; i < f->nentries; i++)
        if (f->entries[i] != NULL)
            by_status[f->entries[i]->member.instance.health.status]++;
}

bool pool_well(const struct pool *f)
{
    return f->watchdog == NULL || watchdog_well(f->watchdog);
}

bool pool_wedged(const struct pool *f, const struct member *m)
{
    return worker_wedged(f->workers[m->worker]);
}

size_t pool_wedged_threads(const struct pool *f, const char **names, size_t max)
{
    return f->watchdog == NULL ? 0 : watchdog_wedged(f->watchdog, names, max);
}

size_t pool_jobs(const struct pool *f)
{
    return f->jobs;
}

size_t pool_queued(const struct pool *f)
{
    size_t n = 0;
    for (unsigned i = 0; i < f->nworkers; i++)
        n += worker_queued(f->workers[i]);
    return n;
}

unsigned pool_workers(const struct pool *f)
{
    return f->nworkers;
}

const char *pool_phase(const struct member *m)
{
    return worker_target_phase(entry_of_const(m)->target);
}

const char *pool_id(const struct pool *f)
{
    return f->id;
}

const char *pool_host(const struct pool *f)
{
    return f->host;
}
