/*
 * The pace: when what is probed, when a round is over, what is said then, and
 * what a reload changes.  Everything around it is a fake; time is made up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/clock.h"
#include "agent/rounds.h"

#include "../src/engine/rounds.h"
#include "fake_engine.h"
#include "must.h"

#define INTERVAL_MS 10000
#define RETRY_MS    1000
#define AGENT(more)                                    \
    "[agent]\nid = me\ninterval = 10s\ntimeout = 1s\n" \
    "retry_interval = 1s\nrise = 2\nfall = 2\nworkers = 2\n" more "\n"
#define ZK "[zookeeper]\nservers = 127.0.0.1:2181\n"
#define A  "[redis:a]\naddress = 127.0.0.1:1\n"
#define B  "[redis:b]\naddress = 127.0.0.1:2\n"

static struct config *config;
static struct rounds *rounds;
static uint64_t wanted_ms; /* what rounds_fire said last */

static void wake(void *arg)
{
    (void)arg;
}

static void start(const char *text)
{
    struct err e;
    fakes_reset();
    config = fakes_config(text);
    rounds = rounds_start(config, wake, &fakes, &e);
    MUST(rounds != NULL);
}

static void stop(void)
{
    assert_int_equal(rounds_stop(rounds, 3000), STORE_CLOSED);
    assert_int_equal(fakes.nprobes, 0);
    config_free(config);
}

static struct instance *at(size_t index)
{
    struct instance *i = pool_instance(rounds->pool, index);
    MUST(i != NULL);
    return i;
}

static void fire(void)
{
    wanted_ms = rounds_fire(rounds, fakes_now());
}

/* Goes on to the next time at which the rounds want to be called. */
static void go_on(void)
{
    MUST(wanted_ms >= fakes_now());
    fakes_pass(wanted_ms - fakes_now());
    fire();
}

static unsigned jobs(size_t index)
{
    return at(index)->job.probe->jobs;
}

static struct result result_of(size_t index, enum reason reason)
{
    const struct probe *t = at(index)->job.probe;
    return (struct result){
        .id = t->id,
        .round = t->job.round,
        .reason = reason,
        .started_mono_us = fakes.mono_us,
        .ended_wall_ms = fakes.wall_ms,
        .rtt_us = 100,
        .reply_us = 100,
        .offset = -1,
        .behind = -1,
    };
}

static void deliver(size_t index, const struct result *r)
{
    struct worker *w = at(index)->job.probe->worker;
    w->outbox[w->nresults++] = *r;
    rounds_collect(rounds, fakes_now());
    fire();
}

static void answer(size_t index, enum reason reason)
{
    struct result r = result_of(index, reason);
    deliver(index, &r);
}

static void lose(size_t index)
{
    struct result r = { .id = at(index)->job.probe->id, .lost = true };
    deliver(index, &r);
}

/* Answers whatever is asked before UNTIL_MS; what is due then is asked. */
static void run_until(uint64_t until_ms, enum reason reason)
{
    fire();
    for (;;) {
        for (size_t k = 0; k < pool_size(rounds->pool); k++) {
            const struct instance *i = pool_instance(rounds->pool, k);
            if (i != NULL && i->job.busy)
                answer(k, reason);
        }
        if (wanted_ms >= until_ms)
            break;
        go_on();
    }
    fakes_pass(until_ms - fakes_now());
    fire();
}

static struct rounds_info info(void)
{
    struct rounds_info i;
    rounds_info(rounds, &i);
    return i;
}

static unsigned heartbeats(void)
{
    return fakes_slot(SLOT_HEARTBEAT, "me")->posts;
}

static const char *document(const char *name)
{
    return fakes_slot(SLOT_STATUS, name)->document;
}

static void all_found(void)
{
    fakes_found(SLOT_HEARTBEAT, "me", NULL);
    for (size_t k = 0; k < pool_size(rounds->pool); k++)
        fakes_found(SLOT_STATUS, at(k)->config->name, NULL);
    rounds_collect(rounds, fakes_now());
}

/* ------------------------------------------------------------ start, stop */

static void the_start_puts_everything_in_place(void **state)
{
    (void)state;
    start(AGENT("") ZK "presence = yes\n" A B);
    assert_int_equal(fakes.nworkers, 2);
    assert_ptr_equal(fakes.workers[0].options.wake, wake);
    assert_ptr_equal(fakes.workers[0].options.arg, &fakes);
    assert_true(fakes.publisher_started);
    assert_true(fakes.publisher.presence);
    assert_true(fakes.watchdog_started);
    assert_int_equal(fakes.owns, 1);
    assert_int_equal(fakes.owned, 2);
    assert_int_equal(info().started_wall_ms, fakes.wall_ms);
    assert_int_equal(info().started_mono_ms, fakes_now());
    assert_int_equal(info().interval_ms, INTERVAL_MS);
    assert_int_equal(info().round, 0);
    assert_int_equal(rounds_settled(rounds), 0);
    assert_int_equal(info().probes->count, 0);
    assert_ptr_equal(rounds_pool(rounds), rounds->pool);
    stop();
    assert_true(fakes.publisher_stopped);
}

static void a_start_that_fails_leaves_nothing(void **state)
{
    struct err e = { "" };
    (void)state;
    for (int part = 0; part < 2; part++) {
        fakes_reset();
        config = fakes_config(AGENT("") ZK A B);
        fakes.no_probe = part == 0;
        fakes.no_publisher = part == 1;
        assert_null(rounds_start(config, wake, NULL, &e));
        assert_true(e.text[0] != '\0');
        assert_true(fakes.workers[0].stopped);
        assert_int_equal(fakes_logged("stopped"), 0);
        config_free(config);
    }
    fakes_reset();
    config = fakes_config(AGENT("") ZK A B);
    fakes.no_probe = true;
    fakes.end = STORE_LEFT;
    assert_null(rounds_start(config, wake, NULL, &e));
    assert_int_equal(fakes_logged("stopped"), 1);
    config_free(config);
}

static void results_that_wait_at_the_stop_are_taken(void **state)
{
    (void)state;
    start("[agent]\nid = me\nrise = 1\n" ZK A);
    all_found();
    fire();
    struct result r = result_of(0, REASON_OK);
    fakes.workers[0].outbox[fakes.workers[0].nresults++] = r;
    fakes.end = STORE_KEPT;
    assert_int_equal(rounds_stop(rounds, 3000), STORE_KEPT);
    assert_int_equal(fakes_logged("status_changed"), 1);
    config_free(config);
}

/* ------------------------------------------------------------------- pace */

static void everything_is_asked_at_once_at_the_start(void **state)
{
    (void)state;
    start(AGENT("spread = 50%") A B);
    fire();
    assert_int_equal(jobs(0), 1);
    assert_int_equal(jobs(1), 1);
    assert_int_equal(at(0)->job.probe->job.round, 1);
    assert_int_equal(fakes.workers[0].wakes, 1);
    assert_int_equal(info().round, 1);
    assert_int_equal(wanted_ms, fakes_now() + INTERVAL_MS);
    stop();
}

static void until_it_is_settled_it_is_asked_at_the_retry_pace(void **state)
{
    (void)state;
    start(AGENT("") A);
    fire();
    assert_false(at(0)->job.probe->job.want_info);
    answer(0, REASON_OK);
    assert_int_equal(at(0)->health.reason, REASON_PENDING);
    assert_int_equal(wanted_ms, fakes_now() + RETRY_MS);
    go_on();
    assert_int_equal(jobs(0), 2);
    assert_true(at(0)->job.probe->job.want_info);
    answer(0, REASON_OK);
    assert_int_equal(at(0)->health.status, STATUS_UP);
    assert_int_equal(wanted_ms, fakes_now() + INTERVAL_MS - RETRY_MS);
    go_on();
    assert_int_equal(jobs(0), 3);
    assert_false(at(0)->job.probe->job.want_info);
    stop();
}

