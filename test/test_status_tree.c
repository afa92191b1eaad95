/* What a terminal shows of ZooKeeper alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <cmocka.h>

#include "agent/clock.h"
#include "agent/config.h"

#include "view_bench.h"

static int64_t wall_ms(const char *text)
{
    int64_t ms;

    assert_int_equal(clock_parse_rfc3339(text, &ms), 0);
    return ms;
}

struct node {
    const char *name;
    const char *data; /* NULL: unreadable */
    int64_t owner;
};

static struct status_node *copy(const struct node *nodes, size_t n)
{
    struct status_node *out = calloc(n + 1, sizeof *out);

    assert_non_null(out);
    for (size_t i = 0; i < n; i++) {
        out[i].name = strdup(nodes[i].name);
        out[i].owner = nodes[i].owner;
        if (nodes[i].data == NULL)
            continue;
        out[i].data = strdup(nodes[i].data);
        out[i].len = strlen(nodes[i].data);
    }
    return out;
}

static struct status_view tree(const struct node *instances, size_t ninstances,
                               const struct node *agents, size_t nagents)
{
    /* The view borrows its texts. */
    static char id[] = "web-1", name[] = "a";
    static struct config_instance here = { .name = name };
    struct config_instance *list[] = { &here };
    struct config c = { .agent.id = id, .instances = list, .ninstances = 1 };
    struct status_tree t = { copy(instances, ninstances), ninstances,
                             copy(agents, nagents), nagents };
    struct status_view v;
    struct err e;

    assert_int_equal(status_view_of_tree(&v, &t, &c, wall_ms(NOW), &e), 0);
    assert_null(t.instances);
    return v;
}

#define HEARTBEAT(id, until)                                               \
    "{\"schema\":1,\"agent\":\"" id "\",\"host\":\"box\",\"pid\":1,"       \
    "\"round\":7,\"interval_ms\":10000,"                                   \
    "\"time\":\"2026-11-25T18:19:57.000Z\",\"valid_until\":\"" until "\"," \
    "\"instances\":3}"
#define BY(name, id)                                               \
    "{\"schema\":1,\"instance\":\"" name "\",\"address\":\"h:1\"," \
    "\"status\":\"up\",\"reason\":\"ok\",\"detail\":\"\","         \
    "\"since\":\"2026-11-25T18:19:48.000Z\",\"agent\":\"" id "\"}"
#define REMOVED(name, id)                                             \
    "{\"schema\":1,\"instance\":\"" name "\",\"status\":\"unknown\"," \
    "\"reason\":\"removed\",\"agent\":\"" id "\"}"

static const struct node AGENTS[] = {
    { "web-1", HEARTBEAT("web-1", "2026-11-25T18:20:27.000Z"), 77 },
    { "web-2", HEARTBEAT("web-2", "2026-11-25T18:19:48.000Z"), 0 },
    { "web-4", "junk", 78 },
    { "web-5", NULL, 0 },
};

static const struct status_row *row(const struct status_view *v,
                                    const char *name)
{
    for (size_t i = 0; i < v->nrows; i++)
        if (strcmp(v->rows[i].instance, name) == 0)
            return &v->rows[i];
    fail_msg("no row %s", name);
    return NULL;
}

static void is_doubted(const struct status_view *v, const char *name,
                       const char *why)
{
    const struct status_row *r = row(v, name);
    char text[256];

    assert_false(status_row_trusted(v, r));
    assert_int_equal(status_row_verdict(v, r), STATUS_UNKNOWN);
    status_row_why(v, r, text, sizeof text);
    assert_string_equal(text, why);
}

