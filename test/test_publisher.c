/*
 * The way of a document: from the first reading over posts that wait, get
 * lost or are refused, to the end of its slot or of the publisher.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/clock.h"

#include "publisher_bench.h"

static void missing_parents_are_made_and_the_status_is_sealed(void **state)
{
    struct bench_publisher w;
    size_t slot;

    (void)state;
    slot = start_slot(&w, SLOT_STATUS, "a");
    post(&w, slot, STATUS_A);
    AWAIT(&w, node_is(&w, "/r/s/instances/a", STATUS_A ",\"seq\":1}"));
    post(&w, slot, STATUS_B);
    AWAIT(&w, node_is(&w, "/r/s/instances/a", STATUS_B ",\"seq\":2}"));
    AWAIT(&w, info(&w).pending == 0);
    assert_int_equal(info(&w).writes_ok, 2);
    assert_int_equal(info(&w).publish.count, 2);
    assert_int_equal(look(&w, "/r/s/instances/a").owner, 0);
    assert_int_equal(look(&w, "/r/s/alive").writes, 1);
    finish(&w);
}

static struct publisher_node node(struct bench_publisher *w, size_t slot)
{
    struct publisher_node n;

    publisher_node(w->publisher, slot, &n);
    return n;
}

static void the_heartbeat_tells_the_ensembles_clock(void **state)
{
    const int64_t hour = 3600000;
    struct bench_publisher w;
    int64_t ours;
    int64_t clock;
    size_t beat;

    (void)state;
    start(&w, 1);
    fake_store_clock(w.store, hour);
    fake_store_connect(w.store);
    beat = add_and_take(&w, SLOT_HEARTBEAT, "web-1");
    assert_false(publisher_clock(w.publisher, &clock));
    assert_false(info(&w).clock_known);
    /* Made, its answer says no time, so it is read. */
    post(&w, beat, BEAT);
    AWAIT(&w, info(&w).clock_known);
    ours = clock_wall_ms();
    assert_true(publisher_clock(w.publisher, &clock));
    assert_in_range(clock, ours + hour - 1000, ours + hour + 10000);
    assert_in_range(info(&w).clock_offset_ms, hour - 10000, hour + 10);
    /* It goes on with each one. */
    fake_store_clock(w.store, 2 * hour);
    post(&w, beat, BEAT_2);
    AWAIT(&w, info(&w).clock_offset_ms > 2 * hour - 10000);
    finish(&w);
}

static void what_is_written_can_be_asked_for(void **state)
{
    char document[DOCUMENT_MAX];
    struct bench_publisher w;
    size_t slot;
    size_t len;

    (void)state;
    start(&w, 1);
    slot = add(&w, SLOT_STATUS, "a");
    assert_int_equal(node(&w, slot).version, -1);
    assert_false(node(&w, slot).posted);
    post(&w, slot, STATUS_A);
    assert_int_equal(node(&w, slot).standing, PUBLISHER_WAITING);
    assert_int_equal(node(&w, slot).seq, 0);
    assert_int_equal(
        publisher_node_document(w.publisher, slot, document, DOCUMENT_MAX), 0);
    fake_store_connect(w.store);
    take(&w);
    post(&w, slot, STATUS_A);
    AWAIT(&w, node(&w, slot).standing == PUBLISHER_CLEAN);
    post(&w, slot, STATUS_B);
    AWAIT(&w, node(&w, slot).standing == PUBLISHER_CLEAN);
    assert_int_equal(node(&w, slot).seq, 2);
    assert_int_equal(node(&w, slot).version, 1);
    assert_true(node(&w, slot).posted);
    assert_in_range(node(&w, slot).acked_wall_ms, 1, clock_wall_ms());
    len = publisher_node_document(w.publisher, slot, document, DOCUMENT_MAX);
    document[len] = '\0';
    assert_string_equal(document, STATUS_B ",\"seq\":2}");
    finish(&w);
}

static void the_first_reading_tells_what_was_there_and_seq_goes_on(void **state)
{
    struct bench_publisher w;
    struct publisher_event ev;
    size_t slot;

    (void)state;
    start(&w, 1);
    fake_store_put(w.store, "/r/s/instances/a", STATUS_A ",\"seq\":41}", 0);
    fake_store_on_write(w.store, NULL, NULL);
    fake_store_connect(w.store);
    slot = add(&w, SLOT_STATUS, "a");
    ev = take(&w);
    assert_int_equal(ev.slot, slot);
    assert_true(ev.exists);
    assert_true(ev.seen.valid);
    assert_int_equal(ev.seen.seq, 41);
    post(&w, slot, STATUS_B);
    AWAIT(&w, node_is(&w, "/r/s/instances/a", STATUS_B ",\"seq\":42}"));
    finish(&w);
}

