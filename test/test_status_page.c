/* What a terminal shows of one agent's status page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <cmocka.h>

#include "view_bench.h"

#define DOWN                                                                \
    "{\"schema\":1,\"instance\":\"cache-1\",\"address\":\"h:6379\","        \
    "\"status\":\"down\",\"reason\":\"refused\",\"detail\":\"connect: x\"," \
    "\"since\":\"2026-11-25T18:16:48.000Z\",\"checked\":null,"              \
    "\"rtt_us\":null,\"role\":null,\"version\":null,"                       \
    "\"maintenance\":false,\"agent\":\"web-1\",\"round\":7,\"seq\":34,"     \
    "\"published\":true,\"conflict\":null}"
#define UP(name, more)                                                \
    "{\"schema\":1,\"instance\":\"" name "\",\"address\":\"h:6380\"," \
    "\"status\":\"up\",\"reason\":\"ok\",\"detail\":\"\","            \
    "\"since\":\"2026-11-25T18:19:48.000Z\",\"rtt_us\":118,"          \
    "\"role\":\"master\",\"version\":\"7.0.15\",\"agent\":\"web-1\"" more "}"
#define PAGE_OF(agent, zookeeper, instances)                           \
    "{\"schema\":1,\"time\":\"" NOW "\",\"agent\":{\"id\":\"web-1\","  \
    "\"host\":\"box\",\"pid\":4711,\"version\":\"0.1.0\","             \
    "\"started\":\"2026-11-25T17:20:00.000Z\",\"round\":7,"            \
    "\"interval_ms\":10000," agent "},\"pool\":{\"workers\":2,"        \
    "\"jobs_active\":1,\"threads\":10},\"zookeeper\":{" zookeeper "}," \
    "\"instances\":[" instances "],\"new\":null}"
#define WELL  "\"healthy\":true,\"trouble\":[]"
#define ALONE "\"configured\":false"

static struct status_view page(const char *body)
{
    struct status_view v;
    struct err e = { "" };

    if (status_view_of_page(&v, body, strlen(body), &e) != 0)
        fail_msg("%s", e.text);
    return v;
}

static void a_page_is_a_headline_and_a_table_with_the_worst_first(void **state)
{
    static const struct status_style PLAIN = { .expected_id = "web-1" };
    struct status_view v =
        page(PAGE_OF(WELL, ALONE, UP("b", "") "," UP("a", "") "," DOWN));
    char *text = print_view(&v, &PLAIN);

    (void)state;
    assert_string_equal(
        text,
        "web-1 on box at " NOW ": 2 up, 0 degraded, 1 down, 0 unknown\n"
        "agent is well: round 7 every 10s, threads 10, workers 2, jobs 1; "
        "version 0.1.0, pid 4711, running for 1h 0m\n"
        "ZooKeeper: not configured\n"
        "\n"
        "INSTANCE  ADDRESS  STATUS  REASON   SINCE   ROLE    VERSION  RTT     "
        "DETAIL\n"
        "cache-1   h:6379   down    refused  3m 12s  -       -        -       "
        "connect: x\n"
        "a         h:6380   up      ok       12s     master  7.0.15   118 us\n"
        "b         h:6380   up      ok       12s     master  7.0.15   118 "
        "us\n");
    free(text);
    status_view_free(&v);
}

static void an_agent_that_is_not_well_says_why(void **state)
{
    static const struct status_style PLAIN = { 0 };
    struct status_view v = page(
        PAGE_OF("\"healthy\":false,\"trouble\":[\"a worker hangs\",\"x\"]",
                "\"configured\":true,\"state\":\"connecting\",\"pending\":3,"
                "\"since\":\"2026-11-25T18:19:00.000Z\","
                "\"trouble\":\"no server\",\"server\":null",
                UP("a", "")));

    (void)state;
    shows(&v, &PLAIN, "\nagent is NOT WELL: a worker hangs; x; round 7");
    shows(&v, &PLAIN,
          "\nZooKeeper: connecting for 1m 0s (3 pending): no server\n");
    status_view_free(&v);
}

static void what_is_odd_about_an_instance_is_said_in_words(void **state)
{
    static const struct status_style PLAIN = { 0 };
    struct status_view v = page(PAGE_OF(
        WELL, "\"configured\":true,\"state\":\"connected\"",
        UP("a", ",\"maintenance\":true,\"published\":false") "," UP(
            "b", ",\"published\":false,\"conflict\":{\"agent\":\"web-2\","
                 "\"host\":\"h2\"}")));

    (void)state;
    shows(&v, &PLAIN, "(1 in maintenance)");
    shows(&v, &PLAIN, "  maintenance, not yet published\n");
    shows(&v, &PLAIN, "  conflict: held by web-2 on h2\n");
    status_view_free(&v);
}

static void a_reason_without_a_detail_is_explained(void **state)
{
    static const struct status_style PLAIN = { 0 };
    struct status_view v =
        page(PAGE_OF(WELL, ALONE,
                     "{\"schema\":1,\"instance\":\"a\",\"status\":\"degraded\","
                     "\"reason\":\"loading\"},"
                     "{\"schema\":1,\"instance\":\"b\",\"status\":\"weird\","
                     "\"reason\":\"a-later-one\"},\"no object\""));

    (void)state;
    shows(&v, &PLAIN, reason_sentence(REASON_LOADING));
    shows(&v, &PLAIN, "unknown   a-later-one");
    shows(&v, &PLAIN, "0 up, 1 degraded, 0 down, 1 unknown");
    status_view_free(&v);
}

static void another_agent_than_expected_is_pointed_out(void **state)
{
    static const struct status_style OTHER = { .expected_id = "web-9" };
    struct status_view v = page(PAGE_OF(WELL, ALONE, UP("a", "")));

    (void)state;
    shows(&v, &OTHER, "(another agent than this config's, which is web-9)\n");
    status_view_free(&v);
}

static void nothing_from_outside_reaches_the_terminal_as_it_is(void **state)
{
    static const struct status_style COLOURS = { .colours = true,
                                                 .width = 300 };
    struct status_view v = page(PAGE_OF(
        "\"healthy\":false,\"trouble\":[\"\\u001b]0;pwned\\u0007\"]",
        "\"configured\":true,\"state\":\"\\u001b[2J\",\"server\":\"\\u009b\","
        "\"trouble\":\"\\n\"",
        UP("\\u001bc", ",\"conflict\":{\"agent\":\"\\u001b\",\"host\":"
                       "\"\\r\"}") ","
                                   "{\"schema\":1,\"instance\":\"x\","
                                   "\"status\":\"down\","
                                   "\"reason\":\"\\u001b\",\"detail\":"
                                   "\"\\u001b[1A\\u202e\","
                                   "\"role\":\"\\u0007\",\"version\":"
                                   "\"\\u0008\",\"address\":\"\\t\"}"));
    char *text = print_view(&v, &COLOURS);

    (void)state;
    for (char *at = text; *at != '\0'; at++) {
        if (*at == '\n')
            continue;
        /* Only colours of our own. */
        if (*at == '\033')
            assert_true(at[1] == '[' && strspn(at + 2, "0123456789;") > 0 &&
                        at[2 + strspn(at + 2, "0123456789;")] == 'm');
        else
            assert_in_range(*at, ' ', '~');
    }
    assert_non_null(strstr(text, "\\x1b[1A\\xe2\\x80\\xae"));
    free(text);
    status_view_free(&v);
}

