/*
 * Orders, through the publisher's book: each is sent once, and each is
 * answered.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../src/publish/orders.h"
#include "../src/publish/sources.h"

#include "book_bench.h"

static int order(struct bench_book *w, const char *path, int32_t version,
                 uint64_t token)
{
    const struct publisher_order o = { path, version, token };
    struct err e;

    return orders_add(&w->book, &o, &e);
}

/* Fails unless there is an answer. */
static struct publisher_ordered answered(struct bench_book *w)
{
    struct publisher_ordered o;

    assert_true(orders_take(&w->book, &o));
    return o;
}

static bool none_answered(struct bench_book *w)
{
    struct publisher_ordered o;

    return !orders_take(&w->book, &o);
}

static void a_node_is_deleted_only_as_it_was_known(void **state)
{
    struct bench_book *w = open_book();

    (void)state;
    put(w, "maintenance/@web-1/a", "x", 0);
    put(w, "maintenance/@web-1/b", "x", 0);
    put(w, "maintenance/@web-1/b", "y", 0);
    assert_int_equal(order(w, "maintenance/@web-1/a", 0, 7), 0);
    assert_int_equal(order(w, "maintenance/@web-1/b", 0, 8), 0);
    assert_int_equal(order(w, "maintenance/@web-1/c", 0, 9), 0);
    run(w);
    assert_asked(w, "delete maintenance/@web-1/a:0, delete "
                    "maintenance/@web-1/b:0, delete maintenance/@web-1/c:0");
    assert_int_equal(answered(w).code, STORE_OK);
    struct publisher_ordered other = answered(w);
    assert_int_equal(other.token, 8);
    assert_int_equal(other.code, STORE_BAD_VERSION);
    assert_int_equal(answered(w).code, STORE_NO_NODE);
    assert_true(none_answered(w));
    assert_false(at(w, "maintenance/@web-1/a")->exists);
    assert_true(at(w, "maintenance/@web-1/b")->exists);
    close_book(w);
}

static void what_is_uncertain_is_told_and_not_sent_again(void **state)
{
    struct bench_book *w = open_book();
    struct store_request r;

    (void)state;
    assert_int_equal(order(w, "maintenance/cache/a", 3, 7), 0);
    struct store_request none;

    assert_true(let_out(w, &r));
    assert_false(let_out(w, &none));
    assert_true(none_answered(w));
    answer_code(w, &r, STORE_UNCERTAIN);
    run(w);
    assert_asked(w, "delete maintenance/cache/a:3");
    assert_int_equal(answered(w).code, STORE_UNCERTAIN);
    assert_true(none_answered(w));
    close_book(w);
}

static void one_that_was_not_sent_waits(void **state)
{
    struct bench_book *w = open_book();
    struct store_request r;

    (void)state;
    assert_int_equal(order(w, "maintenance/cache/a", 3, 7), 0);
    assert_true(sources_next(&w->book, w->now, &r));
    sources_unsent(&w->book, &r);
    assert_true(none_answered(w));
    run(w);
    assert_int_equal(answered(w).code, STORE_NO_NODE);
    close_book(w);
}

static void there_is_a_place_again_when_an_answer_is_taken(void **state)
{
    struct bench_book *w = open_book();
    char path[32];

    (void)state;
    for (int i = 0; i < PUBLISHER_ORDERS; i++) {
        snprintf(path, sizeof path, "maintenance/cache/n%d", i);
        assert_int_equal(order(w, path, 0, (uint64_t)i), 0);
    }
    assert_int_equal(order(w, "maintenance/cache/x", 0, 99), -1);
    run(w);
    assert_int_equal(order(w, "maintenance/cache/x", 0, 99), -1);
    (void)answered(w);
    assert_int_equal(order(w, "maintenance/cache/x", 0, 99), 0);
    close_book(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_node_is_deleted_only_as_it_was_known),
        cmocka_unit_test(what_is_uncertain_is_told_and_not_sent_again),
        cmocka_unit_test(one_that_was_not_sent_waits),
        cmocka_unit_test(there_is_a_place_again_when_an_answer_is_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
