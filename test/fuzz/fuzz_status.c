/*
 * Any bytes as the status page, and as the nodes below a root.  Whatever
 * they say, what goes to the terminal is printable ASCII and colours of our
 * own, no line is wider than the screen, no status is trusted without a
 * heartbeat that is alive, and as JSON it is one line of ASCII.
 *
 * The first byte is the screen's width, the second how it is printed; each
 * line of the rest is a node of instances and one of agents, or all of it
 * the page.
 */
#include <stdbool.h>
#include <string.h>

#include <jansson.h>

#include "agent/config.h"
#include "../../src/cmd/status_view.h"

#include "fuzz.h"

#define NODES 16

/* Some time in the middle of what documents say. */
#define NOW_MS INT64_C(1795630800000)

static void check_text(const char *text, const struct status_style *s)
{
    size_t column = 0;

    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '\033') {
            size_t n = strspn(at + 2, "0123456789;");

            HOLDS(s->colours && at[1] == '[' && n > 0 && at[2 + n] == 'm');
            at += 2 + n;
        } else if (*at == '\n') {
            column = 0;
        } else {
            HOLDS(*at >= ' ' && *at <= '~');
            column++;
            HOLDS(s->width == 0 || column <= s->width);
        }
    }
}

static void check_json(const char *text, size_t len)
{
    json_t *j = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);

    HOLDS(j);
    HOLDS(len > 0 && strchr(text, '\n') == text + len - 1);
    for (size_t i = 0; i + 1 < len; i++)
        HOLDS(text[i] >= ' ' && text[i] <= '~');
    json_decref(j);
}

static void check_view(const struct status_view *v,
                       const struct status_style *s)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    HOLDS(out);
    status_view_print(v, s, out);
    fclose(out);
    check_text(text, s);
    free(text);

    out = open_memstream(&text, &len);
    HOLDS(out);
    HOLDS(status_view_print_json(v, s->root, out) == 0);
    fclose(out);
    check_json(text, len);
    free(text);

    HOLDS(status_view_digest(v) == status_view_digest(v));
    for (size_t i = 0; i < v->nrows && v->of_zookeeper; i++) {
        const struct status_row *r = &v->rows[i];

        HOLDS(!status_row_trusted(v, r) ||
              (r->writer && r->writer->valid_until_wall_ms > NOW_MS &&
               strcmp(r->writer->id, r->agent) == 0));
        HOLDS(status_row_trusted(v, r) ||
              status_row_verdict(v, r) == STATUS_UNKNOWN);
    }
}

static void check_page(const char *bytes, size_t len,
                       const struct status_style *s)
{
    struct status_view v;
    struct err e;

    if (status_view_of_page(&v, bytes, len, &e) != 0)
        return;
    check_view(&v, s);
    status_view_free(&v);
}

/* Names that the documents may well use, and the bytes themselves. */
static struct status_node node(const char *bytes, size_t len, size_t i)
{
    static const char *const NAMES[] = { "a", "web-1", "b", "web-2" };
    struct status_node n = { .len = len, .owner = (int64_t)(i % 2) };

    n.name = i < 4 ? strdup(NAMES[i]) : strndup(bytes, len);
    n.data = strndup(bytes, len);
    HOLDS(n.name && n.data);
    n.len = strlen(n.data);
    return n;
}

static void check_tree(const char *bytes, size_t len,
                       const struct status_style *s)
{
    static char id[] = "web-1", name[] = "b";
    struct config_instance here = { .name = name };
    struct config_instance *list[] = { &here };
    struct config c = { .agent.id = id, .instances = list, .ninstances = 1 };
    struct status_tree t = { .instances = calloc(NODES, sizeof *t.instances),
                             .agents = calloc(NODES, sizeof *t.agents) };
    const char *end = bytes + len;
    struct status_view v;
    struct err e;

    HOLDS(t.instances && t.agents);
    while (bytes < end && t.ninstances < NODES) {
        const char *stop = memchr(bytes, '\n', (size_t)(end - bytes));
        size_t n = (size_t)((stop ? stop : end) - bytes);

        t.instances[t.ninstances] = node(bytes, n, t.ninstances);
        t.agents[t.nagents] = node(bytes, n, t.nagents);
        t.ninstances++;
        t.nagents++;
        bytes += n + 1;
    }
    HOLDS(status_view_of_tree(&v, &t, &c, NOW_MS, &e) == 0);
    check_view(&v, s);
    status_view_free(&v);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
    struct status_style s = { .servers = "z:2181", .root = "/s" };
    const char *bytes = (const char *)input + 2;

    if (len < 2)
        return 0;
    s.width = input[0];
    s.colours = input[1] & 1;
    s.height = input[1] & 2 ? 10 : 0;
    s.expected_id = input[1] & 4 ? "web-9" : NULL;
    check_page(bytes, len - 2, &s);
    check_tree(bytes, len - 2, &s);
    return 0;
}
