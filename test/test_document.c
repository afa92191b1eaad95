/*
 * Documents against the literal ones that readers were promised, there and
 * back, and with the bytes that nobody was promised.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/document.h"
#include "agent/role.h"

/* 2026-11-23T05:29:00.123Z */
#define SINCE_MS INT64_C(1795411740123)

static const struct document_status DOWN = {
    .instance = "cache-1",
    .address = "127.0.0.1:6379",
    .status = STATUS_DOWN,
    .reason = REASON_REFUSED,
    .detail = "connect: connection refused",
    .since_wall_ms = SINCE_MS,
    .checked_wall_ms = SINCE_MS + 2002,
    .rtt_us = -1,
    .role = "master",
    .server = "redis",
    .version = "7.0.15",
    .started_wall_ms = SINCE_MS - 123,
    .agent = "web-1",
    .round = 1207,
};

static const char DOWN_TEXT[] =
    "{\"schema\":1,\"instance\":\"cache-1\",\"address\":\"127.0.0.1:6379\","
    "\"status\":\"down\",\"reason\":\"refused\","
    "\"detail\":\"connect: connection refused\","
    "\"since\":\"2026-11-23T05:29:00.123Z\","
    "\"checked\":\"2026-11-23T05:29:02.125Z\",\"rtt_us\":null,"
    "\"role\":\"master\",\"server\":\"redis\",\"version\":\"7.0.15\","
    "\"started\":\"2026-11-23T05:29:00.000Z\",\"maintenance\":false,"
    "\"agent\":\"web-1\",\"round\":1207,\"seq\":34}";

/* The sealed document as a string; for one test at a time. */
static const char *render(const struct document_status *d, uint64_t seq)
{
    static char sealed[DOCUMENT_MAX + 1];
    char open[DOCUMENT_MAX];
    size_t len = document_status(d, open, sizeof open);

    assert_true(len > 0);
    len = document_seal(open, len, seq, sealed, DOCUMENT_MAX);
    assert_true(len > 0 && len < DOCUMENT_MAX);
    sealed[len] = '\0';
    return sealed;
}

static struct document_seen read_text(const char *text)
{
    struct document_seen seen;

    document_read(text, strlen(text), &seen);
    return seen;
}

static void a_status_document_is_as_promised(void **state)
{
    (void)state;
    assert_string_equal(render(&DOWN, 34), DOWN_TEXT);
}

static void what_is_not_known_is_null(void **state)
{
    struct document_status d = DOWN;
    const char *text;

    (void)state;
    d.checked_wall_ms = 0;
    d.rtt_us = 0;
    d.role = d.server = d.version = "";
    d.started_wall_ms = 0;
    d.maintenance = true;
    text = render(&d, 1);
    assert_non_null(strstr(text, "\"checked\":null,\"rtt_us\":0,\"role\":null,"
                                 "\"server\":null,\"version\":null,"
                                 "\"started\":null,\"maintenance\":true,"
                                 "\"maintenance_owner\":null,"
                                 "\"maintenance_reason\":null,"
                                 "\"maintenance_until\":null,\"agent\":"));
}

static void maintenance_says_whose_it_is_why_and_until_when(void **state)
{
    struct document_status d = DOWN;

    (void)state;
    d.maintenance_owner = "ops";
    d.maintenance_reason = "kernel";
    d.maintenance_until_wall_ms = SINCE_MS;
    assert_string_equal(render(&d, 34), DOWN_TEXT);
    d.maintenance = true;
    assert_non_null(strstr(render(&d, 34),
                           "\"maintenance\":true,"
                           "\"maintenance_owner\":\"ops\","
                           "\"maintenance_reason\":\"kernel\","
                           "\"maintenance_until\":"
                           "\"2026-11-23T05:29:00.123Z\",\"agent\":"));
}

static void a_status_document_reads_back(void **state)
{
    struct document_seen seen = read_text(render(&DOWN, 34));

    (void)state;
    assert_true(seen.valid);
    assert_string_equal(seen.agent, "web-1");
    assert_int_equal(seen.status, STATUS_DOWN);
    assert_int_equal(seen.reason, REASON_REFUSED);
    assert_int_equal(seen.since_wall_ms, SINCE_MS);
    assert_int_equal(seen.seq, 34);
    assert_string_equal(seen.address, DOWN.address);
    assert_int_equal(seen.checked_wall_ms, DOWN.checked_wall_ms);
    assert_string_equal(seen.role, DOWN.role);
    assert_string_equal(seen.server, DOWN.server);
    assert_int_equal(seen.started_wall_ms, DOWN.started_wall_ms);
    assert_string_equal(seen.version, DOWN.version);
    assert_int_equal(seen.valid_until_wall_ms, 0);
    assert_int_equal(seen.pid, 0);
}

