/*
 * What others do to our nodes is seen, repaired and counted; what we did
 * ourselves, certain or not, is never called theirs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "publisher_bench.h"

/* Short, so that a node is read again soon. */
#define REFRESH_MS 300

#define SEALED ",\"seq\":1}"

static const struct {
    enum slot_kind kind;
    const char *name;
    const char *path;
    const char *doc;
} NODES[] = {
    { SLOT_STATUS, "a", "/r/s/instances/a", STATUS_A },
    { SLOT_HEARTBEAT, "web-1", "/r/s/agents/web-1", BEAT },
    { SLOT_PRESENCE, "a", "/r/s/alive/a", ALIVE },
};
#define NNODES (sizeof NODES / sizeof NODES[0])

static void start_all(struct bench_publisher *w, unsigned refresh_ms)
{
    start_refreshing(w, 1, refresh_ms);
    fake_store_on_write(w->store, NULL, NULL);
    fake_store_connect(w->store);
    for (size_t i = 0; i < NNODES; i++)
        add_posted(w, NODES[i].kind, NODES[i].name, NODES[i].doc);
    AWAIT(w, info(w).pending == 0);
}

static bool repaired(struct bench_publisher *w, size_t i, uint64_t drifts)
{
    return info(w).drifts == drifts && info(w).pending == 0 &&
           node_begins(w, NODES[i].path, NODES[i].doc) &&
           look(w, NODES[i].path).owner == (NODES[i].kind == SLOT_STATUS
                                                ? 0
                                                : fake_store_session(w->store));
}

static void a_deleted_node_is_made_again(void **state)
{
    struct bench_publisher w;

    (void)state;
    start_all(&w, REFRESH_MS);
    for (size_t i = 0; i < NNODES; i++) {
        fake_store_remove(w.store, NODES[i].path);
        AWAIT(&w, repaired(&w, i, i + 1));
    }
    finish(&w);
}

static void a_changed_node_is_set_right(void **state)
{
    static const char *const OTHER[] = { "junk", BEAT_2, ALIVE_2 };
    struct bench_publisher w;

    (void)state;
    start_all(&w, REFRESH_MS);
    for (size_t i = 0; i < NNODES; i++) {
        fake_store_put(w.store, NODES[i].path, OTHER[i],
                       look(&w, NODES[i].path).owner);
        AWAIT(&w, repaired(&w, i, i + 1));
    }
    finish(&w);
}

/* The versions are then what they were: it is the bytes, or the owner. */
static void a_replaced_node_is_set_right(void **state)
{
    struct bench_publisher w;

    (void)state;
    start_all(&w, REFRESH_MS);
    for (size_t i = 0; i < NNODES; i++) {
        fake_store_remove(w.store, NODES[i].path);
        fake_store_put(w.store, NODES[i].path,
                       NODES[i].kind == SLOT_STATUS ? "{}" : NODES[i].doc, 0);
        AWAIT(&w, repaired(&w, i, i + 1));
    }
    finish(&w);
}

static void nothing_is_overwritten_unseen(void **state)
{
    struct bench_publisher w;
    size_t slot;

    (void)state;
    slot = start_slot(&w, SLOT_STATUS, "a");
    post(&w, slot, STATUS_A);
    AWAIT(&w, info(&w).pending == 0);
    fake_store_put(w.store, "/r/s/instances/a", "junk", 0);
    post(&w, slot, STATUS_B);
    AWAIT(&w, node_begins(&w, "/r/s/instances/a", STATUS_B));
    assert_int_equal(info(&w).drifts, 1);
    fake_store_remove(w.store, "/r/s/instances/a");
    post(&w, slot, STATUS_A);
    AWAIT(&w, node_begins(&w, "/r/s/instances/a", STATUS_A));
    assert_int_equal(info(&w).drifts, 2);
    finish(&w);
}

static void what_happened_while_there_was_no_session_is_seen(void **state)
{
    struct bench_publisher w;

    (void)state;
    start_all(&w, 0);
    fake_store_disconnect(w.store);
    AWAIT(&w, info(&w).store.state == STORE_CONNECTING);
    fake_store_put(w.store, "/r/s/instances/a", "junk", 0);
    fake_store_expire(w.store, true);
    fake_store_connect(w.store);
    /* The ephemerals went with their session. */
    for (size_t i = 0; i < NNODES; i++)
        AWAIT(&w, repaired(&w, i, 1));
    finish(&w);
}

