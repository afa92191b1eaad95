/* The three outputs of --check-once, and its exit code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <cmocka.h>

#include "agent/report.h"

#define TIME_MS INT64_C(1795411740123)

static const struct document_status UP = {
    .instance = "cache-1",
    .address = "127.0.0.1:6379",
    .status = STATUS_UP,
    .reason = REASON_OK,
    .detail = "",
    .rtt_us = 123,
    .role = "master",
    .server = "redis",
    .version = "7.0.15",
};

static const struct document_status DOWN = {
    .instance = "c2",
    .address = "unix:/run/r.sock",
    .status = STATUS_DOWN,
    .reason = REASON_REFUSED,
    .detail = "connect: refused",
    .rtt_us = -1,
    .role = "",
    .server = "",
    .version = "",
};

static struct document_status row(enum status s, enum reason r)
{
    struct document_status copy = UP;

    copy.status = s;
    copy.reason = r;
    return copy;
}

static struct report report(const struct document_status *rows, size_t n)
{
    return (struct report){ .agent = "web-1",
                            .time_wall_ms = TIME_MS,
                            .rows = rows,
                            .nrows = n,
                            .publishing = "published" };
}

/* Owned by the caller. */
static char *print(const struct report *r, enum report_format f)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    report_print(r, f, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void prints(const struct report *r, enum report_format f,
                   const char *wanted)
{
    char *text = print(r, f);

    assert_string_equal(text, wanted);
    free(text);
}

static void formats_have_names(void **state)
{
    enum report_format f = REPORT_JSON;

    (void)state;
    assert_true(report_parse_format("text", &f) && f == REPORT_TEXT);
    assert_true(report_parse_format("json", &f) && f == REPORT_JSON);
    assert_true(report_parse_format("nagios", &f) && f == REPORT_NAGIOS);
    assert_false(report_parse_format("xml", &f));
    assert_false(report_parse_format("", &f));
    assert_int_equal(f, REPORT_NAGIOS);
}

static void the_worst_of_all_rows_is_the_exit_code(void **state)
{
    /* Worst first: down, degraded, unknown, up. */
    static const struct {
        enum status a, b;
        bool publish_failed;
        int code;
    } CASES[] = {
        { STATUS_UP, STATUS_UP, false, 0 },
        { STATUS_UP, STATUS_UNKNOWN, false, 3 },
        { STATUS_UNKNOWN, STATUS_DEGRADED, false, 1 },
        { STATUS_DEGRADED, STATUS_UP, false, 1 },
        { STATUS_DEGRADED, STATUS_DOWN, false, 2 },
        { STATUS_DOWN, STATUS_UNKNOWN, false, 2 },
        { STATUS_UP, STATUS_UP, true, 3 },
        { STATUS_UP, STATUS_DEGRADED, true, 1 },
        { STATUS_DOWN, STATUS_UP, true, 2 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        const struct document_status rows[] = { row(CASES[i].a, REASON_OK),
                                                row(CASES[i].b, REASON_OK) };
        struct report r = report(rows, 2);

        r.publish_failed = CASES[i].publish_failed;
        assert_int_equal(report_exit_code(&r), CASES[i].code);
    }
}

static void nothing_looked_at_is_unknown(void **state)
{
    struct report r = report(NULL, 0);

    (void)state;
    assert_int_equal(report_exit_code(&r), 3);
    prints(&r, REPORT_NAGIOS,
           "REDIS UNKNOWN - 0 up | up=0;;;0;0 degraded=0;;;0;0 "
           "down=0;;;0;0 unknown=0;;;0;0\n");
}

static void a_paused_instance_counts_and_is_marked(void **state)
{
    struct document_status paused = DOWN;
    struct report r = report(&paused, 1);
    char *text;

    (void)state;
    paused.maintenance = true;
    assert_int_equal(report_exit_code(&r), 2);
    text = print(&r, REPORT_TEXT);
    assert_non_null(strstr(text, "down (maintenance)"));
    free(text);
    text = print(&r, REPORT_JSON);
    assert_non_null(strstr(text, "\"maintenance\":true"));
    free(text);
    text = print(&r, REPORT_NAGIOS);
    assert_non_null(strstr(text, "1 down (c2 refused), 1 in maintenance |"));
    free(text);
}

static void the_table_is_aligned_and_speaks_words(void **state)
{
    const struct document_status rows[] = { UP, DOWN };
    struct report r = report(rows, 2);
    char wanted[1024];

    (void)state;
    snprintf(
        wanted, sizeof wanted,
        "INSTANCE  ADDRESS           STATUS  RTT     ROLE    VERSION  WHY\n"
        "cache-1   127.0.0.1:6379    up      123 us  master  7.0.15\n"
        "c2        unix:/run/r.sock  down    -       -       -        "
        "refused: %s (connect: refused)\n"
        "\n"
        "web-1 at 2026-11-23T05:29:00.123Z: 1 up, 0 degraded, 1 down, "
        "0 unknown\n"
        "ZooKeeper: published\n",
        reason_sentence(REASON_REFUSED));
    prints(&r, REPORT_TEXT, wanted);
}

static void times_have_human_units(void **state)
{
    static const struct {
        int64_t us;
        const char *text;
    } CASES[] = { { 0, " 0 us " },
                  { 999, " 999 us " },
                  { 1000, " 1.00 ms " },
                  { 12345, " 12.35 ms " },
                  { 2500000, " 2.50 s " } };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct document_status one = UP;
        struct report r = report(&one, 1);
        char *text;

        one.rtt_us = CASES[i].us;
        text = print(&r, REPORT_TEXT);
        assert_non_null(strstr(text, CASES[i].text));
        free(text);
    }
}

static void nagios_gets_one_line_with_perfdata(void **state)
{
    const struct document_status rows[] = { UP, DOWN };
    struct report r = report(rows, 2);

    (void)state;
    prints(&r, REPORT_NAGIOS,
           "REDIS CRITICAL - 1 down (c2 refused), 1 up | up=1;;;0;2 "
           "degraded=0;;;0;2 down=1;;;0;2 unknown=0;;;0;2 "
           "cache-1_rtt=0.000123s;;;0; c2_rtt=U\n");
    r.nrows = 1;
    prints(&r, REPORT_NAGIOS,
           "REDIS OK - 1 up | up=1;;;0;1 degraded=0;;;0;1 down=0;;;0;1 "
           "unknown=0;;;0;1 cache-1_rtt=0.000123s;;;0;\n");
}

static void certificates_that_end_are_told_and_change_no_code(void **state)
{
    static const struct report_ending ENDINGS[] = {
        { "cache-1", INT64_C(1795500000000) },
        { "c2", INT64_C(1795700000000) },
    };
    struct report r = report(&UP, 1);
    char *text;

    (void)state;
    r.endings = ENDINGS;
    r.nendings = 1;
    assert_int_equal(report_exit_code(&r), 0);
    text = print(&r, REPORT_TEXT);
    assert_non_null(strstr(
        text, "\ncache-1: a certificate of its server ends on 2026-11-24\n"));
    free(text);
    text = print(&r, REPORT_NAGIOS);
    assert_non_null(strstr(text, "REDIS OK - 1 up, 1 certificate ends soon "
                                 "(cache-1 2026-11-24) | "));
    free(text);
    r.nendings = 2;
    text = print(&r, REPORT_NAGIOS);
    assert_non_null(strstr(text, ", 2 certificates end soon (cache-1 "
                                 "2026-11-24, c2 2026-11-26) | "));
    free(text);
    text = print(&r, REPORT_JSON);
    assert_non_null(strstr(text, "\"certificates_expiring\":[{\"instance\":"
                                 "\"cache-1\",\"ends\":\"2026-11-24T"));
    free(text);
}

static void nagios_names_a_few_of_many_in_trouble(void **state)
{
    struct document_status rows[12];
    struct report r = report(rows, 12);
    char *text;

    (void)state;
    for (size_t i = 0; i < 12; i++)
        rows[i] = row(STATUS_DEGRADED, REASON_LAG);
    text = print(&r, REPORT_NAGIOS);
    assert_non_null(strstr(text, "REDIS WARNING - 12 degraded (cache-1 lag, "));
    assert_non_null(strstr(text, "cache-1 lag and 2 more) |"));
    free(text);
}

static void bytes_from_outside_break_no_line(void **state)
{
    struct document_status bad = DOWN;
    struct report r = report(&bad, 1);
    char *text;

    (void)state;
    bad.detail = "a|b\nc\x1b[31m\xff";
    r.publishing = "no\n| servers";
    r.publish_failed = true;
    text = print(&r, REPORT_NAGIOS);
    assert_non_null(strstr(text, ", no\\x0a/ servers |"));
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    assert_ptr_equal(strchr(text, '|'), strrchr(text, '|'));
    free(text);
    text = print(&r, REPORT_TEXT);
    assert_non_null(strstr(text, "(a|b\\x0ac\\x1b[31m\\xff)"));
    assert_null(strchr(text, '\x1b'));
    free(text);
}

static void json_has_the_documents_keys(void **state)
{
    const struct document_status rows[] = { UP, DOWN };
    struct report r = report(rows, 2);

    (void)state;
    prints(&r, REPORT_JSON,
           "{\"agent\":\"web-1\",\"time\":\"2026-11-23T05:29:00.123Z\","
           "\"publishing\":\"published\",\"publish_failed\":false,"
           "\"exit_code\":2,\"instances\":["
           "{\"instance\":\"cache-1\",\"address\":\"127.0.0.1:6379\","
           "\"status\":\"up\",\"reason\":\"ok\",\"detail\":\"\","
           "\"rtt_us\":123,\"role\":\"master\",\"server\":\"redis\","
           "\"version\":\"7.0.15\",\"started\":null,"
           "\"maintenance\":false},"
           "{\"instance\":\"c2\",\"address\":\"unix:/run/r.sock\","
           "\"status\":\"down\",\"reason\":\"refused\","
           "\"detail\":\"connect: refused\",\"rtt_us\":null,\"role\":null,"
           "\"server\":null,\"version\":null,\"started\":null,\"maintenance\":"
           "false}],\"certificates_expiring\":[]}\n");
}

static void json_stays_json_whatever_the_bytes(void **state)
{
    struct document_status bad = DOWN;
    struct report r = report(&bad, 1);
    char *text;
    json_t *parsed;

    (void)state;
    bad.detail = "\"\\\n\xff\x01";
    r.publishing = "\xc3\xa4\"";
    text = print(&r, REPORT_JSON);
    assert_non_null(strstr(text, "\"publishing\":\"\xc3\xa4\\\"\","));
    assert_non_null(strstr(text, "\"detail\":\"\\\"\\\\\\\\\\\\x0a"
                                 "\\\\xff\\\\x01\","));
    parsed = json_loads(text, 0, NULL);
    assert_non_null(parsed);
    assert_string_equal(
        json_string_value(json_object_get(parsed, "publishing")), "\xc3\xa4\"");
    json_decref(parsed);
    free(text);
}

static void trouble_before_any_check_is_told_in_the_format_asked_for(
    void **state)
{
    static const char *const EXPECTED[] = {
        [REPORT_TEXT] = "",
        [REPORT_JSON] = "{\"error\":\"no \\\"x\\\" in f\",\"exit_code\":3}\n",
        [REPORT_NAGIOS] = "REDIS UNKNOWN - no \"x\" in f\n",
    };
    (void)state;
    for (int f = REPORT_TEXT; f <= REPORT_NAGIOS; f++) {
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);
        assert_non_null(out);
        report_trouble("no \"x\" in f", (enum report_format)f, out);
        fclose(out);
        assert_string_equal(text, EXPECTED[f]);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_have_names),
        cmocka_unit_test(the_worst_of_all_rows_is_the_exit_code),
        cmocka_unit_test(nothing_looked_at_is_unknown),
        cmocka_unit_test(a_paused_instance_counts_and_is_marked),
        cmocka_unit_test(the_table_is_aligned_and_speaks_words),
        cmocka_unit_test(times_have_human_units),
        cmocka_unit_test(nagios_gets_one_line_with_perfdata),
        cmocka_unit_test(certificates_that_end_are_told_and_change_no_code),
        cmocka_unit_test(nagios_names_a_few_of_many_in_trouble),
        cmocka_unit_test(bytes_from_outside_break_no_line),
        cmocka_unit_test(json_has_the_documents_keys),
        cmocka_unit_test(json_stays_json_whatever_the_bytes),
        cmocka_unit_test(
            trouble_before_any_check_is_told_in_the_format_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
