/*
 * The list of what this agent owns, through the publisher's book: it says after
 * any crash what an earlier life left, and costs a start three requests,
 * whatever the tree holds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../src/publish/sources.h"

#include "book_bench.h"

#define LIST "owned/web-1"

#define GONE                                                    \
    "{\"schema\":1,\"agent\":\"web-1\",\"status\":\"unknown\"," \
    "\"reason\":\"removed\",\"seq\":5}"

static void own(struct bench_book *w, const char *names)
{
    struct names n = { strdup(names), strlen(names) };
    struct err e;

    assert_int_equal(owned_want(&w->book, n, false, &e), 0);
}

/* Its status has a slot. */
static void watch(struct bench_book *w, const char *name)
{
    struct slot *s = add_slot(w, SLOT_STATUS, name);

    run(w);
    (void)take_of(w, s);
    w->asked[0] = '\0';
}

static void assert_listed(struct bench_book *w, const char *names)
{
    assert_string_equal(at(w, LIST)->node.data, names);
}

static void a_start_asks_only_for_the_list(void **state)
{
    struct bench_book *w = open_with_beat();

    (void)state;
    put(w, "instances/theirs", UP_WEB2, 0);
    put(w, LIST, "a\nb\n", 0);
    own(w, "a\nb\n");
    add_slot(w, SLOT_STATUS, "a");
    add_slot(w, SLOT_STATUS, "b");
    assert_true(owned_busy(&w->book));
    run(w);
    assert_asked(w, "get owned/web-1, get instances/a, get instances/b");
    assert_false(owned_busy(&w->book));
    close_book(w);
}

static void what_the_list_names_and_nobody_watches_is_looked_at(void **state)
{
    struct bench_book *w = open_with_beat();
    struct publisher_event e;

    (void)state;
    put(w, LIST, "a\nold\n", 0);
    put(w, "instances/old", DOWN ",\"seq\":4}", 0);
    put(w, "instances/unlisted", DOWN ",\"seq\":4}", 0);
    own(w, "a\n");
    add_slot(w, SLOT_STATUS, "a");
    run(w);
    assert_asked(w, "get owned/web-1, get instances/a, get instances/old");
    assert_true(orphans_take(&w->book, &e));
    assert_string_equal(e.name, "old");
    /* The loop writes a last word, and only then the name goes. */
    run_at(w, w->now + 60000);
    assert_listed(w, "a\nold\n");
    struct slot *old = add_slot(w, SLOT_STATUS, "old");
    post_to(w, old, UP);
    book_remove(&w->book, old);
    struct store_request r;
    while (let_out(w, &r) && strcmp(r.path, "/r/" LIST) != 0)
        answer(w, &r);
    assert_int_equal(at(w, "instances/old")->node.version, 1);
    answer(w, &r);
    run(w);
    assert_listed(w, "a\n");
    assert_false(owned_busy(&w->book));
    close_book(w);
}

/* It is not known yet what is a target, and whose. */
static void a_member_of_a_fleet_looks_at_nothing_before_it_is_told(void **state)
{
    struct bench_book *w = open_fleet_with_beat();
    struct publisher_event e;

    (void)state;
    put(w, LIST, "a\nold\n", 0);
    put(w, "instances/old",
        "{\"schema\":1,\"agent\":\"web-1\",\"status\":\"up\","
        "\"fleet\":\"cache\",\"seq\":4}",
        0);
    own(w, "");
    run(w);
    assert_asked(w, "get owned/web-1");
    assert_listed(w, "a\nold\n");
    own(w, "a\nnew\n");
    run(w);
    assert_listed(w, "a\nnew\nold\n");
    add_slot(w, SLOT_STATUS, "a");
    owned_search(&w->book);
    run(w);
    assert_true(orphans_take(&w->book, &e));
    assert_string_equal(e.name, "old");
    assert_listed(w, "a\nnew\nold\n");
    close_book(w);
}

/* The heartbeat waits for it, and would vouch for what is old. */
static void a_member_of_a_fleet_looks_before_it_has_a_heartbeat(void **state)
{
    struct bench_book *w = open_fleet();
    struct slot *beat = add_slot(w, SLOT_HEARTBEAT, AGENT);
    struct publisher_event e;

    (void)state;
    put(w, LIST, "old\n", 0);
    put(w, "instances/old",
        "{\"schema\":1,\"agent\":\"web-1\",\"status\":\"up\","
        "\"fleet\":\"cache\",\"seq\":4}",
        0);
    own(w, "");
    run(w);
    (void)take_of(w, beat);
    assert_asked(w, "get agents/web-1");
    owned_search(&w->book);
    run(w);
    assert_asked(w, "get owned/web-1, get instances/old");
    assert_true(orphans_take(&w->book, &e));
    assert_string_equal(e.name, "old");
    struct slot *old = add_slot(w, SLOT_STATUS, "old");
    book_share(&w->book, old, SLOT_SPEAKER);
    post_to(w, old, GONE);
    book_remove(&w->book, old);
    run(w);
    assert_int_equal(at(w, "instances/old")->node.version, 1);
    close_book(w);
}

