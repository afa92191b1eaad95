/*
 * Documents and presences of ours that nobody keeps any more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/role.h"

#include "publisher_bench.h"

#define OLD                                                         \
    "{\"schema\":1,\"address\":\"r:1\",\"status\":\"up\","          \
    "\"checked\":\"2026-11-23T05:29:02.125Z\",\"role\":\"master\"," \
    "\"version\":\"7.0.15\",\"agent\":\"web-1\",\"seq\":41}"
#define REMOVED                                                 \
    "{\"schema\":1,\"agent\":\"web-1\",\"status\":\"unknown\"," \
    "\"reason\":\"removed\",\"seq\":3}"

/* The session that a new store has first. */
#define FIRST_SESSION 101

static void start_among(struct bench_publisher *w)
{
    start(w, 1);
    fake_store_on_write(w->store, NULL, NULL);
    fake_store_put(w->store, "/r/s/instances/old", OLD, 0);
    fake_store_put(w->store, "/r/s/instances/older", OLD, 0);
    fake_store_put(w->store, "/r/s/instances/removed", REMOVED, 0);
    fake_store_put(w->store, "/r/s/instances/theirs", STATUS_WEB2, 0);
    fake_store_put(w->store, "/r/s/instances/junk", "junk", 0);
    fake_store_put(w->store, "/r/s/instances/kept", OLD, 0);
    fake_store_put(w->store, "/r/s/alive/kept", ALIVE, FIRST_SESSION);
    fake_store_put(w->store, "/r/s/alive/old", ALIVE, FIRST_SESSION);
    fake_store_put(w->store, "/r/s/alive/theirs", ALIVE, 7);
    fake_store_connect(w->store);
    add_and_take(w, SLOT_STATUS, "kept");
    add_and_take(w, SLOT_PRESENCE, "kept");
}

/* There is no list of what is ours, so that the whole tree is looked at. */
static void own_nothing(struct bench_publisher *w)
{
    struct err e;

    assert_int_equal(publisher_own(w->publisher, NULL, 0, false, &e), 0);
}

static void our_documents_without_a_slot_are_told(void **state)
{
    struct bench_publisher w;
    struct publisher_event ev;
    unsigned told = 0;

    (void)state;
    start_among(&w);
    assert_false(info(&w).seeking);
    own_nothing(&w);
    for (; told < 2; told++) {
        ev = take(&w);
        assert_true(ev.orphan);
        assert_memory_equal(ev.name, "old", 3);
        assert_string_equal(ev.seen.address, "r:1");
        assert_string_equal(ev.seen.version, "7.0.15");
        assert_string_equal(ev.seen.role, "master");
        assert_true(ev.seen.checked_wall_ms > 0);
    }
    AWAIT(&w, !info(&w).seeking);
    assert_false(publisher_take(w.publisher, &ev));
    finish(&w);
}

static void of_fleets_what_names_ours_is_told(void **state)
{
    struct bench_publisher w;
    struct publisher_event ev;

    (void)state;
    start(&w, 1);
    fake_store_put(w.store, "/r/s/owned/web-1", "ours\ntheirs\n", 0);
    fake_store_put(w.store, "/r/s/instances/ours",
                   "{\"schema\":1,\"agent\":\"web-1\",\"status\":\"up\","
                   "\"fleet\":\"cache\"}",
                   0);
    fake_store_put(w.store, "/r/s/instances/theirs",
                   "{\"schema\":1,\"agent\":\"web-1\",\"status\":\"up\","
                   "\"fleet\":\"web\"}",
                   0);
    fake_store_connect(w.store);
    own_nothing(&w);
    ev = take(&w);
    assert_true(ev.orphan);
    assert_string_equal(ev.name, "ours");
    assert_string_equal(ev.seen.fleet, "cache");
    AWAIT(&w, !info(&w).seeking);
    assert_false(publisher_take(w.publisher, &ev));
    finish(&w);
}

static void a_last_word_goes_on_with_the_number(void **state)
{
    struct bench_publisher w;
    size_t slot;

    (void)state;
    start_among(&w);
    own_nothing(&w);
    slot = add(&w, SLOT_STATUS, take(&w).name);
    post(&w, slot, STATUS_B);
    publisher_remove(w.publisher, slot);
    AWAIT(&w, node_is(&w, "/r/s/instances/old", STATUS_B ",\"seq\":42}") ||
                  node_is(&w, "/r/s/instances/older", STATUS_B ",\"seq\":42}"));
    finish(&w);
}

static void a_presence_of_our_session_without_a_slot_goes(void **state)
{
    struct bench_publisher w;
    struct fake_node n;

    (void)state;
    start_among(&w);
    own_nothing(&w);
    take(&w);
    take(&w);
    AWAIT(&w, !fake_store_look(w.store, "/r/s/alive/old", &n));
    AWAIT(&w, !info(&w).seeking);
    assert_true(node_is(&w, "/r/s/alive/kept", ALIVE));
    assert_true(node_is(&w, "/r/s/alive/theirs", ALIVE));
    finish(&w);
}

static void nothing_is_sought_beside_an_agent_of_our_id(void **state)
{
    struct bench_publisher w;
    struct publisher_event ev;
    unsigned before;

    (void)state;
    start_among(&w);
    fake_store_put(w.store, "/r/s/agents/web-1", BEAT_H2, 7);
    add_posted(&w, SLOT_HEARTBEAT, "web-1", BEAT);
    own_nothing(&w);
    before = fake_store_requests(w.store);
    AWAIT(&w, fake_store_requests(w.store) >= before + 10);
    assert_false(publisher_take(w.publisher, &ev));
    fake_store_end_owner(w.store, 7);
    assert_true(take(&w).orphan);
    finish(&w);
}

static void a_lost_answer_is_asked_for_again(void **state)
{
    struct bench_publisher w;
    unsigned before;

    (void)state;
    start_among(&w);
    fake_store_deny(w.store, "/r/s/instances/old", STORE_UNCERTAIN);
    before = fake_store_requests(w.store);
    own_nothing(&w);
    AWAIT(&w, fake_store_requests(w.store) >= before + 2);
    assert_true(info(&w).seeking);
    fake_store_deny(w.store, NULL, STORE_OK);
    take(&w);
    take(&w);
    AWAIT(&w, !info(&w).seeking);
    finish(&w);
}

static void a_tree_without_anything_is_soon_searched(void **state)
{
    struct bench_publisher w;

    (void)state;
    start(&w, 1);
    own_nothing(&w);
    fake_store_connect(w.store);
    AWAIT(&w, !info(&w).seeking);
    finish(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_documents_without_a_slot_are_told),
        cmocka_unit_test(of_fleets_what_names_ours_is_told),
        cmocka_unit_test(a_last_word_goes_on_with_the_number),
        cmocka_unit_test(a_presence_of_our_session_without_a_slot_goes),
        cmocka_unit_test(nothing_is_sought_beside_an_agent_of_our_id),
        cmocka_unit_test(a_lost_answer_is_asked_for_again),
        cmocka_unit_test(a_tree_without_anything_is_soon_searched),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
