/*
 * What a probe makes of what a server says.  Connections that fail, and
 * names, are in test_probe_net.c, real servers in test_probe_real.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <malloc.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/role.h"

#include "bench.h"
#include "fake_redis.h"

#define TIMEOUT "timeout = 250ms\n"

static struct fake_redis *fake;

static int start_fake(void **state)
{
    (void)state;
    fake = fake_redis_start("127.0.0.1");
    return 0;
}

static int stop_fake(void **state)
{
    (void)state;
    fake_redis_stop(fake);
    return 0;
}

/* The first probe on a new connection. */
static struct result probe_once(const char *keys)
{
    struct bench *b = bench_open(fake_redis_address(fake), keys);
    struct result r = *bench_probe(b);

    bench_close(b);
    return r;
}

static void a_healthy_master_is_ok_and_tells_about_itself(void **state)
{
    struct result r = probe_once("");

    (void)state;
    assert_saw(&r, REASON_OK, "");
    assert_string_equal(r.detail, "");
    assert_int_equal(r.role, ROLE_MASTER);
    assert_string_equal(r.version, "7.0.15");
    assert_true(r.fresh_info);
    assert_string_equal(r.replid, "0123456789abcdef0123456789abcdef01234567");
    assert_int_equal(r.offset, 1000);
    assert_true(r.rtt_us >= 0);
    assert_true(r.started_mono_us > 0);
    assert_true(r.ended_wall_ms > 0);
    assert_int_equal(fake_redis_asked(fake, "AUTH"), 0);
    assert_int_equal(fake_redis_asked(fake, "CLIENT"), 1);
}