static void a_result_that_contradicts_is_asked_again_soon(void **state)
{
    (void)state;
    start(AGENT("") A);
    run_until(fakes_now() + INTERVAL_MS, REASON_OK);
    assert_true(at(0)->job.busy);
    fakes_pass(300);
    answer(0, REASON_LOADING);
    /* From when the probe began. */
    assert_int_equal(wanted_ms, fakes_now() - 300 + RETRY_MS);
    go_on();
    assert_true(at(0)->job.probe->job.want_info);
    answer(0, REASON_LOADING);
    assert_int_equal(at(0)->health.status, STATUS_DEGRADED);
    assert_int_equal(wanted_ms, fakes_now() - RETRY_MS + INTERVAL_MS);
    stop();
}

static void a_retry_never_comes_after_the_regular_time(void **state)
{
    (void)state;
    start("[agent]\ninterval = 2s\nretry_interval = 1900ms\ntimeout = 1s\n"
          "spread = 0%\nrise = 9\n" A);
    fire();
    fakes_pass(1000);
    answer(0, REASON_OK);
    go_on();
    fakes_pass(50);
    answer(0, REASON_OK);
    assert_int_equal(wanted_ms, fakes_now() + 50);
    stop();
}

/* Where nothing listens no connection tells that the server is back. */
static void what_refuses_is_asked_at_the_retry_pace(void **state)
{
    (void)state;
    start(AGENT("") A);
    run_until(fakes_now() + 3000, REASON_REFUSED);
    assert_int_equal(at(0)->health.status, STATUS_DOWN);
    assert_int_equal(jobs(0), 4);
    /* As the status is settled, INFO can wait. */
    assert_false(at(0)->job.probe->job.want_info);
    stop();

    start(AGENT("") A);
    run_until(fakes_now() + 3000, REASON_REPLY_TIMEOUT);
    assert_int_equal(at(0)->health.status, STATUS_DOWN);
    assert_int_equal(jobs(0), 2);
    stop();
}

/* HEAD with N instances. */
static void start_many(const char *head, unsigned n)
{
    char text[8192];
    int len = snprintf(text, sizeof text, "%s", head);
    for (unsigned i = 0; i < n; i++)
        len += snprintf(text + len, sizeof text - (size_t)len,
                        "[redis:i%u]\naddress = 127.0.0.1:%u\n", i, i + 1);
    MUST((size_t)len < sizeof text);
    start(text);
}

static void probes_are_spread_over_part_of_the_interval(void **state)
{
    static const struct {
        const char *head;
        unsigned second_ms; /* of 128 instances in four blocks */
    } CASES[] = {
        { "[agent]\ninterval = 1s\nspread = 50%\n", 120 },
        { "[agent]\ninterval = 1s\nspread = 10%\n", 20 },
        /* In steps, but for a part that is shorter than ten of them. */
        { "[agent]\ninterval = 1s\nspread = 5%\n", 12 },
        { "[agent]\ninterval = 1s\nspread = 0%\n", 0 },
    };

    (void)state;
    start_many(AGENT("spread = 50%"), 128);
    uint64_t began = fakes_now();
    run_until(began + 2 * INTERVAL_MS - 1, REASON_OK);
    /* The first regular time is in the second round. */
    uint64_t second = began + 2 * INTERVAL_MS;
    assert_int_equal(at(0)->pace.due_mono_ms, second);
    assert_int_equal(at(31)->pace.due_mono_ms, second);
    assert_int_equal(at(32)->pace.due_mono_ms, second + 1250);
    assert_int_equal(at(127)->pace.due_mono_ms, second + 3750);
    stop();
    for (size_t k = 0; k < sizeof CASES / sizeof CASES[0]; k++) {
        start_many(CASES[k].head, 128);
        run_until(fakes_now() + 1999, REASON_OK);
        assert_int_equal(at(32)->pace.due_mono_ms,
                         fakes_now() + 1 + CASES[k].second_ms);
        stop();
    }
}

static void few_instances_are_not_spread(void **state)
{
    (void)state;
    start_many(AGENT("spread = 50%"), 32);
    uint64_t began = fakes_now();
    run_until(began + 2 * INTERVAL_MS - 1, REASON_OK);
    assert_int_equal(at(31)->pace.due_mono_ms, began + 2 * INTERVAL_MS);
    stop();
}

static void a_busy_job_is_skipped(void **state)
{
    (void)state;
    start(AGENT("spread = 0%") A);
    uint64_t began = fakes_now();
    fire();
    fakes_pass(INTERVAL_MS);
    fire();
    assert_int_equal(jobs(0), 1);
    assert_int_equal(info().skipped, 1);
    assert_int_equal(at(0)->pace.due_mono_ms, began + 2 * INTERVAL_MS);
    /* Whole intervals that were missed count as well. */
    fakes_pass(2 * INTERVAL_MS + 500);
    fire();
    assert_int_equal(info().skipped, 3);
    assert_int_equal(at(0)->pace.due_mono_ms, began + 4 * INTERVAL_MS);
    stop();
}

static void a_lost_connection_hastens_one_probe(void **state)
{
    (void)state;
    start(AGENT("") A);
    uint64_t began = fakes_now();
    run_until(began + 5000, REASON_OK);
    unsigned before = jobs(0);
    lose(0);
    assert_int_equal(jobs(0), before + 1);
    answer(0, REASON_OK);
    /* Once an interval, and no more. */
    lose(0);
    assert_int_equal(jobs(0), before + 1);
    run_until(began + INTERVAL_MS + 5000, REASON_OK);
    before = jobs(0);
    lose(0);
    assert_int_equal(jobs(0), before + 1);
    /* While it is busy nothing is hastened. */
    lose(0);
    answer(0, REASON_OK);
    assert_int_equal(jobs(0), before + 1);
    stop();
}

static void a_lost_connection_during_retries_hastens_nothing(void **state)
{
    (void)state;
    start(AGENT("") A);
    run_until(fakes_now() + INTERVAL_MS, REASON_OK);
    answer(0, REASON_CLOSED);
    unsigned before = jobs(0);
    lose(0);
    assert_int_equal(jobs(0), before);
    stop();
}

static void a_change_of_status_lets_the_next_loss_hasten(void **state)
{
    (void)state;
    start("[agent]\ninterval = 10s\nrise = 1\nfall = 1\n" A);
    fire();
    answer(0, REASON_OK);
    fakes_pass(1000);
    fire();
    lose(0);
    answer(0, REASON_LOADING);
    unsigned before = jobs(0);
    lose(0);
    assert_int_equal(jobs(0), before + 1);
    stop();
}

/* ---------------------------------------------------------------- results */

