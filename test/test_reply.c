/*
 * reply: what the reader makes of RESP, whole, in pieces, odd and hostile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <malloc.h>

#include <cmocka.h>

#include "../src/probe/reply.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static struct reply_reader *new_reader(void)
{
    struct err e = { "" };
    struct reply_reader *r = reply_reader_new(&e);
    assert_non_null(r);
    assert_true(reply_reader_empty(r));
    return r;
}

static void feed(struct reply_reader *r, const char *bytes, size_t len)
{
    struct err e = { "" };
    assert_int_equal(reply_reader_feed(r, bytes, len, &e), 0);
}

/* What a fresh reader says to these bytes, all at once. */
static enum reply_next read_bytes(const char *bytes, size_t len,
                                  struct reply *out, struct err *e)
{
    struct reply_reader *r = new_reader();
    feed(r, bytes, len);
    enum reply_next next = reply_reader_next(r, out, e);
    reply_reader_free(r);
    return next;
}

static enum reply_next read_text(const char *bytes, struct reply *out)
{
    struct err e;
    return read_bytes(bytes, strlen(bytes), out, &e);
}

static void assert_printable(const char *text, size_t size)
{
    size_t n = strnlen(text, size);
    assert_true(n < size);
    for (size_t i = 0; i < n; i++)
        assert_true(text[i] >= ' ' && text[i] <= '~');
}

static void replies_of_every_kind_are_understood(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        enum reply_kind kind;
        const char *text;
        bool pong, ok;
    } R[] = {
        { "+PONG\r\n", REPLY_STATUS, "PONG", true, false },
        { "+OK\r\n", REPLY_STATUS, "OK", false, true },
        { "+PONGS\r\n", REPLY_STATUS, "PONGS", false, false },
        { "+pong\r\n", REPLY_STATUS, "pong", false, false },
        { "+PON\r\n", REPLY_STATUS, "PON", false, false },
        { "+OK \r\n", REPLY_STATUS, "OK ", false, false },
        { "+\r\n", REPLY_STATUS, "", false, false },
        { "-ERR no\r\n", REPLY_ERROR, "ERR no", false, false },
        { "-OK\r\n", REPLY_ERROR, "OK", false, false },
        { "-PONG\r\n", REPLY_ERROR, "PONG", false, false },
        { "-\r\n", REPLY_ERROR, "", false, false },
        { ":-12\r\n", REPLY_INTEGER, "-12", false, false },
        { ":9223372036854775807\r\n", REPLY_INTEGER, "9223372036854775807",
          false, false },
        { "$4\r\nPONG\r\n", REPLY_BULK, "PONG", false, false },
        { "$0\r\n\r\n", REPLY_BULK, "", false, false },
        { "$-1\r\n", REPLY_INTEGER, "nil", false, false },
        { "*0\r\n", REPLY_ARRAY, "array", false, false },
        { "*-1\r\n", REPLY_ARRAY, "array", false, false },
        { "*1\r\n+PONG\r\n", REPLY_ARRAY, "array", false, false },
        { "*2\r\n*2\r\n:1\r\n$2\r\nhi\r\n*0\r\n", REPLY_ARRAY, "array", false,
          false },
        { "+a\tb\x7f\\\r\n", REPLY_STATUS, "a\\x09b\\x7f\\\\", false, false },
    };
    for (size_t i = 0; i < COUNT(R); i++) {
        struct reply reply;
        assert_int_equal(read_text(R[i].bytes, &reply), REPLY_READY);
        assert_int_equal(reply.kind, R[i].kind);
        assert_string_equal(reply.text, R[i].text);
        assert_int_equal(reply.pong, R[i].pong);
        assert_int_equal(reply.ok, R[i].ok);
    }
}

static void a_nul_does_not_end_what_was_said(void **state)
{
    (void)state;
    struct reply reply;
    struct err e;
    assert_int_equal(read_bytes("+PONG\0\r\n", 8, &reply, &e), REPLY_READY);
    assert_string_equal(reply.text, "PONG\\x00");
    assert_false(reply.pong);
}

