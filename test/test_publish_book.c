/*
 * The way of each document through the publisher's book, request by request,
 * with no thread and no clock: what is asked next, why a node is not written,
 * and when it is tried again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../src/publish/sources.h"

#include "book_bench.h"

static size_t pending(const struct bench_book *w)
{
    return tally_pending(&w->book.tally);
}

/* ------------------------------------------------------- a document's way */

static void a_document_is_read_for_written_and_let_be(void **state)
{
    struct bench_book *w = open_book();
    struct slot *s = add_slot(w, SLOT_STATUS, "a");

    (void)state;
    assert_int_equal(why_of(w, s), WHY_NOT_READ);
    assert_int_equal(pending(w), 1);
    assert_true(w->book.nudged);
    run(w);
    assert_asked(w, "get instances/a");
    assert_true(w->book.tell);
    assert_int_equal(why_of(w, s), WHY_NOT_POSTED);
    assert_int_equal(pending(w), 0);
    assert_false(take_of(w, s).exists);
    post_to(w, s, UP);
    assert_int_equal(why_of(w, s), WHY_QUEUED);
    assert_int_equal(pending(w), 1);
    run(w);
    assert_asked(w, "create instances/a");
    assert_string_equal(at(w, "instances/a")->node.data, UP ",\"seq\":1}");
    assert_int_equal(why_of(w, s), WHY_WRITTEN);
    assert_int_equal(pending(w), 0);
    assert_int_equal(w->book.tally.publish.count, 1);
    assert_int_equal(w->book.writes_ok, 1);
    post_to(w, s, DOWN);
    run(w);
    assert_asked(w, "set instances/a:0");
    assert_string_equal(at(w, "instances/a")->node.data, DOWN ",\"seq\":2}");
    run(w);
    assert_asked(w, "");
    assert_int_equal(w->book.drifts, 0);
    close_book(w);
}

static void a_post_before_the_reading_waits_for_an_answer_to_it(void **state)
{
    struct bench_book *w = open_book();
    struct slot *s = add_slot(w, SLOT_STATUS, "a");
    struct publisher_event e;

    (void)state;
    put(w, "instances/a", UP ",\"seq\":41}", 0);
    post_to(w, s, UP);
    assert_int_equal(why_of(w, s), WHY_NOT_READ);
    run(w);
    assert_asked(w, "get instances/a");
    assert_int_equal(why_of(w, s), WHY_NOT_ANSWERED);
    e = take_of(w, s);
    assert_true(e.exists);
    assert_int_equal(e.seen.seq, 41);
    run(w);
    assert_asked(w, "");
    post_to(w, s, DOWN);
    run(w);
    assert_asked(w, "set instances/a:0");
    assert_string_equal(at(w, "instances/a")->node.data, DOWN ",\"seq\":42}");
    assert_false(wanted_take(&w->book.findings, &e));
    close_book(w);
}

static void posts_while_a_request_is_under_way_become_one(void **state)
{
    struct bench_book *w = open_book();
    struct slot *s = add_read(w, SLOT_STATUS, "a");
    struct store_request r;
    struct store_request none;

    (void)state;
    post_to(w, s, UP);
    assert_true(let_out(w, &r));
    assert_int_equal(w->book.places.in_flight, 1);
    assert_int_equal(w->book.places.rereading, 0);
    post_to(w, s, DOWN);
    post_to(w, s, UP);
    post_to(w, s, DOWN);
    assert_false(let_out(w, &none));
    assert_int_equal(why_of(w, s), WHY_UNDER_WAY);
    answer(w, &r);
    assert_int_equal(w->book.places.in_flight, 0);
    assert_int_equal(pending(w), 1);
    run(w);
    assert_asked(w, "create instances/a, set instances/a:0");
    assert_string_equal(at(w, "instances/a")->node.data, DOWN ",\"seq\":2}");
    assert_int_equal(w->book.tally.publish.count, 1);
    close_book(w);
}

static void parents_are_made_when_one_is_missing(void **state)
{
    struct bench_book *w = open_book();
    struct slot *a;
    struct slot *b;
    struct store_request r;

    (void)state;
    fake_tree_at(&w->tree, "/r")->exists = false;
    fake_tree_at(&w->tree, "/r/instances")->exists = false;
    a = add_read(w, SLOT_STATUS, "a");
    b = add_read(w, SLOT_STATUS, "b");
    post_to(w, a, UP);
    post_to(w, b, UP);
    assert_true(let_out(w, &r));
    answer(w, &r);
    assert_int_equal(why_of(w, a), WHY_PARENTS);
    assert_int_equal(sources_due(&w->book, w->now - 1), w->now);
    run(w);
    assert_asked(
        w, "create instances/a, create /r, create instances, "
           "create agents, create owned, create alive, create instances/b, "
           "create instances/a");
    assert_int_equal(why_of(w, a), WHY_WRITTEN);
    assert_int_equal(why_of(w, b), WHY_WRITTEN);
    /* It is not remembered that they were made. */
    drop(w, "instances/a");
    fake_tree_at(&w->tree, "/r/instances")->exists = false;
    post_to(w, a, DOWN);
    run(w);
    assert_asked(w,
                 "set instances/a:0, create instances/a, create /r, "
                 "create instances, create agents, create owned, create alive, "
                 "create instances/a");
    close_book(w);
}

