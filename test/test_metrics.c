/* What a monitoring system gets to read of given figures. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../src/web/metrics.h"
#include "agent/objects.h"

static struct text text;
static struct histogram probe_time;

static uint32_t first_reasons[REASON_COUNT] = {
    [REASON_REFUSED] = 3,
};

/* Two instances, and a hole between them. */
static bool instance(void *arg, size_t index, struct metrics_instance *out)
{
    static const struct metrics_instance FIRST = {
        .name = "cache-1",
        .address = "127.0.0.1:6379",
        .status = STATUS_DEGRADED,
        .since_wall_ms = INT64_C(1795411740123),
        .last_probe_wall_ms = INT64_C(1795411742000),
        .rtt_us = 118,
        .oks = 41,
        .others = first_reasons,
        .status_changes = 2,
    };
    static const struct metrics_instance SECOND = {
        .name = "cache-2",
        .address = "unix:/run/\"redis\\.sock",
        .status = STATUS_UNKNOWN,
        .maintenance = true,
        .since_wall_ms = INT64_C(1795411740000),
        .rtt_us = -1,
    };

    assert_null(arg);
    *out = index == 0 ? FIRST : SECOND;
    return index != 1;
}

static struct metrics_source source(void)
{
    struct metrics_source s = {
        .version = "1.2.3",
        .interval_ms = 10000,
        .rounds = 1207,
        .round_us = 1500,
        .last_round_wall_ms = INT64_C(1795411743001),
        .probe_time = &probe_time,
        .workers = 2,
        .healthy = true,
        .zookeeper_configured = true,
        .process_started_wall_ms = INT64_C(1795411700500),
        .instance = instance,
        .slots = 3,
    };

    histogram_init(&probe_time, &HISTOGRAM_PROBE);
    histogram_init(&s.zookeeper.publish, &HISTOGRAM_PUBLISH);
    return s;
}

static void render(const struct metrics_source *s)
{
    text_reset(&text);
    metrics_render(s, &text);
    assert_false(text.failed);
}

/* LINE, without its newline, is one of the page's. */
static bool has(const char *line)
{
    size_t len = strlen(line);

    for (const char *at = text.bytes; (at = strstr(at, line)); at += len)
        if ((at == text.bytes || at[-1] == '\n') && at[len] == '\n')
            return true;
    return false;
}

static size_t count(const char *what)
{
    size_t n = 0;

    for (const char *at = text.bytes; (at = strstr(at, what)); at++)
        n++;
    return n;
}

#define OURS(rest)       "sentinel_agent_" rest
#define assert_has(line) assert_true(has(line))

static void an_instance_has_its_samples(void **state)
{
    struct metrics_source s = source();

    (void)state;
    render(&s);
    assert_has(OURS("instance_up{instance=\"cache-1\","
                    "address=\"127.0.0.1:6379\"} 1"));
    assert_has(OURS("instance_status{instance=\"cache-1\",status=\"up\"} 0"));
    assert_has(
        OURS("instance_status{instance=\"cache-1\",status=\"degraded\"} 1"));
    assert_has(OURS("instance_status{instance=\"cache-1\",status=\"down\"} 0"));
    assert_has(
        OURS("instance_status{instance=\"cache-1\",status=\"unknown\"} 0"));
    assert_has(OURS("instance_rtt_seconds{instance=\"cache-1\"} 0.000118"));
    assert_has(OURS("instance_last_probe_timestamp_seconds{"
                    "instance=\"cache-1\"} 1795411742"));
    assert_has(OURS("instance_status_since_timestamp_seconds{"
                    "instance=\"cache-1\"} 1795411740.123"));
    assert_has(OURS("probes_total{instance=\"cache-1\",reason=\"ok\"} 41"));
    assert_has(OURS("probes_total{instance=\"cache-1\",reason=\"refused\"} 3"));
    assert_has(OURS("status_changes_total{instance=\"cache-1\"} 2"));
    assert_has(OURS("instance_maintenance{instance=\"cache-1\"} 0"));
    assert_has(OURS("instance_maintenance{instance=\"cache-2\"} 1"));
}

static void what_is_not_known_has_no_sample(void **state)
{
    struct metrics_source s = source();

    (void)state;
    s.last_round_wall_ms = 0;
    render(&s);
    assert_int_equal(count("instance_rtt_seconds{"), 1);
    assert_int_equal(count("instance_last_probe_timestamp_seconds{"), 1);
    assert_int_equal(count("\nsentinel_agent_last_round_timestamp"), 0);
    assert_int_equal(count("\nsentinel_agent_zookeeper_heartbeat"), 0);
}

static void reasons_that_never_occurred_have_no_sample_but_ok(void **state)
{
    struct metrics_source s = source();

    (void)state;
    render(&s);
    assert_int_equal(count(OURS("probes_total{instance=\"cache-1\"")), 2);
    assert_int_equal(count(OURS("probes_total{instance=\"cache-2\"")), 1);
    assert_has(OURS("probes_total{instance=\"cache-2\",reason=\"ok\"} 0"));
}

static void a_label_holds_any_address(void **state)
{
    struct metrics_source s = source();

    (void)state;
    render(&s);
    assert_has(OURS("instance_up{instance=\"cache-2\","
                    "address=\"unix:/run/\\\"redis\\\\.sock\"} 0"));
}

