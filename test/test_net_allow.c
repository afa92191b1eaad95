/* Which addresses may be connected to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/net_allow.h"
#include "agent/resolver.h"

#include "must.h"

static bool has(const char *allow, const char *host)
{
    struct err e;
    struct net_addr addr;
    struct net_allow *a = net_allow_new(allow, &e);

    MUST(a != NULL);
    MUST(net_addr_parse(host, 6379, &addr));
    bool yes = net_allow_has(a, &addr);
    net_allow_unref(a);
    return yes;
}

static void what_is_in_a_network_is_allowed_and_nothing_else(void **state)
{
    (void)state;
    assert_true(has("10.0.0.0/8", "10.255.255.255"));
    assert_false(has("10.0.0.0/8", "11.0.0.0"));
    assert_true(has("10.0.0.0/8, 192.0.2.1", "192.0.2.1"));
    assert_false(has("10.0.0.0/8, 192.0.2.1", "192.0.2.2"));
    assert_true(has("10.0.0.128/25", "10.0.0.128"));
    assert_false(has("10.0.0.128/25", "10.0.0.127"));
    assert_true(has("0.0.0.0/0", "203.0.113.7"));
    assert_false(has("0.0.0.0/0", "fd00::1"));
    assert_true(has("fd00::/8", "fdff::1"));
    assert_false(has("fd00::/8", "fe00::1"));
    assert_true(has("10.0.0.0/8", "::ffff:10.1.2.3"));
    assert_true(has("::/0", "fd00::1"));
    assert_false(has("::/0", "203.0.113.7"));
    assert_false(has("::/0", "::ffff:203.0.113.7"));
    assert_true(has("::ffff:10.0.0.0/104", "10.1.2.3"));
}

static void a_bad_network_is_named(void **state)
{
    static const struct {
        const char *text;
        const char *words;
    } BAD[] = {
        { "", "must be networks like 10.0.0.0/8, got " },
        { "10.0.0.0/8,", "must be networks like 10.0.0.0/8, got " },
        { "localhost", "must be networks like 10.0.0.0/8, got localhost" },
        { "10.0.0.0/33", "must have prefixes of 0 to 32 bits, got "
                         "10.0.0.0/33" },
        { "10.0.0.0/", "must have prefixes of 0 to 32 bits, got 10.0.0.0/" },
        { "fd00::/129", "must have prefixes of 0 to 128 bits, got "
                        "fd00::/129" },
        { "10.1.0.0/8", "has bits beyond the prefix in 10.1.0.0/8" },
    };
    struct err e;

    (void)state;
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        assert_null(net_allow_new(BAD[i].text, &e));
        assert_string_equal(e.text, BAD[i].words);
    }
    /* A comma that was forgotten drops no network without a word. */
    assert_null(net_allow_new("10.0.0.0/8 192.168.0.0/16", &e));
    assert_non_null(strstr(e.text, "10.0.0.0/8 192.168.0.0/16"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_in_a_network_is_allowed_and_nothing_else),
        cmocka_unit_test(a_bad_network_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
