/* What a member says of itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/member.h"

static void what_is_printed_is_read(void **state)
{
    const struct member m = {
        .protocol = MEMBER_PROTOCOL,
        .agent = "web-1",
        .host = "host-1",
        .zone = "a",
        .since_wall_ms = 1774256940123,
        .version = "0.2.0",
    };
    struct member read;
    char out[MEMBER_MAX];

    (void)state;
    size_t len = member_print(&m, out, sizeof out);
    assert_string_equal(
        out, "{\"schema\":1,\"protocol\":1,\"agent\":\"web-1\","
             "\"host\":\"host-1\",\"zone\":\"a\","
             "\"since\":\"2026-03-23T09:09:00.123Z\",\"version\":\"0.2.0\"}");
    assert_true(member_read(out, len, &read));
    assert_memory_equal(&read, &m, sizeof m);
}

static void whatever_else_stands_there_is_no_member(void **state)
{
    static const char *const BYTES[] = {
        "", "{", "[]", "1", "{\"schema\":2}", "\xff"
    };
    struct member read;

    (void)state;
    assert_false(member_read(NULL, 0, &read));
    for (size_t i = 0; i < sizeof BYTES / sizeof BYTES[0]; i++)
        assert_false(member_read(BYTES[i], strlen(BYTES[i]), &read));
    assert_true(member_read("{\"schema\":1}", 12, &read));
    assert_int_equal(read.protocol, 0);
    assert_string_equal(read.host, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_printed_is_read),
        cmocka_unit_test(whatever_else_stands_there_is_no_member),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