static void a_result_is_kept_and_counted(void **state)
{
    (void)state;
    start(AGENT("") A);
    fire();
    struct result r = result_of(0, REASON_LOADING);
    strcpy(r.detail, "words");
    r.lookup_us = 1;
    r.connect_us = 20;
    r.auth_us = 300;
    r.reply_us = 4000;
    deliver(0, &r);
    assert_int_equal(at(0)->record.others[REASON_LOADING], 1);
    assert_int_equal(at(0)->record.oks, 0);
    assert_int_equal(info().probes->count, 1);
    assert_int_equal(info().probes->sum_us, 4321);
    struct recent_walk walk = { .recent = &at(0)->record.recent };
    struct recent_result kept;
    assert_true(recent_next(&walk, &kept));
    assert_string_equal(kept.detail, "words");
    assert_int_equal(kept.reason, REASON_LOADING);
    assert_false(kept.voided);
    assert_string_equal(fakes_event("result")->pairs,
                        "instance=a reason=loading detail=words rtt_us=100 "
                        "round=1 ");
    stop();
}

/* With a certificate that ends in DAYS, a result on a new connection. */
static unsigned told_with(int days)
{
    fakes.certified = true;
    fakes.certificate.earliest_wall_ms =
        fakes.wall_ms + INT64_C(86400000) * days;
    fire();
    struct result r = result_of(0, REASON_OK);
    r.tls_us = 1000;
    r.ended_wall_ms = fakes.wall_ms;
    deliver(0, &r);
    return (unsigned)fakes_logged("tls_expiring");
}

static void a_certificate_that_ends_is_told_once_a_day(void **state)
{
    (void)state;
    start("[agent]\ninterval = 720m\n" A
          "tls = yes\ntls_verify = no\ntls_min_days = 20\n");
    assert_int_equal(told_with(21), 0);
    fakes_pass(12 * 3600000);
    assert_int_equal(told_with(19), 1);
    assert_non_null(strstr(fakes_event("tls_expiring")->pairs, "days=19 "));
    fakes_pass(12 * 3600000);
    assert_int_equal(told_with(19), 1);
    fakes_pass(12 * 3600000);
    assert_int_equal(told_with(19), 2);
    stop();
}

static void what_lags_is_kept_with_the_words_of_the_lag(void **state)
{
    (void)state;
    start(AGENT("") A "max_lag = 1K\n" B);
    fire();
    struct result r = result_of(1, REASON_OK);
    r.role = ROLE_MASTER;
    r.fresh_info = true;
    r.offset = 5000;
    memset(r.replid, 'f', sizeof r.replid - 1);
    deliver(1, &r);
    fakes_pass(1);
    struct result replica = result_of(0, REASON_OK);
    replica.role = ROLE_REPLICA;
    replica.follows = true;
    replica.fresh_info = true;
    replica.offset = 0;
    memcpy(replica.replid, r.replid, sizeof r.replid);
    deliver(0, &replica);
    struct recent_walk walk = { .recent = &at(0)->record.recent };
    struct recent_result kept;
    assert_true(recent_next(&walk, &kept));
    assert_int_equal(kept.reason, REASON_LAG);
    assert_string_equal(kept.detail, "more than max_lag (1024 bytes) behind b");
    stop();
}

static void a_change_is_logged_kept_and_counted(void **state)
{
    (void)state;
    start(AGENT("") A);
    run_until(fakes_now() + INTERVAL_MS, REASON_OK);
    const struct history *h = rounds_history(rounds);
    assert_int_equal(history_newest(h), 1);
    assert_int_equal(fakes_event("status_changed")->level, LOG_LEVEL_INFO);
    assert_int_equal(at(0)->record.status_changes, 1);
    struct result r = result_of(0, REASON_REFUSED);
    strcpy(r.detail, "connect: refused");
    deliver(0, &r);
    go_on();
    r = result_of(0, REASON_REFUSED);
    strcpy(r.detail, "connect: refused");
    deliver(0, &r);
    assert_int_equal(history_newest(h), 2);
    const struct history_event *e = history_at(h, 2);
    assert_int_equal(e->from, STATUS_UP);
    assert_int_equal(e->to, STATUS_DOWN);
    assert_int_equal(e->from_reason, REASON_OK);
    assert_int_equal(e->reason, REASON_REFUSED);
    assert_int_equal(e->round, 2);
    assert_int_equal(e->time_wall_ms, fakes.wall_ms);
    assert_string_equal(e->instance, "a");
    assert_string_equal(e->address, "127.0.0.1:1");
    assert_string_equal(e->detail, "connect: refused");
    assert_string_equal(e->cause,
                        "2 results in a row worse than up (fall = 2)");
    const struct fake_event *event = fakes_event("status_changed");
    assert_int_equal(event->level, LOG_LEVEL_WARN);
    assert_string_equal(event->pairs,
                        "instance=a address=127.0.0.1:1 from=up to=down "
                        "reason=refused detail=connect: refused round=2 ");
    assert_int_equal(at(0)->record.status_changes, 2);
    stop();
}

static struct result process(uint64_t run_id)
{
    struct result r = result_of(0, REASON_OK);
    r.run_id = run_id;
    r.started_mono_ms = (int64_t)fakes_now();
    r.started_wall_ms = fakes.wall_ms;
    strcpy(r.server, "redis");
    return r;
}

static void a_restart_is_logged_kept_counted_and_posted(void **state)
{
    (void)state;
    start(AGENT("") ZK A);
    all_found();
    run_until(fakes_now() + 2500, REASON_OK);
    struct result r = process(1);
    deliver(0, &r);
    unsigned posts = fakes_slot(SLOT_STATUS, "a")->posts;
    const struct history *h = rounds_history(rounds);
    uint64_t newest = history_newest(h);
    assert_int_equal(fakes_logged("restarted"), 0);
    fakes_pass(1000);
    r = process(2);
    deliver(0, &r);
    const struct fake_event *e = fakes_event("restarted");
    assert_non_null(e);
    assert_int_equal(e->level, LOG_LEVEL_WARN);
    assert_non_null(strstr(e->pairs, "instance=a address=127.0.0.1:1 "
                                     "kind=restarted server=redis "));
    assert_int_equal(history_newest(h), newest + 1);
    assert_int_equal(history_at(h, newest + 1)->kind, HISTORY_RESTARTED);
    assert_int_equal(history_at(h, newest + 1)->from, STATUS_UP);
    assert_int_equal(history_at(h, newest + 1)->to, STATUS_UP);
    assert_int_equal(at(0)->record.restarts, 1);
    assert_int_equal(fakes_slot(SLOT_STATUS, "a")->posts, posts + 1);
    /* It is told once; and one that ran already has its own word. */
    deliver(0, &r);
    assert_int_equal(fakes_logged("restarted"), 1);
    r = process(3);
    r.started_mono_ms = -5;
    deliver(0, &r);
    assert_non_null(
        strstr(fakes_event("restarted")->pairs, "kind=another_server"));
    assert_int_equal(history_at(h, newest + 2)->kind, HISTORY_ANOTHER_SERVER);
    assert_int_equal(at(0)->record.restarts, 2);
    stop();
}

static void a_refused_info_is_logged_once(void **state)
{
    (void)state;
    start(AGENT("") A);
    run_until(fakes_now() + 2500, REASON_OK);
    assert_int_equal(fakes_logged("info_refused"), 0);
    struct result r = result_of(0, REASON_OK);
    strcpy(r.refusal, "no such thing");
    deliver(0, &r);
    deliver(0, &r);
    assert_int_equal(fakes_logged("info_refused"), 1);
    assert_string_equal(fakes_event("info_refused")->pairs,
                        "instance=a address=127.0.0.1:1 "
                        "detail=no such thing ");
    answer(0, REASON_OK);
    deliver(0, &r);
    assert_int_equal(fakes_logged("info_refused"), 2);
    stop();
}

