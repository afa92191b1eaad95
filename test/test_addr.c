/*
 * What is an address already needs no resolver: which texts are taken for
 * one, and how it is written again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/resolver.h"

static void numeric_addresses_are_parsed_and_names_are_not(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        const char *text; /* NULL: a name */
    } CASES[] = {
        { "127.0.0.1", "127.0.0.1:6379" },
        { "::1", "[::1]:6379" },
        { "2001:DB8:0::1", "[2001:db8::1]:6379" },
        { "::ffff:10.0.0.1", "[::ffff:10.0.0.1]:6379" },
        { "fe80::1", "[fe80::1]:6379" },
        { "fe80::1%lo", "[fe80::1%lo]:6379" },
        { "fe80::1%4000000", "[fe80::1%4000000]:6379" },
        { "", NULL },
        { "localhost", NULL },
        { "127.1", NULL },
        { "0x7f.0.0.1", NULL },
        { "127.0.0.1.", NULL },
        { "127.0.0.256", NULL },
        { "[::1]", NULL },
        { "::1%lo", NULL },
        { "fe80::1%", NULL },
        { "fe80::1%0", NULL },
        { "fe80::1%99999999999999999999", NULL },
        { "fe80::1%nosuchif", NULL },
        { "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255:ffff:ffff", NULL },
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct net_addr a;
        char text[NET_ADDR_TEXT];
        bool numeric_host = net_addr_parse(CASES[i].host, 6379, &a);
        if (numeric_host != (CASES[i].text != NULL))
            fail_msg("%s", CASES[i].host);
        if (numeric_host)
            assert_string_equal(net_addr_format(&a, text), CASES[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numeric_addresses_are_parsed_and_names_are_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
