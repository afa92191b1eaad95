/*
 * reply_parse_info: what real servers say, and what hostile ones might.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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

/* A replica of several masters: each has its line. */
static void a_link_is_down_if_any_of_them_is(void **state)
{
    (void)state;
    static const char *const DOWN[] = {
        "master_link_status:down\r\nmaster_1_link_status:up\r\n",
        "master_link_status:up\r\nmaster_1_link_status:down\r\n",
        "master_12_link_status:down\r\nmaster_link_status:up\r\n",
        "master_global_link_status:down\r\nmaster_link_status:up\r\n",
        "master_link_status:down\r\nmaster_link_status:maybe\r\n",
    };
    for (size_t n = 0; n < sizeof DOWN / sizeof DOWN[0]; n++) {
        struct reply_info i = parse(DOWN[n]);
        assert_true(i.link_known);
        assert_false(i.link_up);
    }
    struct reply_info i = parse("master_global_link_status:up\r\n"
                                "master_link_status:up\r\n"
                                "master_1_link_status:up\r\n"
                                "master__link_status:down\r\n"
                                "master_x_link_status:down\r\n");
    assert_true(i.link_known);
    assert_true(i.link_up);
}

static void a_word_that_is_not_known_is_a_role_all_the_same(void **state)
{
    (void)state;
    struct reply_info i = parse("role:witness\r\n");
    assert_int_equal(i.role, ROLE_OTHER);
    assert_string_equal(i.role_word, "witness");
    i = parse("role:any\r\n");
    assert_int_equal(i.role, ROLE_OTHER);
    i = parse("role:wit\"ness\r\n");
    assert_int_equal(i.role, ROLE_ANY);
    i = parse("role:a-very-long-role-word\r\n");
    assert_string_equal(i.role_word, "a-very-long-rol");
}

static void relatives_say_their_own_name_and_version(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *server;
        const char *version;
    } R[] = {
        { "redis_version:7.0.15\r\n", "redis", "7.0.15" },
        { "redis_version:7.2.0\r\ndragonfly_version:df-v1.13.0\r\n",
          "dragonfly", "df-v1.13.0" },
        { "kvrocks_version:2.9.0\r\nredis_version:7.0.0\r\n", "kvrocks",
          "2.9.0" },
        { "redis_version:7.2.4\r\nserver_name:valkey\r\n"
          "valkey_version:8.1.1\r\n",
          "valkey", "8.1.1" },
        { "redis_version:6.0.16\r\nexecutable:/usr/bin/keydb-server\r\n",
          "keydb", "6.0.16" },
        { "redis_version:7.0.15\r\ngcc_version:12.2.0\r\n", "redis", "7.0.15" },
        { "gcc_version:12.2.0\r\n", "", "" },
    };
    for (size_t n = 0; n < sizeof R / sizeof R[0]; n++) {
        struct reply_info i = parse(R[n].text);
        assert_string_equal(i.server, R[n].server);
        assert_string_equal(i.version, R[n].version);
    }
}

static void a_process_is_told_by_its_run_id(void **state)
{
    (void)state;
    struct reply_info i = parse("run_id:abc\r\nuptime_in_seconds:77\r\n");
    struct reply_info j = parse("run_id:abd\r\nuptime_in_seconds:-1\r\n");
    assert_true(i.run_id != 0);
    assert_true(i.run_id != j.run_id);
    assert_int_equal(i.uptime_s, 77);
    assert_int_equal(j.uptime_s, -1);
    assert_int_equal(parse("run_id:\r\n").run_id, 0);
    assert_int_equal(parse("uptime_in_seconds:99999999999\r\n").uptime_s, -1);
}

static void a_long_line_says_nothing_and_hides_nothing(void **state)
{
    (void)state;
    static char text[70000];
    memset(text, 'x', sizeof text);
    memcpy(text, "redis_version:7.0.15\r\nslave0:", 29);
    memcpy(text + 69000, "\r\nrole:master\r\n", 15);
    struct reply_info i = parse_bytes(text, 69015);
    assert_string_equal(i.version, "7.0.15");
    assert_int_equal(i.role, ROLE_MASTER);
}

/* ------------------------------------------------------------ real answers */

/* Of test/info; with the line ends of the wire. */
static struct reply_info parse_case(const char *name)
{
    static char text[65536];
    char path[256];
    size_t len = 0;
    int c;
    snprintf(path, sizeof path, "%s/%s.txt", INFO_CASES, name);
    FILE *f = fopen(path, "r");
    if (f == NULL)
        fail_msg("%s is missing", path);
    while ((c = fgetc(f)) != EOF && len < sizeof text - 2) {
        if (c == '\n')
            text[len++] = '\r';
        text[len++] = (char)c;
    }
    fclose(f);
    return parse_bytes(text, len);
}

