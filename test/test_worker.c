/*
 * The worker as the loop sees it: jobs in, results out, nothing lost, nothing
 * held up, and an end that comes in time.
 */
#include <errno.h>
#include <poll.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "agent/clock.h"
#include "agent/objects.h"
#include "agent/worker.h"

#include "bench.h"
#include "fake_redis.h"
#include "scratch.h"

#define HUNG    100
#define HEALTHY 10
#define MANY    1000
#define CLOSED  64

static struct resolver *resolver;
static struct worker *worker;
static struct config *config;
static sem_t woken;
static atomic_uint wakes;
static atomic_int stall_ms; /* of the next wake */

static void on_wake(void *arg)
{
    (void)arg;
    poll(NULL, 0, atomic_exchange(&stall_ms, 0));
    atomic_fetch_add(&wakes, 1);
    sem_post(&woken);
}

static int start_worker(void **state)
{
    struct worker_options o = { .index = 3, .wake = on_wake };
    struct err e;

    (void)state;
    sem_init(&woken, 0, 0);
    atomic_store(&wakes, 0);
    resolver = resolver_start(&e);
    assert_non_null(resolver);
    o.resolver = resolver;
    worker = worker_start(&o, &e);
    assert_non_null(worker);
    return 0;
}

static int stop_worker(void **state)
{
    (void)state;
    if (worker != NULL)
        assert_true(worker_stop(worker, 5000));
    worker = NULL;
    resolver_stop(resolver);
    config_free(config);
    config = NULL;
    sem_destroy(&woken);
    return 0;
}

/* The instance of FAKE; the rest of its settings is KEYS. */
static struct config_instance *instance_at(const char *address,
                                           const char *keys)
{
    char text[256];

    snprintf(text, sizeof text, "[redis:x]\naddress = %s\n%s", address, keys);
    config_free(config);
    config = bench_config(text);
    return config->instances[0];
}

static struct probe *add(uint64_t id, struct config_instance *c)
{
    struct err e;
    struct probe *t = worker_add(worker, id, c, &e);

    assert_non_null(t);
    return t;
}

static void post(struct probe *t, uint64_t id, uint64_t round)
{
    worker_post(worker, t, &(struct job){ .id = id, .round = round });
    worker_wake(worker);
}

/* Waits ten seconds at most for a result. */
static struct result take_one(void)
{
    struct result r;
    struct timespec until;

    while (worker_take(worker, &r, 1) == 0) {
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += 10;
        if (sem_timedwait(&woken, &until) != 0 && errno == ETIMEDOUT)
            fail_msg("no result in ten seconds");
    }
    return r;
}

static void a_job_comes_back_as_a_result(void **state)
{
    struct fake_redis *fake = fake_redis_start("127.0.0.1");
    struct probe *t = add(42, instance_at(fake_redis_address(fake), ""));

    (void)state;
    for (uint64_t round = 1; round <= 3; round++) {
        struct result r;

        post(t, 42, round);
        r = take_one();
        assert_saw(&r, REASON_OK, "");
        assert_int_equal(r.id, 42);
        assert_int_equal(r.round, round);
        assert_string_equal(worker_phase(t), "idle");
    }
    assert_int_equal(worker_queued(worker), 0);
    assert_int_equal(fake_redis_accepted(fake), 1);
    worker_remove(worker, t);
    fake_redis_stop(fake);
}

static bool is_in_reply(void *arg)
{
    const struct probe *t = arg;

    return strcmp(worker_phase(t), "reply") == 0;
}

static void a_hung_job_tells_its_phase(void **state)
{
    struct fake_redis *fake = fake_redis_start("127.0.0.1");
    struct probe *t =
        add(1, instance_at(fake_redis_address(fake), "timeout = 5s\n"));

    (void)state;
    fake_redis_answer(fake, "PING", FAKE_HANG, NULL);
    post(t, 1, 1);
    assert_true(bench_until(is_in_reply, t));
    fake_redis_stop(fake);
    assert_int_equal(reason_status(take_one().reason), STATUS_DOWN);
}