static void without_a_list_the_tree_is_looked_at_first(void **state)
{
    struct bench_book *w = open_with_beat();
    struct publisher_event e;

    (void)state;
    put(w, "instances/old", GONE, 0);
    put(w, "instances/theirs", UP_WEB2, 0);
    own(w, "b\n");
    run(w);
    assert_asked(w, "get owned/web-1, list instances, get instances/old, "
                    "get instances/theirs, list alive, create owned/web-1");
    assert_false(orphans_take(&w->book, &e));
    assert_listed(w, "b\n");
    /* The next life knows. */
    close_book(w);
}

static void a_search_keeps_a_pace(void **state)
{
    struct bench_book *w = open_with_beat();

    (void)state;
    w->book.wake_idle = false; /* as in a long run */
    put(w, "instances/theirs", UP_WEB2, 0);
    own(w, "");
    run(w);
    assert_asked(w, "get owned/web-1, list instances");
    assert_int_equal(sources_due(&w->book, w->now), w->now + 5);
    run_at(w, w->now + 5);
    assert_asked(w, "get instances/theirs");
    close_book(w);
}

static void a_name_is_listed_before_its_document(void **state)
{
    struct bench_book *w = open_with_beat();

    (void)state;
    put(w, LIST, "b\n", 0);
    watch(w, "b");
    own(w, "b\n");
    run(w);
    assert_asked(w, "get owned/web-1");
    own(w, "a\nb\nc\n");
    struct slot *a = add_slot(w, SLOT_STATUS, "a");
    post_to(w, a, UP);
    run(w);
    (void)take_of(w, a);
    post_to(w, a, UP);
    run(w);
    assert_asked(w, "set owned/web-1:0, get instances/a, create instances/a");
    assert_listed(w, "a\nb\nc\n");
    close_book(w);
}

static void a_removed_name_stays_until_its_document_says_so(void **state)
{
    struct bench_book *w = open_with_beat();

    (void)state;
    put(w, LIST, "a\nb\n", 0);
    own(w, "a\nb\n");
    struct slot *a = add_written(w, SLOT_STATUS, "a", UP);
    post_to(w, a, DOWN);
    strcpy(w->denied, "/r/instances/a");
    w->code = STORE_BUSY;
    book_remove(&w->book, a);
    own(w, "b\nc\n");
    run(w);
    assert_listed(w, "a\nb\nc\n");
    w->denied[0] = '\0';
    run_at(w, w->now + 30000);
    assert_listed(w, "b\nc\n");
    close_book(w);
}

static void whatever_stands_in_the_list_is_read(void **state)
{
    static const char *const LISTS[] = {
        "", "\n\n", "b", "b\nb\n\nb", "x/y\nb\n", "b\n\xff\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof LISTS / sizeof *LISTS; i++) {
        struct bench_book *w = open_with_beat();

        put(w, LIST, LISTS[i], 0);
        own(w, "b\n");
        add_slot(w, SLOT_STATUS, "b");
        run(w);
        assert_listed(w, "b\n");
        assert_false(owned_busy(&w->book));
        assert_true(at(w, "x/y")->exists == false);
        close_book(w);
    }
}

static void a_list_that_others_change_is_mended_and_said(void **state)
{
    struct bench_book *w = open_with_beat();

    (void)state;
    w->book.refresh_ms = 60000;
    put(w, LIST, "a\n", 0);
    watch(w, "a");
    own(w, "a\n");
    run(w);
    put(w, LIST, "z\n", 0);
    run_at(w, w->now + 60000);
    assert_asked(w, "get owned/web-1, get owned/web-1, set owned/web-1:1, "
                    "get instances/z, get alive/z, set owned/web-1:2");
    assert_listed(w, "a\n");
    assert_int_equal(w->book.drifts, 1);
    drop(w, LIST);
    run_at(w, w->now + 60000);
    assert_listed(w, "a\n");
    assert_int_equal(w->book.drifts, 2);
    close_book(w);
}

static void a_lost_write_is_read_again(void **state)
{
    struct bench_book *w = open_with_beat();

    (void)state;
    put(w, LIST, "a\n", 0);
    watch(w, "a");
    own(w, "a\n");
    run(w);
    own(w, "a\nb\n");
    strcpy(w->denied, "/r/" LIST);
    w->code = STORE_UNCERTAIN;
    w->lost = w->writes_only = true;
    run(w);
    assert_asked(w, "get owned/web-1, set owned/web-1:0, get owned/web-1");
    assert_int_equal(w->book.drifts, 0);
    assert_listed(w, "a\nb\n");
    close_book(w);
}

