/*
 * Nodes that another agent holds: left alone while its heartbeat exists,
 * taken when it is gone, and nothing waits for them meanwhile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "publisher_bench.h"

/* What an agent says of an instance that it was told to leave. */
#define LET_GO                                                  \
    "{\"schema\":1,\"agent\":\"web-2\",\"status\":\"unknown\"," \
    "\"reason\":\"removed\"}"

/* As long as web-2 lives, it holds instance a. */
static void start_beside(struct bench_publisher *w)
{
    start_refreshing(w, 1, 200);
    fake_store_put(w->store, "/r/s/agents/web-2", BEAT_WEB2, 9);
    fake_store_put(w->store, "/r/s/instances/a", STATUS_WEB2, 0);
    fake_store_on_write(w->store, NULL, NULL);
    fake_store_connect(w->store);
}

/* What is behind it in the queue got through. */
static void others_get_on(struct bench_publisher *w)
{
    add_posted(w, SLOT_STATUS, "other", STATUS_A);
    AWAIT(w, node_begins(w, "/r/s/instances/other", STATUS_A));
}

static void a_living_agents_status_is_left_alone_until_it_goes(void **state)
{
    struct bench_publisher w;
    struct publisher_holder holder;
    size_t slot;

    (void)state;
    start_beside(&w);
    slot = add_posted(&w, SLOT_STATUS, "a", STATUS_A);
    AWAIT(&w, info(&w).conflicts == 1);
    AWAIT(&w, info(&w).pending == 0);
    assert_true(publisher_conflict(w.publisher, slot, &holder));
    assert_string_equal(holder.agent, "web-2");
    assert_string_equal(holder.host, "h1");
    post(&w, slot, STATUS_B);
    others_get_on(&w);
    assert_true(node_is(&w, "/r/s/instances/a", STATUS_WEB2));
    fake_store_end_owner(w.store, 9);
    AWAIT(&w, node_is(&w, "/r/s/instances/a", STATUS_B ",\"seq\":8}"));
    AWAIT(&w, info(&w).conflicts == 0);
    assert_false(publisher_conflict(w.publisher, slot, &holder));
    assert_int_equal(info(&w).drifts, 0);
    finish(&w);
}

static void a_presence_follows_its_status(void **state)
{
    struct bench_publisher w;
    size_t alive;

    (void)state;
    start_beside(&w);
    add_posted(&w, SLOT_STATUS, "a", STATUS_A);
    alive = add_and_take(&w, SLOT_PRESENCE, "a");
    post(&w, alive, ALIVE);
    AWAIT(&w, info(&w).conflicts == 1 && info(&w).pending == 0);
    others_get_on(&w);
    assert_int_equal(look(&w, "/r/s/alive/a").writes, 0);
    fake_store_put(w.store, "/r/s/alive/a", ALIVE_WEB2, 9);
    publisher_withdraw(w.publisher, alive);
    post(&w, alive, ALIVE);
    AWAIT(&w, info(&w).pending == 0);
    assert_true(node_is(&w, "/r/s/alive/a", ALIVE_WEB2));
    fake_store_end_owner(w.store, 9);
    AWAIT(&w, node_is(&w, "/r/s/alive/a", ALIVE));
    finish(&w);
}

static void what_we_advertised_goes_with_the_status(void **state)
{
    struct bench_publisher w;
    struct fake_node n;

    (void)state;
    start_beside(&w);
    add_posted(&w, SLOT_STATUS, "b", STATUS_A);
    add_posted(&w, SLOT_PRESENCE, "b", ALIVE);
    AWAIT(&w, node_is(&w, "/r/s/alive/b", ALIVE));
    fake_store_put(w.store, "/r/s/instances/b", STATUS_WEB2, 0);
    AWAIT(&w, !fake_store_look(w.store, "/r/s/alive/b", &n));
    AWAIT(&w, info(&w).pending == 0);
    assert_int_equal(info(&w).drifts, 1);
    fake_store_end_owner(w.store, 9);
    AWAIT(&w, node_is(&w, "/r/s/alive/b", ALIVE));
    finish(&w);
}