static void parents_that_cannot_be_made_are_a_refusal(void **state)
{
    static const struct {
        enum store_code code;
        enum publisher_why why;
        const char *trouble;
    } CASES[] = {
        { STORE_NO_AUTH, WHY_NO_AUTH,
          "/r/instances/a: create: no parent; /r: create: no_auth (-1)" },
        { STORE_FAILED, WHY_NO_PARENT,
          "/r/instances/a: create: no parent; /r: create: the quota is "
          "exceeded (-1): raise it" },
    };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct bench_book *w = open_book();
        struct slot *s = add_read(w, SLOT_STATUS, "a");

        fake_tree_at(&w->tree, "/r")->exists = false;
        fake_tree_at(&w->tree, "/r/instances")->exists = false;
        strcpy(w->denied, "/r");
        w->code = CASES[i].code;
        post_to(w, s, UP);
        run(w);
        assert_int_equal(why_of(w, s), CASES[i].why);
        assert_string_equal(w->book.trouble, CASES[i].trouble);
        assert_int_equal(sources_due(&w->book, w->now), w->now + 30000);
        w->denied[0] = w->asked[0] = '\0';
        run_at(w, w->now + 29999);
        assert_asked(w, "");
        run_at(w, w->now + 1);
        assert_asked(
            w, "get instances/a, create instances/a, create /r, "
               "create instances, create agents, create owned, create alive, "
               "create instances/a");
        assert_int_equal(why_of(w, s), WHY_WRITTEN);
        assert_string_equal(w->book.trouble, "");
        close_book(w);
    }
}

static void a_parent_that_is_slow_or_lost_is_asked_for_again(void **state)
{
    struct bench_book *w = open_book();
    struct slot *s = add_read(w, SLOT_STATUS, "a");
    struct store_request r;

    (void)state;
    fake_tree_at(&w->tree, "/r/instances")->exists = false;
    post_to(w, s, UP);
    assert_true(let_out(w, &r));
    answer(w, &r);
    assert_true(let_out(w, &r));
    answer_code(w, &r, STORE_BUSY);
    run(w);
    assert_asked(w, "create instances/a, create /r");
    assert_int_equal(sources_due(&w->book, w->now), w->now + 1000);
    w->now += 1000;
    assert_true(let_out(w, &r));
    answer_code(w, &r, STORE_UNCERTAIN);
    assert_true(let_out(w, &r));
    sources_unsent(&w->book, &r);
    run(w);
    assert_asked(
        w, "create /r, create /r, create /r, create instances, "
           "create agents, create owned, create alive, create instances/a");
    close_book(w);
}

/* --------------------------------------------------------------- refusals */

static void a_failure_is_tried_again_ever_later(void **state)
{
    static const unsigned WAITS_MS[] = { 1000,  2000,  4000, 8000,
                                         16000, 30000, 30000 };
    struct bench_book *w = open_book();
    struct slot *s = add_read(w, SLOT_STATUS, "a");

    (void)state;
    strcpy(w->denied, "/r/instances/a");
    w->code = STORE_FAILED;
    w->writes_only = true;
    post_to(w, s, UP);
    for (size_t i = 0; i < sizeof WAITS_MS / sizeof *WAITS_MS; i++) {
        run(w);
        assert_asked(w, i == 0 ? "create instances/a"
                               : "get instances/a, create instances/a");
        assert_int_equal(why_of(w, s), WHY_FAILED);
        assert_false(refusal_lasts(&s->refusal, 100, START + 99));
        assert_true(refusal_lasts(&s->refusal, 100, START + 100));
        assert_int_equal(sources_due(&w->book, w->now), w->now + WAITS_MS[i]);
        run_at(w, w->now + WAITS_MS[i] - 1);
        assert_asked(w, "");
        w->now++;
    }
    assert_string_equal(w->book.trouble,
                        "/r/instances/a: create: the quota is exceeded (-1): "
                        "raise it");
    assert_int_equal(w->book.writes_failed, 7);
    assert_int_equal(pending(w), 1);
    w->denied[0] = '\0';
    run(w);
    assert_int_equal(why_of(w, s), WHY_WRITTEN);
    assert_false(refusal_lasts(&s->refusal, 0, w->now));
    /* The next failure waits as little as the first. */
    strcpy(w->denied, "/r/instances/a");
    post_to(w, s, DOWN);
    run(w);
    assert_int_equal(sources_due(&w->book, w->now), w->now + 1000);
    close_book(w);
}

