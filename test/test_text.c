/* What is appended is there, whatever it is; and what JSON makes of it. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "agent/escape.h"
#include "agent/text.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static int tear_down(void **state)
{
    text_free(*state);
    return 0;
}

static int set_up(void **state)
{
    static struct text text;

    *state = &text;
    return 0;
}

static void pieces_follow_each_other(void **state)
{
    struct text *t = *state;

    text_add(t, "a");
    text_add_bytes(t, "bcd", 2);
    text_add_char(t, '-');
    text_addf(t, "%s=%d", "x", -7);
    assert_string_equal(t->bytes, "abc-x=-7");
    assert_int_equal(t->len, 8);
    assert_false(t->failed);
}

static void it_grows_to_whatever_is_appended(void **state)
{
    struct text *t = *state;
    char expected[6];

    for (unsigned i = 0; i < 100000; i++)
        text_addf(t, "%05u", i);
    assert_int_equal(t->len, 500000);
    assert_int_equal(strlen(t->bytes), 500000);
    for (unsigned i = 0; i < 100000; i += 997) {
        snprintf(expected, sizeof expected, "%05u", i);
        assert_memory_equal(t->bytes + (size_t)i * 5, expected, 5);
    }
}

static void there_is_always_room_for_the_nul(void **state)
{
    struct text *t = *state;

    for (size_t i = 0; i < 5000; i++) {
        text_add_char(t, 'x');
        assert_true(t->len < t->size);
    }
}

static void one_piece_may_be_larger_than_all_before(void **state)
{
    struct text *t = *state;
    static char large[70000];

    memset(large, 'x', sizeof large - 1);
    text_add(t, "y");
    text_add(t, large);
    assert_int_equal(t->len, sizeof large);
    text_addf(t, "%s", large);
    assert_int_equal(strlen(t->bytes), 2 * sizeof large - 1);
}

static void a_reset_empties_it_and_keeps_its_memory(void **state)
{
    struct text *t = *state;
    const char *before;

    text_reset(t);
    text_addf(t, "%9000s", "x");
    before = t->bytes;
    text_reset(t);
    assert_int_equal(t->len, 0);
    assert_string_equal(t->bytes, "");
    text_addf(t, "%9000s", "y");
    assert_ptr_equal(t->bytes, before);
}

static void after_a_failure_nothing_is_appended_until_a_reset(void **state)
{
    struct text *t = *state;

    text_add(t, "whole");
    text_add_bytes(t, "", SIZE_MAX - 100);
    assert_true(t->failed);
    text_add(t, "part");
    text_add_uint(t, 1);
    text_addf(t, "%d", 2);
    assert_string_equal(t->bytes, "whole");
    text_reset(t);
    assert_false(t->failed);
    text_add(t, "anew");
    assert_string_equal(t->bytes, "anew");
}

static void whole_numbers_are_as_printf_has_them(void **state)
{
    static const int64_t NUMBERS[] = { 0,    1,   9,         10,       -1,
                                       -100, 999, INT64_MIN, INT64_MAX };
    struct text *t = *state;
    char expected[24];

    for (size_t i = 0; i < COUNT(NUMBERS); i++) {
        text_reset(t);
        text_add_int(t, NUMBERS[i]);
        snprintf(expected, sizeof expected, "%" PRId64, NUMBERS[i]);
        assert_string_equal(t->bytes, expected);
        text_reset(t);
        text_add_uint(t, (uint64_t)NUMBERS[i]);
        snprintf(expected, sizeof expected, "%" PRIu64, (uint64_t)NUMBERS[i]);
        assert_string_equal(t->bytes, expected);
    }
}

static void decimals_lose_the_zeros_at_their_end_only(void **state)
{
    static const struct {
        uint64_t n;
        unsigned places;
        const char *text;
    } CASES[] = {
        { 0, 6, "0" },
        { 1, 6, "0.000001" },
        { 118, 6, "0.000118" },
        { 100000, 6, "0.1" },
        { 1000000, 6, "1" },
        { 10000000, 6, "10" },
        { 2500000, 6, "2.5" },
        { 1795411740123, 3, "1795411740.123" },
        { 1795411740100, 3, "1795411740.1" },
        { 42, 0, "42" },
        { UINT64_MAX, 18, "18.446744073709551615" },
    };
    struct text *t = *state;

    for (size_t i = 0; i < COUNT(CASES); i++) {
        text_reset(t);
        text_add_decimal(t, CASES[i].n, CASES[i].places);
        assert_string_equal(t->bytes, CASES[i].text);
    }
}

static void moments_are_as_elsewhere(void **state)
{
    struct text *t = *state;

    text_add_rfc3339(t, INT64_C(1795411740123));
    assert_string_equal(t->bytes, "2026-11-23T05:29:00.123Z");
    assert_int_equal(t->len, 24);
}

/* What servers and files may hold, and worse. */
static const char *const STRINGS[] = {
    "",
    "plain",
    "two words, 100%",
    "say \"hi\"",
    "back\\slash",
    "tab\tnew\nline\rbell\a",
    "\x1b[31mred",
    "del\x7f",
    "\"both\" \\ and \x01",
    "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
    "\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf", /* beside what is not */
    "lone \xa9",
    "cut \xe2\x82",
    "cut at the end \xc3",
    "overlong \xc0\xaf",
    "overlong \xc1\xbf",
    "overlong \xe0\x9f\xbf",
    "overlong \xf0\x8f\xbf\xbf",
    "surrogate \xed\xa0\x80",
    "past the last \xf4\x90\x80\x80",
    "past the last \xf5\x80\x80\x80",
    "never \xff",
    "</script>",
};

