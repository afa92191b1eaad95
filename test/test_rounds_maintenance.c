/*
 * Maintenance of an agent's own instances: what entries in ZooKeeper do to
 * documents, and what becomes of them.  Everything around the rounds is a fake;
 * time is made up, and the ensemble's clock may be another than ours.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/clock.h"
#include "agent/rounds.h"

#include "../src/engine/rounds.h"
#include "fake_engine.h"
#include "must.h"

#define HOUR_MS     INT64_C(3600000)
#define INTERVAL_MS 10000

static const char CONFIG[] =
    "[agent]\nid = me\ninterval = 10s\ntimeout = 1s\nrise = 1\nfall = 1\n"
    "[zookeeper]\nservers = 127.0.0.1:2181\npresence = yes\n"
    "[redis:cache-1]\naddress = 127.0.0.1:1\n"
    "[redis:cache-2]\naddress = 127.0.0.1:2\n"
    "[redis:db]\naddress = 127.0.0.1:3\n";

static struct config *config;
static struct rounds *rounds;
static uint64_t wanted_ms; /* what rounds_fire said last */
static int32_t version;

static void wake(void *arg)
{
    (void)arg;
}

/* The entries are not told yet. */
static void start_waiting(void)
{
    struct err e;

    fakes_reset();
    fakes.entries_wait = true;
    version = 0;
    config = fakes_config(CONFIG);
    rounds = rounds_start(config, wake, &fakes, &e);
    MUST(rounds != NULL);
    fakes_found(SLOT_HEARTBEAT, "me", NULL);
    fakes_found(SLOT_STATUS, "cache-1", NULL);
    fakes_found(SLOT_STATUS, "cache-2", NULL);
    fakes_found(SLOT_STATUS, "db", NULL);
    rounds_collect(rounds, fakes_now());
}

static void stop(void)
{
    assert_int_equal(rounds_stop(rounds, 3000), STORE_CLOSED);
    config_free(config);
}

/* Whatever is asked is answered with ok. */
static void answer_all(void)
{
    for (size_t k = 0; k < pool_size(rounds->pool); k++) {
        const struct instance *i = pool_instance(rounds->pool, k);
        if (!i->job.busy)
            continue;
        struct worker *w = i->job.probe->worker;
        w->outbox[w->nresults++] = (struct result){
            .id = i->job.probe->id,
            .round = i->job.probe->job.round,
            .started_mono_us = fakes.mono_us,
            .ended_wall_ms = fakes.wall_ms,
            .rtt_us = 100,
            .offset = -1,
            .behind = -1,
        };
    }
    rounds_collect(rounds, fakes_now());
    wanted_ms = rounds_fire(rounds, fakes_now());
}

/* Time passes, and whatever is due is done. */
static void pass(uint64_t ms)
{
    uint64_t until = fakes_now() + ms;

    answer_all();
    while (wanted_ms < until) {
        MUST(wanted_ms >= fakes_now());
        fakes_pass(wanted_ms - fakes_now());
        answer_all();
    }
    fakes_pass(until - fakes_now());
    answer_all();
}

/* To be told with the next collect. */
static void tell(enum follow_what what, const char *name, const char *data)
{
    struct follow_event *e = &fakes.followed[fakes.nfollowed++];

    *e = (struct follow_event){
        .what = what,
        .data = data,
        .len = data != NULL ? strlen(data) : 0,
        .version = ++version,
    };
    snprintf(e->name, sizeof e->name, "%s", name);
}

static void complete(void)
{
    tell(FOLLOW_COMPLETE, "", NULL);
    pass(0);
}

/* One of a hand that is free: its end is IN_MS from now, by our clock. */
static const char *entry(const char *owner, int64_t in_ms)
{
    static char texts[8][256];
    static size_t at;
    char until[CLOCK_RFC3339_SIZE];
    char *text = texts[at++ % 8];

    clock_rfc3339(fakes.wall_ms + in_ms, until);
    snprintf(text, 256,
             "{\"schema\":1,\"owner\":\"%s\",\"reason\":\"kernel\","
             "\"until\":\"%s\"}",
             owner, until);
    return text;
}

static void start(void)
{
    start_waiting();
    complete();
    fakes.info.clock_known = true;
    pass(2 * INTERVAL_MS);
}

static const char *document(const char *name)
{
    return fakes_slot(SLOT_STATUS, name)->document;
}

static bool in_maintenance(const char *name, const char *owner)
{
    char words[128];

    snprintf(words, sizeof words,
             "\"maintenance\":true,\"maintenance_owner\":\"%s\"", owner);
    return strstr(document(name), words) != NULL;
}

