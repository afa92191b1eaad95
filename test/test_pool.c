/*
 * The pool between its neighbours: what it asks of workers and publisher, and
 * what it makes of their answers.  All of them are fakes; time is made up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/clock.h"
#include "agent/pool.h"

#include "fake_engine.h"
#include "must.h"

#define AGENT "[agent]\nid = me\ninterval = 10s\ntimeout = 1s\nworkers = 2\n"
#define ZK    "[zookeeper]\nservers = 127.0.0.1:2181\n"
#define REDISES                                        \
    "[redis:a]\naddress = 127.0.0.1:1\nmax_lag = 1K\n" \
    "[redis:b]\naddress = 127.0.0.1:2\n"               \
    "[redis:c]\naddress = unix:/run/c.sock\n"
#define REPLID "0123456789012345678901234567890123456789"

static struct config *config;
static struct pool *pool;
static struct instance *a;
static struct instance *b;
static struct instance *c;

/* What the hooks were told. */
static struct {
    unsigned results;
    struct instance *instance;
    struct result result;
    enum reason reason;
    unsigned lost;
    unsigned late;
    unsigned found;
    struct instance *found_instance;
} told;

static void on_result(void *arg, struct instance *i, const struct result *r,
                      enum reason reason)
{
    assert_ptr_equal(arg, &told);
    told.results++;
    told.instance = i;
    told.result = *r;
    told.reason = reason;
}

static void on_lost(void *arg, struct instance *i)
{
    assert_ptr_equal(arg, &told);
    told.lost++;
    told.instance = i;
}

static void on_late(void *arg, struct instance *i)
{
    assert_ptr_equal(arg, &told);
    told.late++;
    told.instance = i;
}

static void on_found(void *arg, struct instance *i,
                     const struct publisher_event *e)
{
    (void)e;
    assert_ptr_equal(arg, &told);
    told.found++;
    told.found_instance = i;
}

static struct pool_hooks hooks;

static void wake(void *arg)
{
    (void)arg;
}

static struct pool_options options(void)
{
    return (struct pool_options){
        .config = config,
        .publish = config->zookeeper.enabled,
        .presence = true,
        .watchdog = true,
        .hooks = &hooks,
        .hooks_arg = &told,
        .wake = wake,
        .wake_arg = &told,
    };
}

static void settings(const char *text)
{
    fakes_reset();
    memset(&told, 0, sizeof told);
    hooks = (struct pool_hooks){
        .result = on_result, .lost = on_lost, .late = on_late, .found = on_found
    };
    config = fakes_config(text);
}

static void start(const char *text)
{
    struct err e;
    settings(text);
    const struct pool_options o = options();
    pool = pool_start(&o, &e);
    MUST(pool != NULL);
    struct instance **all[] = { &a, &b, &c };
    for (size_t k = 0; k < config->ninstances; k++) {
        *all[k] = pool_add(pool, config->instances[k], &e);
        MUST(*all[k] != NULL);
    }
}

static void stop(void)
{
    assert_int_equal(pool_stop(pool, 3000), STORE_CLOSED);
    assert_int_equal(fakes.nprobes, 0);
    config_free(config);
}

static struct result result_of(const struct instance *i, enum reason reason)
{
    return (struct result){
        .id = i->job.probe->id,
        .reason = reason,
        .started_mono_us = fakes.mono_us,
        .ended_wall_ms = fakes.wall_ms,
        .rtt_us = 100,
        .offset = -1,
        .behind = -1,
    };
}

static void deliver(const struct instance *i, const struct result *r)
{
    struct worker *w = i->job.probe->worker;
    w->outbox[w->nresults++] = *r;
    pool_collect(pool, fakes_now());
}

/* One good or bad result is enough for a verdict. */
static void judge(struct instance *i, enum reason reason)
{
    const struct health_policy policy = { .rise = 1, .fall = 1 };
    struct result r = result_of(i, reason);
    instance_judge(i, &r, reason, &policy);
}

/* ------------------------------------------------------------------ start */

static void all_parts_are_started_and_watched(void **state)
{
    (void)state;
    start(AGENT ZK REDISES);
    assert_int_equal(fakes.nworkers, 2);
    for (unsigned w = 0; w < 2; w++) {
        assert_int_equal(fakes.workers[w].options.index, w);
        assert_ptr_equal(fakes.workers[w].options.wake, wake);
        assert_ptr_equal(fakes.workers[w].options.arg, &told);
        assert_non_null(fakes.workers[w].options.resolver);
        assert_true(fakes.workers[w].watched);
    }
    assert_true(fakes.resolver_watched);
    assert_true(fakes.publisher_watched);
    assert_true(fakes.watchdog_started);
    assert_string_equal(fakes.watch_thread, "loop");
    assert_ptr_equal(fakes.watchdog.changed, wake);
    assert_int_equal(fakes.watchdog.wedge_timeout_ms,
                     config->agent.wedge_timeout_ms);
    struct pool_parts p = pool_parts(pool);
    assert_string_equal(p.id, "me");
    assert_true(p.host[0] != '\0');
    assert_int_equal(p.workers, 2);
    assert_int_equal(p.count, 3);
    assert_int_equal(p.jobs, 0);
    assert_non_null(p.publisher);
    assert_non_null(p.watchdog);
    assert_int_equal(p.heartbeat_slot, 0);
    stop();
    assert_true(fakes.watchdog_stopped);
    assert_true(fakes.publisher_stopped);
    assert_true(fakes.resolver_stopped);
    assert_true(fakes.workers[0].stopped && fakes.workers[1].stopped);
}

