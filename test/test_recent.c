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

        recent_add(&recent, &r, r.reason, r.detail, false);
    }
}

static bool nth(size_t n, struct recent_result *out)
{
    struct recent_walk walk = { .recent = &recent };

    while (recent_next(&walk, out))
        if (n-- == 0)
            return true;
    return false;
}

static int tear_down(void **state)
{
    struct recent_result r;

    (void)state;
    recent_clear(&recent);
    assert_false(nth(0, &r));
    assert_null(recent.extras);
    return 0;
}

static void nothing_is_there_at_first(void **state)
{
    struct recent_result r;

    (void)state;
    assert_false(nth(0, &r));
    assert_int_equal(recent_rtt_us(&recent, 0), -1);
}

static void the_newest_comes_first(void **state)
{
    struct recent_result r;

    (void)state;
    add(1, 3);
    assert_true(nth(0, &r));
    assert_int_equal(r.round, 3);
    assert_true(nth(2, &r));
    assert_int_equal(r.round, 1);
    assert_false(nth(3, &r));
}

static void the_oldest_makes_room(void **state)
{
    struct recent_result seen;

    (void)state;
    add(1, 100);
    for (unsigned i = 0; i < RECENT_MAX; i++) {
        struct result r = number(100 - i);

        assert_true(nth(i, &seen));
        assert_int_equal(seen.round, r.round);
        assert_int_equal(seen.ended_wall_ms, r.ended_wall_ms);
        assert_int_equal(seen.connect_us, r.connect_us);
        assert_string_equal(seen.detail, r.detail);
    }
    assert_false(nth(RECENT_MAX, &seen));
}

static struct result plain(int64_t ended_wall_ms)
{
    return (struct result){
        .ended_wall_ms = ended_wall_ms,
        .reply_us = 100,
        .rtt_us = 100,
    };
}

static void plain_answers_need_no_memory(void **state)
{
    struct recent_result seen;
    struct result r;

    (void)state;
    add(1, 3);
    assert_non_null(recent.extras);
    for (unsigned i = 0; i < RECENT_MAX; i++) {
        r = plain(2000 + i);
        recent_add(&recent, &r, REASON_OK, r.detail, false);
    }
    assert_null(recent.extras);
    assert_true(nth(31, &seen));
    assert_int_equal(seen.ended_wall_ms, 2000);
    assert_string_equal(seen.detail, "");
}

static void a_mixture_keeps_what_belongs_to_each(void **state)
{
    struct recent_result seen;

    (void)state;
    for (unsigned n = 1; n <= 200; n++) {
        struct result r = n % 7 < 3 ? number(n) : plain(1000 + n);

        r.round = n;
        recent_add(&recent, &r, r.reason, r.detail, false);
    }
    for (unsigned i = 0; i < RECENT_MAX; i++) {
        unsigned n = 200 - i;
        struct result r = number(n);

        assert_true(nth(i, &seen));
        assert_int_equal(seen.round, n);
        assert_int_equal(seen.ended_wall_ms, 1000 + n);
        assert_string_equal(seen.detail, n % 7 < 3 ? r.detail : "");
        assert_int_equal(seen.connect_us, n % 7 < 3 ? n : 0);
        assert_int_equal(recent_rtt_us(&recent, i), n % 7 < 3 ? -1 : 100);
    }
}

static void a_clock_that_was_set_back_is_followed(void **state)
{
    static const int64_t TIMES[] = { 1000000000000, 1000000001000, 900000000000,
                                     900000001000 };
    struct recent_result seen;

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct result r = plain(TIMES[i]);

        recent_add(&recent, &r, REASON_OK, r.detail, false);
    }
    assert_true(nth(0, &seen));
    assert_int_equal(seen.ended_wall_ms, TIMES[3]);
    assert_true(nth(1, &seen));
    assert_int_equal(seen.ended_wall_ms, TIMES[2]);
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
    struct recent_result seen;

    (void)state;
    recent_add(&recent, &r, REASON_LAG, r.detail, true);
    assert_true(nth(0, &seen));
    assert_int_equal(seen.reason, REASON_LAG);
    assert_int_equal(seen.rtt_us, 120);
    assert_true(seen.voided);
    assert_true(seen.info);
    r.rtt_us = -1;
    recent_add(&recent, &r, REASON_REPLY_TIMEOUT, r.detail, false);
    assert_int_equal(recent_rtt_us(&recent, 0), -1);
    assert_int_equal(recent_rtt_us(&recent, 1), 120);
}

#define T(name) cmocka_unit_test_teardown(name, tear_down)

/* The longest interval beside the shortest rounds, and the longest timeout. */
static void far_apart_and_slow_results_are_kept_as_they_were(void **state)
{
    static const uint64_t ROUNDS[] = { 7, 7, 4294967290u, 4296695290u };
    const int64_t day_ms = 86400000;
    struct recent_result seen;

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct result r = plain(1795411740123 + i * day_ms);

        r.round = ROUNDS[i];
        r.reply_us = 600000000 + i;
        r.rtt_us = r.reply_us;
        recent_add(&recent, &r, REASON_OK, r.detail, false);
    }
    for (unsigned i = 0; i < 4; i++) {
        assert_true(nth(3 - i, &seen));
        assert_int_equal(seen.ended_wall_ms, 1795411740123 + i * day_ms);
        assert_int_equal(seen.rtt_us, 600000000 + i);
        if (i >= 2)
            assert_int_equal(seen.round, (uint32_t)ROUNDS[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(nothing_is_there_at_first),
        T(the_newest_comes_first),
        T(the_oldest_makes_room),
        T(plain_answers_need_no_memory),
        T(a_mixture_keeps_what_belongs_to_each),
        T(a_clock_that_was_set_back_is_followed),
        T(a_result_is_kept_as_it_was_judged),
        cmocka_unit_test_teardown(
            far_apart_and_slow_results_are_kept_as_they_were, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
