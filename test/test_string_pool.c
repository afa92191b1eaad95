/*
 * Words that repeat are kept once, and not longer than somebody holds them.
 * That nothing is left is valgrind's and the sanitizers' to see.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/string_pool.h"

static void the_same_words_are_one_copy(void **state)
{
    char text[] = "connection refused";
    const char *a = string_pool_keep(text);
    const char *b;

    (void)state;
    text[0] = 'C';
    b = string_pool_keep("connection refused");
    assert_ptr_equal(a, b);
    assert_string_equal(a, "connection refused");
    string_pool_drop(a);
    assert_string_equal(b, "connection refused");
    string_pool_drop(b);
}

static void other_words_are_another(void **state)
{
    const char *a = string_pool_keep("a");
    const char *b = string_pool_keep("b");

    (void)state;
    assert_ptr_not_equal(a, b);
    string_pool_drop(a);
    assert_string_equal(b, "b");
    string_pool_drop(b);
}

static void nothing_said_costs_nothing(void **state)
{
    const char *a = string_pool_keep("");

    (void)state;
    assert_ptr_equal(a, string_pool_keep(""));
    assert_string_equal(a, "");
    string_pool_drop(a);
    string_pool_drop(a);
    string_pool_drop(a);
    string_pool_drop(NULL);
}

static void what_is_held_follows_what_is_said(void **state)
{
    const char *held = NULL;
    const char *other = string_pool_keep("second");

    (void)state;
    string_pool_set(&held, "first");
    assert_string_equal(held, "first");
    string_pool_set(&held, "second");
    assert_ptr_equal(held, other);
    string_pool_set(&held, held);
    assert_ptr_equal(held, other);
    string_pool_drop(other);
    assert_string_equal(held, "second");
    string_pool_set(&held, "");
    assert_string_equal(held, "");
    string_pool_drop(held);
}

static void thousands_come_and_go_in_any_order(void **state)
{
    enum { N = 3000 };
    static const char *kept[N];
    char text[32];

    (void)state;
    for (unsigned i = 0; i < N; i++) {
        snprintf(text, sizeof text, "%u bytes behind", i);
        kept[i] = string_pool_keep(text);
    }
    for (unsigned step = 0, i = 0; step < N; step++, i = (i + 1009) % N) {
        snprintf(text, sizeof text, "%u bytes behind", i);
        assert_string_equal(kept[i], text);
        string_pool_drop(kept[i]);
        kept[i] = string_pool_keep("the same for all");
    }
    for (unsigned i = 0; i < N; i++) {
        assert_ptr_equal(kept[i], kept[0]);
        string_pool_drop(kept[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_words_are_one_copy),
        cmocka_unit_test(other_words_are_another),
        cmocka_unit_test(nothing_said_costs_nothing),
        cmocka_unit_test(what_is_held_follows_what_is_said),
        cmocka_unit_test(thousands_come_and_go_in_any_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
