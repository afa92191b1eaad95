/*
 * clock: RFC 3339 there and back, and nothing but that form.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "agent/clock.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static const struct {
    int64_t ms;
    const char *text;
} MOMENTS[] = {
    { 0, "1970-01-01T00:00:00.000Z" },
    { -1, "1969-12-31T23:59:59.999Z" },
    { -1000, "1969-12-31T23:59:59.000Z" },
    { INT64_C(1795411740123), "2026-11-23T05:29:00.123Z" },
    { INT64_C(951782400007), "2000-02-29T00:00:00.007Z" },
    { INT64_C(-62167219200000), "0000-01-01T00:00:00.000Z" },
    { INT64_C(-62135596800000), "0001-01-01T00:00:00.000Z" },
    { INT64_C(253402300799999), "9999-12-31T23:59:59.999Z" },
};

static void moments_are_written_and_read_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(MOMENTS); i++) {
        char text[CLOCK_RFC3339_SIZE];
        int64_t ms = 42;
        assert_string_equal(clock_rfc3339(MOMENTS[i].ms, text),
                            MOMENTS[i].text);
        assert_int_equal(clock_parse_rfc3339(text, &ms), 0);
        assert_int_equal(ms, MOMENTS[i].ms);
    }
}

static void every_day_is_as_gmtime_has_it(void **state)
{
    (void)state;
    for (int64_t day = -719528; day <= 2932896; day += 7) {
        char text[CLOCK_RFC3339_SIZE];
        time_t t = (time_t)(day * 86400 + (day * 7919 % 86400 + 86400) % 86400);
        int64_t ms = 0;
        struct tm tm;
        char date[CLOCK_RFC3339_SIZE * 2];
        gmtime_r(&t, &tm);
        snprintf(date, sizeof date, "%04d-%02d-%02dT%02d:%02d:%02d.007Z",
                 tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
                 tm.tm_min, tm.tm_sec);
        assert_string_equal(clock_rfc3339((int64_t)t * 1000 + 7, text), date);
        assert_int_equal(clock_parse_rfc3339(text, &ms), 0);
        assert_int_equal(ms, (int64_t)t * 1000 + 7);
    }
}

static void moments_without_four_digits_of_a_year_are_clamped(void **state)
{
    (void)state;
    char text[CLOCK_RFC3339_SIZE];
    assert_string_equal(clock_rfc3339(INT64_MAX, text),
                        "9999-12-31T23:59:59.999Z");
    assert_string_equal(clock_rfc3339(INT64_MIN, text),
                        "0000-01-01T00:00:00.000Z");
}

static void a_fraction_may_have_nought_to_nine_digits(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } GOOD[] = {
        { "1970-01-01T00:00:01Z", 1000 },
        { "1970-01-01T00:00:01.5Z", 1500 },
        { "1970-01-01T00:00:01.25Z", 1250 },
        { "1970-01-01T00:00:01.123456Z", 1123 },
        { "1970-01-01T00:00:01.999999999Z", 1999 },
    };
    for (size_t i = 0; i < COUNT(GOOD); i++) {
        int64_t ms = -1;
        assert_int_equal(clock_parse_rfc3339(GOOD[i].text, &ms), 0);
        assert_int_equal(ms, GOOD[i].ms);
    }
}

static void anything_else_is_no_time(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "",
        "Z",
        "now",
        "2026-11-23",
        "2026-11-23T05:29:00",
        "2026-11-23T05:29:00.Z",
        "2026-11-23T05:29:00.1234567890Z",
        "2026-11-23T05:29:00.123",
        "2026-11-23T05:29:00.123z",
        "2026-11-23T05:29:00.123+00:00",
        "2026-11-23T05:29:00.123Z ",
        " 2026-11-23T05:29:00.123Z",
        "2026-11-23 05:29:00.123Z",
        "2026-11-23t05:29:00.123Z",
        "2026-1-23T05:29:00.123Z",
        "+026-11-23T05:29:00.123Z",
        "2026-00-23T05:29:00.123Z",
        "2026-13-23T05:29:00.123Z",
        "2026-11-00T05:29:00.123Z",
        "2026-11-31T05:29:00.123Z",
        "2026-02-29T05:29:00.123Z",
        "1900-02-29T05:29:00.123Z",
        "2026-11-23T24:00:00.123Z",
        "2026-11-23T05:60:00.123Z",
        "2026-11-23T05:29:60.123Z",
        "2026-11-23T05:29:0-1Z",
    };
    for (size_t i = 0; i < COUNT(BAD); i++) {
        int64_t ms = 42;
        assert_int_equal(clock_parse_rfc3339(BAD[i], &ms), -1);
        assert_int_equal(ms, 42);
    }
}

static void the_time_zone_plays_no_part(void **state)
{
    (void)state;
    char text[CLOCK_RFC3339_SIZE];
    int64_t ms = 1;
    setenv("TZ", "XXX-05:30", 1);
    tzset();
    assert_string_equal(clock_rfc3339(0, text), "1970-01-01T00:00:00.000Z");
    assert_int_equal(clock_parse_rfc3339(text, &ms), 0);
    assert_int_equal(ms, 0);
}

static void monotonic_time_does_not_go_back(void **state)
{
    (void)state;
    uint64_t last = clock_mono_us();
    for (int i = 0; i < 1000; i++) {
        uint64_t now = clock_mono_us();
        assert_true(now >= last);
        last = now;
    }
    assert_true(clock_mono_ms() >= last / 1000);
}

static void wall_time_is_in_milliseconds(void **state)
{
    (void)state;
    int64_t before = (int64_t)time(NULL);
    int64_t ms = clock_wall_ms();
    int64_t after = (int64_t)time(NULL);
    /* time() may lag behind by a tick of the kernel's coarse clock. */
    assert_true(ms / 1000 >= before && ms / 1000 <= after + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments_are_written_and_read_back),
        cmocka_unit_test(every_day_is_as_gmtime_has_it),
        cmocka_unit_test(moments_without_four_digits_of_a_year_are_clamped),
        cmocka_unit_test(a_fraction_may_have_nought_to_nine_digits),
        cmocka_unit_test(anything_else_is_no_time),
        cmocka_unit_test(the_time_zone_plays_no_part),
        cmocka_unit_test(monotonic_time_does_not_go_back),
        cmocka_unit_test(wall_time_is_in_milliseconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