static void without_zookeeper_nothing_is_published(void **state)
{
    (void)state;
    start(AGENT REDISES);
    assert_null(pool_parts(pool).publisher);
    assert_int_equal(fakes.stores, 0);
    judge(a, REASON_OK);
    pool_post(pool, a);
    pool_heartbeat(pool, &(struct document_heartbeat){ .agent = "me" });
    pool_collect(pool, fakes_now());
    assert_int_equal(fakes.nslots, 0);
    assert_null(pool_presence(pool, a));
    pool_remove(pool, a);
    stop();
}

/* The pool must not come to life with a part missing. */
static void a_part_that_does_not_start_stops_all_others(void **state)
{
    (void)state;
    for (int part = 0; part < 5; part++) {
        struct err e = { "" };
        settings(AGENT "state_dir = /tmp\n" ZK REDISES);
        fakes.may_start = part == 0 ? 1 : FAKE_WORKERS;
        fakes.no_publisher = part == 1;
        fakes.max_slots = part == 2 ? 0 : FAKE_SLOTS;
        fakes.watchdog_fails = part == 3;
        fakes.no_session_file = part == 4;
        struct pool_options o = options();
        o.resume = true;
        assert_null(pool_start(&o, &e));
        assert_true(e.text[0] != '\0');
        assert_true(fakes.workers[0].stopped);
        assert_true(fakes.resolver_stopped);
        assert_int_equal(fakes.publisher_stopped, fakes.publisher_started);
        assert_int_equal(fakes_logged("stopped"), 0);
        config_free(config);
    }
}

static void a_failed_start_says_what_it_left_behind(void **state)
{
    struct err e;
    (void)state;
    settings(AGENT ZK REDISES);
    fakes.no_publisher = true;
    fakes.resolver_stays = true;
    const struct pool_options o = options();
    assert_null(pool_start(&o, &e));
    assert_string_equal(fakes_event("stopped")->pairs, "left=threads ");
    config_free(config);
}

static void the_publisher_is_told_who_we_are(void **state)
{
    (void)state;
    start("[agent]\nid = me\nstate_dir = /tmp\n" ZK
          "session_timeout = 4s\nrefresh = 1m\npresence = yes\nroot = "
          "/r\n" REDISES);
    assert_string_equal(fakes.publisher.root, "/r");
    assert_string_equal(fakes.publisher.agent, "me");
    assert_string_equal(fakes.publisher.host, pool_parts(pool).host);
    assert_true(fakes.publisher.presence);
    assert_int_equal(fakes.publisher.refresh_ms, 60000);
    assert_int_equal(fakes.publisher.recheck_ms, 4000);
    assert_false(fakes.publisher.wake_idle);
    assert_ptr_equal(fakes.publisher.wake, wake);
    assert_int_equal(fakes.zk.nservers, 1);
    assert_int_equal(fakes.zk.session_timeout_ms, 4000);
    assert_non_null(fakes.zk.resolver);
    /* Without `resume` nobody's session is taken up. */
    assert_null(fakes.zk.session_file);
    assert_int_equal(fakes.slots[0].kind, SLOT_HEARTBEAT);
    assert_string_equal(fakes.slots[0].name, "me");
    stop();
}

static void a_session_is_resumed_within_its_scope(void **state)
{
    struct err e;
    (void)state;
    settings("[agent]\nid = me\nstate_dir = /tmp\n" ZK
             "presence = yes\nsession_timeout = 30s\n" REDISES);
    struct pool_options o = options();
    o.resume = true;
    o.persistent_heartbeat = true;
    pool = pool_start(&o, &e);
    assert_non_null(fakes.zk.session_file);
    assert_string_equal(fakes.session_folder, "/tmp");
    assert_ptr_equal(
        strstr(fakes.session_scope, "root=/sentinel-agent presence=yes host="),
        fakes.session_scope);
    /* --check-once refreshes nothing and waits for the end. */
    assert_int_equal(fakes.publisher.refresh_ms, 0);
    assert_int_equal(fakes.publisher.recheck_ms, 5000);
    assert_true(fakes.publisher.wake_idle);
    assert_int_equal(fakes.slots[0].kind, SLOT_HEARTBEAT_PERSISTENT);
    stop();

    settings("[agent]\nid = me\nstate_dir = /tmp\n" ZK REDISES);
    o = options();
    o.resume = true;
    o.presence = false;
    o.watchdog = false;
    pool = pool_start(&o, &e);
    assert_non_null(strstr(fakes.session_scope, "presence=no"));
    assert_false(fakes.watchdog_started);
    assert_null(pool_parts(pool).watchdog);
    stop();

    /* Nowhere to keep it. */
    settings("[agent]\nid = me\n" ZK REDISES);
    o = options();
    o.resume = true;
    pool = pool_start(&o, &e);
    assert_null(fakes.zk.session_file);
    stop();
}