static void a_status_is_trusted_while_its_agents_heartbeat_is_valid(
    void **state)
{
    static const struct node NODES[] = {
        { "a", BY("a", "web-1"), 0 },  { "b", BY("b", "web-2"), 0 },
        { "c", BY("c", "web-3"), 0 },  { "d", BY("d", "web-4"), 0 },
        { "e", BY("e", "web-5"), 0 },  { "f", BY("f", ""), 0 },
        { "g", "not json", 0 },        { "h", NULL, 0 },
        { "i", "{\"schema\":1}", 0 },  { "j", "", 0 },
        { "k", BY("k", "web-1x"), 0 },
    };
    struct status_view v = tree(NODES, 11, AGENTS, 4);

    (void)state;
    assert_true(status_row_trusted(&v, row(&v, "a")));
    assert_int_equal(status_row_verdict(&v, row(&v, "a")), STATUS_UP);
    is_doubted(&v, "b", "heartbeat of web-2 expired 12s ago");
    is_doubted(&v, "c", "heartbeat of web-3 gone");
    is_doubted(&v, "d", "agents/web-4 is no heartbeat");
    is_doubted(&v, "e", "no right to read agents/web-5");
    is_doubted(&v, "f", "no agent named");
    is_doubted(&v, "g", "no status document");
    is_doubted(&v, "h", "no right to read it");
    is_doubted(&v, "i", "no status document");
    is_doubted(&v, "j", "no status document");
    is_doubted(&v, "k", "heartbeat of web-1x gone");
    status_view_free(&v);
}

static void a_heartbeat_is_valid_until_exactly_then(void **state)
{
    static const struct node NODES[] = { { "a", BY("a", "w"), 0 } };
    static const struct node NOW_OVER[] = { { "w", HEARTBEAT("w", NOW), 1 } };
    static const struct node LATER[] = {
        { "w", HEARTBEAT("w", "2026-11-25T18:20:00.001Z"), 1 }
    };
    static const struct node NOT_SAID[] = {
        { "w", "{\"schema\":1,\"agent\":\"w\"}", 1 }
    };
    struct status_view v = tree(NODES, 1, NOW_OVER, 1);

    (void)state;
    is_doubted(&v, "a", "heartbeat of w expired 0s ago");
    status_view_free(&v);
    v = tree(NODES, 1, LATER, 1);
    assert_true(status_row_trusted(&v, row(&v, "a")));
    status_view_free(&v);
    v = tree(NODES, 1, NOT_SAID, 1);
    is_doubted(&v, "a", "agents/w is no heartbeat");
    status_view_free(&v);
}

static const struct status_style ZK = { .servers = "z:2181", .root = "/s" };

static void what_is_not_trusted_cannot_be_mistaken(void **state)
{
    static const struct node NODES[] = {
        { "a", BY("a", "web-1"), 0 },
        { "b", BY("b", "web-2"), 0 },
        { "c", BY("c", "web-3"), 0 },
    };
    struct status_view v = tree(NODES, 3, AGENTS, 2);
    char *text = print_view(&v, &ZK);

    (void)state;
    assert_string_equal(
        text,
        "ZooKeeper z:2181, root /s at " NOW ": 1 up, 0 degraded, 0 down, "
        "2 unknown (2 not to be trusted)\n"
        "1 of 3 agents alive\n"
        "\n"
        "INSTANCE  ADDRESS  STATUS            REASON  SINCE  ROLE  VERSION  "
        "RTT  AGENT  HEARTBEAT  TRUSTED                                 "
        "DETAIL\n"
        "b         h:1      unknown (was up)  (ok)    (12s)  -     -        "
        "-    web-2  3s ago     NO: heartbeat of web-2 expired 12s ago\n"
        "c         h:1      unknown (was up)  (ok)    (12s)  -     -        "
        "-    web-3  -          NO: heartbeat of web-3 gone\n"
        "a         h:1      up                ok      12s    -     -        "
        "-    web-1  3s ago     yes\n"
        "\n"
        "AGENT  HOST  HEARTBEAT        ROUND  WRITTEN  VALID UNTIL            "
        "   INSTANCES  NOTE\n"
        "web-2  box   EXPIRED 12s ago  7      3s ago   "
        "2026-11-25T18:19:48.000Z  3          by --check-once, 1 document not "
        "to be trusted\n"
        "web-3  -     GONE             -      -        -                      "
        "   -          1 document not to be trusted\n"
        "web-1  box   valid for 27s    7      3s ago   "
        "2026-11-25T18:20:27.000Z  3\n");
    free(text);
    status_view_free(&v);
}

static void an_agent_with_a_session_and_an_old_heartbeat_is_not_just_dead(
    void **state)
{
    static const struct node LATE[] = {
        { "web-1", HEARTBEAT("web-1", "2026-11-25T18:19:37.000Z"), 77 }
    };
    struct status_view v = tree(NULL, 0, LATE, 1);

    (void)state;
    shows(&v, &ZK, "  its session lives: it hangs, or clocks differ\n");
    status_view_free(&v);
    v = tree(NULL, 0, AGENTS, 2);
    hides(&v, &ZK, "its session lives");
    status_view_free(&v);
}

