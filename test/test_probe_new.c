/*
 * The new connection beside the kept one: when it is made, what comes of it,
 * and how many there ever are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../src/probe/judge.h"
#include "bench.h"
#include "fake_redis.h"

#define SELDOM "connect_interval = 60m\n"
#define ALWAYS "interval = 1s\nconnect_interval = 1s\n"

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

/* One whose connection stands, and answers. */
static struct bench *settled(const char *keys)
{
    struct bench *b = bench_open(fake_redis_address(fake), keys);
    const struct result *r = bench_probe(b);

    assert_saw(r, REASON_OK, "");
    assert_int_equal(r->answered_by, ANSWERED_BY_NEW);
    bench_holds(b, STATUS_UP);
    return b;
}

static bool one_is_open(void *arg)
{
    bench_turn(arg);
    return fake_redis_open(fake) == 1;
}

static void between_renewals_the_kept_one_is_asked(void **state)
{
    struct bench *b = settled(SELDOM);
    const struct result *r = NULL;

    (void)state;
    for (int i = 0; i < 5; i++)
        r = bench_probe(b);
    assert_saw(r, REASON_OK, "");
    assert_int_equal(r->answered_by, ANSWERED_BY_KEPT);
    assert_int_equal(fake_redis_accepted(fake), 1);
    bench_close(b);
}

static void a_renewal_replaces_the_kept_one_unasked(void **state)
{
    struct bench *b = settled(ALWAYS);
    const struct result *r = bench_probe(b);

    (void)state;
    assert_saw(r, REASON_OK, "");
    assert_int_equal(r->answered_by, ANSWERED_BY_NEW);
    assert_int_equal(fake_redis_accepted(fake), 2);
    assert_int_equal(fake_redis_asked(fake, "PING"), 2);
    assert_true(bench_until(one_is_open, b));
    bench_close(b);
}

static void a_new_one_that_is_refused_is_no_new_clients_until_served(
    void **state)
{
    struct bench *b = settled(ALWAYS);
    const struct result *r;

    (void)state;
    fake_redis_answer(fake, "accept", FAKE_CLOSE,
                      "-ERR max number of clients reached\r\n");
    for (unsigned i = 1; i <= 3; i++) {
        r = bench_probe(b);
        assert_saw(r, REASON_NO_NEW_CLIENTS,
                   "maxclients: ERR max number of clients reached");
        assert_int_equal(r->answered_by, ANSWERED_BY_KEPT);
        assert_true(r->rtt_us >= 0);
        assert_false(r->timed);
        assert_int_equal(fake_redis_accepted(fake), 1 + i);
        bench_holds(b, STATUS_DEGRADED);
    }
    fake_redis_answer(fake, "accept", FAKE_KEEP, NULL);
    r = bench_probe(b);
    assert_saw(r, REASON_OK, "");
    assert_int_equal(r->answered_by, ANSWERED_BY_NEW);
    bench_close(b);
}

static void every_probe_tries_a_new_one_until_one_is_served(void **state)
{
    struct bench *b = settled("interval = 1s\nconnect_interval = 2s\n");
    unsigned accepted;

    (void)state;
    fake_redis_answer(fake, "accept", FAKE_CLOSE,
                      "-ERR max number of clients reached\r\n");
    while (bench_probe(b)->reason == REASON_OK)
        ;
    accepted = fake_redis_accepted(fake);
    for (unsigned i = 1; i <= 3; i++) {
        assert_saw(bench_probe(b), REASON_NO_NEW_CLIENTS, "maxclients: ");
        assert_int_equal(fake_redis_accepted(fake), accepted + i);
    }
    bench_close(b);
}

static void an_answer_that_contradicts_is_asked_for_anew(void **state)
{
    struct bench *b = settled(SELDOM);

    (void)state;
    fake_redis_answer(fake, "PING", FAKE_KEEP, "-LOADING wait\r\n");
    assert_saw(bench_probe(b), REASON_LOADING, "");
    assert_int_equal(fake_redis_accepted(fake), 2);
    /* One that is as the status says is not. */
    bench_holds(b, STATUS_DEGRADED);
    assert_saw(bench_probe(b), REASON_LOADING, "");
    assert_int_equal(fake_redis_accepted(fake), 2);
    fake_redis_answer(fake, "PING", FAKE_KEEP, "+PONG\r\n");
    assert_saw(bench_probe(b), REASON_OK, "");
    assert_int_equal(fake_redis_accepted(fake), 3);
    bench_close(b);
}