static void real_servers_say_what_they_are(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *server;
        const char *version;
    } S[] = {
        { "redis28", "redis", "2.8.24" },
        { "redis32", "redis", "3.2.13" },
        { "redis40", "redis", "4.0.14" },
        { "redis5", "redis", "5.0.14" },
        { "redis60", "redis", "6.0.20" },
        { "redis62", "redis", "6.2.16" },
        { "redis70", "redis", "7.0.15" },
        { "redis74", "redis", "7.4.1" },
        { "redis8", "redis", "255.255.255" },
        { "redis80", "redis", "8.0.2" },
        { "valkey8", "valkey", "255.255.255" },
        { "valkey81", "valkey", "8.1.1" },
        { "keydb", "keydb", "6.3.4" },
    };
    for (size_t n = 0; n < sizeof S / sizeof S[0]; n++) {
        char name[64];
        snprintf(name, sizeof name, "%s.server", S[n].name);
        struct reply_info i = parse_case(name);
        assert_string_equal(i.server, S[n].server);
        assert_string_equal(i.version, S[n].version);
        assert_true(i.run_id != 0);
        assert_true(i.uptime_s >= 0 && i.uptime_s < 60);
        assert_false(i.is_cluster);
        assert_false(i.is_sentinel);

        snprintf(name, sizeof name, "%s.replication-master", S[n].name);
        i = parse_case(name);
        assert_int_equal(i.role, ROLE_MASTER);
        assert_string_equal(i.role_word, "master");
        assert_false(i.link_known);
        assert_true(i.master_offset >= 0);
        assert_int_equal(i.good_replicas, -1);

        snprintf(name, sizeof name, "%s.replication-replica", S[n].name);
        i = parse_case(name);
        assert_int_equal(i.role, ROLE_REPLICA);
        assert_string_equal(i.role_word, "replica");
        assert_true(i.link_known && i.link_up);
        assert_true(i.replica_offset >= 0);
        assert_false(i.syncing);

        snprintf(name, sizeof name, "%s.replication-never-linked", S[n].name);
        i = parse_case(name);
        assert_int_equal(i.role, ROLE_REPLICA);
        assert_true(i.link_known && !i.link_up);
        assert_int_equal(i.link_down_s, -1);
    }
}

static void real_servers_say_what_is_wrong(void **state)
{
    (void)state;
    assert_int_equal(
        parse_case("redis70.replication-min-replicas").good_replicas, 0);
    assert_true(parse_case("redis70.server-cluster").is_cluster);
    assert_true(parse_case("redis80.server-cluster").is_cluster);
    assert_string_equal(
        parse_case("redis70.cluster-info-no-slots").cluster_state, "fail");
    assert_string_equal(
        parse_case("redis80.cluster-info-no-slots").cluster_state, "fail");
    struct reply_info i = parse_case("redis70.server-sentinel");
    assert_true(i.is_sentinel);
    assert_int_equal(i.role, ROLE_SENTINEL);
    i = parse_case("keydb.replication-active-replica");
    assert_int_equal(i.role, ROLE_ACTIVE_REPLICA);
    assert_string_equal(i.role_word, "active-replica");
    assert_true(i.link_known && i.link_up);
    i = parse_case("keydb.replication-active-replica-peer-dead");
    assert_int_equal(i.role, ROLE_ACTIVE_REPLICA);
    assert_true(i.link_known && !i.link_up);
    assert_int_equal(i.link_down_s, 2);
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
    struct reply_info i = parse("role:master\r\nmaster_repl_offset:5\r\n"
                                "redis_version:7\r\nmaster_link_status:up\r\n"
                                "role:slave\r\nmaster_repl_offset:x\r\n"
                                "redis_version:?\r\n");
    assert_int_equal(i.role, ROLE_REPLICA);
    assert_int_equal(i.master_offset, -1);
    assert_string_equal(i.version, "");
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
        cmocka_unit_test(a_link_is_down_if_any_of_them_is),
        cmocka_unit_test(a_word_that_is_not_known_is_a_role_all_the_same),
        cmocka_unit_test(relatives_say_their_own_name_and_version),
        cmocka_unit_test(a_process_is_told_by_its_run_id),
        cmocka_unit_test(a_long_line_says_nothing_and_hides_nothing),
        cmocka_unit_test(real_servers_say_what_they_are),
        cmocka_unit_test(real_servers_say_what_is_wrong),
        cmocka_unit_test(lines_need_neither_cr_nor_a_last_newline),
        cmocka_unit_test(of_a_doubled_key_the_last_holds),
        cmocka_unit_test(what_is_no_info_says_nothing),
        cmocka_unit_test(every_cut_of_an_info_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