static void on_a_screen_no_line_is_wider_than_it(void **state)
{
    struct status_view v = page(
        PAGE_OF("\"healthy\":false,\"trouble\":[\"a-very-long-word-that-no-"
                "line-of-this-screen-can-hold-as-a-whole\"]",
                ALONE, UP("b", ",\"published\":false") "," DOWN));

    (void)state;
    for (unsigned width = 1; width < 130; width++) {
        struct status_style s = { .width = width };
        char *text = print_view(&v, &s);

        for (char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1)
            assert_in_range(strcspn(line, "\n"), 0, width);
        free(text);
    }
    status_view_free(&v);
}

static void below_a_table_higher_than_the_screen_the_headline_is_repeated(
    void **state)
{
    struct status_style s = { .height = 8 };
    struct status_view v =
        page(PAGE_OF(WELL, ALONE, UP("a", "") "," UP("b", "") "," DOWN));

    (void)state;
    shows(&v, &s, "\n\nweb-1 on box at");
    s.height = 9;
    hides(&v, &s, "\n\nweb-1 on box at");
    status_view_free(&v);
}

static void what_is_no_status_page_is_refused(void **state)
{
    static const char *const BODIES[] = {
        "",
        "ok\n",
        "[]",
        "{}",
        "{\"schema\":1}",
        "{\"schema\":2,\"agent\":{},\"instances\":[]}",
        "{\"schema\":1,\"agent\":[],\"instances\":[]}",
        "{\"schema\":1,\"agent\":{},\"instances\":{}}",
        "{\"schema\":1,\"agent\":{},\"instances\":[]",
        "{\"schema\":1,\"agent\":{\"id\":\"\xff\"},\"instances\":[]}",
    };
    struct status_view v;
    struct err e;

    (void)state;
    for (size_t i = 0; i < sizeof BODIES / sizeof *BODIES; i++) {
        assert_int_equal(
            status_view_of_page(&v, BODIES[i], strlen(BODIES[i]), &e), -1);
        assert_string_equal(e.text,
                            "what answers is no sentinel-agent's status page");
    }
    v = page("{\"schema\":1,\"agent\":{},\"instances\":[]}");
    shows(&v, &(struct status_style){ 0 }, "no instances");
    status_view_free(&v);
}

