/*
 * reason: the words of the contract, letter for letter.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/reason.h"

/* The contract's table once more, written down by hand. */
static const struct {
    enum reason reason;
    const char *name;
    enum status status;
} CONTRACT[] = {
    { REASON_OK, "ok", STATUS_UP },
    { REASON_LOADING, "loading", STATUS_DEGRADED },
    { REASON_BUSY, "busy", STATUS_DEGRADED },
    { REASON_MISCONF, "misconf", STATUS_DEGRADED },
    { REASON_MASTERDOWN, "masterdown", STATUS_DEGRADED },
    { REASON_REPLICA_LINK_DOWN, "replica_link_down", STATUS_DEGRADED },
    { REASON_WRONG_ROLE, "wrong_role", STATUS_DEGRADED },
    { REASON_LAG, "lag", STATUS_DEGRADED },
    { REASON_NO_NEW_CLIENTS, "no_new_clients", STATUS_DEGRADED },
    { REASON_NO_REPLICAS, "no_replicas", STATUS_DEGRADED },
    { REASON_CLUSTER_DOWN, "cluster_down", STATUS_DEGRADED },
    { REASON_BACKEND, "backend", STATUS_DEGRADED },
    { REASON_REFUSED, "refused", STATUS_DOWN },
    { REASON_UNREACHABLE, "unreachable", STATUS_DOWN },
    { REASON_CONNECT_TIMEOUT, "connect_timeout", STATUS_DOWN },
    { REASON_REPLY_TIMEOUT, "reply_timeout", STATUS_DOWN },
    { REASON_RESET, "reset", STATUS_DOWN },
    { REASON_CLOSED, "closed", STATUS_DOWN },
    { REASON_MAXCLIENTS, "maxclients", STATUS_DOWN },
    { REASON_PROTOCOL, "protocol", STATUS_DOWN },
    { REASON_NOAUTH, "noauth", STATUS_UNKNOWN },
    { REASON_WRONGPASS, "wrongpass", STATUS_UNKNOWN },
    { REASON_NOPERM, "noperm", STATUS_UNKNOWN },
    { REASON_DNS, "dns", STATUS_UNKNOWN },
    { REASON_TLS, "tls", STATUS_UNKNOWN },
    { REASON_NO_INFO, "no_info", STATUS_UNKNOWN },
    { REASON_SETTINGS, "settings", STATUS_UNKNOWN },
    { REASON_PENDING, "pending", STATUS_UNKNOWN },
    { REASON_STUCK, "stuck", STATUS_UNKNOWN },
    { REASON_DOUBT, "doubt", STATUS_UNKNOWN },
    { REASON_REMOVED, "removed", STATUS_UNKNOWN },
};

static void reasons_are_the_words_of_the_contract(void **state)
{
    (void)state;
    assert_int_equal(sizeof CONTRACT / sizeof CONTRACT[0], REASON_COUNT);
    for (size_t i = 0; i < REASON_COUNT; i++) {
        assert_int_equal(CONTRACT[i].reason, i);
        assert_string_equal(reason_name(CONTRACT[i].reason), CONTRACT[i].name);
        assert_int_equal(reason_status(CONTRACT[i].reason), CONTRACT[i].status);
    }
}

static void every_word_is_read_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < REASON_COUNT; i++) {
        enum reason r = REASON_COUNT;
        assert_true(reason_parse(CONTRACT[i].name, &r));
        assert_int_equal(r, CONTRACT[i].reason);
    }
    for (int i = 0; i < STATUS_COUNT; i++) {
        enum status s = STATUS_COUNT;
        assert_true(status_parse(status_name((enum status)i), &s));
        assert_int_equal(s, i);
    }
}

static void other_words_are_no_reason_and_no_status(void **state)
{
    (void)state;
    static const char *const WORDS[] = { "", "OK", "ok ", "o", "okay", "Up" };
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++) {
        enum reason r = REASON_LAG;
        enum status s = STATUS_DOWN;
        assert_false(reason_parse(WORDS[i], &r));
        assert_false(status_parse(WORDS[i], &s));
        assert_int_equal(r, REASON_LAG);
        assert_int_equal(s, STATUS_DOWN);
    }
}

static void every_reason_has_a_sentence(void **state)
{
    (void)state;
    for (int i = 0; i < REASON_COUNT; i++) {
        const char *s = reason_sentence((enum reason)i);
        size_t n = strlen(s);
        assert_true(n > 10 && s[0] >= 'A' && s[0] <= 'Z' && s[n - 1] == '.');
        for (int j = 0; j < i; j++)
            assert_string_not_equal(s, reason_sentence((enum reason)j));
    }
}

static void statuses_have_their_words_and_nagios_codes(void **state)
{
    (void)state;
    assert_string_equal(status_name(STATUS_UP), "up");
    assert_string_equal(status_name(STATUS_DEGRADED), "degraded");
    assert_string_equal(status_name(STATUS_DOWN), "down");
    assert_string_equal(status_name(STATUS_UNKNOWN), "unknown");
    assert_int_equal(status_nagios(STATUS_UP), 0);
    assert_int_equal(status_nagios(STATUS_DEGRADED), 1);
    assert_int_equal(status_nagios(STATUS_DOWN), 2);
    assert_int_equal(status_nagios(STATUS_UNKNOWN), 3);
}

static void critical_outranks_warning_unknown_and_ok(void **state)
{
    (void)state;
    static const int WORST_FIRST[] = { 2, 1, 3, 0 };
    for (int i = 0; i < 4; i++) {
        for (int j = 0; j < 4; j++)
            assert_int_equal(nagios_worse(WORST_FIRST[i], WORST_FIRST[j]),
                             WORST_FIRST[i < j ? i : j]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reasons_are_the_words_of_the_contract),
        cmocka_unit_test(every_word_is_read_back),
        cmocka_unit_test(other_words_are_no_reason_and_no_status),
        cmocka_unit_test(every_reason_has_a_sentence),
        cmocka_unit_test(statuses_have_their_words_and_nagios_codes),
        cmocka_unit_test(critical_outranks_warning_unknown_and_ok),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
