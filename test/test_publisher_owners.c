/*
 * Nodes that live in a session: across sessions, from an earlier life of
 * ours, and the withdrawal of a presence.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "publisher_bench.h"

static void ephemerals_are_made_anew_in_a_new_session(void **state)
{
    struct bench_publisher w;
    size_t beat;
    size_t alive;

    (void)state;
    beat = start_slot(&w, SLOT_HEARTBEAT, "web-1");
    alive = add_and_take(&w, SLOT_PRESENCE, "a");
    post(&w, beat, BEAT);
    post(&w, alive, ALIVE);
    AWAIT(&w, info(&w).pending == 0);
    fake_store_expire(w.store, true);
    AWAIT(&w, node_is(&w, "/r/s/agents/web-1", BEAT) &&
                  node_is(&w, "/r/s/alive/a", ALIVE) && info(&w).pending == 0);
    assert_int_equal(look(&w, "/r/s/alive/a").owner,
                     fake_store_session(w.store));
    finish(&w);
}

static void a_reply_from_the_last_session_proves_nothing(void **state)
{
    struct bench_publisher w;
    size_t slot;

    (void)state;
    start_over(&w, "/r/s/agents/x", "", 0);
    slot = add_and_take(&w, SLOT_HEARTBEAT, "web-1");
    fake_store_mute(w.store, true);
    post(&w, slot, BEAT);
    AWAIT(&w, look(&w, "/r/s/agents/web-1").writes == 1);
    fake_store_expire(w.store, false);
    AWAIT(&w, info(&w).store.sessions == 2);
    fake_store_mute(w.store, false);
    AWAIT(&w, info(&w).pending == 0);
    assert_true(node_is(&w, "/r/s/agents/web-1", BEAT));
    finish(&w);
}

static void an_untouched_presence_is_taken_over_without_a_gap(void **state)
{
    struct bench_publisher w;
    size_t slot;

    (void)state;
    start_over(&w, "/r/s/alive/a", ALIVE, 7);
    slot = add_and_take(&w, SLOT_PRESENCE, "a");
    AWAIT(&w, look(&w, "/r/s/alive/a").owner == fake_store_session(w.store));
    fake_store_end_owner(w.store, 7);
    assert_true(node_is(&w, "/r/s/alive/a", ALIVE));
    assert_int_equal(look(&w, "/r/s/alive/a").disappeared, 0);
    post(&w, slot, ALIVE_2);
    AWAIT(&w, node_is(&w, "/r/s/alive/a", ALIVE_2));
    assert_int_equal(look(&w, "/r/s/alive/a").disappeared, 0);
    finish(&w);
}

static void a_take_over_that_has_to_wait_does_not_wait_for_a_tick(void **state)
{
    struct bench_publisher w;

    (void)state;
    start(&w, 1);
    fake_store_put(w.store, "/r/s/alive/a", ALIVE, 7);
    fake_store_unprove(w.store);
    fake_store_connect(w.store);
    add_and_take(&w, SLOT_PRESENCE, "a");
    AWAIT(&w, look(&w, "/r/s/alive/a").owner == fake_store_session(w.store));
    finish(&w);
}

static void a_heartbeat_of_an_earlier_life_is_taken_over(void **state)
{
    struct bench_publisher w;
    struct publisher_event ev;

    (void)state;
    start_over(&w, "/r/s/agents/web-1", BEAT, 7);
    add(&w, SLOT_HEARTBEAT, "web-1");
    ev = take(&w);
    assert_int_equal(ev.owner, 7);
    post(&w, ev.slot, BEAT_2);
    AWAIT(&w, node_is(&w, "/r/s/agents/web-1", BEAT_2));
    assert_int_equal(look(&w, "/r/s/agents/web-1").owner,
                     fake_store_session(w.store));
    assert_int_equal(look(&w, "/r/s/agents/web-1").disappeared, 0);
    finish(&w);
}

/* Whoever misses it takes what we have. */
static void a_heartbeat_of_an_earlier_life_is_kept_until_there_is_news(
    void **state)
{
    struct bench_publisher w;
    size_t beat;

    (void)state;
    start_over(&w, "/r/s/agents/web-1", BEAT, 7);
    beat = add(&w, SLOT_HEARTBEAT, "web-1");
    AWAIT(&w,
          look(&w, "/r/s/agents/web-1").owner == fake_store_session(w.store));
    fake_store_end_owner(w.store, 7);
    assert_true(node_is(&w, "/r/s/agents/web-1", BEAT));
    assert_int_equal(look(&w, "/r/s/agents/web-1").disappeared, 0);
    assert_int_equal(take(&w).owner, 7);
    post(&w, beat, BEAT_2);
    AWAIT(&w, node_is(&w, "/r/s/agents/web-1", BEAT_2));
    assert_int_equal(info(&w).drifts, 0);
    finish(&w);
}

