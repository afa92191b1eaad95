/*
 * What the rounds make of results of a stalled agent.  Time is made up, and
 * so are the results: nothing is ever probed here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/rounds.h"

#include "../src/engine/doubt.h"
#include "fake_engine.h"
#include "must.h"

#define INTERVAL_MS 10000
#define RETRY_MS    1000
#define SLIP_MS     (INTERVAL_MS / 2)
#define SETTINGS                                                   \
    "[agent]\ninterval = 10s\ntimeout = 1s\nretry_interval = 1s\n" \
    "rise = 1\nfall = 1\nworkers = 1\n"                            \
    "[redis:x]\naddress = 127.0.0.1:1\n"

static struct rounds *rounds;
static struct config *config;
static struct instance *x;
static uint64_t began_ms;

static void nobody_wakes(void *arg)
{
    (void)arg;
}

static struct result result_at(uint64_t now_ms, enum reason reason)
{
    return (struct result){
        .reason = reason,
        .started_mono_us = (now_ms - 1000) * 1000,
        .ended_wall_ms = (int64_t)now_ms,
        .timed = reason == REASON_REPLY_TIMEOUT,
        .rtt_us = -1,
        .offset = -1,
        .behind = -1,
    };
}

static void give(uint64_t now_ms, const struct result *r)
{
    x->job.result_mono_ms = now_ms;
    ROUNDS_HOOKS.result(rounds, x, r, r->reason);
}

static void give_reason(uint64_t now_ms, enum reason reason)
{
    struct result r = result_at(now_ms, reason);

    give(now_ms, &r);
}

static void give_void(uint64_t now_ms)
{
    struct result r = result_at(now_ms, REASON_REPLY_TIMEOUT);

    r.stalled_ms = 900;
    give(now_ms, &r);
}

static int set_up(void **state)
{
    struct err e;

    (void)state;
    fakes_reset();
    config = fakes_config(SETTINGS);
    rounds = rounds_start(config, nobody_wakes, NULL, &e);
    MUST(rounds != NULL);
    x = pool_instance(rounds->pool, 0);
    began_ms = rounds->clock.began_mono_ms;
    give_reason(began_ms + 1, REASON_OK);
    assert_int_equal(x->health.status, STATUS_UP);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(rounds_stop(rounds, 10000), STORE_CLOSED);
    config_free(config);
    return 0;
}

static enum status status(void)
{
    return x->health.status;
}

static void a_timeout_counts_when_we_were_awake(void **state)
{
    (void)state;
    give_reason(began_ms + 2000, REASON_REPLY_TIMEOUT);
    assert_int_equal(status(), STATUS_DOWN);
    assert_int_equal(rounds->doubt.voided, 0);
}

static void a_void_result_changes_nothing_and_is_asked_again_at_once(
    void **state)
{
    struct health before = x->health;

    (void)state;
    give_void(began_ms + 2000);
    assert_memory_equal(&x->health, &before, sizeof before);
    assert_int_equal(rounds->doubt.voided, 1);
    assert_int_equal(x->pace.due_mono_ms, began_ms + 2000);
}

static void void_results_in_a_row_are_asked_again_at_the_retry_pace(
    void **state)
{
    (void)state;
    for (uint64_t t = began_ms + 2000; t < began_ms + 6000; t += 1500) {
        give_void(t);
        assert_int_equal(x->pace.due_mono_ms,
                         t == began_ms + 2000 ? t : t + RETRY_MS);
    }
    give_reason(began_ms + 7000, REASON_OK);
    give_void(began_ms + 7500);
    assert_int_equal(x->pace.due_mono_ms, began_ms + 7500);
}

static void a_round_still_waits_for_a_result_that_was_void(void **state)
{
    (void)state;
    x->pace.awaited = true;
    rounds->settled.awaited = 1;
    give_void(began_ms + 2000);
    assert_int_equal(rounds->settled.awaited, 1);
    give_reason(began_ms + 2100, REASON_OK);
    assert_int_equal(rounds->settled.awaited, 0);
}

static void void_results_for_three_intervals_are_doubt(void **state)
{
    uint64_t first = began_ms + 2000;

    (void)state;
    for (uint64_t t = first; t <= first + 3 * INTERVAL_MS; t += INTERVAL_MS)
        give_void(t);
    assert_int_equal(status(), STATUS_UP);
    give_void(first + 3 * INTERVAL_MS + 1);
    assert_int_equal(status(), STATUS_UNKNOWN);
    assert_int_equal(x->health.reason, REASON_DOUBT);
    assert_non_null(strstr(x->detail, "the agent was stalled"));
    give_reason(first + 4 * INTERVAL_MS, REASON_OK);
    assert_int_equal(status(), STATUS_UP);
}

/* However long it was: an echo of it is not a second one. */
static void one_long_stall_is_no_doubt(void **state)
{
    (void)state;
    give_void(began_ms + 2000);
    give_void(began_ms + 2000 + 100 * INTERVAL_MS);
    assert_int_equal(status(), STATUS_UP);
}