static void what_was_worst_comes_first_also_when_it_is_not_trusted(void **state)
{
    static const struct node NODES[] = {
        { "a", BY("a", "web-3"), 0 },
        { "b", BY("b", "web-1"), 0 },
        { "c", "{\"schema\":1,\"status\":\"down\",\"agent\":\"web-3\"}", 0 },
    };
    struct status_view v = tree(NODES, 3, AGENTS, 1);

    (void)state;
    assert_string_equal(v.rows[0].instance, "c");
    assert_string_equal(v.rows[1].instance, "a");
    assert_string_equal(v.rows[2].instance, "b");
    status_view_free(&v);
}

static void what_the_config_and_zookeeper_do_not_share_is_marked(void **state)
{
    static const struct node NODES[] = {
        { "gone", REMOVED("gone", "web-1"), 0 },
        { "stray", BY("stray", "web-1"), 0 },
        { "theirs", BY("theirs", "web-2"), 0 },
    };
    struct status_view v = tree(NODES, 3, AGENTS, 1);

    (void)state;
    is_doubted(&v, "a", "configured here, not in ZooKeeper");
    assert_true(row(&v, "stray")->stray);
    assert_false(row(&v, "gone")->stray);
    assert_false(row(&v, "theirs")->stray);
    assert_string_equal(v.rows[3].instance, "gone");
    shows(&v, &ZK,
          "1 up, 0 degraded, 0 down, 2 unknown (and 1 removed) "
          "(2 not to be trusted)");
    shows(&v, &ZK, "yes                                    not in this config");
    shows(&v, &ZK, "removed: no longer watched");
    status_view_free(&v);
}

static void an_empty_tree_is_shown_too(void **state)
{
    struct status_view v = tree(NULL, 0, NULL, 0);

    (void)state;
    is_doubted(&v, "a", "configured here, not in ZooKeeper");
    shows(&v, &ZK, "0 of 0 agents alive");
    status_view_free(&v);
}

static void as_json_the_status_of_what_is_not_trusted_is_unknown(void **state)
{
    static const struct node NODES[] = {
        { "a", BY("a", "web-1"), 0 },
        { "b", BY("b", "web-2"), 0 },
        { "\xff", "junk", 0 },
    };
    struct status_view v = tree(NODES, 3, AGENTS, 4);
    json_t *j = print_json(&v);
    json_t *list = json_object_get(j, "instances");
    json_t *agents = json_object_get(j, "agents");
    json_t *b = json_array_get(list, 1), *junk = json_array_get(list, 0),
           *a = json_array_get(list, 2);

    (void)state;
    has_text(j, "time", NOW);
    has_text(j, "root", "/s");
    has_text(a, "status", "up");
    assert_true(json_is_true(json_object_get(a, "trusted")));
    assert_true(json_is_null(json_object_get(a, "why")));
    has_text(b, "status", "unknown");
    has_text(b, "was", "up");
    has_text(b, "why", "heartbeat of web-2 expired 12s ago");
    has_text(b, "address", "h:1");
    assert_true(json_is_false(json_object_get(b, "trusted")));
    has_text(junk, "instance", "\\xff");
    has_text(junk, "status", "unknown");
    assert_true(json_is_null(json_object_get(junk, "was")));
    assert_int_equal(json_array_size(agents), 4);
    has_text(json_array_get(agents, 0), "heartbeat", "alive");
    has_text(json_array_get(agents, 1), "heartbeat", "expired");
    has_text(json_array_get(agents, 1), "host", "box");
    has_text(json_array_get(agents, 2), "heartbeat", "garbled");
    has_text(json_array_get(agents, 3), "heartbeat", "unreadable");
    json_decref(j);
    status_view_free(&v);
}

