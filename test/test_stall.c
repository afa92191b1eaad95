/* When the agent has reason to doubt itself, over made-up times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/stall.h"

static struct stall begun(uint64_t now_ms)
{
    struct stall s = { .lost_ms = 0 };

    stall_begin(&s, now_ms);
    return s;
}

static void a_thread_that_ticks_in_time_loses_nothing(void **state)
{
    struct stall s = begun(1000000);

    (void)state;
    for (uint64_t i = 1; i <= 100; i++)
        assert_int_equal(stall_look(&s, 1000000 + i * STALL_TICK_MS), 0);
    assert_int_equal(s.lost_ms, 0);
}

static void a_tick_that_is_a_little_late_is_no_loss(void **state)
{
    struct stall s = begun(1000);

    (void)state;
    assert_int_equal(stall_look(&s, 1000 + 2 * STALL_TICK_MS), 0);
    assert_int_equal(stall_look(&s, 1000 + 4 * STALL_TICK_MS), 0);
    assert_int_equal(s.lost_ms, 0);
}

static void a_gap_is_lost_but_for_the_tick_that_was_due(void **state)
{
    struct stall s = begun(1000);

    (void)state;
    assert_int_equal(stall_look(&s, 1000 + 30000), 30000 - STALL_TICK_MS);
    assert_int_equal(stall_look(&s, 1000 + 30000), 0);
    assert_int_equal(s.lost_ms, 30000 - STALL_TICK_MS);
}

static void short_gaps_add_up(void **state)
{
    struct stall s = begun(0);

    (void)state;
    for (uint64_t i = 1; i <= 10; i++)
        stall_look(&s, i * 200);
    assert_int_equal(s.lost_ms, 10 * (200 - STALL_TICK_MS));
}

static void who_comes_in_a_gap_is_charged_from_then_on(void **state)
{
    struct stall s = begun(1000);
    uint64_t early = stall_before(&s, 1000 + STALL_TICK_MS);
    uint64_t late = stall_before(&s, 1000 + 400);

    (void)state;
    assert_int_equal(stall_until(&s, 1500) - early, 500 - STALL_TICK_MS);
    assert_int_equal(stall_until(&s, 1500) - late, 100);
    /* However the gap ends. */
    stall_look(&s, 1500);
    assert_int_equal(stall_until(&s, 1500) - early, 500 - STALL_TICK_MS);
    assert_int_equal(stall_until(&s, 1500 + STALL_TICK_MS) - late, 100);
}

static void who_comes_and_goes_gives_no_sign_of_life(void **state)
{
    struct stall s = begun(1000);

    (void)state;
    for (uint64_t ms = 0; ms < 500; ms++) {
        stall_before(&s, 1000 + ms);
        stall_until(&s, 1000 + ms);
    }
    assert_int_equal(stall_look(&s, 1500), 500 - STALL_TICK_MS);
}

static void a_clock_that_stands_still_loses_nothing(void **state)
{
    struct stall s = begun(5000);

    (void)state;
    assert_int_equal(stall_look(&s, 5000), 0);
    assert_int_equal(stall_look(&s, 5000), 0);
}

static void what_was_before_the_beginning_does_not_count(void **state)
{
    struct stall s = begun(0);

    (void)state;
    stall_begin(&s, 60000);
    assert_int_equal(stall_look(&s, 60000 + STALL_TICK_MS), 0);
    assert_int_equal(s.lost_ms, 0);
}

static void a_slip_is_judged_by_a_second_or_half_of_the_interval(void **state)
{
    (void)state;
    assert_int_equal(stall_slip_limit_ms(50), 1000);
    assert_int_equal(stall_slip_limit_ms(2000), 1000);
    assert_int_equal(stall_slip_limit_ms(10000), 5000);
}

static void a_server_is_owed_half_of_its_timeout_at_least(void **state)
{
    (void)state;
    assert_int_equal(stall_loss_limit_ms(200, 300), 150);
    assert_int_equal(stall_loss_limit_ms(10000, 1000), 500);
    /* A slip that is judged makes a long timeout void too. */
    assert_int_equal(stall_loss_limit_ms(1000, 30000), 1000);
    assert_int_equal(stall_loss_limit_ms(10000, 30000), 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_that_ticks_in_time_loses_nothing),
        cmocka_unit_test(a_tick_that_is_a_little_late_is_no_loss),
        cmocka_unit_test(a_gap_is_lost_but_for_the_tick_that_was_due),
        cmocka_unit_test(short_gaps_add_up),
        cmocka_unit_test(who_comes_in_a_gap_is_charged_from_then_on),
        cmocka_unit_test(who_comes_and_goes_gives_no_sign_of_life),
        cmocka_unit_test(a_clock_that_stands_still_loses_nothing),
        cmocka_unit_test(what_was_before_the_beginning_does_not_count),
        cmocka_unit_test(a_slip_is_judged_by_a_second_or_half_of_the_interval),
        cmocka_unit_test(a_server_is_owed_half_of_its_timeout_at_least),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
