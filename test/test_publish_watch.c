/*
 * Nodes that others write, through the publisher's book: what changes is read
 * again at once, and what does not is left alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../src/publish/follow.h"

#include "book_bench.h"

static size_t follow(struct bench_book *w, const char *path,
                     enum follow_kind kind)
{
    struct err e;
    size_t at = follow_add(&w->book, path, kind, &e);

    assert_true(at != SIZE_MAX);
    return at;
}

static void changed(struct bench_book *w, const char *path)
{
    char whole[128];

    snprintf(whole, sizeof whole, "/r/%s", path);
    follow_changed(&w->book, whole, w->now);
}

/* Takes all events, as "a=text b- complete". */
static const char *told(struct bench_book *w)
{
    static char text[1024];
    struct follow_event e;

    text[0] = '\0';
    while (follow_take(&w->book, &e)) {
        size_t at = strlen(text);
        const char *words = e.what == FOLLOW_COMPLETE  ? "complete"
                            : e.what == FOLLOW_DOUBT   ? "doubt"
                            : e.what == FOLLOW_REFUSED ? "refused"
                                                       : e.name;
        snprintf(text + at, sizeof text - at, "%s%s%s%s", at > 0 ? " " : "",
                 words,
                 e.what == FOLLOW_IS                                   ? "="
                 : e.what == FOLLOW_GONE                               ? "-"
                 : e.what == FOLLOW_DENIED || e.what == FOLLOW_REFUSED ? ": "
                                                                       : "",
                 e.data != NULL ? e.data : "");
    }
    return text;
}

static struct bench_book *open_members(void)
{
    struct bench_book *w = open_fleet();

    put(w, "fleets/cache/members/a", "1", 7);
    put(w, "fleets/cache/members/b", "2", 8);
    follow(w, "fleets/cache/members", FOLLOW_CHILDREN);
    run(w);
    assert_asked(w, "list fleets/cache/members!, get fleets/cache/members/a!, "
                    "get fleets/cache/members/b!");
    assert_string_equal(told(w), "a=1 b=2 complete");
    return w;
}

static void what_does_not_change_is_left_alone(void **state)
{
    struct bench_book *w = open_members();

    (void)state;
    assert_int_equal(follow_watches(&w->book), 3);
    run_at(w, w->now + 59999);
    assert_asked(w, "");
    /* Should a watch have been lost. */
    run_at(w, w->now + 1);
    assert_asked(w, "list fleets/cache/members");
    assert_string_equal(told(w), "");
    close_book(w);
}

static void a_change_is_read_at_once_and_nothing_else(void **state)
{
    struct bench_book *w = open_members();

    (void)state;
    w->now += 1000;
    put(w, "fleets/cache/members/b", "3", 8);
    changed(w, "fleets/cache/members/b");
    run(w);
    assert_asked(w, "list fleets/cache/members, get fleets/cache/members/b!");
    assert_string_equal(told(w), "b=3 complete");
    assert_int_equal(follow_watches(&w->book), 3);
    changed(w, "instances/b");
    changed(w, "fleets/cache/membership/b");
    run(w);
    assert_asked(w, "");
    close_book(w);
}

static void children_come_and_go(void **state)
{
    struct bench_book *w = open_members();

    (void)state;
    w->now += 1000;
    drop(w, "fleets/cache/members/a");
    put(w, "fleets/cache/members/c", "4", 9);
    changed(w, "fleets/cache/members/a");
    changed(w, "fleets/cache/members");
    run(w);
    assert_asked(w, "list fleets/cache/members!, get fleets/cache/members/c!");
    assert_string_equal(told(w), "a- c=4 complete");
    close_book(w);
}

static void a_burst_of_changes_is_one_pass(void **state)
{
    struct bench_book *w = open_members();

    (void)state;
    for (int i = 0; i < 5; i++) {
        changed(w, "fleets/cache/members");
        run_at(w, w->now + 30);
    }
    assert_asked(w, "");
    run_at(w, w->now + 50);
    assert_asked(w, "list fleets/cache/members!");
    close_book(w);
}

static void a_change_of_what_is_under_way_is_remembered(void **state)
{
    struct bench_book *w = open_members();
    struct store_request r;

    (void)state;
    w->now += 1000;
    changed(w, "fleets/cache/members/b");
    assert_true(let_out(w, &r));
    answer(w, &r);
    assert_true(let_out(w, &r));
    assert_string_equal(r.path, "/r/fleets/cache/members/b");
    /* The answer is on its way when what it will say is over. */
    changed(w, "fleets/cache/members/b");
    answer(w, &r);
    put(w, "fleets/cache/members/b", "5", 8);
    run_at(w, w->now + 200);
    assert_asked(w, "list fleets/cache/members, get fleets/cache/members/b!, "
                    "list fleets/cache/members, get fleets/cache/members/b!");
    assert_string_equal(told(w), "b=5 complete");
    assert_int_equal(follow_watches(&w->book), 3);
    close_book(w);
}