static void no_right_is_tried_again_slowly(void **state)
{
    struct bench_book *w = open_book();
    struct slot *s = add_read(w, SLOT_STATUS, "a");

    (void)state;
    strcpy(w->denied, "/r/instances/a");
    w->code = STORE_NO_AUTH;
    post_to(w, s, UP);
    run(w);
    assert_int_equal(why_of(w, s), WHY_NO_AUTH);
    assert_int_equal(w->book.tally.count[PUBLISHER_REFUSED], 1);
    assert_int_equal(sources_due(&w->book, w->now), w->now + 30000);
    /* Another post is no reason to ask. */
    post_to(w, s, DOWN);
    run(w);
    assert_asked(w, "create instances/a");
    w->denied[0] = '\0';
    run_at(w, w->now + 30000);
    assert_asked(w, "get instances/a, create instances/a");
    assert_string_equal(at(w, "instances/a")->node.data, DOWN ",\"seq\":1}");
    assert_int_equal(w->book.tally.count[PUBLISHER_REFUSED], 0);
    close_book(w);
}

static void the_loop_is_told_when_all_is_written_or_refused(void **state)
{
    struct bench_book *w = open_book();
    struct slot *a = add_read(w, SLOT_STATUS, "a");
    struct slot *b = add_read(w, SLOT_STATUS, "b");
    struct store_request r;

    (void)state;
    w->book.tell = false;
    post_to(w, a, UP);
    post_to(w, b, UP);
    assert_true(let_out(w, &r));
    answer_code(w, &r, STORE_FAILED);
    assert_false(w->book.tell);
    assert_true(let_out(w, &r));
    answer(w, &r);
    assert_true(w->book.tell);
    assert_int_equal(tally_pending(&w->book.tally), 1);
    w->book.tell = false;
    run_at(w, w->now + 1000);
    assert_true(w->book.tell);
    assert_int_equal(tally_pending(&w->book.tally), 0);
    /* Only where that is waited for. */
    w->book.tell = w->book.wake_idle = false;
    post_to(w, a, DOWN);
    run(w);
    assert_false(w->book.tell);
    close_book(w);
}

static void to_be_slow_is_no_refusal(void **state)
{
    struct bench_book *w = open_book();
    struct slot *s = add_read(w, SLOT_STATUS, "a");

    (void)state;
    strcpy(w->denied, "/r/instances/a");
    w->code = STORE_BUSY;
    post_to(w, s, UP);
    run(w);
    assert_int_equal(why_of(w, s), WHY_SLOWED);
    assert_string_equal(w->book.trouble, "");
    assert_int_equal(sources_due(&w->book, w->now), w->now + 1000);
    connect_session(w, SESSION, false);
    assert_int_equal(why_of(w, s), WHY_OFFLINE);
    close_book(w);
}

static void a_node_that_may_not_be_read_is_read_anew_later(void **state)
{
    struct bench_book *w = open_book();
    struct slot *s = add_written(w, SLOT_STATUS, "a", UP);

    (void)state;
    refresh_init(&w->refresh, 60000, w->now);
    strcpy(w->denied, "/r/instances/a");
    w->code = STORE_NO_AUTH;
    run_at(w, w->now + 60000);
    assert_asked(w, "get instances/a");
    assert_int_equal(why_of(w, s), WHY_NO_AUTH);
    w->denied[0] = '\0';
    run_at(w, w->now + 30000);
    assert_asked(w, "get instances/a");
    assert_int_equal(why_of(w, s), WHY_WRITTEN);
    close_book(w);
}

static void the_earliest_of_several_waits_is_due_first(void **state)
{
    struct bench_book *w = open_book();
    struct slot *a = add_read(w, SLOT_STATUS, "a");
    struct slot *b = add_read(w, SLOT_STATUS, "b");
    struct store_request r;

    (void)state;
    post_to(w, a, UP);
    post_to(w, b, UP);
    assert_true(let_out(w, &r));
    answer_code(w, &r, STORE_NO_AUTH);
    assert_true(let_out(w, &r));
    answer_code(w, &r, STORE_FAILED);
    assert_int_equal(sources_due(&w->book, w->now), w->now + 1000);
    w->asked[0] = '\0';
    run_at(w, w->now + 1000);
    assert_asked(w, "get instances/b, create instances/b");
    assert_int_equal(sources_due(&w->book, w->now), w->now + 29000);
    run_at(w, w->now + 29000);
    assert_asked(w, "get instances/a, create instances/a");
    assert_int_equal(sources_due(&w->book, w->now), UINT64_MAX);
    close_book(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_is_read_for_written_and_let_be),
        cmocka_unit_test(a_post_before_the_reading_waits_for_an_answer_to_it),
        cmocka_unit_test(posts_while_a_request_is_under_way_become_one),
        cmocka_unit_test(parents_are_made_when_one_is_missing),
        cmocka_unit_test(parents_that_cannot_be_made_are_a_refusal),
        cmocka_unit_test(a_parent_that_is_slow_or_lost_is_asked_for_again),
        cmocka_unit_test(a_failure_is_tried_again_ever_later),
        cmocka_unit_test(no_right_is_tried_again_slowly),
        cmocka_unit_test(the_loop_is_told_when_all_is_written_or_refused),
        cmocka_unit_test(to_be_slow_is_no_refusal),
        cmocka_unit_test(a_node_that_may_not_be_read_is_read_anew_later),
        cmocka_unit_test(the_earliest_of_several_waits_is_due_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