static void a_persistent_heartbeat_of_ours_is_taken_over(void **state)
{
    struct bench_publisher w;
    size_t slot;

    (void)state;
    start_over(&w, "/r/s/agents/web-1", BEAT, 0);
    slot = add_and_take(&w, SLOT_HEARTBEAT, "web-1");
    post(&w, slot, BEAT_2);
    AWAIT(&w,
          look(&w, "/r/s/agents/web-1").owner == fake_store_session(w.store));
    finish(&w);
}

static void a_withdrawn_presence_goes_and_does_not_come_back(void **state)
{
    struct bench_publisher w;
    struct fake_node n;
    size_t slot;

    (void)state;
    slot = start_slot(&w, SLOT_PRESENCE, "a");
    post(&w, slot, ALIVE);
    AWAIT(&w, node_is(&w, "/r/s/alive/a", ALIVE));
    publisher_withdraw(w.publisher, slot);
    AWAIT(&w, !fake_store_look(w.store, "/r/s/alive/a", &n));
    AWAIT(&w, info(&w).pending == 0);
    publisher_withdraw(w.publisher, slot);
    assert_int_equal(info(&w).pending, 0);
    finish(&w);
}

static void a_presence_of_an_earlier_life_is_withdrawn_too(void **state)
{
    struct bench_publisher w;
    struct fake_node n;
    size_t slot;

    (void)state;
    start(&w, 1);
    fake_store_put(w.store, "/r/s/alive/a", ALIVE, 7);
    slot = add(&w, SLOT_PRESENCE, "a");
    publisher_withdraw(w.publisher, slot);
    fake_store_connect(w.store);
    AWAIT(&w, !fake_store_look(w.store, "/r/s/alive/a", &n));
    AWAIT(&w, info(&w).pending == 0);
    finish(&w);
}

static void a_withdrawal_overtakes_a_post_that_was_not_sent(void **state)
{
    struct bench_publisher w;
    size_t slot;

    (void)state;
    start_over(&w, "/r/s/alive/x", "", 0);
    slot = add_and_take(&w, SLOT_PRESENCE, "a");
    fake_store_disconnect(w.store);
    AWAIT(&w, info(&w).store.state == STORE_CONNECTING);
    post(&w, slot, ALIVE);
    publisher_withdraw(w.publisher, slot);
    fake_store_connect(w.store);
    AWAIT(&w, info(&w).pending == 0);
    assert_int_equal(look(&w, "/r/s/alive/a").writes, 0);
    finish(&w);
}

static bool is_fit(void *arg)
{
    return *(atomic_bool *)arg;
}

static void a_member_that_is_not_fit_leaves_without_its_loop(void **state)
{
    static const char MEMBER[] = "{\"schema\":1,\"agent\":\"web-1\"}";
    struct bench_publisher w;
    atomic_bool fit = true;

    (void)state;
    size_t beat = start_slot(&w, SLOT_HEARTBEAT, "web-1");
    post(&w, beat, BEAT);
    size_t member = add_and_take(&w, SLOT_MEMBER, "web-1");
    publisher_fence(w.publisher, member, is_fit, &fit);
    post(&w, member, MEMBER);
    AWAIT(&w, node_is(&w, "/r/s/fleets/cache/members/web-1", MEMBER));
    assert_true(node_is(&w, "/r/s/fleets/cache", "settings"));
    atomic_store(&fit, false);
    AWAIT(&w, look(&w, "/r/s/fleets/cache/members/web-1").disappeared == 1);
    assert_int_equal(info(&w).fenced, 1);
    /* It stays away until the loop says otherwise. */
    atomic_store(&fit, true);
    post(&w, member, MEMBER);
    AWAIT(&w, node_is(&w, "/r/s/fleets/cache/members/web-1", MEMBER));
    finish(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ephemerals_are_made_anew_in_a_new_session),
        cmocka_unit_test(a_reply_from_the_last_session_proves_nothing),
        cmocka_unit_test(an_untouched_presence_is_taken_over_without_a_gap),
        cmocka_unit_test(a_take_over_that_has_to_wait_does_not_wait_for_a_tick),
        cmocka_unit_test(a_heartbeat_of_an_earlier_life_is_taken_over),
        cmocka_unit_test(
            a_heartbeat_of_an_earlier_life_is_kept_until_there_is_news),
        cmocka_unit_test(a_persistent_heartbeat_of_ours_is_taken_over),
        cmocka_unit_test(a_withdrawn_presence_goes_and_does_not_come_back),
        cmocka_unit_test(a_presence_of_an_earlier_life_is_withdrawn_too),
        cmocka_unit_test(a_withdrawal_overtakes_a_post_that_was_not_sent),
        cmocka_unit_test(a_member_that_is_not_fit_leaves_without_its_loop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