static void credentials_that_fail_anew_leave_the_result(void **state)
{
    struct bench *b = settled(ALWAYS "password = p\n");
    const struct result *r;

    (void)state;
    fake_redis_answer(fake, "AUTH", FAKE_KEEP, "-WRONGPASS no such\r\n");
    for (int i = 0; i < 2; i++) {
        r = bench_probe(b);
        assert_saw(r, REASON_OK, "");
        assert_true(r->credentials_rejected);
        assert_int_equal(r->answered_by, ANSWERED_BY_KEPT);
    }
    fake_redis_answer(fake, "AUTH", FAKE_KEEP, "+OK\r\n");
    r = bench_probe(b);
    assert_saw(r, REASON_OK, "");
    assert_false(r->credentials_rejected);
    /* Without a kept one it is what it always was. */
    fake_redis_answer(fake, "AUTH", FAKE_KEEP, "-WRONGPASS no such\r\n");
    fake_redis_drop(fake);
    while (bench_lost(b) == 0)
        bench_turn(b);
    assert_saw(bench_probe(b), REASON_WRONGPASS, "");
    bench_close(b);
}

static void a_mute_kept_one_is_hedged_within_the_same_probe(void **state)
{
    struct bench *b = settled(SELDOM "timeout = 9s\n");
    const struct result *r;

    (void)state;
    fake_redis_answer(fake, "PING", FAKE_HANG, NULL);
    bench_start(b);
    while (fake_redis_asked(fake, "PING") < 2)
        bench_turn(b);
    fake_redis_answer(fake, "PING", FAKE_KEEP, "+PONG\r\n");
    r = bench_finish(b);
    assert_saw(r, REASON_OK, "");
    assert_int_equal(r->answered_by, ANSWERED_BY_NEW);
    assert_int_equal(fake_redis_accepted(fake), 2);
    bench_close(b);
}

static void a_hung_server_never_has_more_than_two_of_ours(void **state)
{
    struct bench *b = settled(ALWAYS "timeout = 60ms\n");
    struct bench *other;

    (void)state;
    fake_redis_pause(fake, true);
    for (int i = 0; i < 10; i++) {
        /* An acknowledgement may come as late as the end of the first. */
        assert_saw(bench_probe(b), REASON_REPLY_TIMEOUT,
                   i == 0 ? ""
                          : ": the host acknowledged the request, the process "
                            "did not answer");
        bench_holds(b, i < 3 ? STATUS_UP : STATUS_DOWN);
    }
    fake_redis_pause(fake, false);
    /* What else had come would be served before this one. */
    other = bench_open(fake_redis_address(fake), "timeout = 20s\n");
    assert_saw(bench_probe(other), REASON_OK, "");
    assert_int_equal(fake_redis_accepted(fake), 3);
    bench_close(other);
    bench_close(b);
}

static bool both_were_late(void *arg)
{
    bench_turn(arg);
    return bench_late(arg) > 0 && fake_redis_asked(fake, "PING") == 2;
}

static void a_lost_question_is_asked_anew_in_the_next_probe(void **state)
{
    struct bench *b =
        bench_open(fake_redis_address(fake), SELDOM "timeout = 60ms\n");
    const struct result *r;

    (void)state;
    bench_holds(b, STATUS_DOWN);
    /* As by a proxy: the question arrives, and is forgotten. */
    fake_redis_answer(fake, "accept", FAKE_HANG, NULL);
    assert_saw(bench_probe(b), REASON_REPLY_TIMEOUT, "(in CLIENT SETNAME)");
    fake_redis_answer(fake, "accept", FAKE_KEEP, NULL);
    r = bench_probe(b);
    assert_saw(r, REASON_OK, "");
    assert_int_equal(r->answered_by, ANSWERED_BY_NEW);
    assert_int_equal(fake_redis_accepted(fake), 2);
    bench_close(b);
}

static void a_late_answer_is_told_and_its_connection_asked_again(void **state)
{
    struct bench *b =
        bench_open(fake_redis_address(fake), SELDOM "timeout = 60ms\n");
    const struct result *r;

    (void)state;
    bench_holds(b, STATUS_DOWN);
    fake_redis_pause(fake, true);
    assert_saw(bench_probe(b), REASON_REPLY_TIMEOUT, "(in CLIENT SETNAME)");
    assert_saw(bench_probe(b), REASON_REPLY_TIMEOUT, "(in CLIENT SETNAME)");
    assert_saw(bench_probe(b), REASON_REPLY_TIMEOUT, "");
    assert_int_equal(bench_late(b), 0);
    fake_redis_pause(fake, false);
    /* Both questions are answered: that is no result, and told once. */
    assert_true(bench_until(both_were_late, b));
    bench_holds(b, STATUS_UNKNOWN);
    r = bench_probe(b);
    assert_saw(r, REASON_OK, "");
    assert_true(fake_redis_asked(fake, "PING") >= 3);
    assert_int_equal(fake_redis_accepted(fake), 2);
    assert_int_equal(bench_late(b), 1);
    bench_close(b);
}