static void another_reason_is_no_change_of_status(void **state)
{
    (void)state;
    start(AGENT("") A);
    run_until(fakes_now() + INTERVAL_MS, REASON_LOADING);
    answer(0, REASON_BUSY);
    assert_int_equal(fakes_logged("reason_changed"), 0);
    go_on();
    answer(0, REASON_BUSY);
    assert_int_equal(fakes_logged("reason_changed"), 1);
    assert_int_equal(fakes_event("reason_changed")->level, LOG_LEVEL_WARN);
    assert_int_equal(at(0)->record.status_changes, 1);
    assert_int_equal(history_newest(rounds_history(rounds)), 2);
    stop();
}

/* ------------------------------------------------------------------ rounds */

static void a_round_ends_with_its_last_result(void **state)
{
    (void)state;
    start("[agent]\nid = me\ninterval = 10s\nrise = 1\n" ZK A B);
    all_found();
    assert_int_equal(heartbeats(), 0);
    fire();
    fakes_pass(10);
    answer(0, REASON_OK);
    assert_int_equal(rounds_settled(rounds), 0);
    assert_int_equal(heartbeats(), 0);
    fakes_pass(20);
    fakes.threads = 9;
    answer(1, REASON_OK);
    assert_int_equal(rounds_settled(rounds), 1);
    assert_int_equal(heartbeats(), 1);
    const struct rounds_info i = info();
    assert_int_equal(i.settled, 1);
    assert_int_equal(i.round_us, 30000);
    assert_int_equal(i.settled_mono_ms, fakes_now());
    assert_int_equal(i.settled_wall_ms, fakes.wall_ms);
    assert_int_equal(i.nthreads, 1);
    assert_int_equal(i.threads[0], 9);
    const char *beat = fakes_slot(SLOT_HEARTBEAT, "me")->document;
    assert_non_null(strstr(beat, "\"agent\":\"me\""));
    assert_non_null(strstr(beat, "\"round\":1,\"interval_ms\":10000"));
    assert_non_null(strstr(beat, "\"instances\":2,\"up\":2"));
    /* Retries in the same round write no second one. */
    lose(0);
    answer(0, REASON_OK);
    assert_int_equal(heartbeats(), 1);
    /* The next round does. */
    run_until(fakes_now() + INTERVAL_MS + 5000, REASON_OK);
    assert_int_equal(heartbeats(), 2);
    assert_int_equal(rounds_settled(rounds), 2);
    stop();
}

static void a_round_waits_for_a_first_verdict(void **state)
{
    (void)state;
    start(AGENT("") ZK A);
    all_found();
    fire();
    answer(0, REASON_OK);
    assert_int_equal(heartbeats(), 0);
    go_on();
    answer(0, REASON_OK);
    assert_int_equal(heartbeats(), 1);
    stop();
}

static void a_result_of_an_earlier_round_does_not_end_this_one(void **state)
{
    (void)state;
    start("[agent]\nid = me\ninterval = 10s\ntimeout = 9900ms\nrise = 1\n"
          "spread = 50%\n" ZK A B);
    all_found();
    run_until(fakes_now() + INTERVAL_MS + 6000, REASON_OK);
    fakes_pass(4000);
    fire(); /* round 3: a is asked */
    struct result r = result_of(0, REASON_OK);
    r.round = 2;
    deliver(0, &r);
    assert_true(at(0)->pace.awaited);
    stop();
}

static void what_is_due_later_is_not_awaited(void **state)
{
    (void)state;
    start("[agent]\nid = me\ninterval = 1s\nrise = 1\n" ZK A
          "interval = 10s\n" B);
    all_found();
    fire();
    answer(0, REASON_OK);
    answer(1, REASON_OK);
    assert_int_equal(heartbeats(), 1);
    fakes_pass(1000);
    fire();
    assert_false(at(0)->pace.awaited);
    assert_true(at(1)->pace.awaited);
    answer(1, REASON_OK);
    assert_int_equal(heartbeats(), 2);
    stop();
}

static void with_no_instance_due_a_round_is_over_at_once(void **state)
{
    (void)state;
    start("[agent]\nid = me\ninterval = 1s\nrise = 1\n" ZK A
          "interval = 10s\n");
    all_found();
    fire();
    answer(0, REASON_OK);
    fakes_pass(1000);
    fire();
    assert_int_equal(heartbeats(), 2);
    assert_int_equal(rounds_settled(rounds), 2);
    stop();
}

static void a_late_job_within_its_deadline_is_an_overrun(void **state)
{
    (void)state;
    start("[agent]\nid = me\ninterval = 1s\ntimeout = 1s\nrise = 1\n"
          "spread = 0%\n" ZK A B);
    all_found();
    fire();
    answer(1, REASON_OK);
    assert_int_equal(heartbeats(), 0);
    fakes_pass(1000);
    fire();
    assert_int_equal(info().overruns, 1);
    assert_string_equal(fakes_event("round_overrun")->pairs,
                        "round=1 missing=1 overruns=1 skipped=0 ");
    assert_int_equal(rounds_settled(rounds), 1);
    assert_int_equal(heartbeats(), 1);
    stop();
}

static void overruns_are_logged_once_a_minute(void **state)
{
    (void)state;
    start("[agent]\ninterval = 1s\ntimeout = 1s\nspread = 0%\n" A);
    for (int n = 0; n < 4; n++) {
        fire();
        fakes_pass(1000);
    }
    fire();
    unsigned long before = info().overruns;
    assert_true(before >= 1);
    assert_int_equal(fakes_logged("round_overrun"), 1);
    fakes_pass(60000);
    answer(0, REASON_OK);
    fakes_pass(1000);
    fire();
    assert_true(info().overruns > before);
    assert_int_equal(fakes_logged("round_overrun"), 2);
    stop();
}

static void a_job_past_its_deadline_keeps_the_heartbeat_back(void **state)
{
    (void)state;
    start(AGENT("spread = 0%") ZK A B);
    all_found();
    run_until(fakes_now() + INTERVAL_MS, REASON_OK);
    unsigned before = heartbeats();
    answer(1, REASON_OK);
    /* a's job never ends. */
    fakes_pass(INTERVAL_MS);
    fire();
    answer(1, REASON_OK);
    assert_int_equal(heartbeats(), before);
    /* The round itself is over. */
    assert_int_equal(rounds_settled(rounds), 2);
    fakes_pass(INTERVAL_MS);
    fire();
    answer(1, REASON_OK);
    assert_int_equal(at(0)->health.status, STATUS_UP);
    /* After three intervals it is stuck, and that is said. */
    at(0)->job.probe->phase = "connect";
    fakes_pass(INTERVAL_MS + 1);
    fire();
    answer(1, REASON_OK);
    assert_int_equal(at(0)->health.reason, REASON_STUCK);
    assert_string_equal(at(0)->detail, "no result for 39001 ms, phase connect");
    assert_int_equal(heartbeats(), before + 1);
    assert_non_null(strstr(document("a"), "\"reason\":\"stuck\""));
    /* It is said once, and no heartbeat waits for it any more. */
    uint64_t newest = history_newest(rounds_history(rounds));
    fakes_pass(INTERVAL_MS);
    fire();
    answer(1, REASON_OK);
    assert_int_equal(history_newest(rounds_history(rounds)), newest);
    fakes_pass(INTERVAL_MS);
    fire();
    assert_int_equal(heartbeats(), before + 2);
    stop();
}