static void a_bulk_is_read_as_info(void **state)
{
    (void)state;
    struct reply reply;
    assert_int_equal(read_text("$40\r\n# Replication\r\nrole:master\r\n"
                               "redis_versio\r\nrest",
                               &reply),
                     REPLY_READY);
    assert_int_equal(reply.info.role, ROLE_MASTER);
    assert_int_equal(reply.info.master_offset, -1);
    assert_string_equal(reply.info.version, "");
}

static void what_is_no_resp_is_bad_and_says_how_it_began(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        const char *why;
    } R[] = {
        { "HTTP/1.1 400 Bad Request\r\n\r\n",
          "not RESP: HTTP/1.1 400 Bad Request\\x0d\\x0a\\x0d\\x0a" },
        { "\r\n", "not RESP: \\x0d\\x0a" },
        { " +PONG\r\n", "not RESP:  +PONG\\x0d\\x0a" },
        { "%1\r\n", "not RESP: %1\\x0d\\x0a" },
        { "$4194305", "bulk of more than 4194304 bytes" },
        { "$4194305\r\n", "bulk of more than 4194304 bytes" },
        { "$9223372036854775807\r\n", "bulk of more than 4194304 bytes" },
        { "$99999999999999999999999999", "bulk of more than 4194304 bytes" },
        { "*x\r\n", "not RESP: an array without a length" },
        { "*\r\n", "not RESP: an array without a length" },
        { "*65537\r\n", "not RESP: an array without a length" },
        { "*2\r\n+a\r\n?", "not RESP: ?" },
        { "$4\r\nPONGS\r\n", "not RESP: bulk goes on after 4 bytes" },
        { "$3\r\nPONG\r\n", "not RESP: bulk goes on after 3 bytes" },
        { "+PONG\rX\r\n", NULL },
        { "+PONG\nX\r\n", NULL },
        { "-ERR \r\r\n", NULL },
        { ":12x\r\n", NULL },
        { ":\r\n", NULL },
        { ":9223372036854775808\r\n", NULL },
        { "$-5\r\n", NULL },
        { "$\r\n", NULL },
        { "$abc\r\n", NULL },
        { "$ 4\r\nPONG\r\n", NULL },
        { "$+4\r\nPONG\r\n", NULL },
        { "$4x\r\nPONG\r\n", NULL },
        { "$-9223372036854775808\r\n", NULL },
        { "$-9223372036854775809\r\n", NULL },
    };
    for (size_t i = 0; i < COUNT(R); i++) {
        struct reply reply;
        struct err e = { "" };
        enum reply_next next =
            read_bytes(R[i].bytes, strlen(R[i].bytes), &reply, &e);
        if (next != REPLY_BAD)
            fail_msg("\"%s\" is not bad", R[i].bytes);
        if (R[i].why != NULL)
            assert_string_equal(e.text, R[i].why);
        assert_memory_equal(e.text, R[i].why != NULL ? R[i].why : "not RESP",
                            8);
        assert_printable(e.text, sizeof e.text);
    }
}

static void every_first_byte_is_judged(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        const char byte = (char)c;
        struct reply reply;
        struct err e = { "" };
        bool resp = c != 0 && strchr("+-:$*", c) != NULL;
        assert_int_equal(read_bytes(&byte, 1, &reply, &e),
                         resp ? REPLY_MORE : REPLY_BAD);
        assert_printable(e.text, sizeof e.text);
        assert_true(resp || e.text[0] != '\0');
    }
}

static void a_bad_reader_stays_bad(void **state)
{
    (void)state;
    struct reply_reader *r = new_reader();
    struct reply reply;
    struct err e;
    feed(r, "?", 1);
    assert_int_equal(reply_reader_next(r, &reply, &e), REPLY_BAD);
    assert_int_equal(reply_reader_feed(r, "+PONG\r\n", 7, &e), -1);
    assert_string_equal(e.text, "not RESP: ?");
    assert_int_equal(reply_reader_next(r, &reply, NULL), REPLY_BAD);
    assert_false(reply_reader_empty(r));
    reply_reader_free(r);
    reply_reader_free(NULL);
}

