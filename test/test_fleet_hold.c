/* When a change of the members is acted upon. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/hold.h"

#define SESSION_MS 10000

/* Ten members, acted upon at 100 s. */
static struct hold ten(void)
{
    struct hold h;

    hold_init(&h, SESSION_MS);
    hold_changed(&h, 0, 0, false, 97000);
    hold_acted(&h, 0, 100000);
    return h;
}

static void the_first_list_is_acted_upon_after_three_quiet_seconds(void **state)
{
    struct hold h;

    (void)state;
    hold_init(&h, SESSION_MS);
    assert_true(hold_due(&h) == UINT64_MAX);
    hold_changed(&h, 0, 0, false, 1000);
    assert_int_equal(hold_due(&h), 4000);
    hold_changed(&h, 0, 0, false, 3000);
    assert_int_equal(hold_due(&h), 6000);
}

static void a_death_is_acted_upon_after_a_second(void **state)
{
    struct hold h = ten();

    (void)state;
    hold_changed(&h, 10, 1, false, 200000);
    assert_int_equal(hold_due(&h), 201000);
    /* What comes meanwhile does not put it off. */
    hold_changed(&h, 10, 2, false, 200900);
    assert_int_equal(hold_due(&h), 201000);
}

static void when_more_than_half_are_gone_a_session_is_waited_for(void **state)
{
    struct hold h = ten();

    (void)state;
    hold_changed(&h, 10, 5, false, 200000);
    assert_int_equal(hold_due(&h), 201000);
    hold_changed(&h, 10, 6, false, 200500);
    assert_int_equal(hold_due(&h), 211000);
    assert_true(h.mass);
    /* They come back. */
    hold_changed(&h, 10, 3, false, 203000);
    assert_int_equal(hold_due(&h), 201000);
    hold_changed(&h, 10, 0, true, 204000);
    assert_true(hold_due(&h) == UINT64_MAX);
}

static void those_that_went_one_after_the_other_count_together(void **state)
{
    struct hold h = ten();

    (void)state;
    hold_changed(&h, 10, 4, false, 200000);
    hold_acted(&h, 4, 201000);
    hold_changed(&h, 6, 2, false, 205000);
    assert_true(h.mass);
    /* Long after, they do not. */
    hold_acted(&h, 2, 216000);
    hold_changed(&h, 4, 1, false, 300000);
    assert_false(h.mass);
}

static void who_loses_all_others_at_once_waits(void **state)
{
    struct hold h = ten();

    (void)state;
    hold_changed(&h, 10, 9, false, 200000);
    assert_true(h.mass);
}

static void of_two_the_one_that_is_left_takes_over(void **state)
{
    struct hold h = ten();

    (void)state;
    hold_changed(&h, 2, 1, false, 200000);
    assert_false(h.mass);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            the_first_list_is_acted_upon_after_three_quiet_seconds),
        cmocka_unit_test(a_death_is_acted_upon_after_a_second),
        cmocka_unit_test(when_more_than_half_are_gone_a_session_is_waited_for),
        cmocka_unit_test(those_that_went_one_after_the_other_count_together),
        cmocka_unit_test(who_loses_all_others_at_once_waits),
        cmocka_unit_test(of_two_the_one_that_is_left_takes_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