static void what_ping_is_answered_with_is_the_reason(void **state)
{
    static const struct {
        const char *says;
        enum reason reason;
    } cases[] = {
        { "LOADING Redis is loading the dataset in memory", REASON_LOADING },
        { "BUSY Redis is busy running a script.", REASON_BUSY },
        { "MISCONF Redis is configured to save RDB snapshots", REASON_MISCONF },
        { "MASTERDOWN Link with MASTER is down", REASON_MASTERDOWN },
        { "NOAUTH Authentication required.", REASON_NOAUTH },
        { "NOPERM this user has no permissions to run the 'ping' command",
          REASON_NOPERM },
        { "ERR something else", REASON_PROTOCOL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char line[128];
        struct result r;

        snprintf(line, sizeof line, "-%s\r\n", cases[i].says);
        fake_redis_answer(fake, "PING", FAKE_KEEP, line);
        r = probe_once("");
        assert_saw(&r, cases[i].reason, cases[i].says);
        assert_true(r.rtt_us >= 0);
    }
}

static void a_loading_server_keeps_its_connection(void **state)
{
    struct bench *b = bench_open(fake_redis_address(fake), "");

    (void)state;
    fake_redis_answer(fake, "PING", FAKE_KEEP, "-LOADING wait\r\n");
    assert_saw(bench_probe(b), REASON_LOADING, "LOADING wait");
    fake_redis_answer(fake, "PING", FAKE_KEEP, "+PONG\r\n");
    assert_saw(bench_probe(b), REASON_OK, "");
    assert_int_equal(fake_redis_accepted(fake), 1);
    bench_close(b);
}

static void a_replica_without_its_master_is_replica_link_down(void **state)
{
    struct result r;

    (void)state;
    fake_redis_answer_bulk(fake, "INFO replication",
                           "role:slave\r\nmaster_link_status:down\r\n"
                           "master_link_down_since_seconds:12\r\n"
                           "slave_repl_offset:77\r\n");
    r = probe_once("");
    assert_saw(&r, REASON_REPLICA_LINK_DOWN, "link to the master is down");
    assert_int_equal(r.role, ROLE_REPLICA);
    assert_int_equal(r.offset, 77);
}

static void another_role_than_expected_is_wrong_role(void **state)
{
    struct result r = probe_once("expect_role = replica\n");

    (void)state;
    assert_saw(&r, REASON_WRONG_ROLE, "is master, expected replica");
    fake_redis_answer_bulk(fake, "INFO replication",
                           "role:slave\r\nmaster_link_status:down\r\n");
    r = probe_once("expect_role = master\n");
    assert_saw(&r, REASON_WRONG_ROLE, "is replica, expected master");
    fake_redis_answer_bulk(fake, "INFO replication", "nothing:here\r\n");
    r = probe_once("expect_role = master\n");
    assert_saw(&r, REASON_NO_INFO, "INFO does not say the role");
    r = probe_once("");
    assert_saw(&r, REASON_OK, "");
}

static void a_replica_tells_how_far_it_is_behind(void **state)
{
    struct result r;

    (void)state;
    fake_redis_answer_bulk(fake, "INFO replication",
                           "role:slave\r\nmaster_link_status:up\r\n"
                           "slave_read_repl_offset:3000\r\n"
                           "slave_repl_offset:1000\r\n"
                           "master_repl_offset:1500\r\n");
    r = probe_once("");
    assert_saw(&r, REASON_OK, "");
    assert_true(r.follows);
    assert_int_equal(r.offset, 1000);
    assert_int_equal(r.behind, 2000);
    /* Before Redis 7 a replica knows its own offset alone. */
    fake_redis_answer_bulk(fake, "INFO replication",
                           "role:slave\r\nmaster_link_status:up\r\n"
                           "slave_repl_offset:1000\r\n"
                           "master_repl_offset:1000\r\n");
    r = probe_once("");
    assert_int_equal(r.behind, -1);
}

static void a_refused_info_counts_only_where_it_is_needed(void **state)
{
    struct result r;

    (void)state;
    fake_redis_answer(fake, "INFO replication", FAKE_KEEP,
                      "-NOPERM no info for you\r\n");
    r = probe_once("");
    assert_saw(&r, REASON_OK, "");
    assert_false(r.fresh_info);
    assert_string_equal(r.refusal, "NOPERM no info for you");
    /* A check that needs it is never passed in silence. */
    r = probe_once("max_lag = 1M\n");
    assert_saw(&r, REASON_NO_INFO, "INFO is refused: NOPERM no info for you");
    r = probe_once("expect_role = master\n");
    assert_saw(&r, REASON_NO_INFO, "INFO is refused: NOPERM no info for you");
    fake_redis_answer(fake, "PING", FAKE_KEEP, "-BUSY script\r\n");
    r = probe_once("");
    assert_saw(&r, REASON_BUSY, "BUSY script");
}

/* What keeps the data from being right comes before what cannot be saved. */
static void a_dead_link_comes_before_misconf(void **state)
{
    struct result r;

    (void)state;
    fake_redis_answer(fake, "PING", FAKE_KEEP, "-MISCONF disk\r\n");
    r = probe_once("");
    assert_saw(&r, REASON_MISCONF, "MISCONF disk");
    fake_redis_answer_bulk(fake, "INFO replication",
                           "role:slave\r\nmaster_link_status:down\r\n"
                           "master_sync_in_progress:1\r\n"
                           "master_link_down_since_seconds:7\r\n");
    r = probe_once("");
    assert_saw(&r, REASON_REPLICA_LINK_DOWN,
               "synchronisation with the master under way");
    fake_redis_answer(fake, "PING", FAKE_KEEP, "-BUSY script\r\n");
    r = probe_once("");
    assert_saw(&r, REASON_BUSY, "BUSY script");
    fake_redis_answer(fake, "PING", FAKE_KEEP, "-MISCONF disk\r\n");
    fake_redis_answer_bulk(fake, "INFO replication",
                           "role:master\r\nmin_slaves_good_slaves:0\r\n");
    r = probe_once("");
    assert_saw(&r, REASON_MISCONF, "");
    fake_redis_answer(fake, "PING", FAKE_KEEP, "+PONG\r\n");
    r = probe_once("");
    assert_saw(&r, REASON_NO_REPLICAS, "min-replicas-to-write");
    r = probe_once("expect_role = replica\n");
    assert_saw(&r, REASON_WRONG_ROLE, "is master, expected replica");
    fake_redis_answer_bulk(fake, "INFO replication",
                           "role:witness\r\nmaster_1_link_status:down\r\n");
    r = probe_once("");
    assert_saw(&r, REASON_REPLICA_LINK_DOWN, "never up");
    assert_string_equal(r.role_word, "witness");
    fake_redis_answer_bulk(fake, "INFO replication",
                           "role:active-replica\r\nmaster_link_status:up\r\n");
    r = probe_once("expect_role = master\n");
    assert_saw(&r, REASON_OK, "");
}

/* So does a TLS port that is asked in plain. */
static void what_closes_without_a_word_may_want_tls(void **state)
{
    struct result r;

    (void)state;
    fake_redis_answer(fake, "accept", FAKE_CLOSE, NULL);
    r = probe_once("");
    assert_true(r.reason == REASON_CLOSED || r.reason == REASON_RESET);
    assert_non_null(strstr(r.detail, "it may want TLS"));
    fake_redis_answer(fake, "accept", FAKE_KEEP, NULL);
    fake_redis_answer(fake, "CLIENT", FAKE_CLOSE, NULL);
    fake_redis_answer(fake, "PING", FAKE_CLOSE, "+PO");
    r = probe_once("");
    assert_saw(&r, REASON_CLOSED, "(in PING)");
    assert_null(strstr(r.detail, "TLS"));
}

/* As twemproxy: what came before in the same write is not answered either. */
static void what_closes_over_courtesy_is_asked_ping_alone(void **state)
{
    struct bench *b =
        bench_open(fake_redis_address(fake), "expect_role = any\n");
    const struct result *r;

    (void)state;
    fake_redis_answer(fake, "CLIENT", FAKE_CLOSE, NULL);
    r = bench_probe(b);
    assert_saw(r, REASON_OK, "");
    assert_string_equal(r->refusal, "the connection is closed");
    assert_int_equal(r->role, ROLE_ANY);
    assert_int_equal(fake_redis_accepted(fake), 2);
    /* That is remembered. */
    assert_saw(bench_probe_info(b), REASON_OK, "");
    assert_int_equal(fake_redis_accepted(fake), 2);
    assert_int_equal(fake_redis_asked(fake, "CLIENT"), 1);
    bench_close(b);
}

static void a_check_that_needs_info_fails_where_it_is_not_asked(void **state)
{
    struct result r = probe_once("probe = ping\nexpect_role = master\n");

    (void)state;
    assert_saw(&r, REASON_NO_INFO, "INFO is not asked");
    assert_int_equal(fake_redis_asked(fake, "INFO replication"), 0);
    assert_int_equal(fake_redis_asked(fake, "CLIENT"), 0);
    r = probe_once("probe = ping\n");
    assert_saw(&r, REASON_OK, "");
    fake_redis_answer(fake, "CLIENT", FAKE_CLOSE, NULL);
    r = probe_once("max_lag = 1M\n");
    assert_saw(&r, REASON_NO_INFO, "the connection is closed");
}

static void refusals_of_name_and_version_do_not_count(void **state)
{
    struct result r;

    (void)state;
    fake_redis_answer(fake, "CLIENT", FAKE_KEEP, "-NOPERM no names\r\n");
    fake_redis_answer(fake, "INFO server", FAKE_KEEP, "-NOPERM no\r\n");
    r = probe_once("");
    assert_saw(&r, REASON_OK, "");
    assert_string_equal(r.version, "");
}

static void between_infos_the_last_one_stands(void **state)
{
    struct bench *b =
        bench_open(fake_redis_address(fake), "info_interval = 1m\n");
    const struct result *r;

    (void)state;
    fake_redis_answer_bulk(fake, "INFO replication",
                           "role:slave\r\nmaster_link_status:down\r\n");
    assert_saw(bench_probe(b), REASON_REPLICA_LINK_DOWN, "");
    fake_redis_answer_bulk(fake, "INFO replication",
                           "role:slave\r\nmaster_link_status:up\r\n");
    r = bench_probe(b);
    assert_saw(r, REASON_REPLICA_LINK_DOWN, "never up");
    assert_false(r->fresh_info);
    assert_int_equal(r->role, ROLE_REPLICA);
    assert_int_equal(r->offset, -1);
    assert_int_equal(fake_redis_asked(fake, "INFO replication"), 1);
    r = bench_probe_info(b);
    assert_saw(r, REASON_OK, "");
    assert_true(r->fresh_info);
    assert_int_equal(fake_redis_asked(fake, "INFO replication"), 2);
    assert_int_equal(fake_redis_asked(fake, "INFO server"), 1);
    bench_close(b);
}

static void a_right_password_lets_in(void **state)
{
    struct result r = probe_once("username = u\npassword = p\n");

    (void)state;
    assert_saw(&r, REASON_OK, "");
    assert_int_equal(fake_redis_asked(fake, "AUTH"), 1);
}

static void a_wrong_password_is_tried_anew_each_time(void **state)
{
    struct bench *b = bench_open(fake_redis_address(fake), "password = p\n");

    (void)state;
    fake_redis_answer(fake, "AUTH", FAKE_KEEP, "-WRONGPASS no such\r\n");
    assert_saw(bench_probe(b), REASON_WRONGPASS, "WRONGPASS no such");
    assert_saw(bench_probe(b), REASON_WRONGPASS, "WRONGPASS no such");
    fake_redis_answer(fake, "AUTH", FAKE_KEEP, "+OK\r\n");
    assert_saw(bench_probe(b), REASON_OK, "");
    assert_int_equal(fake_redis_accepted(fake), 3);
    bench_close(b);
}

static bool was_lost(void *arg)
{
    bench_turn(arg);
    return bench_lost(arg) > 0;
}

static void a_connection_that_ends_between_probes_is_told_once(void **state)
{
    struct bench *b = bench_open(fake_redis_address(fake), "");

    (void)state;
    assert_saw(bench_probe(b), REASON_OK, "");
    assert_int_equal(bench_lost(b), 0);
    fake_redis_drop(fake);
    assert_true(bench_until(was_lost, b));
    assert_int_equal(bench_phase(b), PROBE_IDLE);
    assert_saw(bench_probe(b), REASON_OK, "");
    assert_int_equal(bench_lost(b), 1);
    bench_close(b);
}

static void one_that_ends_in_a_probe_is_not(void **state)
{
    struct bench *b = bench_open(fake_redis_address(fake), "");

    (void)state;
    fake_redis_answer(fake, "PING", FAKE_CLOSE, NULL);
    assert_saw(bench_probe(b), REASON_CLOSED, "");
    bench_turn(b);
    assert_int_equal(bench_lost(b), 0);
    bench_close(b);
}

static void a_server_that_closes_with_a_word_is_taken_at_its_word(void **state)
{
    static const struct {
        const char *says;
        enum reason reason;
    } cases[] = {
        { "ERR max number of clients reached", REASON_MAXCLIENTS },
        { "DENIED Redis is running in protected mode", REASON_NOPERM },
    };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char line[128];
        struct result r;

        snprintf(line, sizeof line, "-%s\r\n", cases[i].says);
        fake_redis_answer(fake, "accept", FAKE_CLOSE, line);
        r = probe_once("password = p\n");
        assert_saw(&r, cases[i].reason, cases[i].says);
    }
}

