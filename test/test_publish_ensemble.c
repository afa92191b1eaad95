/*
 * What acknowledged writes tell of the ensemble's clock.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../src/publish/ensemble.h"

#define NOW  UINT64_C(50000)
#define WALL INT64_C(1795411740123)
#define HOUR INT64_C(3600000)

/* A write that took from SENT to DONE was taken at WALL + AHEAD. */
static void heard(struct ensemble *c, uint64_t sent, uint64_t done,
                  int64_t ahead)
{
    const struct store_reply r = {
        .verb = STORE_SET,
        .code = STORE_OK,
        .mtime_wall_ms = WALL + ahead,
        .sent_mono_ms = sent,
        .done_mono_ms = done,
    };

    ensemble_heard(c, &r, NOW, WALL);
}

/* Its clock minus ours, which shows WALL at NOW. */
static int64_t offset(const struct ensemble *c)
{
    return c->beyond_mono_ms + (int64_t)NOW - WALL;
}

static void a_clock_that_may_agree_agrees(void **state)
{
    struct ensemble c = { 0 };

    (void)state;
    heard(&c, NOW - 40, NOW, -30);
    assert_true(c.known);
    assert_int_equal(offset(&c), 0);
    heard(&c, NOW, NOW, 1);
    assert_int_equal(offset(&c), 0);
}

static void one_that_cannot_is_known_to_a_round_trip(void **state)
{
    struct ensemble c = { 0 };

    (void)state;
    heard(&c, NOW - 40, NOW, HOUR);
    assert_int_equal(offset(&c), HOUR - 1);
    heard(&c, NOW - 40, NOW, -HOUR);
    assert_int_equal(offset(&c), -HOUR + 41);
}

static void a_slow_answer_takes_nothing_back(void **state)
{
    struct ensemble c = { 0 };

    (void)state;
    heard(&c, NOW - 2, NOW, HOUR);
    assert_int_equal(offset(&c), HOUR - 1);
    heard(&c, NOW - 9000, NOW, HOUR - 4500);
    assert_int_equal(offset(&c), HOUR - 1);
}

static void our_own_clock_may_be_set(void **state)
{
    struct ensemble c = { 0 };
    const struct store_reply later = {
        .verb = STORE_SET,
        .code = STORE_OK,
        .mtime_wall_ms = WALL + 10000,
        .sent_mono_ms = NOW + 9999,
        .done_mono_ms = NOW + 10001,
    };

    (void)state;
    heard(&c, NOW, NOW, 0);
    /* Somebody set it by an hour; the ensemble's goes on as it did. */
    assert_int_equal(c.offset_ms, 0);
    ensemble_heard(&c, &later, NOW + 10001, WALL + 10001 + HOUR);
    assert_int_equal(offset(&c), 0);
    assert_int_equal(c.offset_ms, -HOUR);
}

static void what_tells_no_time_tells_nothing(void **state)
{
    struct ensemble c = { 0 };
    struct store_reply r = {
        .verb = STORE_GET,
        .code = STORE_OK,
        .mtime_wall_ms = WALL,
        .sent_mono_ms = NOW,
        .done_mono_ms = NOW,
    };

    (void)state;
    ensemble_heard(&c, &r, NOW, WALL);
    r.verb = STORE_SET;
    r.code = STORE_UNCERTAIN;
    ensemble_heard(&c, &r, NOW, WALL);
    r.code = STORE_OK;
    r.done_mono_ms = 0;
    ensemble_heard(&c, &r, NOW, WALL);
    assert_false(c.known);
}

static void what_was_made_tells_it_when_it_is_read(void **state)
{
    struct ensemble c = { 0 };
    const struct store_reply made = {
        .verb = STORE_CREATE,
        .code = STORE_OK,
        .sent_mono_ms = NOW - 1000,
        .done_mono_ms = NOW - 990,
    };
    struct store_reply read = {
        .verb = STORE_GET,
        .code = STORE_OK,
        .owner = 7,
        .mtime_wall_ms = WALL + HOUR - 995,
        .sent_mono_ms = NOW,
        .done_mono_ms = NOW,
    };

    (void)state;
    assert_true(ensemble_made(&c, &made));
    /* It may be another one by now. */
    ensemble_read(&c, &read, 8, NOW, WALL);
    assert_false(c.known);
    assert_true(ensemble_made(&c, &made));
    read.version = 1;
    ensemble_read(&c, &read, 7, NOW, WALL);
    assert_false(c.known);
    read.version = 0;
    assert_true(ensemble_made(&c, &made));
    ensemble_read(&c, &read, 7, NOW, WALL);
    assert_true(c.known);
    assert_int_equal(offset(&c), HOUR - 6);
    assert_int_equal(c.offset_ms, HOUR - 6);
    /* The next ones need no reading. */
    assert_false(ensemble_made(&c, &made));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clock_that_may_agree_agrees),
        cmocka_unit_test(one_that_cannot_is_known_to_a_round_trip),
        cmocka_unit_test(a_slow_answer_takes_nothing_back),
        cmocka_unit_test(our_own_clock_may_be_set),
        cmocka_unit_test(what_tells_no_time_tells_nothing),
        cmocka_unit_test(what_was_made_tells_it_when_it_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