static void exactly_three_intervals_of_silence_are_borne(void **state)
{
    (void)state;
    start(AGENT("spread = 0%") A);
    fire();
    for (int n = 0; n < 3; n++) {
        fakes_pass(INTERVAL_MS);
        fire();
    }
    assert_int_equal(at(0)->health.reason, REASON_PENDING);
    stop();
}

/* A job's time begins anew where its round was long over. */
static void a_deadline_has_a_second_of_slack(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        start("[agent]\nid = me\ninterval = 2s\ntimeout = 1s\nspread = 0%\n"
              "rise = 1\n" ZK A);
        all_found();
        fire();
        fakes_pass(2000 + (uint64_t)late);
        fire();
        /* One for each of the two rounds, or both are kept back. */
        assert_int_equal(heartbeats(), late ? 0 : 2);
        stop();
    }
}

static void a_wedged_worker_is_not_waited_for(void **state)
{
    (void)state;
    start(AGENT("") ZK A B);
    all_found();
    run_until(fakes_now() + 5000, REASON_OK);
    at(1)->job.worker = 1;
    fakes.workers[1].wedged = true;
    rounds_collect(rounds, fakes_now());
    assert_int_equal(at(1)->health.status, STATUS_UP);
    fakes.ill = true;
    at(1)->job.probe->phase = "lookup";
    rounds_collect(rounds, fakes_now());
    assert_int_equal(at(0)->health.status, STATUS_UP);
    assert_int_equal(at(1)->health.reason, REASON_STUCK);
    assert_string_equal(at(1)->detail, "thread worker-1 hangs, phase lookup");
    assert_string_equal(history_at(rounds_history(rounds), 3)->cause,
                        reason_sentence(REASON_STUCK));
    rounds_collect(rounds, fakes_now());
    assert_int_equal(history_newest(rounds_history(rounds)), 3);
    stop();
}

static void missed_rounds_are_left_out(void **state)
{
    (void)state;
    start(AGENT("spread = 0%") A);
    uint64_t began = fakes_now();
    fire();
    answer(0, REASON_OK);
    fakes_pass(3 * INTERVAL_MS + 500);
    fire();
    assert_int_equal(info().round, 2);
    assert_int_equal(rounds->clock.began_mono_ms, began + 3 * INTERVAL_MS);
    assert_int_equal(rounds->clock.next_mono_ms, began + 4 * INTERVAL_MS);
    stop();
}

static void threads_are_kept_of_the_last_rounds(void **state)
{
    (void)state;
    start("[agent]\ninterval = 1s\nrise = 1\nspread = 0%\n" A);
    for (long n = 1; n <= ROUNDS_THREADS + 5; n++) {
        fakes.threads = n;
        fire();
        answer(0, REASON_OK);
        fakes_pass(wanted_ms - fakes_now());
    }
    const struct rounds_info i = info();
    assert_int_equal(i.nthreads, ROUNDS_THREADS);
    assert_int_equal(i.threads[0], 6);
    assert_int_equal(i.threads[ROUNDS_THREADS - 1], ROUNDS_THREADS + 5);
    fakes.threads = -1;
    fire();
    answer(0, REASON_OK);
    assert_int_equal(info().threads[ROUNDS_THREADS - 1], 0);
    stop();
}

/* --------------------------------------------------------------- documents */

static void a_document_is_posted_when_it_changes(void **state)
{
    (void)state;
    start(AGENT("") ZK A);
    all_found();
    const struct fake_slot *node = fakes_slot(SLOT_STATUS, "a");
    /* What is there is replaced by what is known: nothing yet. */
    assert_int_equal(node->posts, 1);
    assert_non_null(strstr(node->document, "\"reason\":\"pending\""));
    run_until(fakes_now() + 5 * INTERVAL_MS - 1, REASON_OK);
    assert_int_equal(node->posts, 2);
    assert_non_null(strstr(node->document, "\"status\":\"up\""));
    /* News, though the verdict stays. */
    run_until(fakes_now() + 1, REASON_OK);
    lose(0);
    struct result r = result_of(0, REASON_OK);
    strcpy(r.version, "7.0.15");
    deliver(0, &r);
    assert_int_equal(node->posts, 3);
    assert_non_null(strstr(node->document, "7.0.15"));
    fakes_pass(INTERVAL_MS);
    fire();
    answer(0, REASON_OK);
    assert_int_equal(node->posts, 3);
    stop();
}

static void with_publish_round_every_round_posts(void **state)
{
    (void)state;
    start(AGENT("") ZK "publish = round\n" A);
    all_found();
    const struct fake_slot *node = fakes_slot(SLOT_STATUS, "a");
    run_until(fakes_now() + 2500, REASON_OK);
    unsigned before = node->posts;
    run_until(fakes_now() + 3 * INTERVAL_MS, REASON_OK);
    assert_int_equal(node->posts, before + 3);
    stop();
}

static struct document_seen ours(enum status status)
{
    struct document_seen seen = {
        .valid = true,
        .status = status,
        .reason = REASON_OK,
        .since_wall_ms = 4711,
    };
    strcpy(seen.agent, "me");
    snprintf(seen.host, sizeof seen.host, "%s", pool_parts(rounds->pool).host);
    return seen;
}

/* An earlier life's heartbeat, good for LEFT_MS, and its document of a. */
static void inherit(int64_t left_ms, void (*change)(struct document_seen *))
{
    struct document_seen seen = ours(STATUS_UP);
    seen.valid_until_wall_ms = fakes.wall_ms + left_ms;
    if (change != NULL)
        change(&seen);
    fakes_found(SLOT_HEARTBEAT, "me", &seen);
    seen = ours(STATUS_UP);
    fakes_found(SLOT_STATUS, "a", &seen);
    rounds_collect(rounds, fakes_now());
}

static void an_earlier_verdict_stands_until_the_first_of_ours(void **state)
{
    (void)state;
    start(AGENT("") ZK A);
    inherit(3 * INTERVAL_MS, NULL);
    const struct fake_slot *node = fakes_slot(SLOT_STATUS, "a");
    assert_int_equal(node->posts, 0);
    fire();
    answer(0, REASON_OK);
    go_on();
    assert_int_equal(node->posts, 0);
    assert_int_equal(heartbeats(), 0);
    answer(0, REASON_OK);
    assert_int_equal(node->posts, 1);
    assert_non_null(
        strstr(node->document, "\"since\":\"1970-01-01T00:00:04.711Z\""));
    assert_int_equal(rounds->inherited.count, 0);
    assert_int_equal(heartbeats(), 1);
    stop();
}

static void news_alone_do_not_replace_what_is_inherited(void **state)
{
    (void)state;
    start(AGENT("") ZK "publish = round\n" A);
    inherit(3 * INTERVAL_MS, NULL);
    fire();
    struct result r = result_of(0, REASON_OK);
    strcpy(r.version, "7.0.15");
    deliver(0, &r);
    assert_int_equal(fakes_slot(SLOT_STATUS, "a")->posts, 0);
    stop();
}

/* With the job never answered, what becomes of it in later rounds? */
static unsigned posts_after(int64_t left_ms, unsigned rounds_later,
                            void (*change)(struct document_seen *))
{
    start(AGENT("spread = 0%\n") ZK "publish = round\n" A);
    inherit(left_ms, change);
    for (unsigned n = 0; n <= rounds_later; n++) {
        fire();
        if (n < rounds_later)
            fakes_pass(INTERVAL_MS);
    }
    unsigned posts = fakes_slot(SLOT_STATUS, "a")->posts;
    stop();
    return posts;
}

static void other_host(struct document_seen *seen)
{
    strcpy(seen->host, "elsewhere");
}