static void a_post_before_the_first_reading_waits_for_an_answer_to_it(
    void **state)
{
    struct bench_publisher w;
    size_t slot;
    size_t other;

    (void)state;
    start(&w, 1);
    slot = add(&w, SLOT_STATUS, "a");
    post(&w, slot, STATUS_A);
    assert_int_equal(info(&w).pending, 1);
    fake_store_connect(w.store);
    assert_int_equal(take(&w).slot, slot);
    /* When the next slot is through, this one had its chance. */
    other = add_and_take(&w, SLOT_STATUS, "b");
    post(&w, other, STATUS_A);
    AWAIT(&w, node_is(&w, "/r/s/instances/b", STATUS_A ",\"seq\":1}"));
    assert_int_equal(look(&w, "/r/s/instances/a").writes, 0);
    post(&w, slot, STATUS_B);
    AWAIT(&w, node_is(&w, "/r/s/instances/a", STATUS_B ",\"seq\":1}"));
    finish(&w);
}

/* STATUS_A was written, and its reply waits in the muted store. */
static size_t start_under_way(struct bench_publisher *w)
{
    size_t slot;

    start_over(w, "/r/s/instances/x", "", 0);
    slot = add_and_take(w, SLOT_STATUS, "a");
    fake_store_mute(w->store, true);
    post(w, slot, STATUS_A);
    AWAIT(w, look(w, "/r/s/instances/a").writes == 1);
    return slot;
}

static void posts_under_way_coalesce_into_the_latest(void **state)
{
    struct bench_publisher w;
    size_t slot;
    char doc[128];

    (void)state;
    slot = start_under_way(&w);
    for (int i = 0; i < 100; i++) {
        snprintf(doc, sizeof doc, STATUS_B ",\"round\":%d", i);
        post(&w, slot, doc);
    }
    fake_store_mute(w.store, false);
    AWAIT(&w,
          node_is(&w, "/r/s/instances/a", STATUS_B ",\"round\":99,\"seq\":2}"));
    AWAIT(&w, info(&w).pending == 0);
    assert_int_equal(look(&w, "/r/s/instances/a").writes, 2);
    finish(&w);
}

static void a_write_whose_reply_was_lost_is_not_repeated(void **state)
{
    struct bench_publisher w;

    (void)state;
    start_under_way(&w);
    fake_store_disconnect(w.store);
    fake_store_mute(w.store, false);
    assert_int_equal(info(&w).pending, 1);
    fake_store_connect(w.store);
    AWAIT(&w, info(&w).pending == 0);
    assert_int_equal(look(&w, "/r/s/instances/a").writes, 1);
    finish(&w);
}

static void an_equal_status_is_not_rewritten_after_a_new_session(void **state)
{
    struct bench_publisher w;
    size_t slot;

    (void)state;
    slot = start_slot(&w, SLOT_STATUS, "a");
    post(&w, slot, STATUS_A);
    AWAIT(&w, info(&w).pending == 0);
    fake_store_expire(w.store, true);
    AWAIT(&w, info(&w).store.sessions == 2 && info(&w).pending == 0);
    assert_int_equal(look(&w, "/r/s/instances/a").writes, 1);
    fake_store_put(w.store, "/r/s/instances/a", "garbage", 0);
    fake_store_expire(w.store, true);
    AWAIT(&w, node_is(&w, "/r/s/instances/a", STATUS_A ",\"seq\":2}"));
    finish(&w);
}

static void what_is_no_document_is_replaced(void **state)
{
    struct bench_publisher w;
    size_t status;
    size_t alive;

    (void)state;
    start(&w, 1);
    fake_store_put(w.store, "/r/s/instances/a", "\x01{garbage", 0);
    fake_store_put(w.store, "/r/s/alive/a", "\x01{garbage", 0);
    fake_store_connect(w.store);
    status = add_and_take(&w, SLOT_STATUS, "a");
    alive = add_and_take(&w, SLOT_PRESENCE, "a");
    post(&w, status, STATUS_A);
    post(&w, alive, ALIVE);
    AWAIT(&w, node_is(&w, "/r/s/instances/a", STATUS_A ",\"seq\":1}"));
    AWAIT(&w, node_is(&w, "/r/s/alive/a", ALIVE));
    assert_int_equal(look(&w, "/r/s/alive/a").owner,
                     fake_store_session(w.store));
    finish(&w);
}

