/*
 * What the ZooKeeper store decides and says without a server: the codes of
 * the protocol, the turns of addresses, the book of an outage, and the
 * library's lines about sockets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../src/zk/codes.h"
#include "../src/zk/cycle.h"
#include "../src/zk/failure.h"
#include "../src/zk/outage.h"

/* ------------------------------------------------------------------- codes */

/* Every code of the protocol (KeeperException.Code of 3.9) and of the
 * library, what it means to the publisher, and whether a server that serves us
 * said so. */
static const struct {
    int rc;
    enum store_code code;
    bool said;
    const char *words;
    bool advice;
} CODES[] = {
    { 0, STORE_OK, true, "done", false },
    { -1, STORE_UNCERTAIN, false, "system error", true },
    { -2, STORE_UNCERTAIN, false, "runtime inconsistency", true },
    { -3, STORE_UNCERTAIN, false, "data inconsistency", true },
    { -4, STORE_UNCERTAIN, false, "connection lost", false },
    { -5, STORE_UNCERTAIN, false, "the answer could not be read", true },
    { -6, STORE_FAILED, true, "the server does not know this operation", true },
    { -7, STORE_UNCERTAIN, false, "no answer in time", false },
    { -8, STORE_FAILED, true, "the server refuses the request", true },
    { -9, STORE_SESSION_GONE, false, "the session is over", false },
    { -12, STORE_UNCERTAIN, false, "the server does not know the session",
      false },
    { -13, STORE_BUSY, true, "no quorum of the new configuration", true },
    { -14, STORE_BUSY, true, "the servers are being reconfigured", false },
    { -15, STORE_UNCERTAIN, false, "TLS failed", true },
    { -100, STORE_FAILED, true, "the server refuses the request", true },
    { -101, STORE_NO_NODE, true, "there is no such node", false },
    { -102, STORE_NO_AUTH, true, "no right to do it", true },
    { -103, STORE_BAD_VERSION, true, "somebody else changed the node", false },
    { -108, STORE_FAILED, true,
      "the parent is an ephemeral node, which has no children", true },
    { -110, STORE_NODE_EXISTS, true, "the node exists already", false },
    { -111, STORE_FAILED, true, "the node has children", true },
    { -112, STORE_SESSION_GONE, false, "the session has expired", false },
    { -113, STORE_FAILED, true, "invalid callback", false },
    { -114, STORE_NO_AUTH, true, "the server does not take the ACL", true },
    { -115, STORE_UNCERTAIN, false,
      "the server does not take our authentication", true },
    { -116, STORE_UNCERTAIN, false, "the connection is being closed", false },
    { -117, STORE_FAILED, false, "no answer to process", false },
    { -118, STORE_BUSY, false, "the session is at another server", false },
    { -119, STORE_BUSY, true, "the server is read-only", true },
    { -120, STORE_FAILED, true, "ephemeral nodes are not for local sessions",
      true },
    { -121, STORE_FAILED, true, "there is no such watcher", false },
    { -122, STORE_UNCERTAIN, true, "the servers did not agree in time", true },
    { -123, STORE_FAILED, true, "the servers may not be reconfigured", false },
    { -124, STORE_UNCERTAIN, false, "the server wants authentication", true },
    { -125, STORE_FAILED, true, "the quota is exceeded", true },
    { -127, STORE_BUSY, true, "the server asks to slow down", false },
    /* Of no server yet. */
    { -126, STORE_FAILED, true, "the server refuses the request", true },
    { -999, STORE_FAILED, true, "the server refuses the request", true },
};

static void every_code_has_a_meaning_and_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof CODES / sizeof CODES[0]; i++) {
        int rc = CODES[i].rc;

        assert_int_equal(zk_code(rc), CODES[i].code);
        assert_int_equal(zk_server_said(rc), CODES[i].said);
        assert_string_equal(zk_code_words(rc), CODES[i].words);
        assert_int_equal(zk_code_advice(rc)[0] != '\0', CODES[i].advice);
    }
}

/* What is answered with a node stays known; what is not needs something to be
 * done, and that is said. */
static void what_is_refused_for_good_comes_with_advice(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof CODES / sizeof CODES[0]; i++)
        if (CODES[i].code == STORE_NO_AUTH)
            assert_true(zk_code_advice(CODES[i].rc)[0] != '\0');
}