/* ------------------------------------------------------------------- stop */

static void a_thread_that_stays_is_told(void **state)
{
    (void)state;
    for (int part = 0; part < 3; part++) {
        start(AGENT ZK REDISES);
        fakes.workers[0].stays = part == 0;
        fakes.end = part == 1 ? STORE_LEFT : STORE_CLOSED;
        fakes.resolver_stays = part == 2;
        assert_int_equal(pool_stop(pool, 3000), STORE_LEFT);
        /* What is left behind may still use the resolver. */
        assert_int_equal(fakes.resolver_stopped, part == 2);
        assert_true(fakes.workers[1].stopped);
        assert_true(fakes.publisher_stopped);
        config_free(config);
    }
    assert_int_equal(pool_stop(NULL, 1), STORE_CLOSED);
}

static void the_time_to_stop_is_shared(void **state)
{
    (void)state;
    start(AGENT ZK REDISES);
    fakes.end = STORE_KEPT;
    assert_int_equal(pool_stop(pool, 1000), STORE_KEPT);
    assert_int_equal(fakes.workers[0].stop_budget_ms, 250);
    assert_int_equal(fakes.drain_ms, 400);
    assert_int_equal(fakes.close_ms, 400);
    config_free(config);
}

/* -------------------------------------------------------------- instances */

static void few_instances_share_a_worker_and_many_are_spread(void **state)
{
    enum { MANY = 700 };
    unsigned loads[2] = { 0 };
    unsigned changes = 0;
    struct err e;

    (void)state;
    start(AGENT REDISES);
    for (unsigned i = 0; i < MANY; i++)
        assert_non_null(pool_add(pool, config->instances[0], &e));
    for (size_t i = 0; i < pool_size(pool); i++) {
        unsigned w = pool_instance(pool, i)->job.worker;
        if (i < 512)
            assert_int_equal(w, i / 256);
        changes += i > 0 && w != pool_instance(pool, i - 1)->job.worker;
        loads[w]++;
    }
    assert_in_range(loads[0], loads[1] - 32, loads[1] + 32);
    assert_in_range(changes, 2, 2 + (MANY - 512) / 32 + 2);
    stop();
}

static void an_instance_is_its_workers(void **state)
{
    (void)state;
    start(AGENT REDISES);
    assert_int_equal(a->job.worker, 0);
    assert_int_equal(c->job.worker, 0);
    assert_ptr_equal(b->job.probe->worker, &fakes.workers[0]);
    assert_ptr_equal(b->job.probe->config, config->instances[1]);
    assert_int_equal(a->job.result_mono_ms, fakes_now());
    assert_int_equal(a->since_wall_ms, fakes.wall_ms);
    assert_true(a->job.probe->id != b->job.probe->id);
    assert_int_equal(pool_size(pool), 3);
    assert_ptr_equal(pool_instance(pool, 2), c);
    assert_null(pool_instance(pool, 3));
    stop();
}

static void the_lowest_hole_is_taken_first(void **state)
{
    struct err e;
    (void)state;
    start(AGENT REDISES);
    uint64_t before = b->job.probe->id;
    pool_remove(pool, c);
    pool_remove(pool, b);
    pool_remove(pool, a);
    assert_int_equal(pool_parts(pool).count, 0);
    assert_int_equal(pool_size(pool), 3);
    assert_null(pool_instance(pool, 1));
    a = pool_add(pool, config->instances[0], &e);
    b = pool_add(pool, config->instances[1], &e);
    assert_int_equal(a->job.index, 0);
    assert_int_equal(b->job.index, 1);
    assert_true(b->job.probe->id != before);
    assert_int_equal(pool_size(pool), 3);
    assert_int_equal(pool_parts(pool).count, 2);
    stop();
}

static void there_is_room_for_many(void **state)
{
    struct err e;
    (void)state;
    start(AGENT REDISES);
    judge(a, REASON_OK);
    struct result r = result_of(a, REASON_OK);
    r.role = ROLE_MASTER;
    r.fresh_info = true;
    strcpy(r.replid, REPLID);
    deliver(a, &r);
    for (size_t k = 3; k < 300; k++)
        assert_non_null(pool_add(pool, config->instances[1], &e));
    assert_int_equal(pool_parts(pool).count, 300);
    for (size_t k = 0; k < 300; k++)
        assert_int_equal(pool_instance(pool, k)->job.index, k);
    stop();
}