static void what_is_no_answer_is_protocol(void **state)
{
    static const char *const says[] = {
        "+PANG\r\n",
        ":1\r\n",
        "$-1\r\n",
        "*1\r\n$4\r\nPONG\r\n",
        "\x16\x03\x01garbage\r\n",
        "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
        "$2147483647\r\n",
        "$99999999999999999999\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof says / sizeof says[0]; i++) {
        struct result r;

        fake_redis_answer(fake, "PING", FAKE_KEEP, says[i]);
        r = probe_once("");
        assert_saw(&r, REASON_PROTOCOL, "(in PING)");
        assert_int_equal(r.rtt_us, -1);
    }
    fake_redis_answer(fake, "accept", FAKE_KEEP, "HTTP/1.1 200 OK\r\n\r\n");
    assert_int_equal(probe_once("").reason, REASON_PROTOCOL);
}

static void a_line_of_more_than_64_kib_is_protocol(void **state)
{
    const size_t len = 70 * 1024;
    char *text = malloc(len + 16);
    struct result r;

    (void)state;
    memset(text, 'x', len);
    text[0] = '+'; /* a line that does not end */
    text[len] = '\0';
    fake_redis_answer(fake, "PING", FAKE_KEEP, text);
    r = probe_once("");
    assert_saw(&r, REASON_PROTOCOL, "");
    free(text);
}

