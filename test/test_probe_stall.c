/*
 * What a probe tells of a stall of ours: the test holds up the loop that it
 * runs on.
 */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/clock.h"
#include "agent/stall.h"

#include "bench.h"
#include "fake_redis.h"
#include "../src/probe/watch.h"
#include "scratch.h"

#define TIMEOUT  "timeout = 250ms\n"
#define STALL_MS 600
/* Of which at least so much is noticed. */
#define NOTICED_MS (STALL_MS - 2 * STALL_TICK_MS)
#define ATTEMPTS   40

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

static void stall(void)
{
    poll(NULL, 0, STALL_MS);
}

static void a_missing_answer_tells_how_long_we_were_stalled(void **state)
{
    struct bench *b = bench_open(fake_redis_address(fake), TIMEOUT);
    const struct result *r;

    (void)state;
    assert_saw(bench_probe(b), REASON_OK, "");
    fake_redis_answer(fake, "PING", FAKE_HANG, NULL);
    bench_start(b);
    stall();
    r = bench_finish(b);
    assert_saw(r, REASON_REPLY_TIMEOUT, "");
    assert_true(r->timed);
    assert_true(r->stalled_ms >= NOTICED_MS);
    bench_close(b);
}

static void an_answer_counts_however_we_were_stalled(void **state)
{
    struct bench *b = bench_open(fake_redis_address(fake), TIMEOUT);
    const struct result *r;

    (void)state;
    assert_saw(bench_probe(b), REASON_OK, "");
    bench_start(b);
    stall();
    r = bench_finish(b);
    assert_saw(r, REASON_OK, "");
    assert_false(r->timed);
    fake_redis_answer(fake, "PING", FAKE_KEEP, "-LOADING wait\r\n");
    bench_start(b);
    stall();
    r = bench_finish(b);
    assert_saw(r, REASON_LOADING, "");
    assert_false(r->timed);
    bench_close(b);
}

/* Both while nothing is under way, and while a probe hangs: a loop that turns
 * is not stalled. */
static void a_loop_that_turns_has_lost_nothing(void **state)
{
    struct bench *b = bench_open(fake_redis_address(fake), TIMEOUT);
    const struct result *r = NULL;

    (void)state;
    fake_redis_answer(fake, "PING", FAKE_HANG, NULL);
    stall();
    /* A busy machine may stall us really. */
    for (int i = 0; i < ATTEMPTS && (r == NULL || r->stalled_ms > 0); i++)
        r = bench_probe(b);
    assert_saw(r, REASON_REPLY_TIMEOUT, "");
    assert_true(r->timed);
    assert_int_equal(r->stalled_ms, 0);
    bench_close(b);
}

/* Thousands that begin at once hold up the loop, too. */
static void to_be_busy_with_other_probes_is_a_stall(void **state)
{
    struct probe_watch w;
    uv_loop_t loop;

    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    probe_watch_open(&w, &loop);
    uint64_t begun = probe_watch_begin(&w, clock_mono_ms());
    for (int i = 0; i < STALL_MS / STALL_TICK_MS; i++) {
        poll(NULL, 0, STALL_TICK_MS);
        probe_watch_end(&w, probe_watch_begin(&w, clock_mono_ms()),
                        clock_mono_ms());
    }
    assert_true(probe_watch_end(&w, begun, clock_mono_ms()) >= NOTICED_MS);
    probe_watch_close(&w);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void a_refusal_does_not_hang_on_time(void **state)
{
    char address[32];
    struct bench *b;
    int fd;

    (void)state;
    snprintf(address, sizeof address, "127.0.0.1:%u", scratch_port(&fd));
    b = bench_open(address, TIMEOUT);
    assert_saw(bench_probe(b), REASON_REFUSED, "");
    assert_false(bench_probe(b)->timed);
    bench_close(b);
    close(fd);
}

/* Whoever hears nothing from a client may hang up. */
static void a_close_may_be_due_to_our_silence(void **state)
{
    struct bench *b = bench_open(fake_redis_address(fake), TIMEOUT);
    const struct result *r;

    (void)state;
    fake_redis_answer(fake, "PING", FAKE_CLOSE, NULL);
    r = bench_probe(b);
    assert_saw(r, REASON_CLOSED, "");
    assert_true(r->timed);
    bench_close(b);
}

static bool was_asked_twice(void *arg)
{
    return fake_redis_asked(arg, "PING") == 2;
}

static bool all_closed(void *arg)
{
    return fake_redis_open(arg) == 0;
}

/* STATE: how. */
static void what_broke_while_we_slept_is_reopened(void **state)
{
    struct bench *b = bench_open(fake_redis_address(fake), "timeout = 20s\n");
    const enum fake_then *how = *state;

    assert_saw(bench_probe(b), REASON_OK, "");
    fake_redis_answer(fake, "PING", *how, NULL);
    bench_start(b);
    assert_true(bench_until(was_asked_twice, fake));
    assert_true(bench_until(all_closed, fake));
    fake_redis_answer(fake, "PING", FAKE_KEEP, "+PONG\r\n");
    stall();
    assert_saw(bench_finish(b), REASON_OK, "");
    assert_int_equal(fake_redis_accepted(fake), 2);
    bench_close(b);
}

#define with_fake(f) cmocka_unit_test_setup_teardown(f, start_fake, stop_fake)

int main(void)
{
    static enum fake_then closed = FAKE_CLOSE;
    static enum fake_then was_reset = FAKE_RESET;
    const struct CMUnitTest tests[] = {
        with_fake(a_missing_answer_tells_how_long_we_were_stalled),
        with_fake(an_answer_counts_however_we_were_stalled),
        with_fake(a_loop_that_turns_has_lost_nothing),
        cmocka_unit_test(to_be_busy_with_other_probes_is_a_stall),
        with_fake(a_refusal_does_not_hang_on_time),
        with_fake(a_close_may_be_due_to_our_silence),
        cmocka_unit_test_prestate_setup_teardown(
            what_broke_while_we_slept_is_reopened, start_fake, stop_fake,
            &closed),
        cmocka_unit_test_prestate_setup_teardown(
            what_broke_while_we_slept_is_reopened, start_fake, stop_fake,
            &was_reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
