/*
 * Members come and go: the start, a reload, the stop; and the dump, which
 * shows them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/clock.h"
#include "agent/config.h"
#include "agent/log.h"
#include "agent/objects.h"
#include "agent/process.h"
#include "rounds_impl.h"

#include "agent/rounds.h"

#define SPREAD_STEP_MS 10

/* ------------------------------------------------------------------ turns */

/*
 * A member's place in the spread of its interval.  Each step wakes the loop, a
 * worker and the loop again, so they are not as small as they could be.
 */
static uint64_t offset_ms(const struct rounds *r, const struct member *m)
{
    size_t count = pool_count(r->pool);
    uint64_t part =
        (uint64_t)m->instance.config->interval_ms * r->spread_percent / 100;
    uint64_t step = part < 10 * SPREAD_STEP_MS ? 1 : SPREAD_STEP_MS;
    if (count == 0)
        return 0;
    return part * (m->index % count) / count / step * step;
}

/* The first regular turn after NOW, in step with the rounds. */
static void place(struct rounds *r, struct member *m, uint64_t now)
{
    struct turn *t = turn_of(m);
    bool known = m->instance.health.reason != REASON_PENDING;
    uint64_t interval = m->instance.config->interval_ms;
    uint64_t due = r->round_mono_ms + offset_ms(r, m);
    if (due <= now)
        due += ((now - due) / interval + 1) * interval;
    /* What is not known yet is asked at once; its regular turns begin with
     * the next round. */
    if (!known && due < now + interval)
        due += interval;
    t->regular_mono_ms = due;
    if (!known)
        due = now;
    else if (t->due_mono_ms != 0 && t->due_mono_ms < due)
        due = t->due_mono_ms;
    rounds_set_due(r, m, due);
}

static int fit_schedule(struct rounds *r, size_t size, struct err *e)
{
    if (size <= r->schedule_size)
        return 0;
    size_t grown = size + size / 2;
    struct schedule *s = schedule_new(grown, e);
    if (s == NULL)
        return -1;
    for (size_t i = 0; i < pool_slots(r->pool); i++) {
        const struct member *m = pool_member(r->pool, i);
        if (m != NULL && m->user != NULL)
            schedule_set(s, i, turn_of(m)->due_mono_ms);
    }
    schedule_free(r->schedule);
    r->schedule = s;
    r->schedule_size = grown;
    return 0;
}

static struct member *add_member(struct rounds *r,
                                 struct config_instance *config, struct err *e)
{
    struct turn *t = calloc(1, sizeof *t);
    if (t == NULL) {
        err_set(e, "out of memory for instance %s", config->name);
        return NULL;
    }
    if (fit_schedule(r, pool_slots(r->pool) + 1, e) != 0)
        goto free_turn;
    struct member *m = pool_add(r->pool, config, e);
    if (m == NULL)
        goto free_turn;
    m->user = t;
    return m;
free_turn:
    free(t);
    return NULL;
}

static void turn_free(struct turn *t)
{
    recent_clear(&t->recent);
    free(t);
}

/* The log says it in `reloaded`; who follows the changes learns it here. */
static void note_removed(struct rounds *r, const struct member *m)
{
    const struct instance *i = &m->instance;
    const struct history_event event = {
        .time_wall_ms = clock_wall_ms(),
        .round = r->round,
        .from = i->health.status,
        .to = STATUS_UNKNOWN,
        .from_reason = i->health.reason,
        .reason = REASON_REMOVED,
        .instance = i->config->name,
        .address = i->config->address,
        .detail = "no longer configured",
        .cause = reason_sentence(REASON_REMOVED),
    };
    history_add(r->history, &event);
}

static void remove_member(struct rounds *r, struct member *m)
{
    struct turn *t = turn_of(m);
    if (t->inherited)
        r->inherited--;
    rounds_not_awaited(r, m);
    schedule_remove(r->schedule, m->index);
    note_removed(r, m);
    pool_remove(r->pool, m);
    turn_free(t);
}

static void place_all(struct rounds *r, uint64_t now)
{
    for (size_t i = 0; i < pool_slots(r->pool); i++) {
        struct member *m = pool_member(r->pool, i);
        if (m != NULL)
            place(r, m, now);
    }
}

