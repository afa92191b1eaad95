/*
 * Entries of maintenance: the one that readers were promised, there and back,
 * and what others may have left in a node instead.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/maintenance.h"

/* 2026-11-23T07:00:00.000Z */
#define UNTIL_MS INT64_C(1795417200000)

static const char ENTRY[] =
    "{\"schema\":1,\"owner\":\"ops\",\"reason\":\"kernel\","
    "\"since\":\"2026-11-23T05:00:00.000Z\","
    "\"until\":\"2026-11-23T07:00:00.000Z\"}";

static struct maintenance_entry read_good(const char *bytes)
{
    struct maintenance_entry m;
    struct err e = { "" };
    int rc = maintenance_read("cache-1", bytes, strlen(bytes), &m, &e);

    assert_string_equal(e.text, "");
    assert_int_equal(rc, 0);
    return m;
}

static void assert_refused(const char *bytes, size_t len, const char *why)
{
    struct maintenance_entry m;
    struct err e = { "" };

    assert_int_equal(maintenance_read("cache-1", bytes, len, &m, &e), -1);
    assert_string_equal(e.text, why);
}

static void an_entry_is_read_as_it_was_written(void **state)
{
    (void)state;
    struct maintenance_entry m = read_good(ENTRY);
    char out[MAINTENANCE_ENTRY_MAX];

    assert_string_equal(m.key, "cache-1");
    assert_string_equal(m.owner, "ops");
    assert_string_equal(m.reason, "kernel");
    assert_int_equal(m.since_wall_ms, UNTIL_MS - 7200000);
    assert_int_equal(m.until_wall_ms, UNTIL_MS);
    assert_int_equal(maintenance_write(&m, out, sizeof out), strlen(ENTRY));
    assert_string_equal(out, ENTRY);
}

static void only_the_end_is_needed(void **state)
{
    (void)state;
    struct maintenance_entry m = read_good(
        "{\"schema\":1,\"until\":\"2026-11-23T07:00:00Z\",\"owner\":7}");

    assert_string_equal(m.owner, "");
    assert_string_equal(m.reason, "");
    assert_int_equal(m.since_wall_ms, 0);
    assert_int_equal(m.until_wall_ms, UNTIL_MS);
}

static void what_has_no_end_is_no_maintenance(void **state)
{
    (void)state;
    static const char NONE[] = "{\"schema\":1,\"owner\":\"ops\"}";
    static const char BAD[] = "{\"schema\":1,\"until\":\"to\\u001bmorrow\"}";
    static const char NUMBER[] = "{\"schema\":1,\"until\":1795417200000}";

    assert_refused(NONE, strlen(NONE),
                   "no \"until\": maintenance without an end is none");
    assert_refused(NUMBER, strlen(NUMBER),
                   "no \"until\": maintenance without an end is none");
    assert_refused(BAD, strlen(BAD),
                   "until must be like 2026-11-23T07:00:00.000Z, got "
                   "\"to\\x1bmorrow\"");
}

static void what_is_no_entry_is_refused_in_words(void **state)
{
    (void)state;
    static const char FUTURE[] =
        "{\"schema\":2,\"until\":\"2026-11-23T07:00:00.000Z\"}";
    char large[MAINTENANCE_ENTRY_MAX + 1];

    memset(large, ' ', sizeof large);
    assert_refused(NULL, 0, "not a JSON object");
    assert_refused("[1]", 3, "not a JSON object");
    assert_refused("until tomorrow", 14, "not a JSON object");
    assert_refused(FUTURE, strlen(FUTURE), "\"schema\" must be 1");
    assert_refused(large, sizeof large, "2049 bytes, at most 2048 are read");
}

static void a_long_reason_is_cut_between_characters(void **state)
{
    (void)state;
    char bytes[MAINTENANCE_ENTRY_MAX], reason[401], out[MAINTENANCE_ENTRY_MAX];

    /* Two bytes each behind one of one byte: the bound is inside of one. */
    memcpy(reason, "x", 1);
    for (size_t i = 1; i + 1 < sizeof reason - 1; i += 2)
        memcpy(reason + i, "\xc3\xa9", 2);
    reason[399] = '\0';
    snprintf(bytes, sizeof bytes,
             "{\"schema\":1,\"reason\":\"%s\","
             "\"until\":\"2026-11-23T07:00:00.000Z\"}",
             reason);
    struct maintenance_entry m = read_good(bytes);
    assert_int_equal(strlen(m.reason), 199);
    assert_memory_equal(m.reason, reason, 199);
    assert_true(maintenance_write(&m, out, sizeof out) > 0);
}

static void the_worst_texts_have_room_in_an_entry(void **state)
{
    (void)state;
    struct maintenance_entry m = { .until_wall_ms = UNTIL_MS };
    char out[MAINTENANCE_ENTRY_MAX];

    memset(m.owner, '\x01', MAINTENANCE_OWNER_MAX);
    memset(m.reason, '\x01', MAINTENANCE_REASON_MAX);
    assert_true(maintenance_write(&m, out, sizeof out) > 0);
    assert_int_equal(maintenance_write(&m, out, 20), 0);
}

