/*
 * Two agents with one id: who had the heartbeat first keeps it, and the other
 * writes nothing at all until it is free.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "publisher_bench.h"

#define PATH "/r/s/agents/web-1"

static void start_with_beat(struct bench_publisher *w, const char *beat,
                            int64_t owner)
{
    start_refreshing(w, 1, 200);
    fake_store_put(w->store, PATH, beat, owner);
    fake_store_put(w->store, "/r/s/instances/a", STATUS_B ",\"seq\":5}", 0);
    fake_store_on_write(w->store, NULL, NULL);
    fake_store_connect(w->store);
}

static void post_all(struct bench_publisher *w)
{
    add_posted(w, SLOT_HEARTBEAT, "web-1", BEAT_2);
    add_posted(w, SLOT_STATUS, "a", STATUS_A);
    add_posted(w, SLOT_PRESENCE, "a", ALIVE);
}

static bool all_is_ours(struct bench_publisher *w)
{
    return node_is(w, PATH, BEAT_2) &&
           node_is(w, "/r/s/instances/a", STATUS_A ",\"seq\":6}") &&
           node_is(w, "/r/s/alive/a", ALIVE) && info(w).conflicts == 0;
}

static void assert_nothing_written(struct bench_publisher *w)
{
    unsigned before = fake_store_requests(w->store);

    /* It is looked at again and again. */
    AWAIT(w, fake_store_requests(w->store) >= before + 10);
    assert_int_equal(info(w).conflicts, 1);
    assert_int_equal(info(w).pending, 0);
    assert_int_equal(look(w, PATH).writes, 1);
    assert_int_equal(look(w, "/r/s/instances/a").writes, 1);
    assert_int_equal(look(w, "/r/s/alive/a").writes, 0);
}

static void nothing_is_written_beside_an_agent_of_our_id(void **state)
{
    static const char *const BEATS[] = { BEAT_H2, BEAT_WEB2 };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct bench_publisher w;
        struct publisher_holder holder;

        start_with_beat(&w, BEATS[i], 7);
        post_all(&w);
        AWAIT(&w, info(&w).conflicts == 1);
        assert_true(publisher_conflict(w.publisher, 1, &holder));
        assert_string_equal(holder.host, i == 0 ? "h2" : "h1");
        assert_nothing_written(&w);
        fake_store_end_owner(w.store, 7);
        AWAIT(&w, all_is_ours(&w));
        assert_int_equal(info(&w).drifts, 0);
        finish(&w);
    }
}

/* It was the other one's, and says until when that one is to be trusted. */
static void a_contested_heartbeat_is_not_kept(void **state)
{
    struct bench_publisher w;
    struct fake_node n;
    size_t slot;

    (void)state;
    start_with_beat(&w, BEAT_H2, 7);
    slot = add_and_take(&w, SLOT_HEARTBEAT, "web-1");
    AWAIT(&w, info(&w).conflicts == 1);
    fake_store_end_owner(w.store, 7);
    AWAIT(&w, info(&w).conflicts == 0);
    add_posted(&w, SLOT_STATUS, "b", STATUS_A);
    AWAIT(&w, node_begins(&w, "/r/s/instances/b", STATUS_A));
    assert_false(fake_store_look(w.store, PATH, &n));
    post(&w, slot, BEAT_2);
    AWAIT(&w, node_is(&w, PATH, BEAT_2));
    finish(&w);
}

static void what_is_no_heartbeat_is_replaced(void **state)
{
    struct bench_publisher w;

    (void)state;
    start_with_beat(&w, "junk", 7);
    post_all(&w);
    AWAIT(&w, all_is_ours(&w));
    assert_int_equal(look(&w, PATH).disappeared, 0);
    finish(&w);
}

/* A process of our name, which ends at the end of its input. */
static pid_t fork_kin(int *end)
{
    int fds[2];
    pid_t pid;
    char c;

    assert_int_equal(pipe(fds), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(fds[1]);
        _exit(read(fds[0], &c, 1) == 0 ? 0 : 1);
    }
    close(fds[0]);
    *end = fds[1];
    return pid;
}

static void an_agent_that_runs_on_this_host_is_no_earlier_life(void **state)
{
    struct bench_publisher w;
    char beat[128];
    int end;
    pid_t kin;

    (void)state;
    kin = fork_kin(&end);
    snprintf(beat, sizeof beat,
             "{\"schema\":1,\"agent\":\"web-1\",\"host\":\"h1\",\"pid\":%ld}",
             (long)kin);
    start_with_beat(&w, beat, 7);
    post_all(&w);
    AWAIT(&w, info(&w).conflicts == 1);
    assert_nothing_written(&w);
    close(end);
    /* It does not live on as a zombie. */
    AWAIT(&w, all_is_ours(&w));
    assert_int_equal(look(&w, PATH).disappeared, 0);
    assert_int_equal(waitpid(kin, NULL, 0), kin);
    finish(&w);
}