static void what_cannot_be_added_leaves_nothing(void **state)
{
    struct err e = { "" };
    (void)state;
    start(AGENT ZK "presence = yes\n" REDISES);
    size_t before = fakes.nslots;
    fakes.no_probe = true;
    assert_null(pool_add(pool, config->instances[0], &e));
    assert_string_equal(e.text, "no probe");
    assert_int_equal(fakes.nslots, before + 2);
    assert_true(fakes.slots[before].removed);
    assert_true(fakes.slots[before + 1].removed);
    fakes.no_probe = false;
    /* Of its two slots one is there, or none. */
    for (size_t more = 0; more < 2; more++) {
        fakes.max_slots = fakes.nslots + more;
        assert_null(pool_add(pool, config->instances[0], &e));
        assert_string_equal(e.text, "no slot");
        for (size_t s = before; s < fakes.nslots; s++)
            assert_true(fakes.slots[s].removed);
    }
    assert_int_equal(pool_parts(pool).count, 3);
    assert_int_equal(pool_size(pool), 3);
    assert_int_equal(fakes.nprobes, 3);
    stop();
}

static void other_settings_keep_the_verdict(void **state)
{
    struct err e;
    (void)state;
    start(AGENT ZK "presence = yes\n" REDISES);
    struct config *other =
        fakes_config(AGENT "[redis:a]\naddress = 127.0.0.1:1\nfall = 7\n");
    judge(a, REASON_OK);
    pool_probe(pool, a, 1, false, fakes_now());
    uint64_t before = a->job.probe->id;
    fakes_pass(500);
    assert_int_equal(pool_change(pool, a, other->instances[0], &e), 0);
    assert_int_equal(a->config->fall, 7);
    assert_int_equal(a->health.status, STATUS_UP);
    assert_ptr_equal(a->job.probe->config, other->instances[0]);
    assert_true(a->job.probe->id != before);
    /* The job went with the old settings. */
    assert_false(a->job.busy);
    assert_int_equal(pool_parts(pool).jobs, 0);
    assert_int_equal(a->job.result_mono_ms, fakes_now());
    assert_int_equal(fakes_slot(SLOT_PRESENCE, "a")->withdrawals, 0);
    assert_int_equal(fakes.nprobes, 3);
    stop();
    config_free(other);
}

static void another_address_starts_anew(void **state)
{
    struct err e;
    (void)state;
    start(AGENT ZK "presence = yes\n" REDISES);
    struct config *other =
        fakes_config(AGENT "[redis:b]\naddress = 127.0.0.1:22\n");
    struct result r = result_of(b, REASON_OK);
    r.role = ROLE_MASTER;
    r.fresh_info = true;
    r.offset = 10000;
    strcpy(r.replid, REPLID);
    deliver(b, &r);
    judge(b, REASON_OK);
    fakes_pass(500);
    assert_int_equal(pool_change(pool, b, other->instances[0], &e), 0);
    assert_int_equal(b->health.reason, REASON_PENDING);
    assert_int_equal(b->since_wall_ms, fakes.wall_ms);
    assert_int_equal(b->job.index, 1);
    assert_int_equal(fakes_slot(SLOT_PRESENCE, "b")->withdrawals, 1);
    /* It is nobody's master any more: how far a is behind cannot be told. */
    r = result_of(a, REASON_OK);
    r.role = ROLE_REPLICA;
    r.follows = true;
    r.fresh_info = true;
    r.offset = 1;
    strcpy(r.replid, REPLID);
    deliver(a, &r);
    assert_int_equal(told.reason, REASON_NO_INFO);
    stop();
    config_free(other);
}

static void a_change_that_fails_changes_nothing(void **state)
{
    struct err e;
    (void)state;
    start(AGENT REDISES);
    const struct probe *before = a->job.probe;
    fakes.no_probe = true;
    assert_int_equal(pool_change(pool, a, config->instances[1], &e), -1);
    assert_ptr_equal(a->job.probe, before);
    assert_ptr_equal(a->config, config->instances[0]);
    struct result r = result_of(a, REASON_OK);
    deliver(a, &r);
    assert_int_equal(told.results, 1);
    stop();
}

/* -------------------------------------------------------- jobs and results */

static void a_probe_is_a_job_of_its_worker(void **state)
{
    (void)state;
    start(AGENT REDISES);
    pool_probe(pool, a, 7, true, 4711);
    pool_probe(pool, b, 7, false, 4712);
    assert_true(a->job.busy);
    assert_int_equal(a->job.posted_mono_ms, 4711);
    assert_int_equal(a->job.probe->job.id, a->job.probe->id);
    assert_int_equal(a->job.probe->job.round, 7);
    assert_true(a->job.probe->job.want_info);
    assert_false(b->job.probe->job.want_info);
    assert_int_equal(pool_parts(pool).jobs, 2);
    assert_int_equal(pool_queued(pool), 2);
    assert_int_equal(fakes.workers[0].wakes, 0);
    pool_begin(pool);
    assert_int_equal(fakes.workers[0].wakes, 1);
    assert_int_equal(fakes.workers[1].wakes, 1);
    assert_int_equal(pool_queued(pool), 0);
    a->job.probe->phase = "connect";
    assert_string_equal(pool_phase(a), "connect");
    b->job.worker = 1;
    assert_false(pool_wedged(pool, b));
    fakes.workers[1].wedged = true;
    assert_true(pool_wedged(pool, b));
    assert_false(pool_wedged(pool, a));
    stop();
}