static void keys_are_names_patterns_and_members(void **state)
{
    (void)state;
    static const char LONG[] = "a23456789.123456789.123456789.123456789.1";
    struct err e = { "" };

    assert_int_equal(maintenance_key("cache-1", &e), MAINTENANCE_NAME);
    assert_int_equal(maintenance_key("cache-*", &e), MAINTENANCE_PATTERN);
    assert_int_equal(maintenance_key("*", &e), MAINTENANCE_PATTERN);
    assert_int_equal(maintenance_key("@web-1", &e), MAINTENANCE_MEMBER);
    assert_string_equal(e.text, "");
    assert_int_equal(maintenance_key("", NULL), MAINTENANCE_BAD);
    assert_int_equal(maintenance_key("@", NULL), MAINTENANCE_BAD);
    assert_int_equal(maintenance_key("@web-*", NULL), MAINTENANCE_BAD);
    assert_int_equal(maintenance_key("..", NULL), MAINTENANCE_BAD);
    assert_int_equal(maintenance_key(LONG, NULL), MAINTENANCE_BAD);
    assert_int_equal(maintenance_key(LONG + 1, NULL), MAINTENANCE_NAME);
    assert_int_equal(maintenance_key("a/b\n", &e), MAINTENANCE_BAD);
    assert_string_equal(e.text, "must be 1..40 letters, digits, . _ - or *, "
                                "or @ and an agent's id, got \"a/b\\x0a\"");
}

static void a_star_stands_for_any_characters_or_none(void **state)
{
    (void)state;
    assert_true(maintenance_matches("cache-1", "cache-1"));
    assert_false(maintenance_matches("cache-1", "cache-11"));
    assert_false(maintenance_matches("cache-11", "cache-1"));
    assert_true(maintenance_matches("*", "cache-1"));
    assert_true(maintenance_matches("cache-1*", "cache-1"));
    assert_true(maintenance_matches("**-1", "cache-1"));
    assert_false(maintenance_matches("*-2", "cache-1"));
    /* The first place that fits the star's end is not the right one. */
    assert_true(maintenance_matches("a*bc*d", "abbcbd"));
    assert_true(maintenance_matches("*ab", "aab"));
    assert_false(maintenance_matches("a*bc*d", "abbcbde"));
    assert_false(maintenance_matches("cache-?", "cache-1"));
}

static struct maintenance_entry entry(const char *key, int64_t until)
{
    struct maintenance_entry m = { .until_wall_ms = until };

    snprintf(m.key, sizeof m.key, "%s", key);
    return m;
}

static void an_entry_covers_until_its_end_and_not_at_it(void **state)
{
    (void)state;
    const struct maintenance_entry m = entry("cache-*", UNTIL_MS);

    assert_ptr_equal(maintenance_cover(&m, 1, "cache-1", UNTIL_MS - 1), &m);
    assert_null(maintenance_cover(&m, 1, "cache-1", UNTIL_MS));
    assert_null(maintenance_cover(&m, 1, "queue-1", UNTIL_MS - 1));
    assert_null(maintenance_cover(NULL, 0, "cache-1", 0));
}

static void of_several_the_one_that_ends_last_covers(void **state)
{
    (void)state;
    const struct maintenance_entry some[] = {
        entry("cache-1", UNTIL_MS),
        entry("cache-*", UNTIL_MS + 1),
        entry("@cache-1", UNTIL_MS + 9),
    };

    assert_ptr_equal(maintenance_cover(some, 3, "cache-1", 0), &some[1]);
    assert_ptr_equal(maintenance_cover(some, 1, "cache-1", 0), &some[0]);
}

static void of_equal_ends_the_order_of_entries_does_not_matter(void **state)
{
    (void)state;
    const struct maintenance_entry there[] = { entry("cache-*", 9),
                                               entry("*", 9),
                                               entry("cache-1", 9) };
    const struct maintenance_entry back[] = { entry("cache-1", 9),
                                              entry("*", 9),
                                              entry("cache-*", 9) };

    assert_ptr_equal(maintenance_cover(there, 3, "cache-1", 0), &there[2]);
    assert_ptr_equal(maintenance_cover(back, 3, "cache-1", 0), &back[0]);
    assert_ptr_equal(maintenance_cover(there, 2, "cache-1", 0), &there[1]);
    assert_ptr_equal(maintenance_cover(back + 1, 2, "cache-1", 0), &back[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_is_read_as_it_was_written),
        cmocka_unit_test(only_the_end_is_needed),
        cmocka_unit_test(what_has_no_end_is_no_maintenance),
        cmocka_unit_test(what_is_no_entry_is_refused_in_words),
        cmocka_unit_test(a_long_reason_is_cut_between_characters),
        cmocka_unit_test(the_worst_texts_have_room_in_an_entry),
        cmocka_unit_test(keys_are_names_patterns_and_members),
        cmocka_unit_test(a_star_stands_for_any_characters_or_none),
        cmocka_unit_test(an_entry_covers_until_its_end_and_not_at_it),
        cmocka_unit_test(of_several_the_one_that_ends_last_covers),
        cmocka_unit_test(of_equal_ends_the_order_of_entries_does_not_matter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
