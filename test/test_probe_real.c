/*
 * What real servers say.  Where a state takes the server a moment to reach,
 * it is probed until it says so, for ten seconds at most.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/role.h"

#include "bench.h"
#include "real_redis.h"
#include "scratch.h"

/* Generous: the machine may be busy. */
#define TIMEOUT "timeout = 5s\n"

/* The smallest rule that the manual prints. */
#define SMALLEST_ACL "ACL SETUSER probe on >secret +ping +info +client|setname"

struct wanted {
    struct bench *b;
    enum reason reason;
    struct result last;
};

static bool says_so(void *arg)
{
    struct wanted *w = arg;

    w->last = *bench_probe_info(w->b);
    return w->last.reason == w->reason;
}

/* Probes until the reason is WANT. */
static struct result await(struct bench *b, enum reason want)
{
    struct wanted w = { .b = b, .reason = want };

    bench_until(says_so, &w);
    assert_saw(&w.last, want, "");
    return w.last;
}

static void up_killed_and_back_up(void **state)
{
    struct real_redis *r = real_redis_start("");
    struct bench *b = bench_open(real_redis_address(r), TIMEOUT);
    struct result seen = *bench_probe(b);

    (void)state;
    assert_saw(&seen, REASON_OK, "");
    assert_int_equal(seen.role, ROLE_MASTER);
    assert_int_equal(strlen(seen.replid), 40);
    assert_true(seen.offset >= 0);
    assert_non_null(strchr(seen.version, '.'));
    real_redis_kill(r);
    assert_saw(bench_probe(b), REASON_REFUSED, "connect: connection refused");
    real_redis_revive(r);
    assert_saw(bench_probe(b), REASON_OK, "");
    bench_close(b);
    real_redis_stop(r);
}

static void a_stopped_server_is_reply_timeout_and_recovers(void **state)
{
    struct real_redis *r = real_redis_start("");
    struct bench *b = bench_open(real_redis_address(r), "timeout = 300ms\n");

    (void)state;
    await(b, REASON_OK);
    real_redis_signal(r, SIGSTOP);
    assert_saw(bench_probe(b), REASON_REPLY_TIMEOUT,
               "the process did not answer");
    assert_saw(bench_probe(b), REASON_REPLY_TIMEOUT, "(in CLIENT SETNAME)");
    real_redis_signal(r, SIGCONT);
    await(b, REASON_OK);
    bench_close(b);
    real_redis_stop(r);
}

static void unix_sockets_are_served(void **state)
{
    struct real_redis *r = real_redis_start("");
    struct bench *b = bench_open(real_redis_unix(r), TIMEOUT);

    (void)state;
    /* It listens on TCP, which the start waits for, a moment earlier. */
    await(b, REASON_OK);
    assert_saw(bench_probe(b), REASON_OK, "");
    bench_close(b);
    real_redis_stop(r);
}

static void passwords_are_needed_and_taken(void **state)
{
    struct real_redis *r = real_redis_start("--requirepass secret");
    struct bench *none = bench_open(real_redis_address(r), TIMEOUT);
    struct bench *wrong =
        bench_open(real_redis_address(r), TIMEOUT "password = wrong\n");
    struct bench *right =
        bench_open(real_redis_address(r), TIMEOUT "password = secret\n");

    (void)state;
    assert_saw(bench_probe(none), REASON_NOAUTH, "NOAUTH");
    assert_saw(bench_probe(wrong), REASON_WRONGPASS, "WRONGPASS");
    assert_saw(bench_probe(right), REASON_OK, "");
    assert_saw(bench_probe(right), REASON_OK, "");
    bench_close(none);
    bench_close(wrong);
    bench_close(right);
    real_redis_stop(r);
}

static void the_smallest_acl_rule_is_enough(void **state)
{
    struct real_redis *r = real_redis_start("");
    struct bench *b =
        bench_open(real_redis_address(r), TIMEOUT "username = probe\n"
                                                  "password = secret\n");
    struct result seen;

    (void)state;
    assert_saw(bench_probe(b), REASON_WRONGPASS, "WRONGPASS");
    real_redis_do(r, SMALLEST_ACL);
    seen = *bench_probe(b);
    assert_saw(&seen, REASON_OK, "");
    assert_true(seen.version[0] != '\0');
    real_redis_do(r, "ACL SETUSER probe -ping");
    assert_saw(bench_probe(b), REASON_NOPERM, "'ping'");
    real_redis_do(r, "ACL SETUSER probe +ping -info");
    seen = *bench_probe_info(b);
    assert_saw(&seen, REASON_OK, "");
    assert_non_null(strstr(seen.refusal, "NOPERM"));
    bench_close(b);
    real_redis_stop(r);
}

