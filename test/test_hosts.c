/* By which names the HTTP server lets itself be asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/config.h"

#include "../src/web/hosts.h"

static struct hosts hosts(const char *host, const char *path,
                          const char *allowed)
{
    static char copies[3][64];
    const char *const given[] = { host, path, allowed };
    struct config c = { 0 };
    struct hosts h;
    struct err e;

    for (int i = 0; i < 3; i++)
        if (given[i] != NULL)
            strcpy(copies[i], given[i]);
    c.http.host = host == NULL ? NULL : copies[0];
    c.http.path = path == NULL ? NULL : copies[1];
    c.http.allow_hosts = allowed == NULL ? NULL : copies[2];
    assert_int_equal(hosts_init(&h, &c, &e), 0);
    return h;
}

static void a_loopback_address_is_asked_by_number_and_by_its_own_names(
    void **state)
{
    static const char *const good[] = {
        "127.0.0.1",    "127.0.0.1:6060",
        "10.1.2.3:80",  "[::1]:6060",
        "[::1]",        "localhost",
        "LocalHost:1",  "localhost.:6060",
        "web-1",        "WEB-1:6060",
        "web-1.lan",    "web-1.lan.",
        "web-1.lan:80", "",
    };
    static const char *const bad[] = { "evil.example",
                                       "evil.example:6060",
                                       "127.0.0.1.evil.example",
                                       "localhost.evil",
                                       "evil.localhost",
                                       "web-1.evil.example",
                                       "web-10",
                                       "web",
                                       "127.0.0.1evil",
                                       "2130706433",
                                       "0x7f000001",
                                       "localhost..",
                                       ".",
                                       "1.2.3.4.5",
                                       "127.1",
                                       "evil.example:[::1]" };
    static const char *const at[] = { "127.0.0.1", "127.8.9.1", "::1", NULL };

    (void)state;
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        struct hosts h = hosts(at[i], at[i] == NULL ? "/run/s" : NULL, NULL);

        strcpy(h.own, "web-1.lan");
        for (size_t k = 0; k < sizeof good / sizeof *good; k++)
            if (!hosts_answer(&h, good[k]))
                fail_msg("refused: %s", good[k]);
        for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
            if (hosts_answer(&h, bad[k]))
                fail_msg("answered: %s", bad[k]);
        assert_true(hosts_answer(&h, NULL));
        hosts_clear(&h);
    }
}

static void this_machine_has_a_name(void **state)
{
    struct hosts h = hosts("127.0.0.1", NULL, NULL);
    char own[256];

    (void)state;
    assert_int_equal(gethostname(own, sizeof own), 0);
    assert_true(hosts_answer(&h, own));
    hosts_clear(&h);
}

static void an_address_of_the_network_is_asked_by_any_name(void **state)
{
    static const char *const at[] = { "10.0.0.1", "0.0.0.0", "fe80::1" };

    (void)state;
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        struct hosts h = hosts(at[i], NULL, NULL);

        assert_true(hosts_answer(&h, "evil.example"));
        hosts_clear(&h);
    }
}

static void allowed_names_are_allowed_and_no_others(void **state)
{
    static const char *const at[] = { "127.0.0.1", "10.0.0.1" };

    (void)state;
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        struct hosts h = hosts(at[i], NULL, "ops.example, Status.example");

        assert_true(hosts_answer(&h, "ops.example"));
        assert_true(hosts_answer(&h, "OPS.example:443"));
        assert_true(hosts_answer(&h, "status.example."));
        assert_true(hosts_answer(&h, "localhost"));
        assert_false(hosts_answer(&h, "example"));
        assert_false(hosts_answer(&h, "ops.example.evil"));
        assert_false(hosts_answer(&h, "ops.example, Status.example"));
        assert_false(hosts_answer(&h, "evil.example"));
        hosts_clear(&h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_loopback_address_is_asked_by_number_and_by_its_own_names),
        cmocka_unit_test(this_machine_has_a_name),
        cmocka_unit_test(an_address_of_the_network_is_asked_by_any_name),
        cmocka_unit_test(allowed_names_are_allowed_and_no_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
