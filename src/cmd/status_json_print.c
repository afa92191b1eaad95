/*
 * The view as JSON: the status page as it came, or what was seen in ZooKeeper,
 * with what this command says of it.
 */
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "agent/escape.h"
#include "agent/json_writer.h"
#include "agent/text.h"
#include "agent/utf8.h"

#include "status_view.h"

/* What this command says of a document, beside or in place of its members. */
struct said {
    const char *key;
    enum { SAID_TEXT, SAID_BOOL, SAID_COUNT } kind;
    const char *text; /* any bytes; NULL: null */
    bool is;
    size_t count;
};

/* A text that is no UTF-8 is escaped as a whole. */
static void add_text(struct text *t, const char *key, const char *s)
{
    char escaped[1024] = "";

    for (const char *at = s; *at != '\0';) {
        uint32_t code;
        size_t n = utf8_at(at, &code);

        if (n == 0) {
            escape_add(escaped, sizeof escaped, s, strlen(s));
            s = escaped;
            break;
        }
        at += n;
    }
    jsonw_ascii(t, key, s);
}

static void add_said(struct text *t, const struct said *said)
{
    switch (said->kind) {
    case SAID_TEXT:
        if (said->text != NULL)
            add_text(t, said->key, said->text);
        else
            jsonw_null(t, said->key);
        break;
    case SAID_BOOL:
        jsonw_bool(t, said->key, said->is);
        break;
    case SAID_COUNT:
        jsonw_uint(t, said->key, said->count);
        break;
    }
}

static void add_value(struct text *t, json_t *value);

static void add_real(struct text *t, double real)
{
    char text[40];
    int n = snprintf(text, sizeof text, "%.17g", real);

    /* So that it is read as a real again. */
    if (strspn(text, "-0123456789") == (size_t)n)
        n += snprintf(text + n, sizeof text - (size_t)n, ".0");
    jsonw_raw(t, NULL, text, (size_t)n);
}

static const struct said *find(const struct said *said, size_t n,
                               const char *key)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(said[i].key, key) == 0)
            return &said[i];
    return NULL;
}

/* The members of DOCUMENT (NULL: none), with the N of SAID in their place;
 * those that it does not have follow. */
static void add_object(struct text *t, json_t *document,
                       const struct said *said, size_t n)
{
    const char *key;
    json_t *value;

    jsonw_open(t, NULL, '{');
    json_object_foreach(document, key, value)
    {
        const struct said *instead = find(said, n, key);

        if (instead != NULL) {
            add_said(t, instead);
            continue;
        }
        jsonw_key(t, key);
        add_value(t, value);
    }
    for (size_t i = 0; i < n; i++)
        if (json_object_get(document, said[i].key) == NULL)
            add_said(t, &said[i]);
    jsonw_close(t, '}');
}

static void add_list(struct text *t, json_t *list)
{
    jsonw_open(t, NULL, '[');
    for (size_t i = 0; i < json_array_size(list); i++)
        add_value(t, json_array_get(list, i));
    jsonw_close(t, ']');
}

/* Whatever a node holds; jansson reads nothing that is nested too deep. */
static void add_value(struct text *t, json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        add_object(t, value, NULL, 0);
        break;
    case JSON_ARRAY:
        add_list(t, value);
        break;
    case JSON_STRING:
        jsonw_ascii(t, NULL, json_string_value(value));
        break;
    case JSON_INTEGER:
        jsonw_int(t, NULL, json_integer_value(value));
        break;
    case JSON_REAL:
        add_real(t, json_real_value(value));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        jsonw_bool(t, NULL, json_is_true(value));
        break;
    case JSON_NULL:
        jsonw_null(t, NULL);
        break;
    }
}

/*
 * The document's members; where it is not trusted `status` is "unknown" and
 * `was` is what stands there: a reader of `status` alone is not deceived.
 */
static void add_instance(struct text *t, const struct status_view *v,
                         const struct status_row *r)
{
    bool trusted = status_row_trusted(v, r);
    char why[256];
    const struct said said[] = {
        { .key = "instance", .text = r->instance },
        { .key = "trusted", .kind = SAID_BOOL, .is = trusted },
        { .key = "why", .text = trusted ? NULL : why },
        { .key = "was",
          .text =
              r->source == SOURCE_DOCUMENT ? status_name(r->status) : NULL },
        { .key = "status", .text = status_name(STATUS_UNKNOWN) },
    };

    if (!trusted)
        status_row_why(v, r, why, sizeof why);
    add_object(t, r->json, said, trusted ? 3 : 5);
}

static void add_agent(struct text *t, const struct status_writer *w)
{
    static const char *const PULSES[] = {
        [PULSE_ALIVE] = "alive",     [PULSE_EXPIRED] = "expired",
        [PULSE_GARBLED] = "garbled", [PULSE_UNREADABLE] = "unreadable",
        [PULSE_GONE] = "gone",
    };
    const struct said said[] = {
        { .key = "agent", .text = w->id },
        { .key = "heartbeat", .text = PULSES[w->pulse] },
        { .key = "persistent", .kind = SAID_BOOL, .is = w->persistent },
        { .key = "documents", .kind = SAID_COUNT, .count = w->documents },
    };

    add_object(t, w->json, said, sizeof said / sizeof *said);
}

static void add_tree(struct text *t, const struct status_view *v,
                     const char *root)
{
    jsonw_open(t, NULL, '{');
    jsonw_uint(t, "schema", 1);
    jsonw_time(t, "time", v->time_wall_ms);
    add_text(t, "root", root);
    jsonw_open(t, "agents", '[');
    for (size_t i = 0; i < v->nwriters; i++)
        add_agent(t, &v->writers[i]);
    jsonw_close(t, ']');
    jsonw_open(t, "instances", '[');
    for (size_t i = 0; i < v->nrows; i++)
        add_instance(t, v, &v->rows[i]);
    jsonw_close(t, ']');
    jsonw_close(t, '}');
}

int status_view_print_json(const struct status_view *v, const char *root,
                           FILE *out)
{
    struct text t = { .bytes = NULL };

    if (v->of_zookeeper)
        add_tree(&t, v, root);
    else
        add_value(&t, json_array_get(v->json, 0));
    text_add_char(&t, '\n');
    bool written = !t.failed && fputs(t.bytes, out) != EOF;
    text_free(&t);
    return written ? 0 : -1;
}
