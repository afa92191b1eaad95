/*
 * What the loop adds to a bare verdict: words, since, lag.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/config.h"
#include "agent/document.h"
#include "agent/instance.h"

#include "scratch.h"

#define STEP_MS 1000

static const struct health_policy POLICY = { .rise = 2, .fall = 3 };

static struct config *config;
static int64_t now_ms;

static int set_up(void **state)
{
    static const char TEXT[] = "[redis:a]\naddress = 127.0.0.1:1\n"
                               "max_lag = 1K\n"
                               "[redis:b]\naddress = 127.0.0.1:2\n";
    char path[SCRATCH_SIZE];
    struct config_faults faults;
    (void)state;
    scratch_file(path, TEXT);
    config = config_load(path, &faults);
    config_faults_free(&faults);
    remove(path);
    now_ms = 1000000;
    return config == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    config_free(config);
    return 0;
}

static struct result result_of(enum reason reason, const char *detail)
{
    struct result r = {
        .reason = reason,
        .ended_wall_ms = now_ms += STEP_MS,
        .rtt_us = -1,
        .offset = -1,
        .behind = -1,
    };
    snprintf(r.detail, sizeof r.detail, "%s", detail);
    return r;
}

static enum health_edge feed(struct instance *i, enum reason reason,
                             const char *detail)
{
    struct result r = result_of(reason, detail);
    return instance_judge(i, &r, instance_replication(i, &r, NULL), &POLICY);
}

static void the_words_belong_to_the_reason(void **state)
{
    struct instance i;
    (void)state;
    instance_init(&i, config->instances[0], now_ms);
    feed(&i, REASON_OK, "");
    feed(&i, REASON_OK, "");
    assert_int_equal(i.health.status, STATUS_UP);
    feed(&i, REASON_REFUSED, "refused words");
    feed(&i, REASON_LOADING, "loading words");
    assert_string_equal(i.detail, "");
    /* Lowered to the mildest, which was not the last. */
    assert_int_equal(feed(&i, REASON_REFUSED, "refused again"), HEALTH_STATUS);
    assert_int_equal(i.health.reason, REASON_LOADING);
    assert_string_equal(i.detail, "loading words");
    /* The same reason in other words. */
    feed(&i, REASON_LOADING, "still loading");
    assert_string_equal(i.detail, "still loading");
    /* Another reason within the status keeps the words of the old one. */
    feed(&i, REASON_BUSY, "busy words");
    assert_string_equal(i.detail, "still loading");
    instance_drop(&i);
}

static void since_moves_with_the_status_only(void **state)
{
    struct instance i;
    (void)state;
    instance_init(&i, config->instances[0], now_ms);
    feed(&i, REASON_OK, "");
    feed(&i, REASON_OK, "");
    int64_t up = now_ms;
    assert_int_equal(i.since_wall_ms, up);
    feed(&i, REASON_REFUSED, "");
    feed(&i, REASON_REFUSED, "");
    assert_int_equal(i.since_wall_ms, up);
    feed(&i, REASON_REFUSED, "");
    int64_t down = now_ms;
    assert_int_equal(i.since_wall_ms, down);
    for (int n = 0; n < 3; n++)
        feed(&i, REASON_REPLY_TIMEOUT, "");
    assert_int_equal(i.health.reason, REASON_REPLY_TIMEOUT);
    assert_int_equal(i.since_wall_ms, down);
    instance_drop(&i);
}