static void take_paces(struct rounds *r, const struct config *c)
{
    r->interval_ms = c->agent.interval_ms;
    r->spread_percent = c->agent.spread_percent;
    r->publish_every_round = c->zookeeper.publish == CONFIG_PUBLISH_ROUND;
}

/* ------------------------------------------------------- start and stop */

static void rounds_free(struct rounds *r)
{
    history_free(r->history);
    schedule_free(r->schedule);
    free(r);
}

static void free_turns(struct rounds *r)
{
    for (size_t i = 0; i < pool_slots(r->pool); i++) {
        struct member *m = pool_member(r->pool, i);
        if (m != NULL)
            turn_free(turn_of(m));
    }
}

struct rounds *rounds_start(const struct config *config, void (*wake)(void *),
                            void *arg, struct err *e)
{
    struct rounds *r = calloc(1, sizeof *r);
    if (r == NULL) {
        err_set(e, "out of memory");
        return NULL;
    }
    take_paces(r, config);
    r->started_wall_ms = clock_wall_ms();
    r->started_mono_ms = clock_mono_ms();
    histogram_init(&r->probes, &HISTOGRAM_PROBE);
    r->history = history_new(e);
    if (r->history == NULL)
        goto free_rounds;
    const struct pool_options o = {
        .config = config,
        .publish = config->zookeeper.enabled,
        .presence = true,
        .watchdog = true,
        .resume = true,
        .hooks = &ROUNDS_HOOKS,
        .hooks_arg = r,
        .wake = wake,
        .wake_arg = arg,
    };
    r->pool = pool_start(&o, e);
    if (r->pool == NULL)
        goto free_rounds;
    for (size_t i = 0; i < config->ninstances; i++)
        if (add_member(r, config->instances[i], e) == NULL)
            goto stop;
    pool_seek_orphans(r->pool);
    r->round_mono_ms = r->next_round_mono_ms = clock_mono_ms();
    place_all(r, r->round_mono_ms);
    return r;
stop:
    if (rounds_stop(r, 1000) == STORE_LEFT)
        LOG_EVENT(LOG_LEVEL_WARN, "stopped", LOG_STR("left", "threads"));
    return NULL;
free_rounds:
    rounds_free(r);
    return NULL;
}

enum store_end rounds_stop(struct rounds *r, unsigned budget_ms)
{
    pool_collect(r->pool, clock_mono_ms());
    free_turns(r);
    enum store_end end = pool_stop(r->pool, budget_ms);
    rounds_free(r);
    return end;
}

/* ------------------------------------------------------------------ reload */

static int by_name(const void *a, const void *b)
{
    const struct member *const *x = a;
    const struct member *const *y = b;
    return strcmp((*x)->instance.config->name, (*y)->instance.config->name);
}

static int name_and_member(const void *key, const void *element)
{
    const struct member *const *m = element;
    return strcmp(key, (*m)->instance.config->name);
}

/* Fills the array of all members, sorted by name; returns how many. */
static size_t sorted_members(const struct rounds *r, struct member **out)
{
    size_t n = 0;
    for (size_t i = 0; i < pool_slots(r->pool); i++) {
        struct member *m = pool_member(r->pool, i);
        if (m != NULL)
            out[n++] = m;
    }
    qsort(out, n, sizeof(*out), by_name);
    return n;
}

/* What is known of one address says nothing of another. */
static int change_member(struct rounds *r, struct member *m,
                         struct config_instance *config, struct err *e)
{
    bool moved = strcmp(m->instance.config->address, config->address) != 0;
    struct health before = m->instance.health;
    if (pool_change(r->pool, m, config, e) != 0)
        return -1;
    if (!moved)
        return 0;
    recent_clear(&turn_of(m)->recent);
    if (before.reason != REASON_PENDING)
        rounds_note_verdict(r, m,
                            before.status == STATUS_UNKNOWN ? HEALTH_REASON
                                                            : HEALTH_STATUS,
                            &before, "another address is configured");
    return 0;
}