static void no_rights_are_tried_slowly_until_they_are_given(void **state)
{
    struct bench_publisher w;
    size_t slot;
    unsigned before;

    (void)state;
    slot = start_slot(&w, SLOT_STATUS, "a");
    fake_store_deny(w.store, "/r/s", STORE_NO_AUTH);
    before = fake_store_requests(w.store);
    post(&w, slot, STATUS_A);
    AWAIT(&w, info(&w).refused == 1);
    assert_int_equal(info(&w).pending, 1);
    assert_non_null(strstr(info(&w).trouble, "no_auth"));
    post(&w, slot, STATUS_B);
    assert_true(fake_store_requests(w.store) - before < 20);
    fake_store_deny(w.store, NULL, STORE_OK);
    AWAIT(&w, node_is(&w, "/r/s/instances/a", STATUS_B ",\"seq\":1}"));
    AWAIT(&w, info(&w).refused == 0);
    finish(&w);
}

static void parents_that_may_not_be_made_are_a_refusal(void **state)
{
    struct bench_publisher w;
    size_t slot;

    (void)state;
    slot = start_slot(&w, SLOT_STATUS, "a");
    fake_store_deny(w.store, "/r", STORE_NO_AUTH);
    fake_store_deny(w.store, "/r/s/agents", STORE_FAILED);
    post(&w, slot, STATUS_A);
    /* instances come before agents: the pass fails, the slot need not. */
    AWAIT(&w, node_is(&w, "/r/s/instances/a", STATUS_A ",\"seq\":1}"));
    slot = add(&w, SLOT_HEARTBEAT, "web-1");
    AWAIT(&w, info(&w).refused == 1);
    fake_store_deny(w.store, NULL, STORE_OK);
    assert_int_equal(take(&w).slot, slot);
    post(&w, slot, BEAT);
    AWAIT(&w, node_is(&w, "/r/s/agents/web-1", BEAT));
    finish(&w);
}

static void what_is_refused_for_long_enough_is_named(void **state)
{
    struct bench_publisher w;
    struct publisher_refused refused;
    size_t slot;

    (void)state;
    slot = start_slot(&w, SLOT_STATUS, "a");
    fake_store_deny(w.store, "/r/s/instances/a", STORE_NO_AUTH);
    publisher_refused(w.publisher, 0, &refused);
    assert_int_equal(refused.count, 0);
    post(&w, slot, STATUS_A);
    AWAIT(&w, info(&w).refused == 1);
    publisher_refused(w.publisher, 0, &refused);
    assert_int_equal(refused.count, 1);
    assert_string_equal(refused.names[0], "a");
    publisher_refused(w.publisher, 3600000, &refused);
    assert_int_equal(refused.count, 0);
    /* Also when nobody keeps it any more. */
    publisher_remove(w.publisher, slot);
    publisher_refused(w.publisher, 0, &refused);
    assert_int_equal(refused.count, 1);
    fake_store_deny(w.store, NULL, STORE_OK);
    AWAIT(&w, node_begins(&w, "/r/s/instances/a", STATUS_A));
    AWAIT(&w, info(&w).refused == 0);
    publisher_refused(w.publisher, 0, &refused);
    assert_int_equal(refused.count, 0);
    finish(&w);
}

static void the_holder_of_a_node_or_of_our_id_is_named(void **state)
{
    struct bench_publisher w;
    struct publisher_holder holder;
    size_t slot;

    (void)state;
    start_over(&w, "/r/s/agents/web-2", BEAT_WEB2, 9);
    fake_store_put(w.store, "/r/s/instances/a", STATUS_WEB2, 0);
    fake_store_on_write(w.store, NULL, NULL);
    slot = add_posted(&w, SLOT_STATUS, "a", STATUS_A);
    AWAIT(&w, publisher_conflict(w.publisher, slot, &holder));
    assert_string_equal(holder.agent, "web-2");
    assert_string_equal(holder.host, "h1");
    finish(&w);
    start_over(&w, "/r/s/agents/web-1", BEAT_H2, 9);
    add_and_take(&w, SLOT_HEARTBEAT, "web-1");
    slot = add_and_take(&w, SLOT_STATUS, "a");
    assert_true(publisher_conflict(w.publisher, slot, &holder));
    assert_string_equal(holder.agent, "web-1");
    assert_string_equal(holder.host, "h2");
    finish(&w);
}