static void a_heartbeat_that_expires_is_news_and_one_more_is_not(void **state)
{
    static const struct node NODES[] = { { "a", BY("a", "web-1"), 0 } };
    static const struct node NEXT[] = {
        { "web-1", HEARTBEAT("web-1", "2026-11-25T18:20:37.000Z"), 77 }
    };
    static const struct node OVER[] = {
        { "web-1", HEARTBEAT("web-1", "2026-11-25T18:19:37.000Z"), 77 }
    };
    struct status_view v = tree(NODES, 1, AGENTS, 1);
    uint64_t before = status_view_digest(&v);

    (void)state;
    status_view_free(&v);
    v = tree(NODES, 1, NEXT, 1);
    assert_true(status_view_digest(&v) == before);
    status_view_free(&v);
    v = tree(NODES, 1, OVER, 1);
    assert_true(status_view_digest(&v) != before);
    status_view_free(&v);
}

static void as_json_it_has_these_bytes(void **state)
{
    static const struct node NODES[] = {
        { "a",
          "{\"schema\":1,\"status\":\"up\",\"agent\":\"web-1\",\"more\":[1,-2."
          "5,"
          "2.0,true,null,{},[],{\"x y\":\"a\\/b\\\"\\\\\\b\\u0001\\u007f"
          "\\u2028\xc3\xa4\xf0\x9f\x98\x80\"}]}",
          0 },
        { "b\xff", "{\"schema\":1,\"status\":\"down\",\"agent\":\"\"}", 0 },
        { "c", NULL, 0 },
    };
    static const char WANTED[] =
        "{\"schema\":1,\"time\":\"2026-11-25T18:20:00.000Z\",\"root\":\"/r"
        "\\u00E4\",\"agents\":[{\"schema\":1,\"agent\":\"web-1\",\"host\":\"bo"
        "x\",\"pid\":1,\"round\":7,\"interval_ms\":10000,\"time\":\"2026-11"
        "-25T18:19:57.000Z\",\"valid_until\":\"2026-11-25T18:20:27.00"
        "0Z\",\"instances\":3,\"heartbeat\":\"alive\",\"persistent\":false"
        ",\"documents\":1},{\"schema\":1,\"agent\":\"web-2\",\"host\":\"box\""
        ",\"pid\":1,\"round\":7,\"interval_ms\":10000,\"time\":\"2026-11-2"
        "5T18:19:57.000Z\",\"valid_until\":\"2026-11-25T18:19:48.000Z"
        "\",\"instances\":3,\"heartbeat\":\"expired\",\"persistent\":true,"
        "\"documents\":0}],\"instances\":[{\"schema\":1,\"status\":\"unkno"
        "wn\",\"agent\":\"\",\"instance\":\"b\\\\xff\",\"trusted\":false,"
        "\"why\""
        ":\"no agent named\",\"was\":\"down\"},{\"instance\":\"c\",\"trusted"
        "\":false,\"why\":\"no right to read it\",\"was\":null,\"status\":"
        "\"unknown\"},{\"schema\":1,\"status\":\"up\",\"agent\":\"web-1\",\"mo"
        "re\":[1,-2.5,2.0,true,null,{},[],{\"x y\":\"a/b\\\"\\\\\\b\\u0001\\"
        "u007f\\u2028\\u00E4\\uD83D\\uDE00\"}],\"instance\":\"a\",\"trusted"
        "\":true,\"why\":null}]}\n";
    struct status_view v = tree(NODES, 3, AGENTS, 2);
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    assert_non_null(out);
    assert_int_equal(status_view_print_json(&v, "/r\xc3\xa4", out), 0);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, WANTED);
    free(text);
    status_view_free(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_status_is_trusted_while_its_agents_heartbeat_is_valid),
        cmocka_unit_test(a_heartbeat_is_valid_until_exactly_then),
        cmocka_unit_test(what_is_not_trusted_cannot_be_mistaken),
        cmocka_unit_test(
            an_agent_with_a_session_and_an_old_heartbeat_is_not_just_dead),
        cmocka_unit_test(
            what_was_worst_comes_first_also_when_it_is_not_trusted),
        cmocka_unit_test(what_the_config_and_zookeeper_do_not_share_is_marked),
        cmocka_unit_test(an_empty_tree_is_shown_too),
        cmocka_unit_test(as_json_the_status_of_what_is_not_trusted_is_unknown),
        cmocka_unit_test(as_json_it_has_these_bytes),
        cmocka_unit_test(a_heartbeat_that_expires_is_news_and_one_more_is_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