static void a_heartbeat_is_as_promised_and_reads_back(void **state)
{
    const struct document_heartbeat d = {
        .agent = "web-1",
        .host = "web-1.example",
        .pid = 4711,
        .started_wall_ms = SINCE_MS,
        .round = 7,
        .interval_ms = 10000,
        .time_wall_ms = SINCE_MS + 1000,
        .instances = 10,
        .by_status = { 4, 3, 2, 1 },
    };
    char text[DOCUMENT_MAX];
    size_t len = document_heartbeat(&d, text, sizeof text);
    struct document_seen seen;

    (void)state;
    text[len] = '\0';
    assert_string_equal(
        text, "{\"schema\":1,\"agent\":\"web-1\",\"host\":\"web-1.example\","
              "\"pid\":4711,\"started\":\"2026-11-23T05:29:00.123Z\","
              "\"round\":7,\"interval_ms\":10000,"
              "\"time\":\"2026-11-23T05:29:01.123Z\","
              "\"valid_until\":\"2026-11-23T05:29:31.123Z\","
              "\"instances\":10,\"up\":4,\"degraded\":3,\"down\":2,"
              "\"unknown\":1,\"except\":[]}");
    seen = read_text(text);
    assert_true(seen.valid);
    assert_string_equal(seen.host, "web-1.example");
    assert_int_equal(seen.pid, 4711);
    assert_int_equal(seen.valid_until_wall_ms, SINCE_MS + 31000);
    assert_int_equal(seen.status, STATUS_UNKNOWN);
    assert_int_equal(seen.reason, REASON_PENDING);
}

static void a_heartbeat_names_what_it_does_not_vouch_for(void **state)
{
    static const char NAMES[2][64] = { "cache-1", "cache.2_b" };
    const struct document_heartbeat d = {
        .agent = "web-1", .host = "h", .except = NAMES, .nexcept = 2
    };
    char text[DOCUMENT_MAX];
    size_t len = document_heartbeat(&d, text, sizeof text);

    (void)state;
    text[len] = '\0';
    assert_string_equal(strstr(text, "\"unknown\""),
                        "\"unknown\":0,\"except\":[\"cache-1\","
                        "\"cache.2_b\"]}");
}

static void the_largest_heartbeat_fits(void **state)
{
    static char names[DOCUMENT_EXCEPT][64];
    static char quotes[600];
    const struct document_heartbeat d = {
        .agent = quotes,
        .host = quotes,
        .pid = INT_MAX,
        .round = UINT64_MAX,
        .interval_ms = UINT_MAX,
        .instances = SIZE_MAX,
        .by_status = { SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX },
        .except = names,
        .nexcept = DOCUMENT_EXCEPT,
    };
    char text[DOCUMENT_MAX];

    (void)state;
    memset(quotes, '"', sizeof quotes - 1);
    for (size_t i = 0; i < DOCUMENT_EXCEPT; i++)
        memset(names[i], 'n', 40);
    assert_in_range(document_heartbeat(&d, text, sizeof text), 3000,
                    DOCUMENT_MAX - 1);
}

static void a_presence_document_has_nerves_keys_and_whose_it_is(void **state)
{
    char text[DOCUMENT_MAX];
    size_t len = document_presence("10.0.0.1", 6379, "cache-1", "web-1", text,
                                   sizeof text);
    struct document_seen seen;

    (void)state;
    text[len] = '\0';
    assert_string_equal(text, "{\"host\":\"10.0.0.1\",\"port\":6379,"
                              "\"name\":\"cache-1\",\"agent\":\"web-1\"}");
    seen = read_text(text);
    assert_true(seen.valid);
    assert_string_equal(seen.agent, "web-1");
    assert_string_equal(seen.host, "10.0.0.1");
}

static void bytes_that_are_not_utf8_are_escaped(void **state)
{
    struct document_status d = DOWN;
    const char *text;

    (void)state;
    d.detail = "a\xff\"b\x01";
    d.version = "\xc3\xa4";
    text = render(&d, 1);
    assert_non_null(strstr(text, "\"detail\":\"a\\\\xff\\\"b\\\\x01\""));
    assert_non_null(strstr(text, "\"version\":\"\xc3\xa4\""));
    assert_true(read_text(text).valid);
}