/* Whom nobody has seen takes no presence from anybody's sight. */
static void a_status_that_names_a_dead_agent_is_no_reason_to_go(void **state)
{
    struct bench_publisher w;

    (void)state;
    start_beside(&w);
    add_posted(&w, SLOT_STATUS, "b", STATUS_A);
    add_posted(&w, SLOT_PRESENCE, "b", ALIVE);
    AWAIT(&w, node_is(&w, "/r/s/alive/b", ALIVE));
    fake_store_end_owner(w.store, 9);
    fake_store_put(w.store, "/r/s/instances/b", STATUS_WEB2, 0);
    AWAIT(&w, info(&w).drifts == 1 && info(&w).pending == 0);
    assert_true(node_begins(&w, "/r/s/instances/b", STATUS_A));
    assert_int_equal(look(&w, "/r/s/alive/b").disappeared, 0);
    finish(&w);
}

static void what_is_down_is_not_advertised_whoever_has_its_status(void **state)
{
    struct bench_publisher w;
    struct fake_node n;
    size_t alive;

    (void)state;
    start_beside(&w);
    fake_store_end_owner(w.store, 9);
    add_and_take(&w, SLOT_HEARTBEAT, "web-1");
    add_posted(&w, SLOT_STATUS, "b", STATUS_A);
    alive = add_and_take(&w, SLOT_PRESENCE, "b");
    post(&w, alive, ALIVE);
    AWAIT(&w, node_is(&w, "/r/s/alive/b", ALIVE));
    fake_store_put(w.store, "/r/s/instances/b", STATUS_WEB2, 0);
    AWAIT(&w, info(&w).drifts == 1);
    publisher_withdraw(w.publisher, alive);
    AWAIT(&w, !fake_store_look(w.store, "/r/s/alive/b", &n));
    assert_true(node_is(&w, "/r/s/instances/b", STATUS_WEB2));
    finish(&w);
}

static void a_living_agents_presence_is_left_alone(void **state)
{
    struct bench_publisher w;
    size_t slot;

    (void)state;
    start_beside(&w);
    fake_store_put(w.store, "/r/s/alive/b", ALIVE_WEB2, 9);
    slot = add_and_take(&w, SLOT_PRESENCE, "b");
    others_get_on(&w);
    /* Nothing was said of it. */
    assert_int_equal(info(&w).conflicts, 0);
    publisher_withdraw(w.publisher, slot);
    AWAIT(&w, info(&w).conflicts == 1 && info(&w).pending == 0);
    post(&w, slot, ALIVE);
    others_get_on(&w);
    assert_true(node_is(&w, "/r/s/alive/b", ALIVE_WEB2));
    fake_store_remove(w.store, "/r/s/agents/web-2");
    AWAIT(&w, node_is(&w, "/r/s/alive/b", ALIVE));
    AWAIT(&w, info(&w).conflicts == 0);
    finish(&w);
}