static void a_result_ends_the_job(void **state)
{
    (void)state;
    start(AGENT REDISES);
    pool_probe(pool, b, 7, true, fakes_now());
    fakes_pass(100);
    struct result r = result_of(b, REASON_LOADING);
    r.role = ROLE_MASTER;
    deliver(b, &r);
    assert_int_equal(told.results, 1);
    assert_ptr_equal(told.instance, b);
    assert_int_equal(told.reason, REASON_LOADING);
    assert_false(b->job.busy);
    assert_int_equal(b->job.result_mono_ms, fakes_now());
    assert_int_equal(b->role, ROLE_MASTER);
    assert_int_equal(pool_parts(pool).jobs, 0);
    assert_int_equal(fakes.beats, 1);
    stop();
}

static void all_results_of_all_workers_are_taken(void **state)
{
    (void)state;
    start(AGENT REDISES);
    struct result r = result_of(a, REASON_OK);
    for (size_t k = 0; k < 40; k++)
        fakes.workers[0].outbox[fakes.workers[0].nresults++] = r;
    r = result_of(b, REASON_OK);
    for (size_t k = 0; k < 40; k++)
        fakes.workers[1].outbox[fakes.workers[1].nresults++] = r;
    pool_collect(pool, fakes_now());
    assert_int_equal(told.results, 80);
    stop();
}

static void a_late_result_of_what_was_removed_is_dropped(void **state)
{
    (void)state;
    start(AGENT REDISES);
    struct result r = result_of(a, REASON_OK);
    struct worker *w = a->job.probe->worker;
    pool_probe(pool, a, 1, false, fakes_now());
    pool_remove(pool, a);
    assert_int_equal(pool_parts(pool).jobs, 0);
    w->outbox[w->nresults++] = r;
    r.id = 4711;
    w->outbox[w->nresults++] = r;
    pool_collect(pool, fakes_now());
    assert_int_equal(told.results, 0);
    stop();
}

static void a_late_result_of_the_old_settings_is_dropped(void **state)
{
    struct err e;
    (void)state;
    start(AGENT REDISES);
    struct result r = result_of(a, REASON_OK);
    assert_int_equal(pool_change(pool, a, config->instances[0], &e), 0);
    deliver(a, &r);
    assert_int_equal(told.results, 0);
    stop();
}

static void a_lost_connection_is_no_result(void **state)
{
    (void)state;
    start(AGENT REDISES);
    pool_probe(pool, a, 1, false, fakes_now());
    struct result r = { .id = a->job.probe->id, .lost = true };
    deliver(a, &r);
    assert_int_equal(told.lost, 1);
    assert_ptr_equal(told.instance, a);
    assert_int_equal(told.results, 0);
    assert_true(a->job.busy);
    hooks.lost = NULL;
    deliver(a, &r);
    assert_int_equal(told.results, 0);
    stop();
}

/* The master MASTER is at 10,000; the replica at 1. */
static enum reason lag_of(struct instance *replica, struct instance *master)
{
    struct result r = result_of(master, REASON_OK);
    r.role = ROLE_MASTER;
    r.fresh_info = true;
    r.offset = 10000;
    strcpy(r.replid, REPLID);
    deliver(master, &r);
    fakes_pass(10);
    r = result_of(replica, REASON_OK);
    r.role = ROLE_REPLICA;
    r.follows = true;
    r.fresh_info = true;
    r.offset = 1;
    strcpy(r.replid, REPLID);
    deliver(replica, &r);
    return told.reason;
}

static void a_replica_is_held_against_its_watched_master(void **state)
{
    (void)state;
    start(AGENT REDISES);
    assert_int_equal(lag_of(a, b), REASON_LAG);
    /* Without max_lag nothing is. */
    assert_int_equal(lag_of(c, b), REASON_OK);
    stop();
}

static void a_master_that_is_gone_is_nobodys_master(void **state)
{
    (void)state;
    start(AGENT REDISES);
    assert_int_equal(lag_of(a, b), REASON_LAG);
    pool_remove(pool, b);
    struct result r = result_of(a, REASON_OK);
    r.role = ROLE_REPLICA;
    r.follows = true;
    r.fresh_info = true;
    r.offset = 1;
    strcpy(r.replid, REPLID);
    deliver(a, &r);
    assert_int_equal(told.reason, REASON_NO_INFO);
    stop();
}

static void a_result_without_info_finds_no_master(void **state)
{
    (void)state;
    start(AGENT REDISES);
    assert_int_equal(lag_of(a, b), REASON_LAG);
    /* What is known of the lag stays, until INFO says otherwise. */
    struct result r = result_of(a, REASON_OK);
    r.role = ROLE_REPLICA;
    r.follows = true;
    deliver(a, &r);
    assert_int_equal(told.reason, REASON_LAG);
    stop();
}