static void since_survives_a_restart_with_the_same_verdict(void **state)
{
    const struct document_seen seen = {
        .valid = true,
        .status = STATUS_UP,
        .since_wall_ms = 4711,
    };
    struct instance i;
    (void)state;
    /* The document is read before the first verdict … */
    instance_init(&i, config->instances[0], now_ms);
    instance_seen(&i, &seen);
    assert_int_not_equal(i.since_wall_ms, 4711);
    feed(&i, REASON_OK, "");
    feed(&i, REASON_OK, "");
    assert_int_equal(i.since_wall_ms, 4711);
    instance_drop(&i);
    /* … or after it, when ZooKeeper was away. */
    instance_init(&i, config->instances[0], now_ms);
    feed(&i, REASON_OK, "");
    feed(&i, REASON_OK, "");
    instance_seen(&i, &seen);
    assert_int_equal(i.since_wall_ms, 4711);
    instance_drop(&i);
}

static void since_starts_anew_with_another_verdict(void **state)
{
    const struct document_seen seen = {
        .valid = true,
        .status = STATUS_DOWN,
        .since_wall_ms = 4711,
    };
    struct instance i;
    (void)state;
    instance_init(&i, config->instances[0], now_ms);
    instance_seen(&i, &seen);
    feed(&i, REASON_OK, "");
    feed(&i, REASON_OK, "");
    assert_int_equal(i.since_wall_ms, now_ms);
    /* A later `down` is a new one. */
    for (int n = 0; n < 3; n++)
        feed(&i, REASON_REFUSED, "");
    assert_int_equal(i.since_wall_ms, now_ms);
    instance_drop(&i);
}

static void since_of_a_status_that_was_left_meanwhile_is_not_taken_over(
    void **state)
{
    const struct document_seen seen = {
        .valid = true,
        .status = STATUS_UP,
        .since_wall_ms = 4711,
    };
    struct instance i;
    (void)state;
    instance_init(&i, config->instances[0], now_ms);
    feed(&i, REASON_OK, "");
    feed(&i, REASON_OK, "");
    for (int n = 0; n < 3; n++)
        feed(&i, REASON_REFUSED, "");
    feed(&i, REASON_OK, "");
    feed(&i, REASON_OK, "");
    instance_seen(&i, &seen);
    assert_int_equal(i.since_wall_ms, now_ms);
    instance_drop(&i);
}

static void doubt_is_immediate_and_says_why(void **state)
{
    struct instance i;
    (void)state;
    instance_init(&i, config->instances[0], now_ms);
    feed(&i, REASON_OK, "");
    feed(&i, REASON_OK, "");
    assert_int_equal(instance_doubt(&i, REASON_STUCK, "no result", now_ms + 7),
                     HEALTH_STATUS);
    assert_int_equal(i.health.status, STATUS_UNKNOWN);
    assert_string_equal(i.detail, "no result");
    assert_int_equal(i.since_wall_ms, now_ms + 7);
    instance_drop(&i);
}

static struct result info_of(enum role role, int64_t offset,
                             uint64_t started_mono_us)
{
    struct result r = result_of(REASON_OK, "");
    r.role = role;
    r.follows = role == ROLE_REPLICA;
    r.fresh_info = true;
    r.offset = offset;
    r.started_mono_us = started_mono_us;
    strcpy(r.replid, "0123456789012345678901234567890123456789");
    return r;
}

static void a_replica_far_behind_a_watched_master_lags(void **state)
{
    struct instance replica;
    struct instance master;
    (void)state;
    instance_init(&replica, config->instances[0], now_ms);
    instance_init(&master, config->instances[1], now_ms);
    struct result m = info_of(ROLE_MASTER, 5000, 100);
    m.reply_us = 50;
    assert_int_equal(instance_replication(&master, &m, NULL), REASON_OK);

    struct result r = info_of(ROLE_REPLICA, 3000, 200);
    assert_int_equal(instance_replication(&replica, &r, &master), REASON_LAG);
    instance_judge(&replica, &r, REASON_LAG, &POLICY);
    instance_judge(&replica, &r, REASON_LAG, &POLICY);
    assert_int_equal(replica.health.reason, REASON_LAG);
    assert_string_equal(replica.detail,
                        "more than max_lag (1024 bytes) behind b");

    /* A probe without INFO changes nothing about it. */
    r.fresh_info = false;
    assert_int_equal(instance_replication(&replica, &r, NULL), REASON_LAG);

    r = info_of(ROLE_REPLICA, 5000 - 1024, 300);
    assert_int_equal(instance_replication(&replica, &r, &master), REASON_OK);
    instance_drop(&replica);
    instance_drop(&master);
}