static void other_programs_are_no_agents(void **state)
{
    struct bench_publisher w;
    char beat[128];

    (void)state;
    snprintf(beat, sizeof beat,
             "{\"schema\":1,\"agent\":\"web-1\",\"host\":\"h1\",\"pid\":%d}",
             1);
    start_with_beat(&w, beat, 7);
    post_all(&w);
    AWAIT(&w, all_is_ours(&w));
    finish(&w);
}

static void what_was_taken_from_us_is_not_stolen_back(void **state)
{
    struct bench_publisher w;

    (void)state;
    start(&w, 1);
    fake_store_on_write(w.store, NULL, NULL);
    fake_store_connect(w.store);
    post(&w, add_and_take(&w, SLOT_HEARTBEAT, "web-1"), BEAT);
    AWAIT(&w, info(&w).pending == 0);
    fake_store_remove(w.store, PATH);
    fake_store_put(w.store, PATH, BEAT, 9);
    post(&w, 0, BEAT_2);
    AWAIT(&w, info(&w).conflicts == 1);
    assert_int_equal(info(&w).drifts, 1);
    assert_true(look(&w, PATH).owner == 9);
    /* Not with another session either, while it is said to be elsewhere. */
    fake_store_put(w.store, PATH, BEAT_H2, 9);
    fake_store_expire(w.store, true);
    AWAIT(&w, info(&w).store.sessions == 2);
    AWAIT(&w, info(&w).conflicts == 1);
    assert_true(node_is(&w, PATH, BEAT_H2));
    fake_store_end_owner(w.store, 9);
    AWAIT(&w, node_is(&w, PATH, BEAT_2));
    AWAIT(&w, info(&w).conflicts == 0);
    finish(&w);
}

static void no_status_is_written_before_the_heartbeat_was_read(void **state)
{
    struct bench_publisher w;
    size_t slot;

    (void)state;
    start(&w, 1);
    fake_store_put(w.store, PATH, BEAT, 7);
    fake_store_deny(w.store, PATH, STORE_BUSY);
    fake_store_connect(w.store);
    add(&w, SLOT_HEARTBEAT, "web-1");
    slot = add_and_take(&w, SLOT_STATUS, "a");
    post(&w, slot, STATUS_A);
    add_and_take(&w, SLOT_STATUS, "b");
    assert_int_equal(look(&w, "/r/s/instances/a").writes, 0);
    assert_int_equal(info(&w).pending, 1);
    fake_store_deny(w.store, NULL, STORE_OK);
    AWAIT(&w, node_begins(&w, "/r/s/instances/a", STATUS_A));
    finish(&w);
}

static void a_check_does_not_write_over_a_daemons_heartbeat(void **state)
{
    static const char BEAT_3[] =
        "{\"schema\":1,\"agent\":\"web-1\",\"host\":\"h1\",\"round\":3}";
    struct bench_publisher w;
    unsigned requests;
    size_t slot;

    (void)state;
    start_over(&w, PATH, BEAT, 7);
    slot = add_and_take(&w, SLOT_HEARTBEAT_PERSISTENT, "web-1");
    post(&w, slot, BEAT_2);
    AWAIT(&w, info(&w).conflicts == 1 && info(&w).pending == 0);
    assert_int_equal(look(&w, PATH).writes, 1);
    /* Its next heartbeat is nothing that was done to ours. */
    requests = fake_store_requests(w.store);
    fake_store_put(w.store, PATH, BEAT_3, 7);
    AWAIT(&w, fake_store_requests(w.store) > requests);
    fake_store_end_owner(w.store, 7);
    AWAIT(&w, node_is(&w, PATH, BEAT_2));
    assert_int_equal(look(&w, PATH).owner, 0);
    assert_int_equal(info(&w).drifts, 0);
    finish(&w);
}

static void a_stop_does_not_wait_for_a_contested_heartbeat(void **state)
{
    struct bench_publisher w;
    uint64_t begun;

    (void)state;
    start_with_beat(&w, BEAT_H2, 7);
    post_all(&w);
    AWAIT(&w, info(&w).conflicts == 1);
    begun = clock_mono_ms();
    assert_int_equal(publisher_stop(w.publisher, 60000, 50), STORE_CLOSED);
    assert_true(clock_mono_ms() - begun < 20000);
    assert_true(node_is(&w, PATH, BEAT_H2));
    fake_store_free(w.store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_written_beside_an_agent_of_our_id),
        cmocka_unit_test(a_contested_heartbeat_is_not_kept),
        cmocka_unit_test(what_is_no_heartbeat_is_replaced),
        cmocka_unit_test(an_agent_that_runs_on_this_host_is_no_earlier_life),
        cmocka_unit_test(other_programs_are_no_agents),
        cmocka_unit_test(what_was_taken_from_us_is_not_stolen_back),
        cmocka_unit_test(no_status_is_written_before_the_heartbeat_was_read),
        cmocka_unit_test(a_check_does_not_write_over_a_daemons_heartbeat),
        cmocka_unit_test(a_stop_does_not_wait_for_a_contested_heartbeat),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