static bool in_none(const char *name)
{
    return strstr(document(name), "\"maintenance\":false,\"agent\"") != NULL;
}

static void an_entry_counts_at_once_and_its_end_lifts_it(void **state)
{
    (void)state;
    start();
    assert_string_equal(fakes.follows[0], "maintenance/@me");
    assert_true(in_none("db"));
    unsigned gone = fakes_slot(SLOT_PRESENCE, "db")->withdrawals;
    unsigned here = fakes_slot(SLOT_PRESENCE, "db")->posts;
    unsigned others = fakes_slot(SLOT_STATUS, "cache-1")->posts;
    tell(FOLLOW_IS, "db", entry("ops", 3 * INTERVAL_MS + 500));
    complete();
    assert_true(in_maintenance("db", "ops"));
    assert_non_null(
        strstr(document("db"), "\"maintenance_reason\":\"kernel\""));
    assert_int_equal(fakes_slot(SLOT_PRESENCE, "db")->withdrawals, gone + 1);
    const struct fake_event *set = fakes_event("maintenance_set");
    assert_non_null(strstr(set->pairs, "scope=@me entry=db owner=ops"));
    assert_non_null(strstr(set->pairs, "instances=1"));
    /* It is probed as ever, and nothing is said of it. */
    unsigned posts = fakes_slot(SLOT_STATUS, "db")->posts;
    pass(3 * INTERVAL_MS);
    assert_int_equal(fakes_slot(SLOT_STATUS, "db")->posts, posts);
    pass(499);
    assert_true(in_maintenance("db", "ops"));
    pass(1);
    assert_true(in_none("db"));
    assert_int_equal(fakes_slot(SLOT_PRESENCE, "db")->posts, here + 1);
    assert_int_equal(fakes_slot(SLOT_STATUS, "cache-1")->posts, others);
    assert_int_equal(fakes_logged("maintenance_expired"), 1);
    assert_int_equal(fakes_logged("maintenance_lifted"), 0);
    stop();
}

static void its_end_is_the_ensembles(void **state)
{
    (void)state;
    start();
    /* Ours is an hour ahead, so what is over in half an hour of theirs seems
     * to be over. */
    fakes.info.clock_offset_ms = -HOUR_MS;
    tell(FOLLOW_IS, "db", entry("ops", -HOUR_MS / 2));
    complete();
    assert_true(in_maintenance("db", "ops"));
    assert_int_equal(fakes.norders, 0);
    pass((uint64_t)HOUR_MS / 2 - 1);
    assert_true(in_maintenance("db", "ops"));
    pass(1);
    assert_true(in_none("db"));
    assert_int_equal(fakes.norders, 1);
    stop();
}

static void a_clock_that_is_known_late_is_heeded(void **state)
{
    (void)state;
    start_waiting();
    fakes.info.clock_offset_ms = -HOUR_MS;
    tell(FOLLOW_IS, "db", entry("ops", -HOUR_MS / 2));
    complete();
    /* By our own clock alone: it is over, and that is not acted upon. */
    pass(100);
    assert_true(in_none("db"));
    assert_int_equal(fakes.norders, 0);
    assert_int_equal(fakes_logged("maintenance_expired"), 0);
    fakes.info.clock_known = true;
    pass(INTERVAL_MS);
    assert_true(in_maintenance("db", "ops"));
    assert_int_equal(fakes.norders, 0);
    stop();
}

static void nothing_ends_for_good_before_the_clock_is_known(void **state)
{
    (void)state;
    start_waiting();
    tell(FOLLOW_IS, "db", entry("ops", -1));
    complete();
    pass(INTERVAL_MS);
    assert_int_equal(fakes.norders, 0);
    fakes.info.clock_known = true;
    pass(INTERVAL_MS);
    assert_int_equal(fakes.norders, 1);
    assert_int_equal(fakes_logged("maintenance_expired"), 1);
    stop();
}

