/*
 * The last results of an instance: the newest first, never more than there is
 * room for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "agent/recent.h"

static struct recent recent;

static struct result number(unsigned n)
{
    struct result r = {
        .round = n,
        .reason = REASON_REFUSED,
        .ended_wall_ms = 1000 + n,
        .connect_us = n,
        .rtt_us = -1,
    };

    snprintf(r.detail, sizeof r.detail, "number %u", n);
    return r;
}

static void add(unsigned from, unsigned to)
{
    for (unsigned n = from; n <= to; n++) {
        struct result r = number(n);

        recent_add(&recent, &r, r.reason, false);
    }
}

static int tear_down(void **state)
{
    (void)state;
    recent_clear(&recent);
    assert_null(recent_at(&recent, 0));
    return 0;
}

static void nothing_is_there_at_first(void **state)
{
    (void)state;
    assert_null(recent_at(&recent, 0));
}

static void the_newest_comes_first(void **state)
{
    (void)state;
    add(1, 3);
    assert_int_equal(recent_at(&recent, 0)->round, 3);
    assert_int_equal(recent_at(&recent, 2)->round, 1);
    assert_null(recent_at(&recent, 3));
}

static void the_oldest_makes_room(void **state)
{
    (void)state;
    add(1, 100);
    for (unsigned i = 0; i < RECENT_MAX; i++) {
        struct result r = number(100 - i);
        const struct recent_result *seen = recent_at(&recent, i);

        assert_int_equal(seen->round, r.round);
        assert_int_equal(seen->ended_wall_ms, r.ended_wall_ms);
        assert_int_equal(seen->connect_us, r.connect_us);
        assert_string_equal(seen->detail, r.detail);
    }
    assert_null(recent_at(&recent, RECENT_MAX));
}

static void a_result_is_kept_as_it_was_judged(void **state)
{
    struct result r = {
        .reason = REASON_OK,
        .detail = "",
        .auth_us = 20,
        .reply_us = 100,
        .rtt_us = 120,
        .fresh_info = true,
    };
    const struct recent_result *seen;

    (void)state;
    recent_add(&recent, &r, REASON_LAG, true);
    seen = recent_at(&recent, 0);
    assert_int_equal(seen->reason, REASON_LAG);
    assert_int_equal(recent_rtt_us(seen), 120);
    assert_true(seen->voided);
    assert_true(seen->info);
    r.rtt_us = -1;
    recent_add(&recent, &r, REASON_REPLY_TIMEOUT, false);
    assert_int_equal(recent_rtt_us(recent_at(&recent, 0)), -1);
    assert_int_equal(recent_rtt_us(recent_at(&recent, 1)), 120);
}

#define T(name) cmocka_unit_test_teardown(name, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(nothing_is_there_at_first),
        T(the_newest_comes_first),
        T(the_oldest_makes_room),
        T(a_result_is_kept_as_it_was_judged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