/* DETAIL as it stands in a document, into OUT. */
static void detail_of(const char *detail, char out[DOCUMENT_MAX])
{
    struct document_status d = DOWN;
    const char *text;
    const char *from;
    size_t len;

    d.detail = detail;
    text = render(&d, 1);
    from = strstr(text, "\"detail\":") + strlen("\"detail\":");
    len = (size_t)(strstr(from, ",\"since\"") - from);
    memcpy(out, from, len);
    out[len] = '\0';
}

static void strings_have_these_bytes(void **state)
{
    static const struct {
        const char *text, *json;
    } CASES[] = {
        { "", "\"\"" },
        { "a/b", "\"a/b\"" },
        { "\"a\\b\"", "\"\\\"a\\\\b\\\"\"" },
        { "\xe2\x80\xa8\xf0\x9f\x98\x80", "\"\xe2\x80\xa8\xf0\x9f\x98\x80\"" },
        { "a\tb\"\\", "\"a\\\\x09b\\\"\\\\\\\\\"" },
        { "\x7f\xc3\xa4", "\"\\\\x7f\\\\xc3\\\\xa4\"" },
        { "\xc0\xaf", "\"\\\\xc0\\\\xaf\"" },
        { "\xed\xa0\x80", "\"\\\\xed\\\\xa0\\\\x80\"" },
    };
    char got[DOCUMENT_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        detail_of(CASES[i].text, got);
        assert_string_equal(got, CASES[i].json);
    }
}

static void a_long_string_is_cut_between_characters(void **state)
{
    char text[401], got[DOCUMENT_MAX], wanted[DOCUMENT_MAX];

    (void)state;
    memset(text, 'x', sizeof text);
    text[320] = '\0';
    detail_of(text, got);
    assert_int_equal(strlen(got), 322);
    memcpy(text + 319, "\xc3\xa4y", 4);
    detail_of(text, got);
    snprintf(wanted, sizeof wanted, "\"%.319s\"", text);
    assert_string_equal(got, wanted);
    /* Escaped, and cut between escapes. */
    memcpy(text + 316, "\xff\xffz", 4);
    detail_of(text, got);
    snprintf(wanted, sizeof wanted, "\"%.316s\"", text);
    assert_string_equal(got, wanted);
    memcpy(text + 315, "\xff\xffz", 4);
    detail_of(text, got);
    snprintf(wanted, sizeof wanted, "\"%.315s\\\\xff\"", text);
    assert_string_equal(got, wanted);
}

static void no_strings_make_a_document_too_large(void **state)
{
    static const char *const FILLERS[] = {
        "\"", "\x01", "\xff", "\xc3\xa4", "\xf0\x9f\x98\x80", "x"
    };
    static char filler[20001];
    struct document_status d = DOWN;

    (void)state;
    d.instance = d.address = d.detail = d.version = filler;
    d.round = INT64_MAX;
    for (size_t i = 0; i < sizeof FILLERS / sizeof *FILLERS; i++) {
        size_t each = strlen(FILLERS[i]);

        for (size_t at = 0; at + each < sizeof filler; at += each)
            strcpy(filler + at, FILLERS[i]);
        d.agent = filler;
        assert_true(strlen(render(&d, UINT64_MAX)) < DOCUMENT_MAX);
        d.agent = "web-1";
        assert_true(read_text(render(&d, 5)).valid);
    }
}

static void a_buffer_too_small_gives_zero(void **state)
{
    char open[DOCUMENT_MAX], out[DOCUMENT_MAX];
    size_t len = document_status(&DOWN, open, sizeof open);
    const size_t need = strlen(DOWN_TEXT);

    (void)state;
    assert_int_equal(document_seal(open, len, 34, out, need + 1), need);
    assert_int_equal(document_seal(open, len, 34, out, need), 0);
    assert_int_equal(document_seal(open, len, 34, out, len), 0);
    assert_int_equal(document_seal(open, len, 34, out, 0), 0);
    assert_int_equal(document_status(&DOWN, out, 100), 0);
    assert_int_equal(document_presence("h", 1, "n", "a", out, 10), 0);
}

static void what_is_no_agents_document_is_not_valid(void **state)
{
    static const char *const FOREIGN[] = {
        "",
        "{",
        "null",
        "[]",
        "[{\"schema\":1,\"agent\":\"a\"}]",
        "\"schema\"",
        "127.0.0.1:6379",
        "{}",
        "{\"schema\":1}",
        "{\"schema\":1,\"agent\":\"\"}",
        "{\"schema\":1,\"agent\":7}",
        "{\"schema\":2,\"agent\":\"a\"}",
        "{\"schema\":\"1\",\"agent\":\"a\"}",
        "{\"agent\":\"a\"}",
        "{\"host\":\"h\",\"port\":1,\"name\":\"n\"}",
        "{\"host\":\"h\",\"port\":\"1\",\"name\":\"n\",\"agent\":\"a\"}",
        "{\"schema\":1,\"agent\":\"a\"} trailing",
        "{\"schema\":1,\"agent\":\"\xff\"}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof FOREIGN / sizeof *FOREIGN; i++) {
        if (read_text(FOREIGN[i]).valid)
            fail_msg("taken for ours: %s", FOREIGN[i]);
    }
}