static void a_master_asked_later_says_nothing_of_a_replicas_lag(void **state)
{
    struct instance replica;
    struct instance master;
    (void)state;
    instance_init(&replica, config->instances[0], now_ms);
    instance_init(&master, config->instances[1], now_ms);
    struct result m = info_of(ROLE_MASTER, 5000, 100);
    m.reply_us = 150;
    (void)instance_replication(&master, &m, NULL);
    struct result r = info_of(ROLE_REPLICA, 3000, 200);
    assert_int_equal(instance_replication(&replica, &r, &master), REASON_OK);
    instance_drop(&replica);
    instance_drop(&master);
}

static void role_and_version_are_the_last_known(void **state)
{
    struct instance i;
    (void)state;
    instance_init(&i, config->instances[0], now_ms);
    struct result r = result_of(REASON_OK, "");
    r.role = ROLE_MASTER;
    strcpy(r.version, "7.0.15");
    (void)instance_replication(&i, &r, NULL);
    assert_true(i.news);
    i.news = false;
    r = result_of(REASON_REFUSED, "");
    (void)instance_replication(&i, &r, NULL);
    assert_false(i.news);
    assert_int_equal(i.role, ROLE_MASTER);
    assert_string_equal(i.version, "7.0.15");
    instance_drop(&i);
}

static struct result answer_of(uint64_t run_id, int64_t started_mono_ms,
                               uint64_t asked_mono_ms)
{
    struct result r = result_of(REASON_OK, "");
    r.rtt_us = 100;
    r.run_id = run_id;
    r.started_mono_us = asked_mono_ms * 1000;
    r.started_mono_ms = started_mono_ms;
    r.started_wall_ms = 5000 + started_mono_ms;
    strcpy(r.server, "redis");
    return r;
}

static void another_process_is_a_restart_or_another_server(void **state)
{
    struct instance i;
    struct result r = answer_of(1, -90000, 1000);
    (void)state;
    instance_init(&i, config->instances[0], now_ms);
    (void)instance_replication(&i, &r, NULL);
    assert_int_equal(i.restart, RESTART_NONE); /* the first that is seen */
    assert_int_equal(i.started_wall_ms, -85000);
    assert_true(i.news);
    i.news = false;
    r = answer_of(1, -89000, 2000);
    (void)instance_replication(&i, &r, NULL);
    assert_int_equal(i.restart, RESTART_NONE);
    assert_int_equal(i.started_wall_ms, -85000); /* once for each run_id */
    assert_false(i.news);
    /* It began after the old one was heard last; its uptime may be off by the
     * seconds that it is counted in. */
    r = answer_of(2, 0, 3000);
    (void)instance_replication(&i, &r, NULL);
    assert_int_equal(i.restart, RESTART_SAME);
    assert_int_equal(i.started_wall_ms, 5000);
    assert_true(i.news);
    i.restart = RESTART_NONE;
    /* It ran already. */
    r = answer_of(3, 999, 4000);
    (void)instance_replication(&i, &r, NULL);
    assert_int_equal(i.restart, RESTART_OTHER);
    i.restart = RESTART_NONE;
    /* A failed probe hears nothing. */
    r = answer_of(3, 999, 9000);
    r.rtt_us = -1;
    (void)instance_replication(&i, &r, NULL);
    r = answer_of(4, 5000, 9500);
    (void)instance_replication(&i, &r, NULL);
    assert_int_equal(i.restart, RESTART_SAME);
    i.restart = RESTART_NONE;
    /* Another kind of server is never the same one. */
    r = answer_of(5, 9600, 9700);
    strcpy(r.server, "valkey");
    (void)instance_replication(&i, &r, NULL);
    assert_int_equal(i.restart, RESTART_OTHER);
    i.restart = RESTART_NONE;
    /* What does not say its run_id cannot be told. */
    r = answer_of(0, 9800, 9900);
    (void)instance_replication(&i, &r, NULL);
    assert_int_equal(i.restart, RESTART_NONE);
    instance_drop(&i);
}

