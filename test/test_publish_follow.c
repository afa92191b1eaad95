/*
 * Nodes that others write, as the publisher's book mirrors them: what differs
 * is told, once, and the whole picture before anybody acts on it.  Here they
 * are read at a pace, as where there are no more watches
 * (test_publish_watch.c).
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
#include "must.h"

#define LIST_MS 1000
#define READ_MS 5000

/* With the node above what is followed. */
static struct bench_book *open_followed(void)
{
    struct bench_book *w = open_fleet_with_beat();

    w->book.follows.watches_max = 0;
    put(w, "fleets/cache/targets", "", 0);
    return w;
}

static size_t follow(struct bench_book *w, const char *path,
                     enum follow_kind kind)
{
    struct err e;
    size_t f = follow_add(&w->book, path, kind, &e);

    MUST(f != SIZE_MAX);
    return f;
}

/* Fails unless the next event is this; "" of a node that is gone. */
static void told(struct bench_book *w, enum follow_what what, const char *name,
                 const char *data)
{
    struct follow_event e;

    assert_true(follow_take(&w->book, &e));
    assert_int_equal(e.what, what);
    assert_string_equal(e.name, name);
    assert_int_equal(e.len, strlen(data));
    if (e.len > 0)
        assert_string_equal(e.data, data);
}

static void told_nothing(struct bench_book *w)
{
    struct follow_event e;

    assert_false(follow_take(&w->book, &e));
}

static void later(struct bench_book *w, uint64_t ms)
{
    run_at(w, w->now + ms);
}

static void children_are_listed_read_and_told_as_one_picture(void **state)
{
    struct bench_book *w = open_followed();

    (void)state;
    put(w, "fleets/cache/targets/b", "2", 0);
    put(w, "fleets/cache/targets/a", "1", 0);
    (void)follow(w, "fleets/cache/targets", FOLLOW_CHILDREN);
    told_nothing(w);
    run(w);
    assert_asked(w, "list fleets/cache/targets, get fleets/cache/targets/a, "
                    "get fleets/cache/targets/b");
    told(w, FOLLOW_IS, "a", "1");
    told(w, FOLLOW_IS, "b", "2");
    told(w, FOLLOW_COMPLETE, "", "");
    told_nothing(w);
    close_book(w);
}

static void what_does_not_change_is_not_told_again(void **state)
{
    struct bench_book *w = open_followed();

    (void)state;
    put(w, "fleets/cache/targets/a", "1", 0);
    (void)follow(w, "fleets/cache/targets", FOLLOW_CHILDREN);
    run(w);
    told(w, FOLLOW_IS, "a", "1");
    told(w, FOLLOW_COMPLETE, "", "");
    assert_asked(w, "list fleets/cache/targets, get fleets/cache/targets/a");
    /* Who is known is read every few seconds only. */
    later(w, LIST_MS);
    assert_asked(w, "list fleets/cache/targets");
    later(w, READ_MS);
    assert_asked(w, "list fleets/cache/targets, get fleets/cache/targets/a");
    told_nothing(w);
    close_book(w);
}

static void changes_are_told_and_what_is_gone(void **state)
{
    struct bench_book *w = open_followed();

    (void)state;
    put(w, "fleets/cache/targets/a", "1", 0);
    put(w, "fleets/cache/targets/b", "2", 0);
    (void)follow(w, "fleets/cache/targets", FOLLOW_CHILDREN);
    run(w);
    told(w, FOLLOW_IS, "a", "1");
    told(w, FOLLOW_IS, "b", "2");
    told(w, FOLLOW_COMPLETE, "", "");
    put(w, "fleets/cache/targets/a", "1a", 0);
    drop(w, "fleets/cache/targets/b");
    put(w, "fleets/cache/targets/c", "3", 0);
    later(w, READ_MS);
    told(w, FOLLOW_IS, "a", "1a");
    told(w, FOLLOW_GONE, "b", "");
    told(w, FOLLOW_IS, "c", "3");
    told(w, FOLLOW_COMPLETE, "", "");
    /* It comes back under the same name. */
    put(w, "fleets/cache/targets/b", "2", 0);
    later(w, LIST_MS);
    told(w, FOLLOW_IS, "b", "2");
    told(w, FOLLOW_COMPLETE, "", "");
    told_nothing(w);
    close_book(w);
}

/* As one that comes and goes between two looks. */
static void what_nobody_was_told_of_is_not_told_as_gone(void **state)
{
    struct bench_book *w = open_followed();

    (void)state;
    (void)follow(w, "fleets/cache/targets", FOLLOW_CHILDREN);
    run(w);
    told(w, FOLLOW_COMPLETE, "", "");
    put(w, "fleets/cache/targets/a", "1", 0);
    later(w, LIST_MS);
    drop(w, "fleets/cache/targets/a");
    later(w, LIST_MS);
    told(w, FOLLOW_COMPLETE, "", "");
    told_nothing(w);
    close_book(w);
}

static void a_parent_that_is_not_there_has_no_children(void **state)
{
    struct bench_book *w = open_followed();

    (void)state;
    (void)follow(w, "fleets/cache/members", FOLLOW_CHILDREN);
    run(w);
    told(w, FOLLOW_COMPLETE, "", "");
    put(w, "fleets/cache/members", "", 0);
    put(w, "fleets/cache/members/web-2", "{}", 7);
    later(w, LIST_MS);
    told(w, FOLLOW_IS, "web-2", "{}");
    told(w, FOLLOW_COMPLETE, "", "");
    close_book(w);
}