/* As of a master with a thousand replicas: what matters is read. */
static void an_info_of_a_megabyte_is_read(void **state)
{
    static const char *const REPLICA =
        "slave0:ip=10.0.0.1,port=6379,state=online,offset=1,lag=0\r\n";
    const size_t len = 1 << 20;
    char *text = malloc(len + 128);
    size_t at;
    struct result r;

    (void)state;
    strcpy(text, "# Replication\r\nrole:master\r\n");
    for (at = strlen(text); at < len; at += strlen(REPLICA))
        strcpy(text + at, REPLICA);
    strcpy(text + at, "master_repl_offset:42\r\n");
    fake_redis_answer_bulk(fake, "INFO replication", text);
    r = probe_once("timeout = 5s\n");
    assert_saw(&r, REASON_OK, "");
    assert_int_equal(r.role, ROLE_MASTER);
    assert_int_equal(r.offset, 42);
    free(text);
    fake_redis_answer(fake, "INFO replication", FAKE_KEEP, "$4194305\r\n");
    r = probe_once("");
    assert_saw(&r, REASON_PROTOCOL, "bulk of more than 4194304 bytes");
}

static void answers_that_nobody_asked_for_close_the_connection(void **state)
{
    struct bench *b = bench_open(fake_redis_address(fake), "");

    (void)state;
    fake_redis_answer_bulk(fake, "INFO server", "redis_version:1\r\n");
    fake_redis_answer(fake, "INFO replication", FAKE_KEEP,
                      "$0\r\n\r\n+OK\r\n+O");
    assert_saw(bench_probe(b), REASON_OK, "");
    assert_saw(bench_probe(b), REASON_OK, "");
    assert_int_equal(fake_redis_accepted(fake), 2);
    bench_close(b);
}