static void a_header_too_large_is_bad_in_whatever_pieces(void **state)
{
    (void)state;
    static const char BYTES[] = "$1234567890\r\n";
    struct reply_reader *r = new_reader();
    struct reply reply;
    for (size_t i = 0; i < 5; i++) {
        feed(r, BYTES + i, 1);
        assert_int_equal(reply_reader_next(r, &reply, NULL), REPLY_MORE);
        assert_false(reply_reader_empty(r));
    }
    feed(r, BYTES + 5, 1);
    assert_int_equal(reply_reader_next(r, &reply, NULL), REPLY_MORE);
    feed(r, BYTES + 6, 1);
    assert_int_equal(reply_reader_next(r, &reply, NULL), REPLY_MORE);
    feed(r, BYTES + 7, 1);
    assert_int_equal(reply_reader_next(r, &reply, NULL), REPLY_MORE);
    feed(r, BYTES + 8, 1);
    struct err e;
    assert_int_equal(reply_reader_next(r, &reply, &e), REPLY_BAD);
    assert_string_equal(e.text, "bulk of more than 4194304 bytes");
    reply_reader_free(r);
}

static void the_largest_bulk_is_read_and_a_larger_line_is_not(void **state)
{
    (void)state;
    struct reply reply;
    struct err e;
    size_t len = 8 + REPLY_MAX + 2;
    char *bytes = malloc(len);
    assert_non_null(bytes);
    memset(bytes, 'x', len);
    memcpy(bytes, "$65536\r\nrole:slave\r\n", 20);
    memcpy(bytes + len - 2, "\r\n", 2);
    assert_int_equal(read_bytes(bytes, len, &reply, &e), REPLY_READY);
    assert_int_equal(reply.info.role, ROLE_REPLICA);

    memset(bytes, 'x', 8 + 12);
    bytes[0] = '+';
    assert_int_equal(read_bytes(bytes, len, &reply, &e), REPLY_BAD);
    assert_string_equal(e.text, "reply of more than 65536 bytes");
    free(bytes);
}

static void what_is_not_info_must_be_small_and_no_array(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        const char *why;
    } R[] = {
        { "$65537", "bulk of more than 65536 bytes" },
        { "*", "array where none was asked for" },
    };
    for (size_t i = 0; i < COUNT(R); i++) {
        struct reply_reader *r = new_reader();
        struct reply reply;
        struct err e = { "" };
        reply_reader_allow_info(r, false);
        feed(r, R[i].bytes, strlen(R[i].bytes));
        assert_int_equal(reply_reader_next(r, &reply, &e), REPLY_BAD);
        assert_string_equal(e.text, R[i].why);
        reply_reader_free(r);
    }
}

static const char SESSION[] =
    "+OK\r\n"
    "-ERR unknown command 'CLIENT', with args beginning with: 'SETNAME'\r\n"
    "+PONG\r\n"
    "$27\r\nrole:slave\r\nredis_version:7\r\n"
    "$-1\r\n"
    ":17\r\n"
    "+PONG\r\n";
#define SESSION_REPLIES 7

/* Reads what is complete; returns how many. */
static int drain(struct reply_reader *r, struct reply *last)
{
    int n = 0;
    struct err e;
    for (;;) {
        switch (reply_reader_next(r, last, &e)) {
        case REPLY_MORE:
            return n;
        case REPLY_READY:
            n++;
            break;
        case REPLY_BAD:
            fail_msg("%s", e.text);
        }
    }
}

static void replies_come_out_the_same_in_pieces_of_every_size(void **state)
{
    (void)state;
    for (size_t size = 1; size < sizeof SESSION; size++) {
        struct reply_reader *r = new_reader();
        struct reply last;
        int n = 0;
        for (size_t at = 0; at < sizeof SESSION - 1; at += size) {
            size_t left = sizeof SESSION - 1 - at;
            feed(r, SESSION + at, left < size ? left : size);
            n += drain(r, &last);
        }
        assert_int_equal(n, SESSION_REPLIES);
        assert_true(last.pong);
        assert_true(reply_reader_empty(r));
        reply_reader_free(r);
    }
}