static void a_removed_slot_is_written_first_and_its_number_comes_back(
    void **state)
{
    struct bench_publisher w;
    size_t slot;

    (void)state;
    slot = start_slot(&w, SLOT_STATUS, "a");
    fake_store_disconnect(w.store);
    post(&w, slot, STATUS_A);
    publisher_remove(w.publisher, slot);
    assert_int_not_equal(add(&w, SLOT_STATUS, "b"), slot);
    fake_store_connect(w.store);
    AWAIT(&w, node_is(&w, "/r/s/instances/a", STATUS_A ",\"seq\":1}"));
    AWAIT(&w, info(&w).in_flight == 0 && info(&w).pending == 0);
    assert_int_equal(add(&w, SLOT_STATUS, "c"), slot);
    finish(&w);
}

static void a_name_that_comes_back_has_one_writer(void **state)
{
    struct bench_publisher w;
    size_t slot;

    (void)state;
    slot = start_slot(&w, SLOT_STATUS, "a");
    fake_store_disconnect(w.store);
    post(&w, slot, STATUS_A);
    publisher_remove(w.publisher, slot);
    slot = add(&w, SLOT_STATUS, "a");
    fake_store_connect(w.store);
    assert_int_equal(take(&w).slot, slot);
    post(&w, slot, STATUS_B);
    AWAIT(&w, node_is(&w, "/r/s/instances/a", STATUS_B ",\"seq\":1}"));
    finish(&w);
}

static void a_stop_writes_what_is_left(void **state)
{
    struct bench_publisher w;
    size_t slots[INSTANCES];
    char name[16];

    (void)state;
    start(&w, 1);
    fake_store_connect(w.store);
    for (size_t i = 0; i < INSTANCES; i++) {
        snprintf(name, sizeof name, "i%zu", i);
        slots[i] = add_and_take(&w, SLOT_STATUS, name);
    }
    for (size_t i = 0; i < INSTANCES; i++)
        post(&w, slots[i], STATUS_A);
    assert_int_equal(publisher_stop(w.publisher, 5000, 1000), STORE_CLOSED);
    for (size_t i = 0; i < INSTANCES; i++) {
        char path[64];

        snprintf(path, sizeof path, "/r/s/instances/i%zu", i);
        assert_true(node_is(&w, path, STATUS_A ",\"seq\":1}"));
    }
    fake_store_free(w.store);
}

static void a_stop_is_bounded_while_the_store_is_mute(void **state)
{
    struct bench_publisher w;
    uint64_t begun;
    size_t slot;

    (void)state;
    slot = start_slot(&w, SLOT_STATUS, "a");
    fake_store_mute(w.store, true);
    post(&w, slot, STATUS_A);
    AWAIT(&w, info(&w).in_flight == 1);
    begun = clock_mono_ms();
    assert_int_equal(publisher_stop(w.publisher, 50, 50), STORE_LEFT);
    assert_true(clock_mono_ms() - begun < 5000);
    assert_true(fake_store_closed(w.store));
    fake_store_free(w.store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing_parents_are_made_and_the_status_is_sealed),
        cmocka_unit_test(the_heartbeat_tells_the_ensembles_clock),
        cmocka_unit_test(what_is_written_can_be_asked_for),
        cmocka_unit_test(
            the_first_reading_tells_what_was_there_and_seq_goes_on),
        cmocka_unit_test(
            a_post_before_the_first_reading_waits_for_an_answer_to_it),
        cmocka_unit_test(posts_under_way_coalesce_into_the_latest),
        cmocka_unit_test(a_write_whose_reply_was_lost_is_not_repeated),
        cmocka_unit_test(an_equal_status_is_not_rewritten_after_a_new_session),
        cmocka_unit_test(what_is_no_document_is_replaced),
        cmocka_unit_test(no_rights_are_tried_slowly_until_they_are_given),
        cmocka_unit_test(parents_that_may_not_be_made_are_a_refusal),
        cmocka_unit_test(what_is_refused_for_long_enough_is_named),
        cmocka_unit_test(the_holder_of_a_node_or_of_our_id_is_named),
        cmocka_unit_test(
            a_removed_slot_is_written_first_and_its_number_comes_back),
        cmocka_unit_test(a_name_that_comes_back_has_one_writer),
        cmocka_unit_test(a_stop_writes_what_is_left),
        cmocka_unit_test(a_stop_is_bounded_while_the_store_is_mute),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
