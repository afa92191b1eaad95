/*
 * The wheel of deadlines, on a loop of its own.  What is due is asked of the
 * clock when it expires: never too early, and how late is nobody's promise.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agent/clock.h"

#include "../src/probe/deadlines.h"

#define MANY 2000

struct one {
    struct deadline deadline;
    uint64_t due_ms;
    unsigned expired;
};

static uv_loop_t loop;
static struct deadlines deadlines;
static struct one many[MANY];
static struct deadline *to_clear;

static void on_expired(struct deadline *d)
{
    struct one *o = (struct one *)d;

    assert_true(clock_mono_ms() >= o->due_ms);
    assert_int_equal(d->due_ms, 0);
    o->expired++;
    if (to_clear != NULL)
        deadline_clear(&deadlines, to_clear);
}

static int start(void **state)
{
    (void)state;
    to_clear = NULL;
    for (size_t i = 0; i < MANY; i++)
        many[i] = (struct one){ .deadline.expired = on_expired };
    if (uv_loop_init(&loop) != 0)
        return -1;
    deadlines_open(&deadlines, &loop);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    deadlines_close(&deadlines);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop);
}

static void set(struct one *o, uint64_t ms)
{
    uint64_t now_ms = clock_mono_ms();

    o->due_ms = now_ms + ms;
    deadline_set(&deadlines, &o->deadline, now_ms, ms);
}

/* Until nothing is set any more: the timer rests then, and the loop ends. */
static void run(void)
{
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(deadlines.count, 0);
}

static void each_expires_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < MANY; i++)
        set(&many[i], 1 + i * 7 % 200);
    run();
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(many[i].expired, 1);
}

static void what_is_cleared_or_set_anew_does_not_expire(void **state)
{
    (void)state;
    set(&many[0], 5);
    set(&many[1], 10);
    set(&many[0], 30);
    deadline_clear(&deadlines, &many[1].deadline);
    deadline_clear(&deadlines, &many[1].deadline);
    run();
    assert_int_equal(many[0].expired, 1);
    assert_int_equal(many[1].expired, 0);
}

static void one_further_away_than_the_wheel_is_passed_over(void **state)
{
    (void)state;
    set(&many[0], DEADLINES_SLOTS + 20);
    set(&many[1], 20);
    set(&many[2], DEADLINES_SLOTS);
    run();
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(many[i].expired, 1);
}

static void those_that_are_due_together_may_clear_each_other(void **state)
{
    (void)state;
    set(&many[0], 5);
    set(&many[1], 5);
    to_clear = &many[0].deadline;
    run();
    assert_int_equal(many[1].expired, 1);
    assert_true(many[0].expired <= 1);
}

static void an_early_one_is_not_kept_by_a_late_one(void **state)
{
    (void)state;
    set(&many[0], 600000);
    set(&many[1], 5);
    while (many[1].expired == 0)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(many[0].expired, 0);
    deadline_clear(&deadlines, &many[0].deadline);
    run();
}

/* As of a process that was stopped: all that was due meanwhile expires. */
static void a_wheel_that_stood_still_for_turns_forgets_nothing(void **state)
{
    uint64_t long_ago_ms = clock_mono_ms() - 5 * DEADLINES_SLOTS;

    (void)state;
    for (size_t i = 0; i < MANY; i++)
        deadline_set(&deadlines, &many[i].deadline, long_ago_ms, 1 + i * 2);
    run();
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(many[i].expired, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_expires_once, start, stop),
        cmocka_unit_test_setup_teardown(
            what_is_cleared_or_set_anew_does_not_expire, start, stop),
        cmocka_unit_test_setup_teardown(
            one_further_away_than_the_wheel_is_passed_over, start, stop),
        cmocka_unit_test_setup_teardown(
            those_that_are_due_together_may_clear_each_other, start, stop),
        cmocka_unit_test_setup_teardown(an_early_one_is_not_kept_by_a_late_one,
                                        start, stop),
        cmocka_unit_test_setup_teardown(
            a_wheel_that_stood_still_for_turns_forgets_nothing, start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
