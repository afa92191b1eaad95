/*
 * What others did to our nodes, and what nobody keeps any more, through the
 * publisher's book.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../src/publish/sources.h"

#include "book_bench.h"

/* ----------------------------------------------------------------- drift */

static void what_others_did_is_set_right_and_counted(void **state)
{
    struct bench_book *w = open_with_beat();
    struct slot *beat = w->book.owners.lease.heartbeat;
    struct slot *s = add_written(w, SLOT_STATUS, "a", UP);

    (void)state;
    refresh_init(&w->refresh, 60000, w->now);
    run_at(w, w->now + 60000);
    assert_asked(w, "get agents/web-1, get instances/a");
    assert_int_equal(w->book.drifts, 0);
    put(w, "instances/a", "rubbish", 0);
    run_at(w, w->now + 60000);
    assert_asked(w, "get agents/web-1, get instances/a, set instances/a:1");
    assert_int_equal(w->book.drifts, 1);
    drop(w, "instances/a");
    run_at(w, w->now + 60000);
    assert_asked(w, "get agents/web-1, get instances/a, create instances/a");
    assert_int_equal(w->book.drifts, 2);
    assert_int_equal(why_of(w, s), WHY_WRITTEN);
    /* The same bytes at another version are a write of others, too. */
    put(w, "instances/a", UP ",\"seq\":3}", 0);
    run_at(w, w->now + 60000);
    assert_asked(w, "get agents/web-1, get instances/a");
    assert_int_equal(w->book.drifts, 3);
    /* Our heartbeat was deleted, in a session that lives. */
    drop(w, "agents/web-1");
    run_at(w, w->now + 60000);
    assert_asked(w, "get agents/web-1, create agents/web-1*, "
                    "get instances/a");
    assert_int_equal(w->book.drifts, 4);
    assert_int_equal(why_of(w, beat), WHY_WRITTEN);
    close_book(w);
}

static void a_node_that_vanishes_with_its_session_is_no_drift(void **state)
{
    struct bench_book *w = open_with_beat();
    struct slot *beat = w->book.owners.lease.heartbeat;

    (void)state;
    drop(w, "agents/web-1");
    post_to(w, beat, BEAT_2);
    strcpy(w->denied, "/r/agents/web-1");
    w->code = STORE_NO_NODE;
    run(w);
    assert_true(beat->sure.missed);
    w->denied[0] = '\0';
    new_session(w, SESSION + 1, false);
    assert_false(beat->sure.missed);
    run(w);
    assert_int_equal(w->book.drifts, 0);
    close_book(w);
}

static void a_late_write_of_ours_is_no_drift(void **state)
{
    struct bench_book *w = open_with_beat();
    struct slot *s = add_written(w, SLOT_STATUS, "a", UP);
    struct store_request r;

    (void)state;
    post_to(w, s, DOWN);
    assert_true(let_out(w, &r));
    answer_code(w, &r, STORE_UNCERTAIN);
    assert_true(s->sure.doubtful);
    assert_true(let_out(w, &r));
    answer(w, &r);
    assert_false(s->sure.is);
    /* It comes to pass after it was looked for, and before it is repeated. */
    assert_true(let_out(w, &r));
    put(w, "instances/a", DOWN ",\"seq\":2}", 0);
    answer(w, &r);
    run(w);
    assert_asked(w, "set instances/a:0, get instances/a, set instances/a:0, "
                    "get instances/a");
    assert_int_equal(why_of(w, s), WHY_WRITTEN);
    assert_int_equal(w->book.drifts, 0);
    assert_true(s->sure.is);
    assert_false(s->sure.doubtful);
    close_book(w);
}

static void what_was_only_read_is_watched_as_well(void **state)
{
    struct bench_book *w = open_with_beat();

    (void)state;
    put(w, "instances/a", UP ",\"seq\":4}", 0);
    add_read(w, SLOT_STATUS, "a");
    refresh_init(&w->refresh, 60000, w->now);
    run_at(w, w->now + 60000);
    assert_int_equal(w->book.drifts, 0);
    put(w, "instances/a", DOWN ",\"seq\":5}", 0);
    run_at(w, w->now + 60000);
    assert_int_equal(w->book.drifts, 1);
    close_book(w);
}

static void a_contested_id_leaves_nothing_sure(void **state)
{
    struct bench_book *w = open_with_beat();
    struct slot *s = add_written(w, SLOT_STATUS, "a", UP);

    (void)state;
    put(w, "agents/web-1", BEAT_H2, 7);
    post_to(w, w->book.owners.lease.heartbeat, BEAT_2);
    run(w);
    assert_int_equal(w->book.owners.lease.state, LEASE_CONTESTED);
    assert_int_equal(w->book.drifts, 1);
    put(w, "instances/a", DOWN ",\"seq\":2}", 0);
    drop(w, "agents/web-1");
    w->asked[0] = '\0';
    run_at(w, w->now + 1000);
    assert_asked(w, "get agents/web-1, create agents/web-1*, "
                    "get instances/a, set instances/a:1");
    assert_int_equal(w->book.drifts, 1);
    assert_int_equal(why_of(w, s), WHY_WRITTEN);
    close_book(w);
}