static void a_new_one_that_is_waited_for_is_not_dialled_again(void **state)
{
    struct bench *b =
        settled("interval = 1s\nconnect_interval = 60s\ntimeout = 60ms\n");

    (void)state;
    fake_redis_answer(fake, "accept", FAKE_HANG, NULL);
    bench_holds(b, STATUS_DEGRADED); /* so that the answer contradicts it */
    for (int i = 0; i < 5; i++)
        assert_saw(bench_probe(b), REASON_NO_NEW_CLIENTS, "reply_timeout: ");
    assert_true(bench_probe(b)->timed);
    assert_int_equal(fake_redis_accepted(fake), 2);
    bench_close(b);
}

static void keep(struct kept_verdict *k, enum reason reason, const char *words)
{
    struct verdict v;

    verdict_set(&v, reason, "%s", words);
    verdict_keep(k, &v);
}

static void what_a_new_client_met_decides(void **state)
{
    static const struct {
        enum reason kept, new, is;
        bool login;
    } cases[] = {
        { REASON_OK, REASON_REFUSED, REASON_NO_NEW_CLIENTS, false },
        { REASON_LOADING, REASON_RESET, REASON_NO_NEW_CLIENTS, false },
        { REASON_OK, REASON_TLS, REASON_NO_NEW_CLIENTS, false },
        { REASON_OK, REASON_PROTOCOL, REASON_NO_NEW_CLIENTS, false },
        { REASON_NOPERM, REASON_CLOSED, REASON_CLOSED, false },
        { REASON_OK, REASON_LOADING, REASON_LOADING, false },
        { REASON_OK, REASON_NOPERM, REASON_NOPERM, false },
        { REASON_OK, REASON_WRONGPASS, REASON_OK, true },
        { REASON_BUSY, REASON_NOAUTH, REASON_BUSY, true },
        { REASON_OK, REASON_DOUBT, REASON_OK, false },
        { REASON_OK, REASON_DNS, REASON_OK, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct kept_verdict kept = { 0 }, new = { 0 };
        struct verdict v;

        keep(&kept, cases[i].kept, "k");
        keep(&new, cases[i].new, "n");
        assert_int_equal(judge_new_client(&kept, &new, &v), cases[i].login);
        assert_int_equal(v.reason, cases[i].is);
        if (v.reason == REASON_NO_NEW_CLIENTS) {
            assert_string_equal(v.detail + strlen(v.detail) - 3, ": n");
            assert_memory_equal(v.detail, reason_name(cases[i].new),
                                strlen(v.detail) - 3);
        }
        free(kept.words);
        free(new.words);
    }
}

static void a_certificate_of_ours_that_is_refused_is_a_login(void **state)
{
    struct kept_verdict kept = { 0 }, new = { .reason = REASON_TLS };
    struct verdict v;

    (void)state;
    new.ours = true;
    keep(&kept, REASON_OK, "");
    assert_true(judge_new_client(&kept, &new, &v));
    assert_int_equal(v.reason, REASON_OK);
}

#define with_fake(f) cmocka_unit_test_setup_teardown(f, start_fake, stop_fake)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_fake(between_renewals_the_kept_one_is_asked),
        with_fake(a_renewal_replaces_the_kept_one_unasked),
        with_fake(a_new_one_that_is_refused_is_no_new_clients_until_served),
        with_fake(every_probe_tries_a_new_one_until_one_is_served),
        with_fake(an_answer_that_contradicts_is_asked_for_anew),
        with_fake(credentials_that_fail_anew_leave_the_result),
        with_fake(a_mute_kept_one_is_hedged_within_the_same_probe),
        with_fake(a_hung_server_never_has_more_than_two_of_ours),
        with_fake(a_lost_question_is_asked_anew_in_the_next_probe),
        with_fake(a_late_answer_is_told_and_its_connection_asked_again),
        with_fake(a_new_one_that_is_waited_for_is_not_dialled_again),
        cmocka_unit_test(what_a_new_client_met_decides),
        cmocka_unit_test(a_certificate_of_ours_that_is_refused_is_a_login),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