static void a_histogram_is_cumulative_and_in_seconds(void **state)
{
    struct metrics_source s = source();

    (void)state;
    histogram_observe(&probe_time, 80);
    histogram_observe(&probe_time, 90);
    histogram_observe(&probe_time, 2500);
    histogram_observe(&probe_time, 60000000);
    render(&s);
    assert_has(OURS("probe_duration_seconds_bucket{le=\"0.00005\"} 0"));
    assert_has(OURS("probe_duration_seconds_bucket{le=\"0.0001\"} 2"));
    assert_has(OURS("probe_duration_seconds_bucket{le=\"0.001\"} 2"));
    assert_has(OURS("probe_duration_seconds_bucket{le=\"0.0025\"} 3"));
    assert_has(OURS("probe_duration_seconds_bucket{le=\"10\"} 3"));
    assert_has(OURS("probe_duration_seconds_bucket{le=\"+Inf\"} 4"));
    assert_has(OURS("probe_duration_seconds_sum 60.00267"));
    assert_has(OURS("probe_duration_seconds_count 4"));
}

static void figures_are_in_seconds_and_bytes(void **state)
{
    struct metrics_source s = source();

    (void)state;
    s.process.cpu_us = 1250000;
    s.process.memory.resident = 5242880;
    s.process.memory.virtual_max = UINT64_MAX;
    s.zookeeper.oldest_pending_ms = 1500;
    s.zookeeper.refused = 700;
    render(&s);
    assert_has(OURS("interval_seconds 10"));
    assert_has(OURS("round_duration_seconds 0.0015"));
    assert_has(OURS("last_round_timestamp_seconds 1795411743.001"));
    assert_has(OURS("rounds_total 1207"));
    assert_has(OURS("healthy 1"));
    assert_has(OURS("zookeeper_oldest_pending_seconds 1.5"));
    assert_has(OURS("zookeeper_refused 700"));
    assert_has(OURS("build_info{version=\"1.2.3\"} 1"));
    assert_has("process_cpu_seconds_total 1.25");
    assert_has("process_resident_memory_bytes 5242880");
    assert_has("process_virtual_memory_max_bytes 18446744073709551615");
    assert_has("process_start_time_seconds 1795411700.5");
}

static void each_state_of_the_store_but_one_is_not_connected(void **state)
{
    struct metrics_source s = source();

    (void)state;
    s.zookeeper.store.state = STORE_CONNECTING;
    render(&s);
    assert_has(OURS("zookeeper_connected 0"));
    s.zookeeper.store.state = STORE_CONNECTED;
    render(&s);
    assert_has(OURS("zookeeper_connected 1"));
}

static void without_zookeeper_nothing_is_said_of_it(void **state)
{
    struct metrics_source s = source();

    (void)state;
    s.zookeeper_configured = false;
    render(&s);
    assert_int_equal(count(OURS("zookeeper")), 0);
}

static void objects_are_told_by_kind(void **state)
{
    struct metrics_source s = source();

    (void)state;
    for (int i = 0; i < 3; i++)
        object_made(OBJECT_TEXT);
    object_gone(OBJECT_TEXT);
    render(&s);
    assert_has(OURS("objects_live{kind=\"text\"} 2"));
    assert_has(OURS("objects_allocated_total{kind=\"text\"} 3"));
    assert_has(OURS("objects_freed_total{kind=\"text\"} 1"));
    assert_int_equal(count(OURS("objects_live{")), OBJECT_KINDS);
}

static void the_second_page_needs_no_memory(void **state)
{
    struct metrics_source s = source();
    const char *before;
    size_t size;

    (void)state;
    render(&s);
    before = text.bytes;
    size = text.size;
    render(&s);
    assert_ptr_equal(text.bytes, before);
    assert_int_equal(text.size, size);
}

/* promtool(1) knows what others expect of names, units and types; without it
 * (a build without the tests' packages) there is nothing to ask. */
static void promtool_finds_nothing_to_say(void **state)
{
    struct metrics_source s = source();
    FILE *promtool;

    (void)state;
    if (system("promtool --version >/dev/null 2>&1") != 0)
        skip();
    render(&s);
    promtool = popen("promtool check metrics", "w");
    assert_non_null(promtool);
    assert_int_equal(fwrite(text.bytes, 1, text.len, promtool), text.len);
    assert_int_equal(pclose(promtool), 0);
}

static int tear_down(void **state)
{
    (void)state;
    text_free(&text);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_instance_has_its_samples),
        cmocka_unit_test(what_is_not_known_has_no_sample),
        cmocka_unit_test(reasons_that_never_occurred_have_no_sample_but_ok),
        cmocka_unit_test(a_label_holds_any_address),
        cmocka_unit_test(a_histogram_is_cumulative_and_in_seconds),
        cmocka_unit_test(figures_are_in_seconds_and_bytes),
        cmocka_unit_test(each_state_of_the_store_but_one_is_not_connected),
        cmocka_unit_test(without_zookeeper_nothing_is_said_of_it),
        cmocka_unit_test(objects_are_told_by_kind),
        cmocka_unit_test(the_second_page_needs_no_memory),
        cmocka_unit_test(promtool_finds_nothing_to_say),
    };

    return cmocka_run_group_tests(tests, NULL, tear_down);
}