static void what_an_earlier_life_left_waits_for_the_first_verdict(void **state)
{
    struct document_seen ours = {
        .valid = true,
        .agent = "me",
        .status = STATUS_UP,
        .since_wall_ms = 1,
    };
    struct err e;

    (void)state;
    fakes_reset();
    fakes.entries_wait = true;
    config = fakes_config(CONFIG);
    rounds = rounds_start(config, wake, &fakes, &e);
    MUST(rounds != NULL);
    tell(FOLLOW_COMPLETE, "", NULL);
    ours.valid_until_wall_ms = fakes.wall_ms + INTERVAL_MS;
    snprintf(ours.host, sizeof ours.host, "%s", pool_parts(rounds->pool).host);
    fakes_found(SLOT_HEARTBEAT, "me", &ours);
    fakes_found(SLOT_STATUS, "db", &ours);
    rounds_collect(rounds, fakes_now());
    tell(FOLLOW_IS, "db", entry("ops", HOUR_MS));
    tell(FOLLOW_COMPLETE, "", NULL);
    rounds_collect(rounds, fakes_now());
    assert_int_equal(fakes_slot(SLOT_STATUS, "db")->posts, 0);
    answer_all();
    pass(100);
    assert_int_equal(fakes_slot(SLOT_STATUS, "db")->posts, 1);
    assert_true(in_maintenance("db", "ops"));
    assert_non_null(strstr(document("db"), "\"status\":\"up\""));
    stop();
}

static void what_is_over_is_deleted_as_it_was_read(void **state)
{
    (void)state;
    start();
    tell(FOLLOW_IS, "db", entry("ops", -1));
    complete();
    assert_true(in_none("db"));
    assert_int_equal(fakes.norders, 1);
    assert_string_equal(fakes.orders[0].path, "maintenance/@me/db");
    assert_int_equal(fakes.orders[0].version, version - 1);
    /* Nobody knows whether it was done: once more. */
    fakes.ordered = (struct publisher_ordered){
        .token = fakes.orders[0].token,
        .code = STORE_UNCERTAIN,
    };
    pass(6000);
    assert_int_equal(fakes.norders, 2);
    fakes.ordered.token = fakes.orders[1].token;
    fakes.ordered.code = STORE_NO_AUTH;
    pass(6 * INTERVAL_MS);
    assert_int_equal(fakes.norders, 2);
    assert_int_equal(fakes_logged("maintenance_kept"), 1);
    tell(FOLLOW_GONE, "db", NULL);
    complete();
    pass(60 * INTERVAL_MS);
    assert_int_equal(fakes.norders, 2);
    assert_int_equal(fakes_logged("maintenance_lifted"), 0);
    stop();
}

static void the_later_of_two_wins_and_both_are_said(void **state)
{
    (void)state;
    start();
    tell(FOLLOW_IS, "cache-*", entry("ann", HOUR_MS));
    complete();
    assert_true(in_maintenance("cache-1", "ann"));
    assert_true(in_maintenance("cache-2", "ann"));
    assert_true(in_none("db"));
    assert_non_null(
        strstr(fakes_event("maintenance_set")->pairs, "instances=2"));
    tell(FOLLOW_IS, "cache-*", entry("bob", HOUR_MS / 2));
    complete();
    assert_true(in_maintenance("cache-1", "bob"));
    assert_int_equal(fakes_logged("maintenance_set"), 2);
    assert_non_null(strstr(fakes_event("maintenance_set")->pairs, "owner=bob"));
    tell(FOLLOW_GONE, "cache-*", NULL);
    complete();
    assert_true(in_none("cache-1"));
    assert_true(in_none("cache-2"));
    assert_non_null(
        strstr(fakes_event("maintenance_lifted")->pairs, "owner=bob"));
    stop();
}

static void what_a_fellow_deleted_at_its_end_was_not_lifted(void **state)
{
    (void)state;
    start();
    tell(FOLLOW_IS, "db", entry("ops", INTERVAL_MS));
    complete();
    pass(INTERVAL_MS - 100);
    tell(FOLLOW_GONE, "db", NULL);
    complete();
    assert_true(in_none("db"));
    assert_int_equal(fakes_logged("maintenance_expired"), 1);
    assert_int_equal(fakes_logged("maintenance_lifted"), 0);
    stop();
}

static void what_nobody_can_read_is_ignored_and_said_once(void **state)
{
    (void)state;
    start();
    tell(FOLLOW_IS, "db", "{\"schema\":1,\"owner\":\"ops\"}");
    tell(FOLLOW_DENIED, "cache-1", "get: no rights");
    tell(FOLLOW_IS, "@me", entry("ops", HOUR_MS));
    tell(FOLLOW_IS, "cache-2", entry("ops", HOUR_MS));
    complete();
    assert_true(in_none("db"));
    assert_true(in_none("cache-1"));
    assert_true(in_maintenance("cache-2", "ops"));
    assert_int_equal(fakes_logged("maintenance_ignored"), 3);
    assert_non_null(strstr(fakes_event("maintenance_ignored")->pairs,
                           "scope=@me entry=@me"));
    pass(3 * INTERVAL_MS);
    assert_int_equal(fakes_logged("maintenance_ignored"), 3);
    assert_int_equal(fakes.norders, 0);
    stop();
}