static void what_is_not_there_is_watched_for(void **state)
{
    struct bench_book *w = open_fleet();

    (void)state;
    follow(w, "maintenance/cache", FOLLOW_CHILDREN);
    follow(w, "fleets/other", FOLLOW_NODE);
    run(w);
    assert_asked(w, "list maintenance/cache!, exists maintenance/cache!, "
                    "get fleets/other!, exists fleets/other!");
    assert_string_equal(told(w), "complete complete");
    run_at(w, w->now + 5000);
    assert_asked(w, "");
    put(w, "maintenance/cache", "", 0);
    put(w, "maintenance/cache/a", "x", 0);
    put(w, "fleets/other", "y", 0);
    changed(w, "maintenance/cache");
    changed(w, "fleets/other");
    run(w);
    assert_asked(w, "list maintenance/cache!, get maintenance/cache/a!, "
                    "get fleets/other!");
    assert_string_equal(told(w), "a=x complete =y complete");
    close_book(w);
}

static void with_a_new_handle_all_is_read_again(void **state)
{
    struct bench_book *w = open_members();

    (void)state;
    put(w, "fleets/cache/members/a", "9", 7);
    follow_unwatched(&w->book);
    run(w);
    assert_asked(w, "list fleets/cache/members!, get fleets/cache/members/a!, "
                    "get fleets/cache/members/b!");
    assert_string_equal(told(w), "a=9 complete");
    follow_doubt(&w->book);
    run(w);
    assert_string_equal(told(w), "doubt complete");
    close_book(w);
}

static void more_nodes_than_watches_are_read_once_a_minute(void **state)
{
    struct bench_book *w = open_fleet();

    (void)state;
    w->book.follows.watches_max = 2;
    put(w, "fleets/cache/members/a", "1", 7);
    put(w, "fleets/cache/members/b", "2", 8);
    follow(w, "fleets/cache/members", FOLLOW_CHILDREN);
    run(w);
    assert_asked(w, "list fleets/cache/members!, get fleets/cache/members/a!, "
                    "get fleets/cache/members/b");
    run_at(w, w->now + 59999);
    assert_asked(w, "");
    run_at(w, w->now + 1);
    assert_asked(w, "list fleets/cache/members, get fleets/cache/members/a, "
                    "get fleets/cache/members/b");
    close_book(w);
}

static void deny(struct bench_book *w, const char *path)
{
    snprintf(w->denied, sizeof w->denied, "%s", path);
    w->code = STORE_NO_AUTH;
}

static void an_entry_that_may_not_be_read_hides_no_other(void **state)
{
    struct bench_book *w = open_fleet();

    (void)state;
    put(w, "maintenance/cache", "", 0);
    put(w, "maintenance/cache/a", "1", 0);
    put(w, "maintenance/cache/b", "2", 0);
    put(w, "maintenance/cache/c", "3", 0);
    deny(w, "/r/maintenance/cache/b");
    follow(w, "maintenance/cache", FOLLOW_ENTRIES);
    run(w);
    assert_string_equal(told(w), "a=1 b: get: no_auth (-1) c=3 complete");
    assert_asked(w, "list maintenance/cache!, get maintenance/cache/a!, "
                    "get maintenance/cache/b!, get maintenance/cache/c!");
    /* No change of the rights is told, so it is asked now and then. */
    run_at(w, w->now + 59999);
    assert_asked(w, "");
    run_at(w, w->now + 1);
    assert_asked(w, "list maintenance/cache, get maintenance/cache/b!");
    assert_string_equal(told(w), "");
    deny(w, "");
    run_at(w, w->now + 60000);
    assert_string_equal(told(w), "b=2 complete");
    close_book(w);
}

static void entries_that_cannot_be_listed_are_told_once(void **state)
{
    struct bench_book *w = open_fleet();

    (void)state;
    put(w, "maintenance/cache", "", 0);
    put(w, "maintenance/cache/a", "1", 0);
    deny(w, "/r/maintenance/cache");
    follow(w, "maintenance/cache", FOLLOW_ENTRIES);
    run(w);
    assert_string_equal(told(w), "refused: list: no_auth (-1)");
    run_at(w, w->now + w->book.refused_ms);
    assert_string_equal(told(w), "");
    deny(w, "");
    run_at(w, w->now + w->book.refused_ms);
    assert_string_equal(told(w), "a=1 complete");
    close_book(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_does_not_change_is_left_alone),
        cmocka_unit_test(a_change_is_read_at_once_and_nothing_else),
        cmocka_unit_test(children_come_and_go),
        cmocka_unit_test(a_burst_of_changes_is_one_pass),
        cmocka_unit_test(a_change_of_what_is_under_way_is_remembered),
        cmocka_unit_test(what_is_not_there_is_watched_for),
        cmocka_unit_test(with_a_new_handle_all_is_read_again),
        cmocka_unit_test(more_nodes_than_watches_are_read_once_a_minute),
        cmocka_unit_test(an_entry_that_may_not_be_read_hides_no_other),
        cmocka_unit_test(entries_that_cannot_be_listed_are_told_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
