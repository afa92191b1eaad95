/*
 * err: text is cut, never overrun, and nobody has to want it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/err.h"

static void a_failure_names_its_place_and_value(void **state)
{
    (void)state;
    struct err e;
    err_set(&e, "%s:%d: rise must be 1..100, got %d", "agent.ini", 7, 0);
    assert_string_equal(e.text, "agent.ini:7: rise must be 1..100, got 0");
}

static void an_over_long_text_is_cut(void **state)
{
    (void)state;
    struct err e;
    memset(&e, '!', sizeof e);
    err_set(&e, "%0300d", 7);
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
}

static void nobody_has_to_want_the_text(void **state)
{
    (void)state;
    err_set(NULL, "%d", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_names_its_place_and_value),
        cmocka_unit_test(an_over_long_text_is_cut),
        cmocka_unit_test(nobody_has_to_want_the_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