static void one_node_alone_is_followed(void **state)
{
    struct bench_book *w = open_followed();

    (void)state;
    drop(w, "fleets/cache");
    (void)follow(w, "fleets/cache", FOLLOW_NODE);
    run(w);
    assert_asked(w, "get fleets/cache");
    told(w, FOLLOW_COMPLETE, "", "");
    put(w, "fleets/cache", "[fleet]", 0);
    later(w, LIST_MS);
    told(w, FOLLOW_IS, "", "[fleet]");
    told(w, FOLLOW_COMPLETE, "", "");
    drop(w, "fleets/cache");
    later(w, LIST_MS);
    told(w, FOLLOW_GONE, "", "");
    told(w, FOLLOW_COMPLETE, "", "");
    close_book(w);
}

static void a_new_session_is_a_doubt_until_all_was_read_again(void **state)
{
    struct bench_book *w = open_followed();

    (void)state;
    put(w, "fleets/cache/members", "", 0);
    put(w, "fleets/cache/members/web-2", "{}", 7);
    (void)follow(w, "fleets/cache/members", FOLLOW_CHILDREN);
    run(w);
    told(w, FOLLOW_IS, "web-2", "{}");
    told(w, FOLLOW_COMPLETE, "", "");
    new_session(w, SESSION + 1, true);
    told(w, FOLLOW_DOUBT, "", "");
    told_nothing(w);
    run(w);
    /* It is as it was, which is worth a word now. */
    told(w, FOLLOW_COMPLETE, "", "");
    told_nothing(w);
    close_book(w);
}

static void a_lost_answer_is_asked_for_again(void **state)
{
    struct bench_book *w = open_followed();
    struct store_request r;

    (void)state;
    put(w, "fleets/cache/targets/a", "1", 0);
    (void)follow(w, "fleets/cache/targets", FOLLOW_CHILDREN);
    assert_true(let_out(w, &r));
    assert_int_equal(r.verb, STORE_LIST);
    answer_code(w, &r, STORE_UNCERTAIN);
    told_nothing(w);
    later(w, LIST_MS);
    told(w, FOLLOW_IS, "a", "1");
    told(w, FOLLOW_COMPLETE, "", "");
    close_book(w);
}

static void what_may_not_be_read_is_never_complete(void **state)
{
    struct bench_book *w = open_followed();
    struct store_request r;

    (void)state;
    (void)follow(w, "fleets/cache/targets", FOLLOW_CHILDREN);
    assert_true(let_out(w, &r));
    answer_code(w, &r, STORE_NO_AUTH);
    run(w);
    told_nothing(w);
    close_book(w);
}

static void what_is_not_followed_any_more_is_not_told(void **state)
{
    struct bench_book *w = open_followed();
    struct store_request r;
    char path[64];

    (void)state;
    put(w, "fleets/cache/targets/a", "1", 0);
    size_t f = follow(w, "fleets/cache/targets", FOLLOW_CHILDREN);
    assert_true(let_out(w, &r));
    /* A store has copied it by then. */
    snprintf(path, sizeof path, "%s", r.path);
    r.path = path;
    follow_remove(&w->book, f);
    answer(w, &r);
    run(w);
    told_nothing(w);
    /* Its place is free. */
    drop(w, "fleets/cache");
    assert_int_equal(follow(w, "fleets/cache", FOLLOW_NODE), f);
    run(w);
    told(w, FOLLOW_COMPLETE, "", "");
    close_book(w);
}

/* The answer for what was followed there before may come later than that. */
static void a_place_is_free_once_its_last_answer_came(void **state)
{
    struct bench_book *w = open_followed();
    struct store_request r;

    (void)state;
    put(w, "fleets/cache/targets/a", "1", 0);
    put(w, "fleets/cache/members", "", 0);
    size_t f = follow(w, "fleets/cache/targets", FOLLOW_CHILDREN);
    assert_true(let_out(w, &r));
    follow_remove(&w->book, f);
    assert_true(follow(w, "fleets/cache/members", FOLLOW_CHILDREN) != f);
    answer(w, &r);
    run(w);
    told(w, FOLLOW_COMPLETE, "", "");
    told_nothing(w);
    assert_int_equal(follow(w, "fleets/cache", FOLLOW_NODE), f);
    close_book(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(children_are_listed_read_and_told_as_one_picture),
        cmocka_unit_test(what_does_not_change_is_not_told_again),
        cmocka_unit_test(changes_are_told_and_what_is_gone),
        cmocka_unit_test(what_nobody_was_told_of_is_not_told_as_gone),
        cmocka_unit_test(a_parent_that_is_not_there_has_no_children),
        cmocka_unit_test(one_node_alone_is_followed),
        cmocka_unit_test(a_new_session_is_a_doubt_until_all_was_read_again),
        cmocka_unit_test(a_lost_answer_is_asked_for_again),
        cmocka_unit_test(what_may_not_be_read_is_never_complete),
        cmocka_unit_test(what_is_not_followed_any_more_is_not_told),
        cmocka_unit_test(a_place_is_free_once_its_last_answer_came),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
