/*
 * reply_parse_info: what real servers say, and what hostile ones might.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../src/probe/reply.h"

/* Parses a copy without a byte to spare, so that a sanitizer sees overruns. */
static struct reply_info parse_bytes(const char *text, size_t len)
{
    struct reply_info info;
    memset(&info, 0x5a, sizeof info);
    char *exact = malloc(len > 0 ? len : 1);
    assert_non_null(exact);
    memcpy(exact, text, len);
    reply_parse_info(exact, len, &info);
    free(exact);
    return info;
}

static struct reply_info parse(const char *text)
{
    return parse_bytes(text, strlen(text));
}

static void assert_nothing_said(const struct reply_info *info)
{
    assert_int_equal(info->role, ROLE_ANY);
    assert_false(info->link_known);
    assert_false(info->link_up);
    assert_int_equal(info->link_down_s, -1);
    assert_int_equal(info->master_offset, -1);
    assert_int_equal(info->replica_offset, -1);
    assert_int_equal(info->read_offset, -1);
    assert_string_equal(info->replid, "");
    assert_string_equal(info->version, "");
}

static void a_master_says_its_role_offset_and_replid(void **state)
{
    (void)state;
    struct reply_info i =
        parse("# Replication\r\nrole:master\r\nconnected_slaves:1\r\n"
              "slave0:ip=127.0.0.1,port=7001,state=online,offset=98,lag=0\r\n"
              "master_failover_state:no-failover\r\n"
              "master_replid:21430c0a745bc714474a37b254e1a31fe5e31244\r\n"
              "master_replid2:0000000000000000000000000000000000000000\r\n"
              "master_repl_offset:9223372036854775807\r\n"
              "second_repl_offset:-1\r\nrepl_backlog_active:0\r\n");
    assert_int_equal(i.role, ROLE_MASTER);
    assert_false(i.link_known);
    assert_int_equal(i.master_offset, INT64_MAX);
    assert_int_equal(i.replica_offset, -1);
    assert_string_equal(i.replid, "21430c0a745bc714474a37b254e1a31fe5e31244");
}

static void a_replica_says_how_its_link_is(void **state)
{
    (void)state;
    struct reply_info i =
        parse("# Replication\r\nrole:slave\r\nmaster_host:127.0.0.1\r\n"
              "master_link_status:up\r\nslave_read_repl_offset:150\r\n"
              "slave_repl_offset:140\r\nmaster_repl_offset:140\r\n");
    assert_int_equal(i.role, ROLE_REPLICA);
    assert_true(i.link_known);
    assert_true(i.link_up);
    assert_int_equal(i.read_offset, 150);
    assert_int_equal(i.replica_offset, 140);
    assert_int_equal(i.link_down_s, -1);

    i = parse("role:slave\r\nmaster_link_status:down\r\n"
              "master_link_down_since_seconds:12\r\n");
    assert_true(i.link_known);
    assert_false(i.link_up);
    assert_int_equal(i.link_down_s, 12);
}

/* Redis 7 says -1 while a replica has never been connected. */
static void a_link_that_never_was_up_is_down_since_unknown(void **state)
{
    (void)state;
    struct reply_info i =
        parse("role:slave\r\nmaster_link_status:down\r\n"
              "master_link_down_since_seconds:-1\r\nslave_repl_offset:1\r\n");
    assert_true(i.link_known);
    assert_int_equal(i.link_down_s, -1);
    assert_int_equal(i.replica_offset, 1);
}

static void the_version_is_kept_cut_or_refused(void **state)
{
    (void)state;
    struct reply_info i =
        parse("# Server\r\nredis_version:7.0.15\r\nredis_git_sha1:0\r\n");
    assert_string_equal(i.version, "7.0.15");
    i = parse("redis_version:7.4.0-240+very.long.suffix\r\n");
    assert_string_equal(i.version, "7.4.0-240+very.");
    i = parse("redis_version:7.0\"15\r\n");
    assert_string_equal(i.version, "");
    i = parse_bytes("redis_version:7.0\0x\r\n", 21);
    assert_string_equal(i.version, "");
}

static void lines_need_neither_cr_nor_a_last_newline(void **state)
{
    (void)state;
    struct reply_info i = parse("role:master\nmaster_repl_offset:77");
    assert_int_equal(i.role, ROLE_MASTER);
    assert_int_equal(i.master_offset, 77);
}

static void of_a_doubled_key_the_last_holds(void **state)
{
    (void)state;
    struct reply_info i =
        parse("role:master\r\nmaster_repl_offset:5\r\n"
              "redis_version:7\r\nmaster_link_status:up\r\n"
              "role:slave\r\nmaster_repl_offset:x\r\n"
              "redis_version:?\r\nmaster_link_status:maybe\r\n");
    assert_int_equal(i.role, ROLE_REPLICA);
    assert_int_equal(i.master_offset, -1);
    assert_string_equal(i.version, "");
    assert_false(i.link_known);
}

static void what_is_no_info_says_nothing(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {
        "",
        "\r\n\r\n",
        "\r",
        "\n",
        ":",
        ":master\r\n",
        "role",
        "role:",
        "role:\r\n",
        "role:Master\r\n",
        "role:sentinel\r\n",
        "role:master \r\n",
        " role:master\r\n",
        "roles:master\r\n",
        "rol:master\r\n",
        "role:master\r\r\n",
        "# role:master\r\n",
        "master_repl_offset:\r\n",
        "master_repl_offset:9223372036854775808\r\n",
        "master_repl_offset:99999999999999999999999999999999999999999\r\n",
        "master_repl_offset:+1\r\n",
        "master_repl_offset:-1\r\n",
        "master_repl_offset: 1\r\n",
        "master_repl_offset:0x10\r\n",
        "master_link_status:UP\r\n",
        "master_replid:21430c0a745bc714474a37b254e1a31fe5e3124\r\n",
        "master_replid:21430c0a745bc714474a37b254e1a31fe5e312444\r\n",
        "master_replid:21430c0a745bc714474a37b254e1a31fe5e3124g\r\n",
    };
    for (size_t n = 0; n < sizeof TEXTS / sizeof TEXTS[0]; n++) {
        struct reply_info i = parse(TEXTS[n]);
        assert_nothing_said(&i);
    }
    struct reply_info i = parse_bytes("role:master\0\r\nrole\0:master\r\n", 28);
    assert_nothing_said(&i);
}

static void every_cut_of_an_info_is_survived(void **state)
{
    (void)state;
    static const char TEXT[] =
        "# Replication\r\nrole:slave\r\nmaster_link_status:up\r\n"
        "slave_repl_offset:14\r\nredis_version:7.0.15\r\n"
        "master_replid:21430c0a745bc714474a37b254e1a31fe5e31244\r\n";
    for (size_t from = 0; from < sizeof TEXT; from++) {
        for (size_t to = from; to < sizeof TEXT; to++) {
            struct reply_info i = parse_bytes(TEXT + from, to - from);
            assert_true(i.replica_offset == -1 || i.replica_offset == 1 ||
                        i.replica_offset == 14);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_master_says_its_role_offset_and_replid),
        cmocka_unit_test(a_replica_says_how_its_link_is),
        cmocka_unit_test(a_link_that_never_was_up_is_down_since_unknown),
        cmocka_unit_test(the_version_is_kept_cut_or_refused),
        cmocka_unit_test(lines_need_neither_cr_nor_a_last_newline),
        cmocka_unit_test(of_a_doubled_key_the_last_holds),
        cmocka_unit_test(what_is_no_info_says_nothing),
        cmocka_unit_test(every_cut_of_an_info_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