static void instances_are_counted_by_status(void **state)
{
    size_t by[STATUS_COUNT];
    (void)state;
    start(AGENT REDISES);
    judge(a, REASON_OK);
    judge(b, REASON_REFUSED);
    pool_tally(pool, by);
    assert_int_equal(by[STATUS_UP], 1);
    assert_int_equal(by[STATUS_DEGRADED], 0);
    assert_int_equal(by[STATUS_DOWN], 1);
    assert_int_equal(by[STATUS_UNKNOWN], 1);
    pool_remove(pool, b);
    pool_tally(pool, by);
    assert_int_equal(by[STATUS_DOWN], 0);
    stop();
}

/* ------------------------------------------------------------- publishing */

static void nothing_is_posted_before_it_is_known_what_is_there(void **state)
{
    (void)state;
    start(AGENT ZK REDISES);
    const struct document_heartbeat d = { .agent = "me", .host = "h" };
    judge(a, REASON_OK);
    pool_post(pool, a);
    pool_heartbeat(pool, &d);
    assert_int_equal(fakes_slot(SLOT_STATUS, "a")->posts, 0);
    assert_int_equal(fakes_slot(SLOT_HEARTBEAT, "me")->posts, 0);

    fakes_found(SLOT_STATUS, "a", NULL);
    fakes_found(SLOT_HEARTBEAT, "me", NULL);
    pool_collect(pool, fakes_now());
    assert_int_equal(told.found, 2);
    assert_null(told.found_instance); /* the heartbeat came last */
    pool_post(pool, a);
    pool_heartbeat(pool, &d);
    assert_int_equal(fakes_slot(SLOT_STATUS, "a")->posts, 1);
    assert_non_null(
        strstr(fakes_slot(SLOT_STATUS, "a")->document, "\"instance\":\"a\""));
    assert_non_null(
        strstr(fakes_slot(SLOT_STATUS, "a")->document, "\"agent\":\"me\""));
    assert_int_equal(fakes_slot(SLOT_HEARTBEAT, "me")->posts, 1);
    assert_int_equal(fakes_slot(SLOT_STATUS, "b")->posts, 0);
    stop();
}

static void what_is_refused_for_long_is_not_vouched_for(void **state)
{
    (void)state;
    start(AGENT ZK REDISES);
    const struct document_heartbeat d = {
        .agent = "me",
        .host = "h",
        .interval_ms = 10000,
    };
    fakes_found(SLOT_HEARTBEAT, "me", NULL);
    pool_collect(pool, fakes_now());
    fakes.refused.count = 2;
    strcpy(fakes.refused.names[0], "a");
    strcpy(fakes.refused.names[1], "c");
    pool_heartbeat(pool, &d);
    assert_int_equal(fakes.refused_for_ms, 30000);
    const struct fake_slot *heartbeat = fakes_slot(SLOT_HEARTBEAT, "me");
    assert_non_null(strstr(heartbeat->document, "\"except\":[\"a\",\"c\"]}"));
    assert_int_equal(pool_parts(pool).not_vouched->count, 2);
    /* As many as can be named; one more, and it vouches for nothing. */
    for (size_t i = 0; i < PUBLISHER_REFUSED_NAMES; i++)
        snprintf(fakes.refused.names[i], 64, "r%zu", i);
    fakes.refused.count = PUBLISHER_REFUSED_NAMES;
    pool_heartbeat(pool, &d);
    assert_int_equal(heartbeat->posts, 2);
    assert_non_null(strstr(heartbeat->document, ",\"r49\"]}"));
    fakes.refused.count++;
    pool_heartbeat(pool, &d);
    assert_int_equal(heartbeat->posts, 2);
    assert_int_equal(pool_parts(pool).not_vouched->count, 51);
    fakes.refused.count = 0;
    pool_heartbeat(pool, &d);
    assert_int_equal(heartbeat->posts, 3);
    assert_non_null(strstr(heartbeat->document, "\"except\":[]}"));
    stop();
}

static void what_memory_was_lacking_for_is_not_vouched_for(void **state)
{
    (void)state;
    start(AGENT ZK "presence = yes\n" REDISES);
    const struct document_heartbeat d = { .agent = "me", .host = "h" };
    fakes_found(SLOT_HEARTBEAT, "me", NULL);
    fakes_found(SLOT_STATUS, "a", NULL);
    pool_collect(pool, fakes_now());
    a->health.status = STATUS_UP;
    fakes.no_memory = true;
    pool_post(pool, a);
    fakes.no_memory = false;
    /* Lost; with the next heartbeat it is there, and then it is vouched for. */
    assert_int_equal(fakes_slot(SLOT_STATUS, "a")->posts, 0);
    pool_heartbeat(pool, &d);
    assert_int_equal(fakes_slot(SLOT_STATUS, "a")->posts, 1);
    assert_int_equal(fakes_slot(SLOT_PRESENCE, "a")->posts, 1);
    assert_int_equal(fakes_slot(SLOT_HEARTBEAT, "me")->posts, 1);
    /* As long as memory is lacking nothing is vouched for. */
    fakes.no_memory = true;
    pool_post(pool, a);
    pool_heartbeat(pool, &d);
    assert_int_equal(fakes_logged("heartbeat_withheld"), 1);
    fakes.no_memory = false;
    pool_heartbeat(pool, &d);
    assert_int_equal(fakes_logged("heartbeat_goes_on"), 1);
    assert_int_equal(fakes_slot(SLOT_HEARTBEAT, "me")->posts, 2);
    stop();
}