static void a_reader_is_empty_between_replies_only(void **state)
{
    (void)state;
    struct reply_reader *r = new_reader();
    struct reply reply;
    static const char BYTES[] = "+OK\r\n$2\r\nhi\r\n";
    for (size_t i = 0; i < sizeof BYTES - 1; i++) {
        feed(r, BYTES + i, 1);
        assert_false(reply_reader_empty(r));
        enum reply_next next = reply_reader_next(r, &reply, NULL);
        bool done = i == 4 || i == sizeof BYTES - 2;
        assert_int_equal(next, done ? REPLY_READY : REPLY_MORE);
        assert_int_equal(reply_reader_empty(r), done);
        if (done)
            assert_int_equal(reply_reader_next(r, &reply, NULL), REPLY_MORE);
        assert_int_equal(reply_reader_empty(r), done);
    }
    feed(r, "+OK\r\n+", 6);
    assert_int_equal(reply_reader_next(r, &reply, NULL), REPLY_READY);
    assert_false(reply_reader_empty(r));
    reply_reader_free(r);
}

/* Under a sanitizer mallinfo2 sees nothing and this proves nothing. */
static void a_steady_round_takes_no_more_memory(void **state)
{
    (void)state;
    struct reply_reader *r = new_reader();
    struct reply last;
    size_t in_use = 0;
    for (int n = 0; n < 10000; n++) {
        feed(r, SESSION, sizeof SESSION - 1);
        assert_int_equal(drain(r, &last), SESSION_REPLIES);
        if (n == 100)
            in_use = mallinfo2().uordblks;
    }
    assert_true(mallinfo2().uordblks == in_use);
    reply_reader_free(r);
}

/* The sentences are those of Redis 7.0.15 and, where said, of others. */
static void errors_mean_what_the_server_said(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum reason reason;
    } E[] = {
        { "LOADING Redis is loading the dataset in memory", REASON_LOADING },
        { "BUSY Redis is busy running a script. You can only call SCRIPT "
          "KILL or SHUTDOWN NOSAVE.",
          REASON_BUSY },
        { "MISCONF Redis is configured to save RDB snapshots, but it's",
          REASON_MISCONF },
        { "MISCONF Errors writing to the AOF file: No space left on device",
          REASON_MISCONF },
        { "MASTERDOWN Link with MASTER is down and replica-serve-stale-data "
          "is set to 'no'.",
          REASON_MASTERDOWN },
        { "NOAUTH Authentication required.", REASON_NOAUTH },
        { "NOAUTH", REASON_NOAUTH },
        { "WRONGPASS invalid username-password pair or user is disabled.",
          REASON_WRONGPASS },
        { "NOPERM this user has no permissions to run the 'ping' command",
          REASON_NOPERM },
        { "DENIED Redis is running in protected mode because protected mode "
          "is enabled",
          REASON_NOPERM },
        { "ERR max number of clients reached", REASON_MAXCLIENTS },
        { "ERR max number of clients + cluster connections reached",
          REASON_MAXCLIENTS },
        { "ERR unknown command 'CLIENT', with args beginning with: ",
          REASON_NOPERM },
        { "ERR AUTH <password> called without any password configured for "
          "the default user. Are you sure your configuration is correct?",
          REASON_WRONGPASS },
        /* Redis 5 */
        { "ERR invalid password", REASON_WRONGPASS },
        { "ERR Client sent AUTH, but no password is set", REASON_WRONGPASS },
        { "ERR wrong number of arguments for 'auth' command",
          REASON_WRONGPASS },
        /* Redis 2.6 */
        { "ERR operation not permitted", REASON_NOAUTH },
        { "", REASON_PROTOCOL },
        { "ERR", REASON_PROTOCOL },
        { " NOAUTH", REASON_PROTOCOL },
        { "noauth", REASON_PROTOCOL },
        { "NOAUTHENTICATION", REASON_PROTOCOL },
        { "BUSYKEY Target key name already exists.", REASON_PROTOCOL },
        { "BUSYGROUP Consumer Group name already exists", REASON_PROTOCOL },
        { "NOREPLICAS Not enough good replicas to write.", REASON_PROTOCOL },
        { "ERR wrong number of arguments for 'ping' command", REASON_PROTOCOL },
        { "ERR Protocol error: invalid multibulk length", REASON_PROTOCOL },
    };
    for (size_t i = 0; i < COUNT(E); i++) {
        if (reply_error_reason(E[i].text) != E[i].reason)
            fail_msg("%s: %s", E[i].text,
                     reason_name(reply_error_reason(E[i].text)));
        /* As the reader hands it out: escaped, and the end cut off. */
        char cut[ESCAPED_SIZE] = "";
        escape_add(cut, sizeof cut, E[i].text, strlen(E[i].text));
        assert_int_equal(reply_error_reason(cut), E[i].reason);
    }
}