static void a_lag_that_cannot_be_told_is_no_info(void **state)
{
    struct instance i;
    (void)state;
    instance_init(&i, config->instances[0], now_ms);
    struct result r = info_of(ROLE_REPLICA, 3000, 200);
    assert_int_equal(instance_replication(&i, &r, NULL), REASON_NO_INFO);
    assert_int_equal(i.lag, LAG_NOT_KNOWN);
    assert_int_equal(i.behind, -1);
    instance_judge(&i, &r, REASON_NO_INFO, &POLICY);
    r.fresh_info = false;
    assert_int_equal(instance_replication(&i, &r, NULL), REASON_NO_INFO);
    /* By its own view. */
    r = info_of(ROLE_REPLICA, 3000, 200);
    r.behind = 1024;
    assert_int_equal(instance_replication(&i, &r, NULL), REASON_OK);
    assert_int_equal(i.lag, LAG_WITHIN);
    r.behind = 1025;
    assert_int_equal(instance_replication(&i, &r, NULL), REASON_LAG);
    assert_int_equal(i.behind, 1025);
    assert_string_equal(i.lag_detail,
                        "more than max_lag (1024 bytes) behind its master");
    /* Whatever else is wrong comes first. */
    r.reason = REASON_BUSY;
    assert_int_equal(instance_replication(&i, &r, NULL), REASON_BUSY);
    /* What does not follow a master does not lag. */
    r = info_of(ROLE_MASTER, 3000, 200);
    assert_int_equal(instance_replication(&i, &r, NULL), REASON_OK);
    instance_drop(&i);
    /* Without max_lag nothing is held against it. */
    instance_init(&i, config->instances[1], now_ms);
    r = info_of(ROLE_REPLICA, 3000, 200);
    assert_int_equal(instance_replication(&i, &r, NULL), REASON_OK);
    instance_drop(&i);
}

/* By the defaults: interval 10s, timeout 1s. */
static void a_timed_result_is_void_when_half_of_its_time_was_lost(void **state)
{
    struct instance i;
    struct result r = result_of(REASON_REPLY_TIMEOUT, "");
    (void)state;
    instance_init(&i, config->instances[0], now_ms);
    r.timed = true;
    assert_false(instance_void(&i, &r));
    r.stalled_ms = 500;
    assert_false(instance_void(&i, &r));
    r.stalled_ms = 501;
    assert_true(instance_void(&i, &r));
    r.timed = false;
    assert_false(instance_void(&i, &r));
    instance_drop(&i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_words_belong_to_the_reason),
        cmocka_unit_test(since_moves_with_the_status_only),
        cmocka_unit_test(since_survives_a_restart_with_the_same_verdict),
        cmocka_unit_test(since_starts_anew_with_another_verdict),
        cmocka_unit_test(
            since_of_a_status_that_was_left_meanwhile_is_not_taken_over),
        cmocka_unit_test(doubt_is_immediate_and_says_why),
        cmocka_unit_test(a_replica_far_behind_a_watched_master_lags),
        cmocka_unit_test(a_master_asked_later_says_nothing_of_a_replicas_lag),
        cmocka_unit_test(role_and_version_are_the_last_known),
        cmocka_unit_test(another_process_is_a_restart_or_another_server),
        cmocka_unit_test(a_lag_that_cannot_be_told_is_no_info),
        cmocka_unit_test(a_timed_result_is_void_when_half_of_its_time_was_lost),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