static void what_was_found_is_told_to_its_instance(void **state)
{
    (void)state;
    start(AGENT ZK "presence = yes\n" REDISES);
    const struct document_seen seen = {
        .valid = true,
        .status = STATUS_UP,
        .since_wall_ms = 4711,
    };
    fakes_found(SLOT_STATUS, "b", &seen);
    pool_collect(pool, fakes_now());
    assert_int_equal(told.found, 1);
    assert_ptr_equal(told.found_instance, b);
    assert_int_equal(b->seen_since_wall_ms, 4711);
    assert_true(b->nodes.found);
    assert_false(a->nodes.found);
    /* A presence node says nothing of the document. */
    fakes_found(SLOT_PRESENCE, "a", NULL);
    pool_collect(pool, fakes_now());
    assert_false(a->nodes.found);
    assert_int_equal(told.found, 1);
    /* Nor does a slot that is nobody's any more. */
    fakes_found(SLOT_STATUS, "a", NULL);
    pool_remove(pool, a);
    pool_collect(pool, fakes_now());
    fakes.found[fakes.nfound++] = (struct publisher_event){ .slot = 4711 };
    pool_collect(pool, fakes_now());
    assert_int_equal(told.found, 1);
    stop();
}

static void presence_follows_the_status(void **state)
{
    (void)state;
    start(AGENT ZK "presence = yes\n" REDISES);
    const struct fake_slot *node = fakes_slot(SLOT_PRESENCE, "a");
    pool_post(pool, a);
    assert_string_equal(pool_presence(pool, a), "as it is");
    assert_int_equal(node->posts + node->withdrawals, 0);
    judge(a, REASON_OK);
    pool_post(pool, a);
    pool_post(pool, a);
    assert_int_equal(node->posts, 1);
    assert_string_equal(pool_presence(pool, a), "here");
    assert_string_equal(
        node->document,
        "{\"host\":\"127.0.0.1\",\"port\":1,\"name\":\"a\",\"agent\":\"me\"}");
    judge(a, REASON_LOADING);
    pool_post(pool, a);
    instance_doubt(a, REASON_STUCK, "", 1);
    pool_post(pool, a);
    assert_string_equal(pool_presence(pool, a), "here");
    assert_int_equal(node->posts, 1);
    assert_int_equal(node->withdrawals, 0);
    judge(a, REASON_REFUSED);
    pool_post(pool, a);
    pool_post(pool, a);
    assert_int_equal(node->withdrawals, 1);
    assert_string_equal(pool_presence(pool, a), "gone");
    judge(a, REASON_LOADING);
    pool_post(pool, a);
    assert_int_equal(node->posts, 2);
    /* Maintenance hides it. */
    config->instances[0]->paused = true;
    pool_post(pool, a);
    assert_int_equal(node->withdrawals, 2);
    /* A UNIX socket is its own host. */
    judge(c, REASON_OK);
    pool_post(pool, c);
    assert_non_null(strstr(fakes_slot(SLOT_PRESENCE, "c")->document,
                           "\"host\":\"unix:/run/c.sock\""));
    stop();
}

static void without_presence_there_is_no_such_node(void **state)
{
    (void)state;
    start(AGENT ZK REDISES);
    judge(a, REASON_OK);
    pool_post(pool, a);
    for (size_t s = 0; s < fakes.nslots; s++)
        assert_int_not_equal(fakes.slots[s].kind, SLOT_PRESENCE);
    assert_null(pool_presence(pool, a));
    assert_false(fakes.publisher.presence);
    pool_remove(pool, a);
    stop();
}

static void what_is_removed_says_so_and_goes(void **state)
{
    (void)state;
    start(AGENT ZK "presence = yes\n" REDISES);
    struct fake_slot *node = fakes_slot(SLOT_STATUS, "a");
    struct fake_slot *alive = fakes_slot(SLOT_PRESENCE, "a");
    judge(a, REASON_OK);
    fakes_pass(1000);
    pool_remove(pool, a);
    assert_int_equal(node->posts, 1);
    assert_non_null(strstr(node->document, "\"reason\":\"removed\""));
    assert_non_null(strstr(node->document, "no longer configured"));
    assert_true(node->removed);
    assert_int_equal(alive->withdrawals, 1);
    assert_true(alive->removed);
    assert_false(fakes_slot(SLOT_STATUS, "b")->removed);
    stop();
}