static void nothing_is_said_before_it_is_known_what_is_on(void **state)
{
    (void)state;
    start_waiting();
    answer_all();
    pass(100);
    assert_int_equal(fakes_slot(SLOT_STATUS, "db")->posts, 0);
    assert_int_equal(fakes_slot(SLOT_PRESENCE, "db")->posts, 0);
    tell(FOLLOW_IS, "db", entry("ops", HOUR_MS));
    complete();
    assert_true(in_maintenance("db", "ops"));
    assert_true(in_none("cache-1"));
    assert_int_equal(fakes_slot(SLOT_PRESENCE, "db")->posts, 0);
    assert_int_equal(fakes_slot(SLOT_PRESENCE, "cache-1")->posts, 1);
    stop();
}

static void but_that_is_not_waited_for_for_ever(void **state)
{
    (void)state;
    start_waiting();
    pass(4 * INTERVAL_MS);
    assert_true(in_none("db"));
    assert_int_equal(fakes_logged("maintenance_ignored"), 1);
    stop();

    start_waiting();
    tell(FOLLOW_REFUSED, "", "list: no rights");
    pass(100);
    assert_true(in_none("db"));
    assert_non_null(
        strstr(fakes_event("maintenance_ignored")->pairs, "list: no rights"));
    stop();
}

static void without_zookeeper_the_known_ones_end_in_time(void **state)
{
    (void)state;
    start();
    tell(FOLLOW_IS, "db", entry("ops", 3 * INTERVAL_MS));
    complete();
    tell(FOLLOW_DOUBT, "", NULL);
    pass(3 * INTERVAL_MS - 1);
    assert_true(in_maintenance("db", "ops"));
    pass(1);
    assert_true(in_none("db"));
    stop();
}

static void an_instance_that_comes_later_is_covered_at_once(void **state)
{
    struct rounds_change change;
    struct err e;
    char text[1024];

    (void)state;
    start();
    tell(FOLLOW_IS, "new*", entry("ops", HOUR_MS));
    complete();
    snprintf(text, sizeof text, "%s[redis:new-1]\naddress = 127.0.0.1:4\n",
             CONFIG);
    struct config *fresh = fakes_config(text);
    assert_int_equal(rounds_reload(rounds, fresh, &change, &e), 0);
    config_free(config);
    config = fresh;
    fakes_found(SLOT_STATUS, "new-1", NULL);
    pass(0);
    assert_true(in_maintenance("new-1", "ops"));
    /* What was found, and the first verdict: neither without it. */
    assert_int_equal(fakes_slot(SLOT_STATUS, "new-1")->posts, 2);
    pass(INTERVAL_MS);
    assert_true(in_maintenance("new-1", "ops"));
    assert_int_equal(fakes_slot(SLOT_PRESENCE, "new-1")->posts, 0);
    stop();
}

static void what_the_config_says_goes_first(void **state)
{
    struct rounds_change change;
    struct err e;
    char text[1024];

    (void)state;
    start();
    tell(FOLLOW_IS, "db", entry("ops", INTERVAL_MS));
    complete();
    snprintf(text, sizeof text, "%spaused = yes\n", CONFIG);
    struct config *fresh = fakes_config(text);
    assert_int_equal(rounds_reload(rounds, fresh, &change, &e), 0);
    config_free(config);
    config = fresh;
    assert_true(in_maintenance("db", "config"));
    assert_non_null(strstr(document("db"), "\"maintenance_until\":null"));
    pass(INTERVAL_MS);
    assert_true(in_maintenance("db", "config"));
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_counts_at_once_and_its_end_lifts_it),
        cmocka_unit_test(its_end_is_the_ensembles),
        cmocka_unit_test(a_clock_that_is_known_late_is_heeded),
        cmocka_unit_test(nothing_ends_for_good_before_the_clock_is_known),
        cmocka_unit_test(what_an_earlier_life_left_waits_for_the_first_verdict),
        cmocka_unit_test(what_is_over_is_deleted_as_it_was_read),
        cmocka_unit_test(the_later_of_two_wins_and_both_are_said),
        cmocka_unit_test(what_a_fellow_deleted_at_its_end_was_not_lifted),
        cmocka_unit_test(what_nobody_can_read_is_ignored_and_said_once),
        cmocka_unit_test(nothing_is_said_before_it_is_known_what_is_on),
        cmocka_unit_test(but_that_is_not_waited_for_for_ever),
        cmocka_unit_test(without_zookeeper_the_known_ones_end_in_time),
        cmocka_unit_test(an_instance_that_comes_later_is_covered_at_once),
        cmocka_unit_test(what_the_config_says_goes_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