static void a_reply_is_said_with_operation_code_and_advice(void **state)
{
    const struct store_reply r = { .verb = STORE_CREATE,
                                   .code = zk_code(-120),
                                   .raw = -120,
                                   .words = zk_code_words(-120),
                                   .advice = zk_code_advice(-120) };
    char said[200];

    (void)state;
    store_reply_say(&r, said, sizeof said);
    assert_string_equal(said,
                        "create: ephemeral nodes are not for local sessions "
                        "(-120): set localSessionsUpgradingEnabled on the "
                        "servers");
}

/* ------------------------------------------------------------------- turns */

static void all_addresses_have_their_turn_within_what_is_asked(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 7; n++) {
        struct zk_cycle c;

        zk_cycle_init(&c, 10000);
        zk_cycle_begin(&c, n);
        assert_true(zk_cycle_turn_ms(&c, 10000, 5000) * n <= 4000);
        /* And of a long run within the third that the library leaves. */
        assert_true(zk_cycle_turn_ms(&c, 10000, 0) * n <= 3333);
    }
}

static void turns_grow_while_nothing_answers_up_to_the_librarys_own(
    void **state)
{
    static const unsigned TURNS[] = { 1111, 2222, 4444, 6666, 6666 };
    uint64_t random = 1;
    struct zk_cycle c;

    (void)state;
    zk_cycle_init(&c, 10000);
    for (size_t i = 0; i < sizeof TURNS / sizeof TURNS[0]; i++) {
        zk_cycle_begin(&c, 3);
        assert_int_equal(zk_cycle_turn_ms(&c, 10000, 0), TURNS[i]);
        for (size_t k = 0; k < 3; k++) {
            assert_int_equal(zk_cycle_take(&c), k);
            assert_int_equal(zk_cycle_turn_failed(&c, false, 5, &random),
                             k == 2);
        }
    }
    zk_cycle_success(&c);
    assert_int_equal(zk_cycle_turn_ms(&c, 10000, 0), TURNS[0]);
}

/* The wait in ms after a cycle over N addresses. */
static unsigned wait_after(struct zk_cycle *c, size_t n, bool granted,
                           uint64_t *random)
{
    zk_cycle_begin(c, n);
    for (size_t i = 0; i < n; i++) {
        (void)zk_cycle_take(c);
        /* Within a cycle there is none. */
        assert_int_equal(c->retry_mono_ms, 1000);
        (void)zk_cycle_turn_failed(c, granted && i == 0, 1000, random);
    }
    unsigned ms = (unsigned)(c->retry_mono_ms - 1000);
    c->retry_mono_ms = 1000;
    return ms;
}

static void servers_that_refuse_are_tried_again_within_a_second(void **state)
{
    uint64_t random = 7;
    struct zk_cycle c;

    (void)state;
    zk_cycle_init(&c, 10000);
    c.retry_mono_ms = 1000;
    for (int i = 0; i < 20; i++) {
        unsigned ms = wait_after(&c, 2, false, &random);

        assert_true(ms >= 100 && ms <= 1000);
        assert_true(i < 5 || ms >= 500);
    }
}

static void servers_that_drop_us_are_left_alone_for_up_to_30_s(void **state)
{
    uint64_t random = 7;
    struct zk_cycle c;
    unsigned last = 0;
    bool differ = false;

    (void)state;
    zk_cycle_init(&c, 10000);
    c.retry_mono_ms = 1000;
    /* The first may have been a session that is over. */
    assert_int_equal(wait_after(&c, 2, true, &random), 0);
    for (unsigned i = 0, most = 400; i < 20; i++) {
        unsigned ms = wait_after(&c, 2, true, &random);

        assert_true(ms >= most / 2 && ms <= most);
        differ = differ || (most == 30000 && last >= 15000 && ms != last);
        last = ms;
        most = most * 2 < 30000 ? most * 2 : 30000;
    }
    assert_true(differ);
    zk_cycle_success(&c);
    assert_int_equal(wait_after(&c, 2, true, &random), 0);
}

/* ------------------------------------------------------------------ outages */

