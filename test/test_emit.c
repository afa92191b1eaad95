/*
 * JSON member by member: commas where they belong, and nothing else by itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/json_writer.h"

static struct text text;

static int tear_down(void **state)
{
    (void)state;
    text_free(&text);
    return 0;
}

static void members_are_separated(void **state)
{
    (void)state;
    emit_open(&text, NULL, '{');
    emit_uint(&text, "a", UINT64_MAX);
    emit_int(&text, "b", -7);
    emit_bool(&text, "c", true);
    emit_bool(&text, "d", false);
    emit_null(&text, "e");
    emit_string(&text, "f", "x\"y");
    emit_string(&text, "g", NULL);
    emit_raw(&text, "h", "{\"i\":1}", 7);
    emit_close(&text, '}');
    assert_string_equal(text.bytes,
                        "{\"a\":18446744073709551615,\"b\":-7,\"c\":true,"
                        "\"d\":false,\"e\":null,\"f\":\"x\\\"y\",\"g\":null,"
                        "\"h\":{\"i\":1}}");
}

static void what_is_empty_stays_so_and_nests(void **state)
{
    (void)state;
    emit_open(&text, NULL, '{');
    emit_open(&text, "a", '[');
    emit_close(&text, ']');
    emit_open(&text, "b", '[');
    emit_open(&text, NULL, '{');
    emit_close(&text, '}');
    emit_open(&text, NULL, '{');
    emit_close(&text, '}');
    emit_uint(&text, NULL, 1);
    emit_uint(&text, NULL, 2);
    emit_close(&text, ']');
    emit_open(&text, "c", '{');
    emit_close(&text, '}');
    emit_close(&text, '}');
    assert_string_equal(text.bytes, "{\"a\":[],\"b\":[{},{},1,2],\"c\":{}}");
}

/* A value that ends like something that was just opened. */
static void a_string_that_ends_with_a_bracket_is_followed_by_a_comma(
    void **state)
{
    (void)state;
    emit_open(&text, NULL, '[');
    emit_string(&text, NULL, "{");
    emit_string(&text, NULL, "[");
    emit_close(&text, ']');
    assert_string_equal(text.bytes, "[\"{\",\"[\"]");
}

static void what_is_not_there_is_null(void **state)
{
    (void)state;
    emit_open(&text, NULL, '[');
    emit_natural(&text, NULL, -1);
    emit_natural(&text, NULL, 0);
    emit_time(&text, NULL, 0);
    emit_time(&text, NULL, 1);
    emit_close(&text, ']');
    assert_string_equal(text.bytes,
                        "[null,0,null,\"1970-01-01T00:00:00.001Z\"]");
}

#define T(name) cmocka_unit_test_teardown(name, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(members_are_separated),
        T(what_is_empty_stays_so_and_nests),
        T(a_string_that_ends_with_a_bracket_is_followed_by_a_comma),
        T(what_is_not_there_is_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