/* The loop woke up LATE_MS after it wanted to. */
static void slip(uint64_t wanted_ms, uint64_t late_ms)
{
    rounds->clock.wanted_mono_ms = wanted_ms;
    doubt_note_stall(rounds, wanted_ms + late_ms);
}

static void a_timeout_inside_a_stall_of_the_loop_is_void(void **state)
{
    uint64_t wanted = began_ms + 2000;

    (void)state;
    slip(wanted, SLIP_MS + 1);
    give_reason(wanted + 900, REASON_REPLY_TIMEOUT);
    give_reason(wanted + 3000, REASON_REPLY_TIMEOUT);
    give_reason(wanted + SLIP_MS + 900, REASON_REPLY_TIMEOUT);
    assert_int_equal(status(), STATUS_UP);
    assert_int_equal(rounds->doubt.voided, 3);
}

static void a_timeout_beside_a_stall_of_the_loop_counts(void **state)
{
    uint64_t wanted = began_ms + 5000;

    (void)state;
    slip(wanted, SLIP_MS + 1);
    give_reason(wanted, REASON_REPLY_TIMEOUT);
    assert_int_equal(status(), STATUS_DOWN);
    give_reason(wanted + SLIP_MS + 1, REASON_OK);
    give_reason(wanted + SLIP_MS + 1002, REASON_REPLY_TIMEOUT);
    assert_int_equal(status(), STATUS_DOWN);
    assert_int_equal(rounds->doubt.voided, 0);
}

static void a_short_slip_of_the_loop_makes_nothing_void(void **state)
{
    uint64_t wanted = began_ms + 2000;

    (void)state;
    slip(wanted, SLIP_MS);
    give_reason(wanted + 3000, REASON_REPLY_TIMEOUT);
    assert_int_equal(status(), STATUS_DOWN);
}

static void a_refusal_inside_a_stall_counts(void **state)
{
    uint64_t wanted = began_ms + 2000;
    struct result r = result_at(wanted + 3000, REASON_REFUSED);

    (void)state;
    slip(wanted, SLIP_MS + 1);
    r.stalled_ms = 900;
    give(wanted + 3000, &r);
    assert_int_equal(status(), STATUS_DOWN);
}

static void a_stall_of_the_loop_is_no_silence_of_others(void **state)
{
    uint64_t heard = x->job.result_mono_ms;

    (void)state;
    slip(began_ms + 2000, 60000);
    assert_int_equal(x->job.result_mono_ms, heard + 60000);
    /* It is told and forgiven once. */
    doubt_note_stall(rounds, began_ms + 90000);
    assert_int_equal(x->job.result_mono_ms, heard + 60000);
}

/* Three intervals of silence may be shorter than a second. */
static void with_a_short_interval_a_short_slip_is_forgiven(void **state)
{
    uint64_t heard = x->job.result_mono_ms;

    (void)state;
    rounds->settings.interval_ms = 200;
    slip(began_ms + 2000, 100);
    assert_int_equal(x->job.result_mono_ms, heard);
    slip(began_ms + 2000, 101);
    assert_int_equal(x->job.result_mono_ms, heard + 101);
}

int main(void)
{
#define with_rounds(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        with_rounds(a_timeout_counts_when_we_were_awake),
        with_rounds(a_void_result_changes_nothing_and_is_asked_again_at_once),
        with_rounds(void_results_in_a_row_are_asked_again_at_the_retry_pace),
        with_rounds(a_round_still_waits_for_a_result_that_was_void),
        with_rounds(void_results_for_three_intervals_are_doubt),
        with_rounds(one_long_stall_is_no_doubt),
        with_rounds(a_timeout_inside_a_stall_of_the_loop_is_void),
        with_rounds(a_timeout_beside_a_stall_of_the_loop_counts),
        with_rounds(a_short_slip_of_the_loop_makes_nothing_void),
        with_rounds(a_refusal_inside_a_stall_counts),
        with_rounds(a_stall_of_the_loop_is_no_silence_of_others),
        with_rounds(with_a_short_interval_a_short_slip_is_forgiven),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