static void members_of_a_wrong_kind_count_as_not_said(void **state)
{
    struct document_seen seen =
        read_text(" {\"schema\":1,\"agent\":\"a\",\"host\":null,"
                  "\"status\":\"fine\",\"reason\":3,\"since\":\"yesterday\","
                  "\"seq\":-1,\"valid_until\":5,\"more\":[{}]}\n");

    (void)state;
    assert_true(seen.valid);
    assert_string_equal(seen.host, "");
    assert_int_equal(seen.status, STATUS_UNKNOWN);
    assert_int_equal(seen.reason, REASON_PENDING);
    assert_int_equal(seen.since_wall_ms, 0);
    assert_int_equal(seen.seq, 0);
    assert_int_equal(seen.valid_until_wall_ms, 0);
    seen = read_text("{\"schema\":1,\"agent\":\"a\","
                     "\"seq\":9007199254740993}");
    assert_int_equal(seen.seq, 0);
    /* It is an agent's document all the same. */
    seen = read_text("{\"schema\":1,\"agent\":\"a\","
                     "\"seq\":99999999999999999999}");
    assert_true(seen.valid);
    assert_int_equal(seen.seq, 0);
}

static void the_last_of_duplicate_members_counts(void **state)
{
    (void)state;
    assert_int_equal(read_text("{\"schema\":1,\"agent\":\"a\",\"seq\":1,"
                               "\"seq\":2}")
                         .seq,
                     2);
}

static void an_agents_id_is_never_cut_to_anothers(void **state)
{
    char text[600], id[400];

    (void)state;
    memset(id, 'a', sizeof id);
    id[300] = '\0';
    snprintf(text, sizeof text, "{\"schema\":1,\"agent\":\"%s\"}", id);
    assert_false(read_text(text).valid);
    assert_string_equal(read_text(text).agent, "");
    id[255] = '\0';
    snprintf(text, sizeof text, "{\"schema\":1,\"agent\":\"%s\"}", id);
    assert_true(read_text(text).valid);
}

static void mutated_documents_are_read_without_harm(void **state)
{
    const size_t len = strlen(DOWN_TEXT);
    char *bytes = malloc(len);
    uint32_t seed = 7;

    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        struct document_seen seen;

        memcpy(bytes, DOWN_TEXT, len);
        for (unsigned i = 0; i < 1 + round % 5; i++) {
            seed = seed * 1664525u + 1013904223u;
            bytes[(seed >> 16) % len] = (char)(seed >> 8);
        }
        document_read(bytes, len - round % 7, &seen);
        assert_true(seen.status <= STATUS_UNKNOWN);
        assert_true(memchr(seen.agent, '\0', sizeof seen.agent) != NULL);
        assert_true(!seen.valid || seen.agent[0] != '\0');
    }
    document_read(NULL, 0, &(struct document_seen){ 0 });
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_status_document_is_as_promised),
        cmocka_unit_test(what_is_not_known_is_null),
        cmocka_unit_test(maintenance_says_whose_it_is_why_and_until_when),
        cmocka_unit_test(a_status_document_reads_back),
        cmocka_unit_test(a_heartbeat_is_as_promised_and_reads_back),
        cmocka_unit_test(a_heartbeat_names_what_it_does_not_vouch_for),
        cmocka_unit_test(the_largest_heartbeat_fits),
        cmocka_unit_test(a_presence_document_has_nerves_keys_and_whose_it_is),
        cmocka_unit_test(bytes_that_are_not_utf8_are_escaped),
        cmocka_unit_test(strings_have_these_bytes),
        cmocka_unit_test(a_long_string_is_cut_between_characters),
        cmocka_unit_test(no_strings_make_a_document_too_large),
        cmocka_unit_test(a_buffer_too_small_gives_zero),
        cmocka_unit_test(what_is_no_agents_document_is_not_valid),
        cmocka_unit_test(members_of_a_wrong_kind_count_as_not_said),
        cmocka_unit_test(the_last_of_duplicate_members_counts),
        cmocka_unit_test(an_agents_id_is_never_cut_to_anothers),
        cmocka_unit_test(mutated_documents_are_read_without_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
