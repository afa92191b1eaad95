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
    const char *a = words_keep(text);
    const char *b;

    (void)state;
    text[0] = 'C';
    b = words_keep("connection refused");
    assert_ptr_equal(a, b);
    assert_string_equal(a, "connection refused");
    words_drop(a);
    assert_string_equal(b, "connection refused");
    words_drop(b);
}

static void other_words_are_another(void **state)
{
    const char *a = words_keep("a");
    const char *b = words_keep("b");

    (void)state;
    assert_ptr_not_equal(a, b);
    words_drop(a);
    assert_string_equal(b, "b");
    words_drop(b);
}

static void nothing_said_costs_nothing(void **state)
{
    const char *a = words_keep("");

    (void)state;
    assert_ptr_equal(a, words_keep(""));
    assert_string_equal(a, "");
    words_drop(a);
    words_drop(a);
    words_drop(a);
    words_drop(NULL);
}

static void what_is_held_follows_what_is_said(void **state)
{
    const char *held = NULL;
    const char *other = words_keep("second");

    (void)state;
    words_set(&held, "first");
    assert_string_equal(held, "first");
    words_set(&held, "second");
    assert_ptr_equal(held, other);
    words_set(&held, held);
    assert_ptr_equal(held, other);
    words_drop(other);
    assert_string_equal(held, "second");
    words_set(&held, "");
    assert_string_equal(held, "");
    words_drop(held);
}

static void thousands_come_and_go_in_any_order(void **state)
{
    enum { N = 3000 };
    static const char *kept[N];
    char text[32];

    (void)state;
    for (unsigned i = 0; i < N; i++) {
        snprintf(text, sizeof text, "%u bytes behind", i);
        kept[i] = words_keep(text);
    }
    for (unsigned step = 0, i = 0; step < N; step++, i = (i + 1009) % N) {
        snprintf(text, sizeof text, "%u bytes behind", i);
        assert_string_equal(kept[i], text);
        words_drop(kept[i]);
        kept[i] = words_keep("the same for all");
    }
    for (unsigned i = 0; i < N; i++) {
        assert_ptr_equal(kept[i], kept[0]);
        words_drop(kept[i]);
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