static bool is_plain(const char *s)
{
    json_t *j = json_string(s); /* NULL: no UTF-8 */
    bool plain = j != NULL;

    json_decref(j);
    for (; *s != '\0'; s++)
        plain = plain && (unsigned char)*s >= 0x20 && *s != 0x7f;
    return plain;
}

/* The value of the JSON string in T is S, or its escaped form. */
static void says(const struct text *t, const char *s)
{
    char escaped[128] = "";
    json_t *j = json_loads(t->bytes, JSON_DECODE_ANY, NULL);

    if (!is_plain(s))
        escape_add(escaped, sizeof escaped, s, strlen(s));
    assert_non_null(j);
    assert_string_equal(json_string_value(j), is_plain(s) ? s : escaped);
    json_decref(j);
}

static void any_string_is_valid_json(void **state)
{
    struct text *t = *state;

    for (size_t i = 0; i < COUNT(STRINGS); i++) {
        text_reset(t);
        text_add_json_string(t, STRINGS[i]);
        says(t, STRINGS[i]);
    }
}

static void for_terminals_a_string_is_ascii_and_the_same(void **state)
{
    struct text *t = *state;

    for (size_t i = 0; i < COUNT(STRINGS); i++) {
        json_t *is = json_string(STRINGS[i]);
        json_t *j;

        if (is == NULL)
            continue;
        text_reset(t);
        text_add_json_ascii(t, STRINGS[i]);
        for (const char *at = t->bytes; *at != '\0'; at++)
            assert_in_range(*at, ' ', '~');
        j = json_loads(t->bytes, JSON_DECODE_ANY, NULL);
        assert_true(json_equal(j, is));
        json_decref(j);
        json_decref(is);
    }
}

static void a_text_in_given_memory_stays_in_it(void **state)
{
    char room[8] = "xxxxxxx";
    struct text t = text_in(room, 6);

    (void)state;
    assert_string_equal(room, "");
    text_add(&t, "abc");
    text_add(&t, "de");
    assert_false(t.failed);
    assert_string_equal(room, "abcde");
    text_add(&t, "f");
    assert_true(t.failed);
    text_add(&t, "");
    assert_memory_equal(room, "abcde\0x", 8);
}

static void no_string_is_null(void **state)
{
    struct text *t = *state;

    text_add_json_string(t, NULL);
    assert_string_equal(t->bytes, "null");
}

static void a_label_holds_no_line_and_no_quote_of_its_own(void **state)
{
    struct text *t = *state;

    text_add_label(t, "a\"b\\c");
    assert_string_equal(t->bytes, "\"a\\\"b\\\\c\"");
    text_reset(t);
    text_add_label(t, "line\none");
    assert_string_equal(t->bytes, "\"line\\\\x0aone\"");
    text_reset(t);
    text_add_label(t, "\xc3\xa9\xff");
    assert_string_equal(t->bytes, "\"\\\\xc3\\\\xa9\\\\xff\"");
}

int main(void)
{
#define with_text(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        with_text(pieces_follow_each_other),
        with_text(it_grows_to_whatever_is_appended),
        with_text(there_is_always_room_for_the_nul),
        with_text(one_piece_may_be_larger_than_all_before),
        with_text(a_reset_empties_it_and_keeps_its_memory),
        with_text(after_a_failure_nothing_is_appended_until_a_reset),
        with_text(whole_numbers_are_as_printf_has_them),
        with_text(decimals_lose_the_zeros_at_their_end_only),
        with_text(moments_are_as_elsewhere),
        with_text(any_string_is_valid_json),
        with_text(for_terminals_a_string_is_ascii_and_the_same),
        cmocka_unit_test(a_text_in_given_memory_stays_in_it),
        with_text(no_string_is_null),
        with_text(a_label_holds_no_line_and_no_quote_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