static void orphan(const char *name, const struct document_seen *seen)
{
    struct publisher_event *e = &fakes.found[fakes.nfound++];
    *e = (struct publisher_event){ .orphan = true, .seen = *seen };
    snprintf(e->name, sizeof e->name, "%s", name);
    pool_collect(pool, fakes_now());
}

static void an_orphan_ends_as_removed(void **state)
{
    (void)state;
    start(AGENT ZK REDISES);
    struct document_seen seen = {
        .valid = true,
        .status = STATUS_UP,
        .address = "10.0.0.9:6379",
        .since_wall_ms = 4711,
        .role = "master",
        .server = "redis",
        .version = "7.0.15",
        .started_wall_ms = 4000,
    };
    char since[CLOCK_RFC3339_SIZE + 16];
    char now[CLOCK_RFC3339_SIZE];
    pool_probe(pool, a, 42, false, fakes_now());
    size_t before = fakes.nslots;
    orphan("old", &seen);
    assert_int_equal(fakes.nslots, before + 1);
    const struct fake_slot *node = fakes_slot(SLOT_STATUS, "old");
    assert_int_equal(node->posts, 1);
    assert_true(node->removed);
    assert_non_null(strstr(node->document, "\"reason\":\"removed\""));
    assert_non_null(strstr(node->document, "10.0.0.9:6379"));
    assert_non_null(strstr(node->document,
                           "\"role\":\"master\",\"server\":\"redis\","
                           "\"version\":\"7.0.15\","
                           "\"started\":\"1970-01-01T00:00:04.000Z\""));
    assert_non_null(strstr(node->document, "\"round\":42"));
    /* It is unknown from now on. */
    snprintf(since, sizeof since, "\"since\":\"%s\"",
             clock_rfc3339(fakes.wall_ms, now));
    assert_non_null(strstr(node->document, since));
    assert_string_equal(fakes_event("orphan")->pairs,
                        "instance=old address=10.0.0.9:6379 status=up ");
    /* What was unknown already is so since then. */
    seen.status = STATUS_UNKNOWN;
    orphan("older", &seen);
    assert_non_null(strstr(fakes_slot(SLOT_STATUS, "older")->document,
                           "\"since\":\"1970-01-01T00:00:04.711Z\""));
    seen.since_wall_ms = 0;
    orphan("oldest", &seen);
    assert_non_null(strstr(fakes_slot(SLOT_STATUS, "oldest")->document, since));
    /* It came back meanwhile. */
    before = fakes.nslots;
    orphan("b", &seen);
    assert_int_equal(fakes.nslots, before);
    /* There is no memory for it. */
    fakes.max_slots = fakes.nslots;
    orphan("last", &seen);
    assert_int_equal(fakes_logged("orphan"), 3);
    assert_int_equal(told.found, 0);
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_parts_are_started_and_watched),
        cmocka_unit_test(without_zookeeper_nothing_is_published),
        cmocka_unit_test(a_part_that_does_not_start_stops_all_others),
        cmocka_unit_test(a_failed_start_says_what_it_left_behind),
        cmocka_unit_test(the_publisher_is_told_who_we_are),
        cmocka_unit_test(a_session_is_resumed_within_its_scope),
        cmocka_unit_test(a_thread_that_stays_is_told),
        cmocka_unit_test(the_time_to_stop_is_shared),
        cmocka_unit_test(few_instances_share_a_worker_and_many_are_spread),
        cmocka_unit_test(an_instance_is_its_workers),
        cmocka_unit_test(the_lowest_hole_is_taken_first),
        cmocka_unit_test(there_is_room_for_many),
        cmocka_unit_test(what_cannot_be_added_leaves_nothing),
        cmocka_unit_test(other_settings_keep_the_verdict),
        cmocka_unit_test(another_address_starts_anew),
        cmocka_unit_test(a_change_that_fails_changes_nothing),
        cmocka_unit_test(a_probe_is_a_job_of_its_worker),
        cmocka_unit_test(a_result_ends_the_job),
        cmocka_unit_test(all_results_of_all_workers_are_taken),
        cmocka_unit_test(a_late_result_of_what_was_removed_is_dropped),
        cmocka_unit_test(a_late_result_of_the_old_settings_is_dropped),
        cmocka_unit_test(a_lost_connection_is_no_result),
        cmocka_unit_test(a_replica_is_held_against_its_watched_master),
        cmocka_unit_test(a_master_that_is_gone_is_nobodys_master),
        cmocka_unit_test(a_result_without_info_finds_no_master),
        cmocka_unit_test(instances_are_counted_by_status),
        cmocka_unit_test(nothing_is_posted_before_it_is_known_what_is_there),
        cmocka_unit_test(what_is_refused_for_long_is_not_vouched_for),
        cmocka_unit_test(what_memory_was_lacking_for_is_not_vouched_for),
        cmocka_unit_test(what_was_found_is_told_to_its_instance),
        cmocka_unit_test(presence_follows_the_status),
        cmocka_unit_test(without_presence_there_is_no_such_node),
        cmocka_unit_test(what_is_removed_says_so_and_goes),
        cmocka_unit_test(an_orphan_ends_as_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