static void escaping_appends_and_never_cuts_an_escape(void **state)
{
    (void)state;
    char out[8] = "a";
    escape_add(out, sizeof out, "\\\x01z", 3);
    assert_string_equal(out, "a\\\\\\x01");
    escape_add(out, sizeof out, "z", 1);
    assert_string_equal(out, "a\\\\\\x01");

    for (size_t size = 0; size < 16; size++) {
        char *exact = malloc(size > 0 ? size : 1);
        assert_non_null(exact);
        exact[0] = '\0';
        escape_add(exact, size, "ab\xff\n\\c", 6);
        static const char *const WANT[] = {
            "",
            "",
            "a",
            "ab",
            "ab",
            "ab",
            "ab",
            "ab\\xff",
            "ab\\xff",
            "ab\\xff",
            "ab\\xff",
            "ab\\xff\\x0a",
            "ab\\xff\\x0a",
            "ab\\xff\\x0a\\\\",
            "ab\\xff\\x0a\\\\c",
            "ab\\xff\\x0a\\\\c",
        };
        assert_string_equal(exact, WANT[size]);
        free(exact);
    }
}

static void roles_have_their_words(void **state)
{
    (void)state;
    static const char *const WORDS[] = { "any", "master", "replica" };
    enum role r = ROLE_ANY;
    for (int i = 0; i < 3; i++) {
        assert_string_equal(role_name((enum role)i), WORDS[i]);
        assert_true(role_parse(WORDS[i], &r));
        assert_int_equal(r, i);
    }
    assert_false(role_parse("slave", &r));
    assert_false(role_parse("", &r));
    assert_int_equal(r, ROLE_REPLICA);
}

/* What a reader that is to keep SECRET makes of BYTES. */
static enum reply_next read_guarded(const char *secret, const char *bytes,
                                    struct reply *out, struct err *e)
{
    struct reply_reader *r = new_reader();
    reply_reader_guard(r, secret);
    feed(r, bytes, strlen(bytes));
    enum reply_next next = reply_reader_next(r, out, e);
    reply_reader_free(r);
    return next;
}

static void a_secret_is_never_repeated(void **state)
{
    static const char LONG[] = "geheimes-passwort-das-lang-ist";
    static const struct {
        const char *secret, *bytes;
        bool hidden;
    } CASES[] = {
        { LONG, "-ERR no geheimes-passwort-das-lang-ist here\r\n", true },
        { LONG, "-ERR xgeheimes-x\r\n", true }, /* enough of it */
        { LONG, "-ERR xgeheime\r\n", false },
        { LONG, "+geheimes-\r\n", true },
        { "x-1", "-ERR is x-1\r\n", true },
        { "x-1", "-ERR is xx-1\r\n", false },
        { "x-1", "-ERR is x-12\r\n", false },
        { "or", "-ERR for or. nor\r\n", true },
        { "or", "-ERR for nor\r\n", false },
        { "\xff\xfe-abcdefgh", "-ERR \xff\xfe-abcdefgh\r\n", true },
        { NULL, "-ERR geheim\r\n", false },
        { "", "-ERR geheim\r\n", false },
    };
    struct reply reply;
    struct err e;

    (void)state;
    for (size_t i = 0; i < COUNT(CASES); i++) {
        assert_int_equal(
            read_guarded(CASES[i].secret, CASES[i].bytes, &reply, &e),
            REPLY_READY);
        if ((strstr(reply.text, "not shown") != NULL) != CASES[i].hidden)
            fail_msg("case %zu: %s", i, reply.text);
    }
}