static void other_agent(struct document_seen *seen)
{
    strcpy(seen->agent, "you");
}

static void no_document(struct document_seen *seen)
{
    seen->valid = false;
}

static void what_is_inherited_stands_while_its_heartbeat_vouches(void **state)
{
    (void)state;
    assert_int_equal(posts_after(2 * INTERVAL_MS, 2, NULL), 0);
    assert_int_equal(posts_after(2 * INTERVAL_MS, 3, NULL), 1);
    assert_int_equal(posts_after(2 * INTERVAL_MS - 1, 2, NULL), 1);
    /* Never longer than a heartbeat can be good for. */
    assert_int_equal(posts_after(99 * INTERVAL_MS, 3, NULL), 0);
    start(AGENT("") ZK A);
    inherit(99 * INTERVAL_MS, NULL);
    assert_int_equal(rounds->inherited.until_mono_ms,
                     fakes_now() + 3 * INTERVAL_MS);
    stop();
    /* It vouches no longer, or is not ours. */
    assert_int_equal(posts_after(0, 0, NULL), 1);
    assert_int_equal(posts_after(3 * INTERVAL_MS, 0, other_host), 1);
    assert_int_equal(posts_after(3 * INTERVAL_MS, 0, other_agent), 1);
    assert_int_equal(posts_after(3 * INTERVAL_MS, 0, no_document), 1);
}

static void anothers_document_is_replaced_at_once(void **state)
{
    (void)state;
    start(AGENT("") ZK A B);
    struct document_seen seen = ours(STATUS_UP);
    strcpy(seen.agent, "you");
    fakes_found(SLOT_STATUS, "a", &seen);
    seen = ours(STATUS_UP);
    seen.valid = false;
    fakes_found(SLOT_STATUS, "b", &seen);
    rounds_collect(rounds, fakes_now());
    assert_int_equal(fakes_slot(SLOT_STATUS, "a")->posts, 1);
    assert_int_equal(fakes_slot(SLOT_STATUS, "b")->posts, 1);
    stop();
}

static void once_we_vouch_nothing_is_inherited(void **state)
{
    struct rounds_change change;
    struct err e;
    (void)state;
    start("[agent]\nid = me\nrise = 1\ninterval = 10s\n" ZK A);
    all_found();
    fire();
    answer(0, REASON_OK);
    assert_int_equal(heartbeats(), 1);
    struct config *more =
        fakes_config("[agent]\nid = me\nrise = 1\ninterval = 10s\n" ZK A B);
    assert_int_equal(rounds_reload(rounds, more, &change, &e), 0);
    struct document_seen seen = ours(STATUS_UP);
    fakes_found(SLOT_STATUS, "b", &seen);
    rounds_collect(rounds, fakes_now());
    assert_int_equal(fakes_slot(SLOT_STATUS, "b")->posts, 1);
    stop();
    config_free(more);
}

static void what_is_found_late_is_not_inherited(void **state)
{
    (void)state;
    start("[agent]\nid = me\nrise = 1\ninterval = 10s\n" ZK A);
    fire();
    answer(0, REASON_OK);
    struct document_seen seen = ours(STATUS_UP);
    fakes_found(SLOT_STATUS, "a", &seen);
    rounds_collect(rounds, fakes_now());
    assert_int_equal(fakes_slot(SLOT_STATUS, "a")->posts, 1);
    /* The round was over already: the heartbeat comes at once. */
    assert_int_equal(heartbeats(), 0);
    fakes_found(SLOT_HEARTBEAT, "me", NULL);
    rounds_collect(rounds, fakes_now());
    assert_int_equal(heartbeats(), 1);
    stop();
}

static void a_heartbeat_that_is_found_early_waits_for_the_round(void **state)
{
    (void)state;
    start("[agent]\nid = me\nrise = 1\ninterval = 10s\n" ZK A);
    fire();
    fakes_found(SLOT_HEARTBEAT, "me", NULL);
    rounds_collect(rounds, fakes_now());
    assert_int_equal(heartbeats(), 0);
    assert_int_equal(rounds_settled(rounds), 0);
    stop();
}

/* ------------------------------------------------------------------ reload */

static void reload(const char *text, struct rounds_change *change)
{
    struct err e;
    struct config *fresh = fakes_config(text);
    assert_int_equal(rounds_reload(rounds, fresh, change, &e), 0);
    config_free(config);
    config = fresh;
}

static void a_reload_adds_changes_and_removes(void **state)
{
    struct rounds_change change;
    (void)state;
    start(AGENT("") ZK B A "[redis:d]\naddress = 127.0.0.1:4\n");
    all_found();
    run_until(fakes_now() + 2500, REASON_OK);
    unsigned asked = jobs(2);
    reload(AGENT("") ZK "[redis:c]\naddress = 127.0.0.1:3\n" B
                        "fall = 7\n[redis:d]\naddress = 127.0.0.1:4\n",
           &change);
    assert_int_equal(change.added, 1);
    assert_int_equal(change.changed, 1);
    assert_int_equal(change.removed, 1);
    assert_int_equal(change.kept, 1);
    assert_int_equal(pool_parts(rounds->pool).count, 3);
    /* b keeps its verdict, and its settings are the new ones. */
    assert_string_equal(at(0)->config->name, "b");
    assert_int_equal(at(0)->config->fall, 7);
    assert_int_equal(at(0)->health.status, STATUS_UP);
    assert_true(at(0)->record.recent.count > 0);
    /* a is gone; c is asked at once. */
    assert_null(pool_instance(rounds->pool, 1));
    assert_string_equal(at(3)->config->name, "c");
    assert_non_null(strstr(document("a"), "\"reason\":\"removed\""));
    const struct history_event *e = history_at(
        rounds_history(rounds), history_newest(rounds_history(rounds)));
    assert_string_equal(e->instance, "a");
    assert_int_equal(e->from, STATUS_UP);
    assert_int_equal(e->from_reason, REASON_OK);
    assert_int_equal(e->to, STATUS_UNKNOWN);
    assert_int_equal(e->reason, REASON_REMOVED);
    assert_string_equal(e->detail, "no longer configured");
    fire();
    assert_int_equal(jobs(3), 1);
    assert_int_equal(jobs(2), asked);
    stop();
}

static void what_is_kept_keeps_its_place(void **state)
{
    struct rounds_change change;
    (void)state;
    start(AGENT("spread = 0%") A);
    uint64_t began = fakes_now();
    run_until(began + 2500, REASON_OK);
    unsigned before = jobs(0);
    reload(AGENT("spread = 0%") A, &change);
    assert_int_equal(change.kept, 1);
    assert_int_equal(at(0)->pace.due_mono_ms, began + INTERVAL_MS);
    assert_int_equal(at(0)->pace.regular_mono_ms, began + INTERVAL_MS);
    fire();
    assert_int_equal(jobs(0), before);
    /* A retry that is due earlier stays due. */
    run_until(began + INTERVAL_MS, REASON_OK);
    answer(0, REASON_LOADING);
    uint64_t due = at(0)->pace.due_mono_ms;
    reload(AGENT("spread = 0%") A, &change);
    assert_int_equal(at(0)->pace.due_mono_ms, due);
    stop();
}