static void only_what_a_person_would_see_as_news_changes_the_digest(
    void **state)
{
    static const struct {
        const char *body;
        bool news;
    } CASES[] = {
        { PAGE_OF(WELL, ALONE, DOWN), false },
        { "{\"schema\":1,\"time\":null," /* another moment, another round */
          "\"agent\":{\"id\":\"web-1\",\"pid\":4711,\"round\":8},"
          "\"instances\":[" DOWN "]}",
          false },
        { PAGE_OF(WELL, ALONE, UP("cache-1", "")), true },
        { PAGE_OF(WELL, ALONE, DOWN "," UP("b", "")), true },
        { PAGE_OF("\"healthy\":false", ALONE, DOWN), true },
        { PAGE_OF("\"trouble\":[\"x\"]", ALONE, DOWN), true },
        { PAGE_OF(WELL, "\"configured\":true,\"state\":\"offline\"", DOWN),
          true },
    };
    struct status_view v = page(PAGE_OF(WELL, ALONE, DOWN));
    uint64_t before = status_view_digest(&v);

    (void)state;
    status_view_free(&v);
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        v = page(CASES[i].body);
        if ((status_view_digest(&v) != before) != CASES[i].news)
            fail_msg("case %zu", i);
        status_view_free(&v);
    }
}

static void as_json_nothing_reaches_the_terminal_as_it_is_either(void **state)
{
    struct status_view v =
        page(PAGE_OF(WELL, ALONE, UP("\x7f\xc2\x9b\\u001b", "")));
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    json_t *j;

    (void)state;
    assert_non_null(out);
    assert_int_equal(status_view_print_json(&v, "", out), 0);
    assert_int_equal(fclose(out), 0);
    for (char *at = text; *at != '\n'; at++)
        assert_in_range(*at, ' ', '~');
    j = json_loads(text, 0, NULL);
    has_text(json_array_get(json_object_get(j, "instances"), 0), "instance",
             "\x7f\xc2\x9b\033");
    json_decref(j);
    free(text);
    status_view_free(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_is_a_headline_and_a_table_with_the_worst_first),
        cmocka_unit_test(an_agent_that_is_not_well_says_why),
        cmocka_unit_test(what_is_odd_about_an_instance_is_said_in_words),
        cmocka_unit_test(a_reason_without_a_detail_is_explained),
        cmocka_unit_test(another_agent_than_expected_is_pointed_out),
        cmocka_unit_test(nothing_from_outside_reaches_the_terminal_as_it_is),
        cmocka_unit_test(on_a_screen_no_line_is_wider_than_it),
        cmocka_unit_test(
            below_a_table_higher_than_the_screen_the_headline_is_repeated),
        cmocka_unit_test(what_is_no_status_page_is_refused),
        cmocka_unit_test(
            only_what_a_person_would_see_as_news_changes_the_digest),
        cmocka_unit_test(as_json_nothing_reaches_the_terminal_as_it_is_either),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