static void a_reply_in_many_pieces_is_put_together(void **state)
{
    struct bench *b = bench_open(fake_redis_address(fake), "timeout = 5s\n");

    (void)state;
    assert_saw(bench_probe(b), REASON_OK, "");
    fake_redis_answer(fake, "PING", FAKE_DRIP, "+PONG\r\n");
    assert_saw(bench_probe(b), REASON_OK, "");
    bench_close(b);
}

static void a_server_that_drips_is_reply_timeout(void **state)
{
    struct result r;

    (void)state;
    fake_redis_answer(fake, "PING", FAKE_DRIP,
                      "-ERR this is a long line that would take a second or "
                      "two until it is all there, which is too long\r\n");
    r = probe_once(TIMEOUT);
    assert_saw(&r, REASON_REPLY_TIMEOUT, "no reply within 250 ms (in PING)");
    assert_int_equal(r.rtt_us, -1);
}

static void after_a_timeout_the_connection_is_a_new_one(void **state)
{
    struct bench *b = bench_open(fake_redis_address(fake), TIMEOUT);

    (void)state;
    fake_redis_answer(fake, "PING", FAKE_HANG, NULL);
    assert_saw(bench_probe(b), REASON_REPLY_TIMEOUT, "(in PING)");
    fake_redis_answer(fake, "PING", FAKE_KEEP, "+PONG\r\n");
    assert_saw(bench_probe(b), REASON_OK, "");
    assert_int_equal(fake_redis_accepted(fake), 2);
    bench_close(b);
}