static void a_clock_that_is_off_is_said_once(void **state)
{
    (void)state;
    start(AGENT("") ZK A);
    all_found();
    fakes.info.clock_offset_ms = 2001;
    run_until(fakes_now() + INTERVAL_MS, REASON_OK);
    assert_int_equal(fakes_logged("clock_skew"), 0);
    fakes.info.clock_known = true;
    run_until(fakes_now() + 3 * INTERVAL_MS, REASON_OK);
    assert_int_equal(fakes_logged("clock_skew"), 1);
    assert_non_null(strstr(fakes_event("clock_skew")->pairs, "skew_ms=2001"));
    assert_non_null(strstr(fakes_event("clock_skew")->pairs, "behind"));
    fakes.info.clock_offset_ms = -999;
    run_until(fakes_now() + 3 * INTERVAL_MS, REASON_OK);
    assert_int_equal(fakes_logged("clock_skew"), 2);
    assert_non_null(strstr(fakes_event("clock_skew")->pairs, "again"));
    stop();
}

static void maintenance_is_published_at_once(void **state)
{
    struct rounds_change change;
    (void)state;
    start(AGENT("") ZK A);
    all_found();
    run_until(fakes_now() + 2500, REASON_OK);
    unsigned before = fakes_slot(SLOT_STATUS, "a")->posts;
    reload(AGENT("") ZK A "paused = yes\n", &change);
    assert_int_equal(change.changed, 1);
    assert_int_equal(change.kept, 0);
    assert_int_equal(fakes_slot(SLOT_STATUS, "a")->posts, before + 1);
    assert_non_null(strstr(document("a"), "\"maintenance\":true,"
                                          "\"maintenance_owner\":\"config\""));
    reload(AGENT("") ZK A "paused = yes\n", &change);
    assert_int_equal(change.kept, 1);
    assert_int_equal(fakes_slot(SLOT_STATUS, "a")->posts, before + 1);
    stop();
}

static void another_address_is_another_server(void **state)
{
    struct rounds_change change;
    (void)state;
    start(AGENT("") ZK A B);
    all_found();
    /* b is never asked before its address changes. */
    fire();
    answer(0, REASON_OK);
    go_on();
    answer(0, REASON_OK);
    uint64_t newest = history_newest(rounds_history(rounds));
    unsigned posts = fakes_slot(SLOT_STATUS, "a")->posts;
    reload(AGENT("") ZK "[redis:a]\naddress = 127.0.0.1:11\n"
                        "[redis:b]\naddress = 127.0.0.1:22\n",
           &change);
    assert_int_equal(change.changed, 2);
    assert_int_equal(at(0)->health.reason, REASON_PENDING);
    assert_int_equal(at(0)->record.recent.count, 0);
    /* Of what was pending there is nothing to tell. */
    assert_int_equal(history_newest(rounds_history(rounds)), newest + 1);
    const struct history_event *e =
        history_at(rounds_history(rounds), newest + 1);
    assert_string_equal(e->cause, "another address is configured");
    assert_string_equal(e->address, "127.0.0.1:11");
    assert_int_equal(e->from, STATUS_UP);
    assert_int_equal(e->to, STATUS_UNKNOWN);
    assert_int_equal(at(0)->record.status_changes, 2);
    assert_int_equal(fakes_slot(SLOT_STATUS, "a")->posts, posts + 1);
    stop();
}

static void a_move_within_unknown_is_a_change_of_reason(void **state)
{
    struct rounds_change change;
    (void)state;
    start(AGENT("") A);
    run_until(fakes_now() + 2500, REASON_NOAUTH);
    assert_int_equal(at(0)->health.reason, REASON_NOAUTH);
    uint32_t before = at(0)->record.status_changes;
    reload(AGENT("") "[redis:a]\naddress = 127.0.0.1:11\n", &change);
    assert_int_equal(at(0)->record.status_changes, before);
    assert_int_equal(fakes_logged("reason_changed"), 2);
    stop();
}

/* The job that the round waited for went with the old settings. */
static void a_change_does_not_keep_the_round_open(void **state)
{
    struct rounds_change change;
    (void)state;
    start(AGENT("") ZK A);
    all_found();
    run_until(fakes_now() + INTERVAL_MS, REASON_OK);
    assert_true(at(0)->pace.awaited);
    unsigned before = heartbeats();
    reload(AGENT("") ZK A "fall = 9\n", &change);
    assert_int_equal(heartbeats(), before + 1);
    stop();
}

static void a_removed_instance_does_not_keep_the_round_open(void **state)
{
    struct rounds_change change;
    (void)state;
    start(AGENT("") ZK A B);
    all_found();
    run_until(fakes_now() + INTERVAL_MS, REASON_OK);
    answer(0, REASON_OK);
    fakes_pass(wanted_ms - fakes_now());
    fire();
    unsigned before = heartbeats();
    reload(AGENT("") ZK A, &change);
    fire();
    if (at(0)->job.busy)
        answer(0, REASON_OK);
    assert_int_equal(heartbeats(), before + 1);
    assert_int_equal(rounds->settled.awaited, 0);
    stop();
}

static void what_is_inherited_may_be_removed(void **state)
{
    struct rounds_change change;
    (void)state;
    start("[agent]\nid = me\nrise = 1\ninterval = 10s\n" ZK A B);
    inherit(3 * INTERVAL_MS, NULL);
    fakes_found(SLOT_STATUS, "b", NULL);
    fire();
    answer(1, REASON_OK);
    assert_int_equal(rounds->inherited.count, 1);
    reload("[agent]\nid = me\nrise = 1\ninterval = 10s\n" ZK B, &change);
    assert_int_equal(rounds->inherited.count, 0);
    assert_int_equal(heartbeats(), 1);
    stop();
}

static void another_interval_holds_at_once(void **state)
{
    struct rounds_change change;
    (void)state;
    start(AGENT("spread = 0%") ZK A);
    all_found();
    uint64_t began = fakes_now();
    run_until(began + 2500, REASON_OK);
    unsigned before = heartbeats();
    reload("[agent]\nid = me\ninterval = 20s\nspread = 0%\n" ZK A, &change);
    assert_int_equal(info().interval_ms, 20000);
    assert_int_equal(rounds->clock.next_mono_ms, began + 20000);
    assert_int_equal(at(0)->pace.regular_mono_ms, began + 20000);
    /* Readers must not wait by the old pace. */
    assert_int_equal(heartbeats(), before + 1);
    assert_non_null(strstr(fakes_slot(SLOT_HEARTBEAT, "me")->document,
                           "\"interval_ms\":20000"));
    stop();
}

static void a_heartbeat_still_to_come_is_not_written_early(void **state)
{
    struct rounds_change change;
    (void)state;
    start("[agent]\nid = me\ninterval = 10s\n" ZK A "interval = 5s\n");
    all_found();
    fire();
    reload("[agent]\nid = me\ninterval = 20s\n" ZK A "interval = 5s\n",
           &change);
    assert_int_equal(change.kept, 1);
    assert_int_equal(heartbeats(), 0);
    stop();
}

static void a_reload_for_which_memory_lacks_is_told(void **state)
{
    struct rounds_change change;
    struct err e = { "" };
    (void)state;
    start(AGENT("") A);
    struct config *fresh = fakes_config(AGENT("") A B);
    fakes.no_probe = true;
    assert_int_equal(rounds_reload(rounds, fresh, &change, &e), -1);
    assert_string_equal(e.text, "no probe");
    config_free(fresh);
    fresh = fakes_config(AGENT("") A "fall = 9\n");
    assert_int_equal(rounds_reload(rounds, fresh, &change, &e), -1);
    assert_int_equal(at(0)->config->fall, 2);
    config_free(fresh);
    stop();
}

