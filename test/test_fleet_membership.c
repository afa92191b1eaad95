/* When this agent joins its fleet, leaves it and comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/membership.h"

static const struct membership_facts FIT = { .ready = true };

static void it_joins_once_it_is_ready(void **state)
{
    struct membership m = { 0 };
    struct membership_facts f = { 0 };

    (void)state;
    assert_false(membership_step(&m, &f, 1000));
    assert_true(membership_counts(&m, &f, 1000));
    f.ready = true;
    assert_true(membership_step(&m, &f, 2000));
    assert_true(m.in);
    /* Only for joining. */
    f.ready = false;
    assert_false(membership_step(&m, &f, 3000));
    assert_true(m.in);
}

static void it_comes_back_when_it_was_well_for_a_minute(void **state)
{
    struct membership m = { 0 };
    struct membership_facts f = FIT;

    (void)state;
    assert_true(membership_step(&m, &f, 1000));
    f.doubt = true;
    assert_true(membership_step(&m, &f, 2000));
    assert_false(m.in);
    assert_int_equal(m.why, LEAVE_DOUBT);
    assert_false(membership_step(&m, &f, 10000));
    f.doubt = false;
    assert_false(membership_step(&m, &f, 69999));
    assert_false(membership_counts(&m, &f, 69999));
    assert_int_equal(membership_due(&m), 70000);
    assert_true(membership_counts(&m, &f, 70000));
    assert_true(membership_step(&m, &f, 70000));
    assert_true(m.in);
}

static void who_was_drained_is_back_at_once(void **state)
{
    struct membership m = { 0 };
    struct membership_facts f = FIT;

    (void)state;
    assert_true(membership_step(&m, &f, 1000));
    f.drained = true;
    assert_true(membership_step(&m, &f, 2000));
    assert_int_equal(m.why, LEAVE_DRAINED);
    assert_false(membership_counts(&m, &f, 2000));
    f.drained = false;
    assert_true(membership_step(&m, &f, 3000));
}

static void a_lift_does_not_make_well_who_hung(void **state)
{
    struct membership m = { 0 };
    struct membership_facts f = FIT;

    (void)state;
    f.wedged = true;
    assert_false(membership_step(&m, &f, 1000));
    f = FIT;
    f.drained = true;
    assert_false(membership_step(&m, &f, 2000));
    f.drained = false;
    assert_false(membership_step(&m, &f, 3000));
    assert_true(membership_step(&m, &f, 62000));
}

static void what_somebody_decided_is_named_first(void **state)
{
    struct membership m = { .in = true };
    struct membership_facts f = FIT;

    (void)state;
    f.stopping = f.wedged = f.clock = true;
    assert_true(membership_step(&m, &f, 1000));
    assert_string_equal(leave_why_name(m.why), "stop");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_joins_once_it_is_ready),
        cmocka_unit_test(it_comes_back_when_it_was_well_for_a_minute),
        cmocka_unit_test(who_was_drained_is_back_at_once),
        cmocka_unit_test(a_lift_does_not_make_well_who_hung),
        cmocka_unit_test(what_somebody_decided_is_named_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