/* The cut, wherever it falls, leaves no part of it. */
static void a_cut_leaves_no_part_of_a_secret(void **state)
{
    static const char SECRET[] = "QZQWQYQXQVQUQTQSQRQPQOQN";
    char bytes[400];
    struct reply reply;
    struct err e;

    (void)state;
    for (size_t before = 0; before < 200; before++) {
        snprintf(bytes, sizeof bytes, "-%*s%s ends\r\n", (int)before, "",
                 SECRET);
        assert_int_equal(read_guarded(SECRET, bytes, &reply, &e), REPLY_READY);
        assert_null(strstr(reply.text, "QZ"));
        snprintf(bytes, sizeof bytes, "?%*s%s", (int)before, "", SECRET);
        assert_int_equal(read_guarded(SECRET, bytes, &reply, &e), REPLY_BAD);
        assert_null(strstr(e.text, "QZ"));
    }
}

static void an_error_that_is_not_shown_is_judged_all_the_same(void **state)
{
    struct reply reply;
    struct err e;

    (void)state;
    read_guarded("geheim-12", "-WRONGPASS geheim-12 is not it\r\n", &reply, &e);
    assert_int_equal(reply.error, REASON_WRONGPASS);
    read_guarded("geheim-12",
                 "-ERR unknown command `AUTH`, with args beginning with: "
                 "`geheim-12`, \r\n",
                 &reply, &e);
    assert_int_equal(reply.error, REASON_NOPERM);
}

static void a_version_is_no_place_for_a_secret_either(void **state)
{
    static const struct {
        const char *secret, *version, *told;
    } CASES[] = {
        { "geheim", "geheim", "" },
        { "geheim", "geheim7", "geheim7" },
        { "7", "7.0.15", "7.0.15" },
        { "geheimes-passwort-lang", "geheimes-passwort-lang", "" },
        { "geheimes-passwort-lang", "7geheimes-", "" },
        { NULL, "7.0.15", "7.0.15" },
    };
    char info[100], bytes[200];
    struct reply reply;
    struct err e;

    (void)state;
    for (size_t i = 0; i < COUNT(CASES); i++) {
        snprintf(info, sizeof info, "redis_version:%s\r\n", CASES[i].version);
        snprintf(bytes, sizeof bytes, "$%zu\r\n%s\r\n", strlen(info), info);
        assert_int_equal(read_guarded(CASES[i].secret, bytes, &reply, &e),
                         REPLY_READY);
        assert_string_equal(reply.info.version, CASES[i].told);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_of_every_kind_are_understood),
        cmocka_unit_test(a_nul_does_not_end_what_was_said),
        cmocka_unit_test(a_bulk_is_read_as_info),
        cmocka_unit_test(what_is_no_resp_is_bad_and_says_how_it_began),
        cmocka_unit_test(every_first_byte_is_judged),
        cmocka_unit_test(a_bad_reader_stays_bad),
        cmocka_unit_test(a_header_too_large_is_bad_in_whatever_pieces),
        cmocka_unit_test(the_largest_bulk_is_read_and_a_larger_line_is_not),
        cmocka_unit_test(what_is_not_info_must_be_small_and_no_array),
        cmocka_unit_test(replies_come_out_the_same_in_pieces_of_every_size),
        cmocka_unit_test(a_reader_is_empty_between_replies_only),
        cmocka_unit_test(a_steady_round_takes_no_more_memory),
        cmocka_unit_test(errors_mean_what_the_server_said),
        cmocka_unit_test(escaping_appends_and_never_cuts_an_escape),
        cmocka_unit_test(roles_have_their_words),
        cmocka_unit_test(a_secret_is_never_repeated),
        cmocka_unit_test(a_cut_leaves_no_part_of_a_secret),
        cmocka_unit_test(an_error_that_is_not_shown_is_judged_all_the_same),
        cmocka_unit_test(a_version_is_no_place_for_a_secret_either),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