static void many_may_be_added(void **state)
{
    static char text[64 * 200];
    struct rounds_change change;
    (void)state;
    start(AGENT("") A);
    run_until(fakes_now() + 2500, REASON_OK);
    strcpy(text, AGENT("") A);
    for (int n = 0; n < 100; n++)
        snprintf(text + strlen(text), 64,
                 "[redis:x%d]\naddress = 127.0.0.1:%d\n", n, 1000 + n);
    reload(text, &change);
    assert_int_equal(change.added, 100);
    fire();
    for (size_t k = 1; k <= 100; k++)
        assert_int_equal(jobs(k), 1);
    assert_int_equal(at(0)->pace.due_mono_ms, at(0)->pace.regular_mono_ms);
    stop();
}

/* -------------------------------------------------------------------- view */

static void the_rounds_are_described_in_a_line(void **state)
{
    char line[128];
    (void)state;
    start(AGENT("") ZK A B);
    fakes.info.store.state = STORE_CONNECTED;
    run_until(fakes_now() + 2500, REASON_OK);
    rounds_describe(rounds, line, sizeof line);
    assert_string_equal(
        line, "2 up, 0 degraded, 0 down, 0 unknown; ZooKeeper connected");
    stop();
    start(AGENT("") A B);
    run_until(fakes_now() + 2500, REASON_LOADING);
    rounds_describe(rounds, line, sizeof line);
    assert_string_equal(line,
                        "0 up, 2 degraded, 0 down, 0 unknown; ZooKeeper off");
    stop();
}

static void a_broken_library_ends_the_process(void **state)
{
    struct err why = { "" };
    (void)state;
    start(AGENT("") ZK A);
    fakes.info.store.state = STORE_CONNECTED;
    assert_true(rounds_well(rounds, &why));
    fakes.info.store.state = STORE_BROKEN;
    strcpy(fakes.info.store.why, "three closes hang");
    assert_false(rounds_well(rounds, &why));
    assert_string_equal(why.text,
                        "ZooKeeper's library hangs: three closes hang");
    stop();
    start(AGENT("") A);
    assert_true(rounds_well(rounds, &why));
    stop();
}

static void a_dump_shows_figures_and_jobs(void **state)
{
    (void)state;
    start(AGENT("") ZK A B);
    fakes.info.store.state = STORE_CONNECTED;
    fakes.info.pending = 42;
    fire();
    answer(0, REASON_OK);
    at(1)->job.probe->phase = "connect";
    fakes_pass(123);
    fakes.nevents = 0;
    rounds_dump(rounds, fakes_now());
    const char *head = fakes_event("dump")->pairs;
    assert_non_null(strstr(head, "workers=2 jobs_active=1 jobs_queued=0 "
                                 "threads=5 round=1 zk_state=connected "
                                 "zk_pending=42 "));
    assert_int_equal(fakes_logged("dump_job"), 1);
    assert_string_equal(fakes_event("dump_job")->pairs,
                        "instance=b phase=connect age_ms=123 worker=0 ");
    stop();
    start(AGENT("") A);
    rounds_dump(rounds, fakes_now());
    assert_non_null(strstr(fakes_event("dump")->pairs, "zk_state=off"));
    assert_int_equal(fakes_logged("dump_job"), 0);
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_start_puts_everything_in_place),
        cmocka_unit_test(a_start_that_fails_leaves_nothing),
        cmocka_unit_test(results_that_wait_at_the_stop_are_taken),
        cmocka_unit_test(everything_is_asked_at_once_at_the_start),
        cmocka_unit_test(until_it_is_settled_it_is_asked_at_the_retry_pace),
        cmocka_unit_test(a_result_that_contradicts_is_asked_again_soon),
        cmocka_unit_test(a_retry_never_comes_after_the_regular_time),
        cmocka_unit_test(what_refuses_is_asked_at_the_retry_pace),
        cmocka_unit_test(probes_are_spread_over_part_of_the_interval),
        cmocka_unit_test(few_instances_are_not_spread),
        cmocka_unit_test(a_busy_job_is_skipped),
        cmocka_unit_test(a_lost_connection_hastens_one_probe),
        cmocka_unit_test(a_lost_connection_during_retries_hastens_nothing),
        cmocka_unit_test(a_change_of_status_lets_the_next_loss_hasten),
        cmocka_unit_test(a_certificate_that_ends_is_told_once_a_day),
        cmocka_unit_test(a_result_is_kept_and_counted),
        cmocka_unit_test(what_lags_is_kept_with_the_words_of_the_lag),
        cmocka_unit_test(a_change_is_logged_kept_and_counted),
        cmocka_unit_test(a_restart_is_logged_kept_counted_and_posted),
        cmocka_unit_test(a_refused_info_is_logged_once),
        cmocka_unit_test(another_reason_is_no_change_of_status),
        cmocka_unit_test(a_round_ends_with_its_last_result),
        cmocka_unit_test(a_round_waits_for_a_first_verdict),
        cmocka_unit_test(a_result_of_an_earlier_round_does_not_end_this_one),
        cmocka_unit_test(what_is_due_later_is_not_awaited),
        cmocka_unit_test(with_no_instance_due_a_round_is_over_at_once),
        cmocka_unit_test(a_late_job_within_its_deadline_is_an_overrun),
        cmocka_unit_test(overruns_are_logged_once_a_minute),
        cmocka_unit_test(a_job_past_its_deadline_keeps_the_heartbeat_back),
        cmocka_unit_test(exactly_three_intervals_of_silence_are_borne),
        cmocka_unit_test(a_deadline_has_a_second_of_slack),
        cmocka_unit_test(a_wedged_worker_is_not_waited_for),
        cmocka_unit_test(missed_rounds_are_left_out),
        cmocka_unit_test(threads_are_kept_of_the_last_rounds),
        cmocka_unit_test(a_document_is_posted_when_it_changes),
        cmocka_unit_test(with_publish_round_every_round_posts),
        cmocka_unit_test(an_earlier_verdict_stands_until_the_first_of_ours),
        cmocka_unit_test(news_alone_do_not_replace_what_is_inherited),
        cmocka_unit_test(what_is_inherited_stands_while_its_heartbeat_vouches),
        cmocka_unit_test(anothers_document_is_replaced_at_once),
        cmocka_unit_test(once_we_vouch_nothing_is_inherited),
        cmocka_unit_test(what_is_found_late_is_not_inherited),
        cmocka_unit_test(a_heartbeat_that_is_found_early_waits_for_the_round),
        cmocka_unit_test(a_reload_adds_changes_and_removes),
        cmocka_unit_test(what_is_kept_keeps_its_place),
        cmocka_unit_test(a_clock_that_is_off_is_said_once),
        cmocka_unit_test(maintenance_is_published_at_once),
        cmocka_unit_test(another_address_is_another_server),
        cmocka_unit_test(a_move_within_unknown_is_a_change_of_reason),
        cmocka_unit_test(a_change_does_not_keep_the_round_open),
        cmocka_unit_test(a_removed_instance_does_not_keep_the_round_open),
        cmocka_unit_test(what_is_inherited_may_be_removed),
        cmocka_unit_test(another_interval_holds_at_once),
        cmocka_unit_test(a_heartbeat_still_to_come_is_not_written_early),
        cmocka_unit_test(a_reload_for_which_memory_lacks_is_told),
        cmocka_unit_test(many_may_be_added),
        cmocka_unit_test(the_rounds_are_described_in_a_line),
        cmocka_unit_test(a_broken_library_ends_the_process),
        cmocka_unit_test(a_dump_shows_figures_and_jobs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