/* --------------------------------------------------------------- orphans */

static void what_nobody_keeps_is_found_once(void **state)
{
    struct bench_book *w = open_with_beat();
    struct publisher_event e;

    (void)state;
    put(w, "instances/old", DOWN ",\"seq\":4}", 0);
    put(w, "instances/other", UP_WEB2, 0);
    put(w, "instances/gone",
        "{\"schema\":1,\"agent\":\"web-1\",\"status\":\"unknown\","
        "\"reason\":\"removed\"}",
        0);
    put(w, "alive/left", HERE, SESSION);
    put(w, "alive/others", HERE_WEB2, 7);
    add_written(w, SLOT_STATUS, "a", UP);
    add_written(w, SLOT_PRESENCE, "a", HERE);
    assert_false(orphans_seeking(&w->book.orphans));
    orphans_seek(&w->book);
    assert_true(orphans_seeking(&w->book.orphans));
    run(w);
    assert_asked(w, "list instances, get instances/old");
    assert_true(w->book.tell);
    assert_true(orphans_take(&w->book, &e));
    assert_true(e.orphan);
    assert_string_equal(e.name, "old");
    assert_int_equal(e.seen.seq, 4);
    assert_false(orphans_take(&w->book, &e));
    w->book.tell = false;
    run(w);
    assert_asked(w, "get instances/other, get instances/gone, list alive, "
                    "get alive/left, delete alive/left:0, get alive/others");
    assert_true(w->book.tell);
    assert_false(orphans_seeking(&w->book.orphans));
    orphans_seek(&w->book);
    run(w);
    assert_asked(w, "");
    close_book(w);
}

static void a_search_that_is_held_up_goes_on(void **state)
{
    struct bench_book *w = open_with_beat();
    struct publisher_event e;
    struct store_request r;

    (void)state;
    put(w, "instances/old", DOWN ",\"seq\":4}", 0);
    put(w, "alive/left", HERE, SESSION);
    orphans_seek(&w->book);
    assert_true(let_out(w, &r));
    answer_code(w, &r, STORE_BUSY);
    assert_false(let_out(w, &r));
    assert_int_equal(sources_due(&w->book, w->now), w->now + 1000);
    w->now += 1000;
    assert_true(let_out(w, &r));
    sources_unsent(&w->book, &r);
    assert_true(let_out(w, &r));
    assert_false(let_out(w, &(struct store_request){ 0 }));
    answer(w, &r);
    w->book.stopping = true;
    run(w);
    w->book.stopping = false;
    assert_asked(w, "list instances, list instances, list instances");
    /* A slot that came since is no orphan. */
    (void)add_slot(w, SLOT_STATUS, "old");
    run(w);
    assert_false(orphans_take(&w->book, &e));
    assert_asked(w, "get instances/old, get instances/old, list alive, "
                    "get alive/left, delete alive/left:0");
    close_book(w);
}

static void a_presence_that_changes_is_looked_at_again(void **state)
{
    struct bench_book *w = open_with_beat();
    struct store_request r;

    (void)state;
    put(w, "alive/left", HERE, SESSION);
    orphans_seek(&w->book);
    do {
        assert_true(let_out(w, &r));
        if (r.verb != STORE_DELETE)
            answer(w, &r);
    } while (r.verb != STORE_DELETE);
    put(w, "alive/left", HERE_WEB2, 7);
    answer(w, &r);
    run(w);
    assert_asked(w, "list instances, list alive, get alive/left, "
                    "delete alive/left:0, get alive/left");
    assert_int_equal(at(w, "alive/left")->exists, true);
    close_book(w);
}

static void nothing_is_searched_for_without_our_heartbeat(void **state)
{
    struct bench_book *w = open_book();
    struct slot *beat = add_read(w, SLOT_HEARTBEAT, AGENT);

    (void)state;
    orphans_seek(&w->book);
    run(w);
    assert_asked(w, "");
    post_to(w, beat, BEAT);
    strcpy(w->denied, "/r/instances");
    w->code = STORE_NO_AUTH;
    run(w);
    assert_asked(w, "create agents/web-1*, list instances, list alive");
    assert_false(orphans_seeking(&w->book.orphans));
    close_book(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_others_did_is_set_right_and_counted),
        cmocka_unit_test(a_node_that_vanishes_with_its_session_is_no_drift),
        cmocka_unit_test(a_late_write_of_ours_is_no_drift),
        cmocka_unit_test(what_was_only_read_is_watched_as_well),
        cmocka_unit_test(a_contested_id_leaves_nothing_sure),
        cmocka_unit_test(what_nobody_keeps_is_found_once),
        cmocka_unit_test(a_search_that_is_held_up_goes_on),
        cmocka_unit_test(a_presence_that_changes_is_looked_at_again),
        cmocka_unit_test(nothing_is_searched_for_without_our_heartbeat),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