static void a_list_that_may_not_be_kept_is_said_once(void **state)
{
    struct bench_book *w = open_with_beat();

    (void)state;
    strcpy(w->denied, "/r/" LIST);
    w->code = STORE_NO_AUTH;
    put(w, "instances/theirs", UP_WEB2, 0);
    own(w, "b\n");
    run(w);
    /* What it would tell is searched for. */
    assert_asked(w, "get owned/web-1");
    run_at(w, w->now + 30000);
    assert_asked(w, "list instances, get instances/theirs, list alive, "
                    "get owned/web-1");
    assert_false(owned_busy(&w->book));
    w->denied[0] = '\0';
    run_at(w, w->now + 30000);
    assert_listed(w, "b\n");
    close_book(w);
}

static void its_branch_is_made_once(void **state)
{
    struct bench_book *w = open_with_beat();

    (void)state;
    fake_tree_at(&w->tree, "/r/owned")->exists = false;
    own(w, "b\n");
    run(w);
    run_at(w, w->now + 100);
    assert_asked(w, "get owned/web-1, list instances, list alive, "
                    "create owned/web-1, create /r, create instances, "
                    "create agents, create owned, create alive, "
                    "create owned/web-1");
    assert_listed(w, "b\n");
    close_book(w);
}

static void too_many_names_leave_no_list(void **state)
{
    struct bench_book *w = open_with_beat();
    struct err e;
    struct names n = { malloc(OWNED_MAX + 2), OWNED_MAX + 1 };

    (void)state;
    put(w, LIST, "a\n", 0);
    memset(n.bytes, 'a', n.len);
    n.bytes[n.len - 1] = '\n';
    assert_int_equal(owned_want(&w->book, n, false, &e), 0);
    run(w);
    assert_false(at(w, LIST)->exists);
    assert_false(owned_busy(&w->book));
    close_book(w);
}

static void a_part_of_what_is_ours_is_only_added(void **state)
{
    struct bench_book *w = open_with_beat();
    struct names n = { strdup("new\n"), 4 };
    struct err e;

    (void)state;
    put(w, LIST, "a\nold\n", 0);
    put(w, "instances/old", DOWN ",\"seq\":4}", 0);
    assert_int_equal(owned_want(&w->book, n, true, &e), 0);
    run(w);
    assert_asked(w, "get owned/web-1, set owned/web-1:0");
    assert_listed(w, "a\nnew\nold\n");
    assert_false(owned_busy(&w->book));
    close_book(w);
    /* Where there is no list, it does not pass for one. */
    w = open_with_beat();
    n = (struct names){ strdup("new\n"), 4 };
    assert_int_equal(owned_want(&w->book, n, true, &e), 0);
    run(w);
    assert_asked(w, "get owned/web-1");
    assert_false(owned_busy(&w->book));
    close_book(w);
}

static void the_nodes_above_are_waited_for_however_slow(void **state)
{
    struct bench_book *w = open_with_beat();
    struct store_request r;

    (void)state;
    fake_tree_at(&w->tree, "/r/owned")->exists = false;
    own(w, "b\n");
    do {
        assert_true(let_out(w, &r));
        if (strcmp(r.path, "/r") != 0)
            answer(w, &r);
    } while (strcmp(r.path, "/r") != 0);
    w->now += 5000;
    assert_false(let_out(w, &(struct store_request){ 0 }));
    answer(w, &r);
    run_at(w, w->now + 100);
    assert_listed(w, "b\n");
    close_book(w);
}

static void a_list_that_cannot_be_written_does_not_stop_the_search(void **state)
{
    struct bench_book *w = open_with_beat();
    struct publisher_event e;

    (void)state;
    put(w, LIST, "old\n", 0);
    put(w, "instances/old", DOWN ",\"seq\":4}", 0);
    strcpy(w->denied, "/r/" LIST);
    w->code = STORE_FAILED;
    w->writes_only = true;
    own(w, "new\n");
    run(w);
    run_at(w, w->now + 30000);
    assert_true(orphans_take(&w->book, &e));
    assert_string_equal(e.name, "old");
    close_book(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_start_asks_only_for_the_list),
        cmocka_unit_test(what_the_list_names_and_nobody_watches_is_looked_at),
        cmocka_unit_test(
            a_member_of_a_fleet_looks_at_nothing_before_it_is_told),
        cmocka_unit_test(a_member_of_a_fleet_looks_before_it_has_a_heartbeat),
        cmocka_unit_test(without_a_list_the_tree_is_looked_at_first),
        cmocka_unit_test(a_search_keeps_a_pace),
        cmocka_unit_test(a_name_is_listed_before_its_document),
        cmocka_unit_test(a_removed_name_stays_until_its_document_says_so),
        cmocka_unit_test(whatever_stands_in_the_list_is_read),
        cmocka_unit_test(a_list_that_others_change_is_mended_and_said),
        cmocka_unit_test(a_lost_write_is_read_again),
        cmocka_unit_test(a_list_that_may_not_be_kept_is_said_once),
        cmocka_unit_test(its_branch_is_made_once),
        cmocka_unit_test(too_many_names_leave_no_list),
        cmocka_unit_test(a_part_of_what_is_ours_is_only_added),
        cmocka_unit_test(the_nodes_above_are_waited_for_however_slow),
        cmocka_unit_test(
            a_list_that_cannot_be_written_does_not_stop_the_search),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