static void a_hundred_hung_instances_hold_up_nobody(void **state)
{
    struct fake_redis *hung = fake_redis_start("127.0.0.1");
    struct fake_redis *well = fake_redis_start("127.0.0.1");
    struct probe *t[HUNG + HEALTHY];
    struct config_instance *c =
        instance_at(fake_redis_address(hung), "timeout = 3s\n");
    unsigned healthy_left = HEALTHY * 20, hung_left = HUNG;

    (void)state;
    fake_redis_answer(hung, "PING", FAKE_HANG, NULL);
    for (uint64_t i = 0; i < HUNG; i++)
        t[i] = add(i, c);
    c = instance_at(fake_redis_address(well), "timeout = 3s\n");
    for (uint64_t i = HUNG; i < HUNG + HEALTHY; i++)
        t[i] = add(i, c);
    for (uint64_t i = 0; i < HUNG + HEALTHY; i++)
        post(t[i], i, 1);
    /* Twenty rounds of the healthy are over before the first timeout. */
    while (healthy_left > 0) {
        struct result r = take_one();

        assert_saw(&r, REASON_OK, "");
        assert_true(r.id >= HUNG);
        if (--healthy_left >= HEALTHY)
            post(t[r.id], r.id, r.round + 1);
    }
    for (; hung_left > 0; hung_left--)
        assert_int_equal(take_one().reason, REASON_REPLY_TIMEOUT);
    fake_redis_stop(hung);
    fake_redis_stop(well);
}

static void a_worker_stops_while_everything_hangs(void **state)
{
    struct fake_redis *hung = fake_redis_start("127.0.0.1");
    struct config_instance *c =
        instance_at(fake_redis_address(hung), "timeout = 30s\n");
    struct probe *last = NULL;
    uint64_t before_ms;

    (void)state;
    fake_redis_answer(hung, "PING", FAKE_HANG, "+PO");
    for (uint64_t i = 0; i < HUNG; i++) {
        last = add(i, c);
        post(last, i, 1);
    }
    assert_true(bench_until(is_in_reply, last));
    before_ms = clock_mono_ms();
    assert_true(worker_stop(worker, 10000));
    worker = NULL;
    assert_true(clock_mono_ms() - before_ms < 10000);
    fake_redis_stop(hung);
}

static void stuck_wake(void *arg)
{
    sem_t *until = arg;

    sem_post(&woken);
    while (sem_wait(until) != 0)
        ;
}

static void the_wait_for_a_wedged_worker_is_bounded(void **state)
{
    int fd;
    char address[32];
    sem_t until;
    struct worker_options o = { .wake = stuck_wake, .arg = &until };
    struct worker *wedged;
    struct probe *t;
    struct err e;

    (void)state;
    sem_init(&until, 0, 0);
    o.resolver = resolver;
    wedged = worker_start(&o, &e);
    assert_non_null(wedged);
    snprintf(address, sizeof address, "127.0.0.1:%u", scratch_port(&fd));
    t = worker_add(wedged, 1, instance_at(address, ""), &e);
    assert_non_null(t);
    worker_post(wedged, t, &(struct job){ .id = 1 });
    worker_wake(wedged);
    while (sem_wait(&woken) != 0)
        ;
    assert_false(worker_stop(wedged, 50));
    sem_post(&until);
    assert_true(worker_stop(wedged, 10000));
    sem_destroy(&until);
    close(fd);
}

static void instances_come_and_go_while_jobs_run(void **state)
{
    struct fake_redis *fake = fake_redis_start("127.0.0.1");
    struct config_instance *c =
        instance_at(fake_redis_address(fake), "timeout = 5s\n");
    struct probe *stays = add(0, c);
    struct result r;

    (void)state;
    for (uint64_t i = 1; i <= 200; i++) {
        struct probe *t = add(i, c);

        post(t, i, i);
        if (i % 2 == 0)
            (void)worker_phase(t);
        if (i % 3 == 0)
            worker_take(worker, &r, 1);
        worker_remove(worker, t);
    }
    while (worker_take(worker, &r, 1) > 0)
        ;
    post(stays, 0, 1);
    do {
        r = take_one();
    } while (r.id != 0);
    assert_saw(&r, REASON_OK, "");
    fake_redis_stop(fake);
}

/* Every result finds room, although nobody takes any until all are there. */
static void a_burst_is_neither_lost_nor_a_storm_of_wakes(void **state)
{
    int fd;
    char address[32];
    struct config_instance *c;
    struct probe *t[MANY];
    unsigned n = 0;
    bool *seen = calloc(MANY, sizeof *seen);

    (void)state;
    snprintf(address, sizeof address, "127.0.0.1:%u", scratch_port(&fd));
    c = instance_at(address, "");
    for (uint64_t i = 0; i < MANY; i++)
        t[i] = add(i, c);
    for (uint64_t i = 0; i < MANY; i++)
        post(t[i], i, 1);
    for (; n < MANY; n++) {
        struct result r = take_one();

        assert_saw(&r, REASON_REFUSED, "");
        assert_false(seen[r.id]);
        seen[r.id] = true;
    }
    assert_true(atomic_load(&wakes) < MANY / 2);
    free(seen);
    close(fd);
}