static void an_outage_keeps_its_first_clock_and_each_servers_last_deed(
    void **state)
{
    struct zk_outage o = { .under_way = false };
    char text[200];

    (void)state;
    zk_outage_begin(&o, 100);
    zk_outage_note(&o, "a:1", "connection refused");
    zk_outage_begin(&o, 900);
    zk_outage_note(&o, "b:2", "no answer within 5 ms");
    zk_outage_note(&o, "a:1", "no connection within 5 ms");
    assert_int_equal(o.since_mono_ms, 100);
    zk_outage_text(&o, text, sizeof text);
    assert_string_equal(
        text, "b:2: no answer within 5 ms; a:1: no connection within 5 ms");
    zk_outage_text(&o, text, 9);
    assert_string_equal(text, "b:2: no ");
    zk_outage_end(&o);
    zk_outage_text(&o, text, sizeof text);
    assert_string_equal(text, "");
}

static void an_outage_remembers_the_last_eight_servers(void **state)
{
    struct zk_outage o = { .under_way = false };
    char addr[4] = "a:0";
    char text[400];

    (void)state;
    zk_outage_begin(&o, 1);
    for (char c = 'a'; c <= 'j'; c++) {
        addr[0] = c;
        zk_outage_note(&o, addr, "x");
    }
    zk_outage_text(&o, text, sizeof text);
    assert_string_equal(text, "c:0: x; d:0: x; e:0: x; f:0: x; g:0: x; "
                              "h:0: x; i:0: x; j:0: x");
}

/* ----------------------------------------------------------------- failures */

static const struct {
    const char *line;
    const char *addr;
    const char *words;
} FAILURES[] = {
    { "Socket 127.0.0.1:2999 zk retcode=-4, errno=111(Connection refused): "
      "server refused to accept the client",
      "127.0.0.1:2999", "connection refused" },
    { "Socket [::1]:2181 zk retcode=-4, errno=112(Host is down): failed while "
      "receiving a server response",
      "[::1]:2181", "the server closed the connection" },
    { "Socket 10.0.0.1:2181 zk retcode=-7, errno=110(Connection timed out): "
      "connection to 10.0.0.1:2181 timed out (exceeded timeout by 1ms)",
      "10.0.0.1:2181", "no answer within 6666 ms" },
    { "Socket 10.0.0.1:2181 zk retcode=-112, errno=116(Stale file handle): "
      "sessionId=0x1 has expired.",
      "10.0.0.1:2181", "the session is over" },
    { "Socket 10.0.0.1:2181 zk retcode=-4, errno=113(No route to host): "
      "server refused to accept the client",
      "10.0.0.1:2181", "no route to host" },
};

static void the_librarys_lines_about_sockets_become_our_words(void **state)
{
    char words[ZK_OUTAGE_WORDS];
    struct zk_failure f;

    (void)state;
    for (size_t i = 0; i < sizeof FAILURES / sizeof FAILURES[0]; i++) {
        assert_true(zk_failure_parse(FAILURES[i].line, &f));
        zk_failure_words(&f, 10000, words, sizeof words);
        assert_string_equal(f.addr, FAILURES[i].addr);
        assert_string_equal(words, FAILURES[i].words);
        assert_int_equal(zk_failure_is_timeout(&f), f.rc == -7);
    }
    assert_false(zk_failure_parse("Exceeded deadline by 12ms", &f));
    assert_false(zk_failure_parse("Socket zk retcode=-4", &f));
    assert_false(zk_failure_parse("", &f));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_a_meaning_and_words),
        cmocka_unit_test(what_is_refused_for_good_comes_with_advice),
        cmocka_unit_test(a_reply_is_said_with_operation_code_and_advice),
        cmocka_unit_test(all_addresses_have_their_turn_within_what_is_asked),
        cmocka_unit_test(
            turns_grow_while_nothing_answers_up_to_the_librarys_own),
        cmocka_unit_test(servers_that_refuse_are_tried_again_within_a_second),
        cmocka_unit_test(servers_that_drop_us_are_left_alone_for_up_to_30_s),
        cmocka_unit_test(
            an_outage_keeps_its_first_clock_and_each_servers_last_deed),
        cmocka_unit_test(an_outage_remembers_the_last_eight_servers),
        cmocka_unit_test(the_librarys_lines_about_sockets_become_our_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