/* The server may show what it did before it says that the session is over. */
static void what_goes_with_a_session_is_no_drift(void **state)
{
    struct bench_publisher w;
    unsigned before;

    (void)state;
    start_all(&w, REFRESH_MS);
    fake_store_deny_creates(w.store, STORE_SESSION_GONE);
    before = fake_store_requests(w.store);
    fake_store_end_owner(w.store, fake_store_session(w.store));
    AWAIT(&w, fake_store_requests(w.store) >= before + 20);
    fake_store_expire(w.store, true);
    fake_store_deny_creates(w.store, STORE_OK);
    for (size_t i = 0; i < NNODES; i++)
        AWAIT(&w, repaired(&w, i, 0));
    finish(&w);
}

static void a_write_that_is_uncertain_is_no_drift(void **state)
{
    struct bench_publisher w;
    size_t slot;

    (void)state;
    start_refreshing(&w, 1, REFRESH_MS);
    fake_store_put(w.store, "/r/s/instances/x", "", 0);
    fake_store_connect(w.store);
    slot = add_posted(&w, SLOT_STATUS, "a", STATUS_A);
    AWAIT(&w, info(&w).pending == 0);
    for (unsigned i = 0; i < 8; i++) {
        const char *doc = i % 2 == 0 ? STATUS_B : STATUS_A;
        unsigned before = look(&w, "/r/s/instances/a").writes;

        fake_store_mute(w.store, true);
        post(&w, slot, doc);
        AWAIT(&w, look(&w, "/r/s/instances/a").writes == before + 1);
        /* The next document is there before the outcome is known. */
        if (i >= 4)
            post(&w, slot, i % 2 == 0 ? STATUS_A : STATUS_B);
        fake_store_disconnect(w.store);
        fake_store_mute(w.store, false);
        fake_store_connect(w.store);
        AWAIT(&w, info(&w).pending == 0);
    }
    assert_int_equal(info(&w).drifts, 0);
    finish(&w);
}

/* Under load it can only be slower. */
static void a_refresh_takes_its_time(void **state)
{
    struct bench_publisher w;
    uint64_t begun;
    unsigned before;

    (void)state;
    start_refreshing(&w, 1, 1000);
    fake_store_connect(w.store);
    for (unsigned i = 0; i < 8; i++) {
        char name[8];

        snprintf(name, sizeof name, "i%u", i);
        add_posted(&w, SLOT_STATUS, name, STATUS_A);
    }
    AWAIT(&w, info(&w).pending == 0);
    begun = clock_mono_ms();
    before = fake_store_requests(w.store);
    AWAIT(&w, fake_store_requests(w.store) >= before + 24);
    assert_true(clock_mono_ms() - begun >= 2000);
    assert_int_equal(info(&w).drifts, 0);
    finish(&w);
}

static void a_refresh_does_not_hold_up_a_stop(void **state)
{
    struct bench_publisher w;
    uint64_t begun;

    (void)state;
    start_all(&w, 100);
    fake_store_mute(w.store, true);
    AWAIT(&w, info(&w).in_flight > 0);
    assert_int_equal(info(&w).pending, 0);
    begun = clock_mono_ms();
    (void)!publisher_stop(w.publisher, 60000, 50);
    assert_true(clock_mono_ms() - begun < 20000);
    fake_store_free(w.store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deleted_node_is_made_again),
        cmocka_unit_test(a_changed_node_is_set_right),
        cmocka_unit_test(a_replaced_node_is_set_right),
        cmocka_unit_test(nothing_is_overwritten_unseen),
        cmocka_unit_test(what_happened_while_there_was_no_session_is_seen),
        cmocka_unit_test(what_goes_with_a_session_is_no_drift),
        cmocka_unit_test(a_write_that_is_uncertain_is_no_drift),
        cmocka_unit_test(a_refresh_takes_its_time),
        cmocka_unit_test(a_refresh_does_not_hold_up_a_stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