/* ARG: how many connections there have been. */
static bool all_are_closed(void *arg)
{
    struct object_count count;

    objects_read(OBJECT_CONNECTION, &count);
    return count.live == 0 && count.allocated == *(uint64_t *)arg;
}

static void post_all(struct probe *const *t, uint64_t round)
{
    for (uint64_t i = 0; i < CLOSED; i++)
        post(t[i], i, round);
}

/* The most that each may have to say before the loop listens: that it lost its
 * connection, a result, and that it lost the new one. */
static void what_is_lost_finds_room_beside_the_results(void **state)
{
    struct fake_redis *fake = fake_redis_start("127.0.0.1");
    struct config_instance *c = instance_at(fake_redis_address(fake), "");
    struct probe *t[CLOSED];
    unsigned said[CLOSED] = { 0 };
    struct object_count count;
    uint64_t connections;

    (void)state;
    objects_read(OBJECT_CONNECTION, &count);
    connections = count.allocated + CLOSED;
    for (uint64_t i = 0; i < CLOSED; i++)
        t[i] = add(i, c);
    post_all(t, 1);
    for (unsigned i = 0; i < CLOSED; i++)
        take_one();
    fake_redis_drop(fake);
    assert_true(bench_until(all_are_closed, &connections));
    fake_redis_answer(fake, "INFO replication", FAKE_CLOSE,
                      "$11\r\nrole:master\r\n");
    connections += CLOSED;
    post_all(t, 2);
    assert_true(bench_until(all_are_closed, &connections));
    for (unsigned i = 0; i < 3 * CLOSED; i++) {
        struct result r = take_one();

        assert_int_equal(r.lost, said[r.id] % 2 == 0);
        said[r.id]++;
    }
    fake_redis_stop(fake);
}

static void names_are_looked_up_and_missing_ones_are_dns(void **state)
{
    struct fake_redis *fake = fake_redis_start("127.0.0.1");
    char address[64];
    struct result r;

    (void)state;
    snprintf(address, sizeof address, "localhost:%u", fake_redis_port(fake));
    post(add(1, instance_at(address, "timeout = 5s\n")), 1, 1);
    r = take_one();
    assert_saw(&r, REASON_OK, "");
    post(add(2, instance_at("no-such-name.invalid:1", "timeout = 1s\n")), 2, 1);
    r = take_one();
    assert_saw(&r, REASON_DNS, "");
    fake_redis_stop(fake);
}

/* The wake of the healthy one's result holds up the worker. */
static void a_stall_of_the_worker_comes_with_what_it_may_have_missed(
    void **state)
{
    struct fake_redis *hung = fake_redis_start("127.0.0.1");
    struct fake_redis *well = fake_redis_start("127.0.0.1");
    struct probe *t[2];
    struct result r;

    (void)state;
    fake_redis_answer(hung, "PING", FAKE_HANG, NULL);
    t[0] = add(0, instance_at(fake_redis_address(hung), "timeout = 1s\n"));
    t[1] = add(1, instance_at(fake_redis_address(well), "timeout = 20s\n"));
    atomic_store(&stall_ms, 1500);
    post(t[0], 0, 1);
    post(t[1], 1, 1);
    r = take_one();
    assert_int_equal(r.id, 1);
    assert_saw(&r, REASON_OK, "");
    assert_false(r.timed);
    r = take_one();
    assert_int_equal(r.id, 0);
    assert_saw(&r, REASON_REPLY_TIMEOUT, "");
    assert_true(r.timed);
    assert_true(r.stalled_ms > 1000);
    fake_redis_stop(hung);
    fake_redis_stop(well);
}

#define with_worker(f) \
    cmocka_unit_test_setup_teardown(f, start_worker, stop_worker)

static void descriptors_are_all_given_back(void **state)
{
    size_t before = bench_fds();

    start_worker(state);
    a_job_comes_back_as_a_result(state);
    stop_worker(state);
    assert_int_equal(bench_fds(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_worker(a_job_comes_back_as_a_result),
        with_worker(a_hung_job_tells_its_phase),
        with_worker(a_hundred_hung_instances_hold_up_nobody),
        with_worker(a_worker_stops_while_everything_hangs),
        with_worker(the_wait_for_a_wedged_worker_is_bounded),
        with_worker(instances_come_and_go_while_jobs_run),
        with_worker(a_burst_is_neither_lost_nor_a_storm_of_wakes),
        with_worker(what_is_lost_finds_room_beside_the_results),
        with_worker(names_are_looked_up_and_missing_ones_are_dns),
        with_worker(a_stall_of_the_worker_comes_with_what_it_may_have_missed),
        cmocka_unit_test(descriptors_are_all_given_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