/* Keeps or changes the member, or adds one. */
static int reload_one(struct rounds *r, struct config_instance *config,
                      struct member *old, struct rounds_change *change,
                      struct err *e)
{
    if (old == NULL) {
        change->added++;
        return add_member(r, config, e) == NULL ? -1 : 0;
    }
    if (config_instance_equal(old->instance.config, config)) {
        /* What only a reader of the document sees. */
        bool paused = old->instance.config->paused != config->paused;
        instance_take_config(&old->instance, config);
        change->changed += paused;
        change->kept += !paused;
        if (paused)
            rounds_post(r, old);
        return 0;
    }
    change->changed++;
    if (change_member(r, old, config, e) != 0)
        return -1;
    /* The job that this round waited for is gone. */
    rounds_not_awaited(r, old);
    rounds_post(r, old);
    return 0;
}

/* The heartbeat that was written last was to be renewed at the old pace. */
static void change_pace(struct rounds *r, const struct config *config)
{
    unsigned before = r->interval_ms;
    take_paces(r, config);
    if (r->interval_ms == before)
        return;
    r->next_round_mono_ms = r->round_mono_ms + r->interval_ms;
    if (!r->heartbeat_due)
        rounds_heartbeat(r);
}

int rounds_reload(struct rounds *r, const struct config *config,
                  struct rounds_change *out, struct err *e)
{
    memset(out, 0, sizeof *out);
    size_t count = pool_count(r->pool);
    struct member **old = calloc(count + 1, sizeof(*old));
    bool *stays = calloc(count + 1, sizeof(*stays));
    int rc = -1;
    if (old == NULL || stays == NULL) {
        err_set(e, "out of memory for %zu instances", count);
        goto done;
    }
    size_t n = sorted_members(r, old);
    for (size_t i = 0; i < config->ninstances; i++) {
        struct config_instance *c = config->instances[i];
        struct member **m =
            bsearch(c->name, old, n, sizeof(*old), name_and_member);
        if (m != NULL)
            stays[m - old] = true;
        if (reload_one(r, c, m == NULL ? NULL : *m, out, e) != 0)
            goto done;
    }
    for (size_t i = 0; i < n; i++) {
        if (stays[i])
            continue;
        remove_member(r, old[i]);
        out->removed++;
    }
    rc = 0;
done:
    change_pace(r, config);
    place_all(r, clock_mono_ms());
    free(stays);
    free(old);
    return rc;
}

/* -------------------------------------------------------------------- dump */

static void dump_job(const struct member *m, uint64_t now_mono_ms)
{
    LOG_EVENT(LOG_LEVEL_INFO, "dump_job",
              LOG_STR("instance", m->instance.config->name),
              LOG_STR("phase", pool_phase(m)),
              LOG_UINT("age_ms", now_mono_ms - m->job_mono_ms),
              LOG_UINT("worker", m->worker));
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
    struct publisher_info info;
    struct process_memory memory;
    pool_publisher_info(r->pool, &info);
    process_memory(&memory);
    bool publishing = pool_publishing(r->pool);
    const struct log_pair figures[] = {
        LOG_UINT("workers", pool_workers(r->pool)),
        LOG_UINT("jobs_active", pool_jobs(r->pool)),
        LOG_UINT("jobs_queued", pool_queued(r->pool)),
        LOG_INT("threads", process_threads()),
        LOG_UINT("round", r->round),
        LOG_STR("zk_state",
                publishing ? store_state_name(info.store.state) : "off"),
        LOG_UINT("zk_pending", info.pending),
        LOG_UINT("zk_in_flight", info.in_flight),
        LOG_UINT("zk_oldest_pending_ms", info.oldest_pending_ms),
        LOG_UINT("zk_writes_ok", info.writes_ok),
        LOG_UINT("zk_writes_failed", info.writes_failed),
        LOG_UINT("zk_drifts", info.drifts),
        LOG_UINT("zk_conflicts", info.conflicts),
        LOG_UINT("zk_reapers", info.store.reapers),
        LOG_INT("rss_kb", process_rss_kb()),
        LOG_UINT("instances", pool_count(r->pool)),
        LOG_UINT("skipped", r->skipped),
        LOG_UINT("overruns", r->overruns),
        LOG_UINT("voided", r->voided),
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
    for (size_t i = 0; i < pool_slots(r->pool); i++) {
        const struct member *m = pool_member(r->pool, i);
        if (m != NULL && m->busy)
            dump_job(m, now_mono_ms);
    }
}