static void a_stall_of_ours_is_not_held_against_the_server(void **state)
{
    struct bench *b = bench_open(fake_redis_address(fake), TIMEOUT);

    (void)state;
    assert_saw(bench_probe(b), REASON_OK, "");
    bench_start(b);
    usleep(400 * 1000); /* the stall: past the deadline, reply or not */
    assert_saw(bench_finish(b), REASON_OK, "");
    bench_close(b);
}

static void each_phase_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(probe_phase_name(PROBE_IDLE), "idle");
    assert_string_equal(probe_phase_name(PROBE_LOOKUP), "lookup");
    assert_string_equal(probe_phase_name(PROBE_CONNECT), "connect");
    assert_string_equal(probe_phase_name(PROBE_AUTH), "auth");
    assert_string_equal(probe_phase_name(PROBE_REPLY), "reply");
}

static void a_thousand_probes_leave_the_heap_as_it_was(void **state)
{
    struct bench *b = bench_open(fake_redis_address(fake), "");
    struct mallinfo2 before, after;

    (void)state;
    for (int i = 0; i < 10; i++)
        assert_saw(bench_probe_info(b), REASON_OK, "");
    before = mallinfo2();
    for (int i = 0; i < 1000; i++)
        assert_saw(bench_probe_info(b), REASON_OK, "");
    after = mallinfo2();
    assert_int_equal(after.uordblks, before.uordblks);
    assert_int_equal(fake_redis_accepted(fake), 1);
    bench_close(b);
}

#define with_fake(f) cmocka_unit_test_setup_teardown(f, start_fake, stop_fake)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_fake(a_healthy_master_is_ok_and_tells_about_itself),
        with_fake(what_ping_is_answered_with_is_the_reason),
        with_fake(a_loading_server_keeps_its_connection),
        with_fake(a_replica_without_its_master_is_replica_link_down),
        with_fake(another_role_than_expected_is_wrong_role),
        with_fake(a_replica_tells_how_far_it_is_behind),
        with_fake(a_refused_info_counts_only_where_it_is_needed),
        with_fake(a_dead_link_comes_before_misconf),
        with_fake(what_closes_without_a_word_may_want_tls),
        with_fake(what_closes_over_courtesy_is_asked_ping_alone),
        with_fake(a_check_that_needs_info_fails_where_it_is_not_asked),
        with_fake(refusals_of_name_and_version_do_not_count),
        with_fake(between_infos_the_last_one_stands),
        with_fake(a_right_password_lets_in),
        with_fake(a_wrong_password_is_tried_anew_each_time),
        with_fake(a_connection_that_ends_between_probes_is_told_once),
        with_fake(one_that_ends_in_a_probe_is_not),
        with_fake(a_server_that_closes_with_a_word_is_taken_at_its_word),
        with_fake(what_is_no_answer_is_protocol),
        with_fake(a_line_of_more_than_64_kib_is_protocol),
        with_fake(an_info_of_a_megabyte_is_read),
        with_fake(answers_that_nobody_asked_for_close_the_connection),
        with_fake(a_reply_in_many_pieces_is_put_together),
        with_fake(a_server_that_drips_is_reply_timeout),
        with_fake(after_a_timeout_the_connection_is_a_new_one),
        with_fake(a_stall_of_ours_is_not_held_against_the_server),
        cmocka_unit_test(each_phase_has_a_name),
        with_fake(a_thousand_probes_leave_the_heap_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