static void a_presence_that_is_no_agents_is_replaced(void **state)
{
    static const struct {
        const char *data;
        int64_t owner;
    } NODES[] = {
        { "junk", 9 },
        { "junk", 0 },
        { "{\"host\":\"r\",\"port\":1,\"name\":\"a\"}", 9 },
        { ALIVE_WEB2, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof NODES / sizeof NODES[0]; i++) {
        struct bench_publisher w;

        start_beside(&w);
        fake_store_put(w.store, "/r/s/alive/b", NODES[i].data, NODES[i].owner);
        add_posted(&w, SLOT_PRESENCE, "b", ALIVE);
        AWAIT(&w, node_is(&w, "/r/s/alive/b", ALIVE));
        assert_int_equal(look(&w, "/r/s/alive/b").owner,
                         fake_store_session(w.store));
        assert_int_equal(look(&w, "/r/s/alive/b").disappeared, 0);
        finish(&w);
    }
}

static void whom_no_heartbeat_can_belong_to_holds_nothing(void **state)
{
    static const char *const DOCS[] = {
        "{\"schema\":1,\"agent\":\"../agents/web-2\"}",
        "{\"schema\":1,\"agent\":\"web-3\"}",
        LET_GO,
    };

    (void)state;
    for (size_t i = 0; i < sizeof DOCS / sizeof DOCS[0]; i++) {
        struct bench_publisher w;

        start_beside(&w);
        /* Should anybody build a path of the first. */
        fake_store_put(w.store, "/r/s/agents/../agents/web-2", BEAT_WEB2, 9);
        fake_store_put(w.store, "/r/s/instances/b", DOCS[i], 0);
        add_posted(&w, SLOT_STATUS, "b", STATUS_A);
        AWAIT(&w, node_begins(&w, "/r/s/instances/b", STATUS_A));
        assert_int_equal(info(&w).conflicts, 0);
        finish(&w);
    }
}

static void nobody_is_taken_from_before_our_heartbeat_stands(void **state)
{
    struct bench_publisher w;
    size_t beat;

    (void)state;
    start_beside(&w);
    fake_store_end_owner(w.store, 9);
    beat = add_and_take(&w, SLOT_HEARTBEAT, "web-1");
    add_posted(&w, SLOT_STATUS, "a", STATUS_A);
    others_get_on(&w);
    AWAIT(&w, info(&w).pending == 1);
    assert_true(node_is(&w, "/r/s/instances/a", STATUS_WEB2));
    /* It came back in time. */
    fake_store_put(w.store, "/r/s/agents/web-2", BEAT_WEB2, 9);
    post(&w, beat, BEAT);
    AWAIT(&w, info(&w).conflicts == 1 && info(&w).pending == 0);
    assert_true(node_is(&w, "/r/s/instances/a", STATUS_WEB2));
    fake_store_end_owner(w.store, 9);
    AWAIT(&w, node_begins(&w, "/r/s/instances/a", STATUS_A));
    finish(&w);
}

static void an_agent_that_we_may_not_look_at_lives(void **state)
{
    struct bench_publisher w;

    (void)state;
    start_beside(&w);
    fake_store_deny(w.store, "/r/s/agents/web-2", STORE_NO_AUTH);
    add_posted(&w, SLOT_STATUS, "a", STATUS_A);
    AWAIT(&w, info(&w).conflicts == 1);
    finish(&w);
}

static void one_look_serves_all_nodes_of_an_agent(void **state)
{
    struct bench_publisher w;
    unsigned before;
    uint64_t begun;

    (void)state;
    start_beside(&w);
    for (unsigned i = 0; i < 8; i++) {
        char path[32] = "/r/s/instances/i0";

        path[strlen(path) - 1] = (char)('0' + i);
        fake_store_put(w.store, path, STATUS_WEB2, 0);
        add_posted(&w, SLOT_STATUS, strrchr(path, '/') + 1, STATUS_A);
    }
    AWAIT(&w, info(&w).conflicts == 8);
    begun = clock_mono_ms();
    before = fake_store_requests(w.store);
    AWAIT(&w, fake_store_requests(w.store) >= before + 100);
    /* 20 looks and 40 readings of a refresh in a second. */
    assert_true(clock_mono_ms() - begun >= 1000);
    finish(&w);
}

static void a_conflict_holds_up_neither_a_stop_nor_a_removal(void **state)
{
    struct bench_publisher w;
    uint64_t begun;
    size_t slot;

    (void)state;
    start_beside(&w);
    slot = add_posted(&w, SLOT_STATUS, "a", STATUS_A);
    AWAIT(&w, info(&w).conflicts == 1);
    publisher_remove(w.publisher, slot);
    AWAIT(&w, info(&w).conflicts == 0);
    assert_int_equal(add(&w, SLOT_STATUS, "a"), slot);
    post(&w, take(&w).slot, STATUS_A);
    AWAIT(&w, info(&w).conflicts == 1);
    begun = clock_mono_ms();
    assert_int_equal(publisher_stop(w.publisher, 60000, 50), STORE_CLOSED);
    assert_true(clock_mono_ms() - begun < 20000);
    assert_true(node_is(&w, "/r/s/instances/a", STATUS_WEB2));
    fake_store_free(w.store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_living_agents_status_is_left_alone_until_it_goes),
        cmocka_unit_test(a_presence_follows_its_status),
        cmocka_unit_test(what_we_advertised_goes_with_the_status),
        cmocka_unit_test(a_status_that_names_a_dead_agent_is_no_reason_to_go),
        cmocka_unit_test(what_is_down_is_not_advertised_whoever_has_its_status),
        cmocka_unit_test(a_living_agents_presence_is_left_alone),
        cmocka_unit_test(a_presence_that_is_no_agents_is_replaced),
        cmocka_unit_test(whom_no_heartbeat_can_belong_to_holds_nothing),
        cmocka_unit_test(nobody_is_taken_from_before_our_heartbeat_stands),
        cmocka_unit_test(an_agent_that_we_may_not_look_at_lives),
        cmocka_unit_test(one_look_serves_all_nodes_of_an_agent),
        cmocka_unit_test(a_conflict_holds_up_neither_a_stop_nor_a_removal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
