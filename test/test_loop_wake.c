/*
 * The wake of a loop by itself: many are one, none is lost, and one that comes
 * too late is nobody else's.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/loop_wake.h"

static uv_loop_t loop;
static struct loop_wake wake;
static unsigned woken;
static unsigned again; /* to be sent while it is told */

static void on_wake(void *arg)
{
    assert_ptr_equal(arg, &wake);
    woken++;
    for (; again > 0; again--)
        loop_wake_send(&wake);
}

static int start(void **state)
{
    struct err e;

    (void)state;
    woken = 0;
    again = 0;
    if (uv_loop_init(&loop) != 0)
        return -1;
    return loop_wake_open(&wake, &loop, on_wake, &wake, &e);
}

static void end_loop(void)
{
    loop_wake_close(&wake);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void wakes_that_were_not_seen_become_one(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        loop_wake_send(&wake);
    uv_run(&loop, UV_RUN_ONCE);
    uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(woken, 1);
    end_loop();
    loop_wake_clear(&wake);
}

static void one_that_comes_while_another_is_told_is_told_too(void **state)
{
    (void)state;
    again = 2;
    loop_wake_send(&wake);
    uv_run(&loop, UV_RUN_ONCE);
    uv_run(&loop, UV_RUN_ONCE);
    uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(woken, 2);
    end_loop();
    loop_wake_clear(&wake);
}

/* Who is to stop may know before it is woken for that. */
static void one_that_comes_when_the_loop_is_gone_is_nobody_elses(void **state)
{
    (void)state;
    end_loop();
    assert_int_not_equal(fcntl(wake.fd, F_GETFD), -1);
    loop_wake_send(&wake);
    assert_int_equal(woken, 0);
    loop_wake_clear(&wake);
    assert_int_equal(fcntl(wake.fd, F_GETFD), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(wakes_that_were_not_seen_become_one, start),
        cmocka_unit_test_setup(one_that_comes_while_another_is_told_is_told_too,
                               start),
        cmocka_unit_test_setup(
            one_that_comes_when_the_loop_is_gone_is_nobody_elses, start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