static void a_script_that_does_not_end_is_busy(void **state)
{
    struct real_redis *r = real_redis_start("--busy-reply-threshold 20");
    struct bench *b = bench_open(real_redis_address(r), TIMEOUT);
    int fd;

    (void)state;
    assert_saw(bench_probe(b), REASON_OK, "");
    fd = real_redis_send(r, "EVAL \"while true do end\" 0");
    await(b, REASON_BUSY);
    real_redis_do(r, "SCRIPT KILL");
    await(b, REASON_OK);
    close(fd);
    bench_close(b);
    real_redis_stop(r);
}

/* The one client that there may be, once the server has let go of the one
 * that waited for it to start. */
static int only_client(struct real_redis *r)
{
    char reply[8] = "";
    int fd;

    do {
        fd = real_redis_send(r, "PING");
        assert_true(read(fd, reply, sizeof reply - 1) > 0);
        if (reply[0] != '+')
            close(fd);
    } while (reply[0] != '+');
    return fd;
}

static void a_full_server_is_maxclients(void **state)
{
    struct real_redis *r = real_redis_start("--maxclients 1");
    struct bench *b = bench_open(real_redis_address(r), TIMEOUT);
    int fd = only_client(r);

    (void)state;
    await(b, REASON_MAXCLIENTS);
    close(fd);
    await(b, REASON_OK);
    bench_close(b);
    real_redis_stop(r);
}

static void a_replica_that_will_not_serve_stale_is_masterdown(void **state)
{
    char options[96];
    int fd;
    struct real_redis *r;
    struct bench *b;

    (void)state;
    snprintf(options, sizeof options,
             "--replicaof 127.0.0.1 %u --replica-serve-stale-data no",
             scratch_port(&fd));
    r = real_redis_start(options);
    b = bench_open(real_redis_address(r), TIMEOUT);
    await(b, REASON_MASTERDOWN);
    bench_close(b);
    real_redis_stop(r);
    close(fd);
}

static void a_replica_is_judged_by_its_link_and_its_role(void **state)
{
    struct real_redis *master =
        real_redis_start("--repl-diskless-sync-delay 0");
    char options[64];
    struct real_redis *replica;
    struct bench *b, *strict;
    struct result seen;

    (void)state;
    snprintf(options, sizeof options, "--replicaof 127.0.0.1 %u",
             real_redis_port(master));
    replica = real_redis_start(options);
    b = bench_open(real_redis_address(replica), TIMEOUT "max_lag = 10M\n");
    strict = bench_open(real_redis_address(replica),
                        TIMEOUT "expect_role = master\n");
    seen = await(b, REASON_OK);
    assert_int_equal(seen.role, ROLE_REPLICA);
    assert_int_equal(strlen(seen.replid), 40);
    assert_saw(bench_probe(strict), REASON_WRONG_ROLE,
               "is replica, expected master");
    real_redis_kill(master);
    seen = await(b, REASON_REPLICA_LINK_DOWN);
    assert_saw(&seen, REASON_REPLICA_LINK_DOWN, "link to the master");
    bench_close(b);
    bench_close(strict);
    real_redis_stop(replica);
    real_redis_stop(master);
}

static void a_server_that_cannot_save_is_misconf(void **state)
{
    /* No file can be made in /proc, not even by root. */
    struct real_redis *r = real_redis_start("--save '3600 1' --dir /proc");
    struct bench *b = bench_open(real_redis_address(r), TIMEOUT);
    int fd;

    (void)state;
    assert_saw(bench_probe(b), REASON_OK, "");
    fd = real_redis_send(r, "BGSAVE");
    await(b, REASON_MISCONF);
    close(fd);
    bench_close(b);
    real_redis_stop(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(up_killed_and_back_up),
        cmocka_unit_test(a_stopped_server_is_reply_timeout_and_recovers),
        cmocka_unit_test(unix_sockets_are_served),
        cmocka_unit_test(passwords_are_needed_and_taken),
        cmocka_unit_test(the_smallest_acl_rule_is_enough),
        cmocka_unit_test(a_script_that_does_not_end_is_busy),
        cmocka_unit_test(a_full_server_is_maxclients),
        cmocka_unit_test(a_replica_that_will_not_serve_stale_is_masterdown),
        cmocka_unit_test(a_replica_is_judged_by_its_link_and_its_role),
        cmocka_unit_test(a_server_that_cannot_save_is_misconf),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
