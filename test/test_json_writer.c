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
    jsonw_open(&text, NULL, '{');
    jsonw_uint(&text, "a", UINT64_MAX);
    jsonw_int(&text, "b", -7);
    jsonw_bool(&text, "c", true);
    jsonw_bool(&text, "d", false);
    jsonw_null(&text, "e");
    jsonw_string(&text, "f", "x\"y");
    jsonw_string(&text, "g", NULL);
    jsonw_raw(&text, "h", "{\"i\":1}", 7);
    jsonw_close(&text, '}');
    assert_string_equal(text.bytes,
                        "{\"a\":18446744073709551615,\"b\":-7,\"c\":true,"
                        "\"d\":false,\"e\":null,\"f\":\"x\\\"y\",\"g\":null,"
                        "\"h\":{\"i\":1}}");
}

static void what_is_empty_stays_so_and_nests(void **state)
{
    (void)state;
    jsonw_open(&text, NULL, '{');
    jsonw_open(&text, "a", '[');
    jsonw_close(&text, ']');
    jsonw_open(&text, "b", '[');
    jsonw_open(&text, NULL, '{');
    jsonw_close(&text, '}');
    jsonw_open(&text, NULL, '{');
    jsonw_close(&text, '}');
    jsonw_uint(&text, NULL, 1);
    jsonw_uint(&text, NULL, 2);
    jsonw_close(&text, ']');
    jsonw_open(&text, "c", '{');
    jsonw_close(&text, '}');
    jsonw_close(&text, '}');
    assert_string_equal(text.bytes, "{\"a\":[],\"b\":[{},{},1,2],\"c\":{}}");
}

/* A value that ends like something that was just opened. */
static void a_string_that_ends_with_a_bracket_is_followed_by_a_comma(
    void **state)
{
    (void)state;
    jsonw_open(&text, NULL, '[');
    jsonw_string(&text, NULL, "{");
    jsonw_string(&text, NULL, "[");
    jsonw_close(&text, ']');
    assert_string_equal(text.bytes, "[\"{\",\"[\"]");
}

static void what_is_not_there_is_null(void **state)
{
    (void)state;
    jsonw_open(&text, NULL, '[');
    jsonw_natural(&text, NULL, -1);
    jsonw_natural(&text, NULL, 0);
    jsonw_time(&text, NULL, 0);
    jsonw_time(&text, NULL, 1);
    jsonw_close(&text, ']');
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
