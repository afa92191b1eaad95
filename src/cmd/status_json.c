/*
 * The JSON of the status command: the status page and the nodes are read, and
 * written again with what this command says of them.
 *
 * Next to document.c the other home of jansson, because it reads otherwise:
 * document.c copies a few members of one small node into a struct of fixed
 * size, on threads that serve; here a page of many instances is held as it
 * was parsed, for as long as it is shown, and the view's texts point into it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "agent/clock.h"
#include "agent/escape.h"
#include "agent/json_writer.h"
#include "agent/role.h"
#include "agent/utf8.h"

#include "status_view_impl.h"

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

static int64_t number_of(const json_t *object, const char *key,
                         int64_t otherwise)
{
    const json_t *n = json_object_get(object, key);

    return json_is_integer(n) ? json_integer_value(n) : otherwise;
}

static int64_t time_of(const json_t *object, const char *key)
{
    int64_t wall_ms;

    if (clock_parse_rfc3339(text_of(object, key), &wall_ms) != 0)
        return 0;
    return wall_ms;
}

static bool has_schema(const json_t *object)
{
    return number_of(object, "schema", 0) == 1;
}

/* ---------------------------------------------------------------- reading */

struct json_t *status_json_keep(struct status_view *v, const char *bytes,
                                size_t len, bool *out_of_memory)
{
    json_error_t why;
    json_t *object = json_loadb(bytes, len, 0, &why);

    if (object == NULL && json_error_code(&why) == json_error_out_of_memory)
        *out_of_memory = true;
    if (v->json == NULL)
        v->json = json_array();
    if (object != NULL && json_array_append_new(v->json, object) != 0) {
        *out_of_memory = true;
        return NULL;
    }
    return json_is_object(object) ? object : NULL;
}

bool status_json_row(struct json_t *object, struct status_row *out)
{
    const json_t *rival = json_object_get(object, "conflict");

    out->json = object;
    out->status = STATUS_UNKNOWN;
    out->address = text_of(object, "address");
    out->reason = text_of(object, "reason");
    out->detail = text_of(object, "detail");
    out->role = text_of(object, "role");
    out->version = text_of(object, "version");
    out->agent = text_of(object, "agent");
    out->since_wall_ms = time_of(object, "since");
    out->rtt_us = number_of(object, "rtt_us", -1);
    out->maintenance = json_is_true(json_object_get(object, "maintenance"));
    out->pending = json_is_false(json_object_get(object, "published"));
    out->conflict = json_is_object(rival);
    out->rival = text_of(rival, "agent");
    out->rival_host = text_of(rival, "host");
    return has_schema(object) &&
           status_parse(text_of(object, "status"), &out->status);
}

bool status_json_heartbeat(struct json_t *object, struct status_writer *w)
{
    w->json = object;
    w->host = text_of(object, "host");
    w->round = number_of(object, "round", -1);
    w->interval_ms = number_of(object, "interval_ms", 0);
    w->instances = number_of(object, "instances", -1);
    w->time_wall_ms = time_of(object, "time");
    w->valid_until_wall_ms = time_of(object, "valid_until");
    return has_schema(object) && w->valid_until_wall_ms != 0;
}

static int read_rows(struct status_view *v, const json_t *list)
{
    size_t n = json_array_size(list);

    v->rows = calloc(n + 1, sizeof *v->rows);
    if (v->rows == NULL)
        return -1;
    for (size_t i = 0; i < n; i++) {
        json_t *object = json_array_get(list, i);
        struct status_row *row = &v->rows[v->nrows];

        if (!status_json_row(object, row))
            row->source = SOURCE_GARBLED;
        row->instance = text_of(object, "instance");
        v->nrows += json_is_object(object);
    }
    return 0;
}

static void read_page(struct status_view *v, const json_t *page)
{
    const json_t *agent = json_object_get(page, "agent");
    const json_t *pool = json_object_get(page, "pool");
    const json_t *zk = json_object_get(page, "zookeeper");

    v->time_wall_ms = time_of(page, "time");
    v->page.id = text_of(agent, "id");
    v->page.host = text_of(agent, "host");
    v->page.version = text_of(agent, "version");
    v->page.pid = number_of(agent, "pid", 0);
    v->page.started_wall_ms = time_of(agent, "started");
    v->page.round = number_of(agent, "round", 0);
    v->page.interval_ms = number_of(agent, "interval_ms", 0);
    v->page.well = !json_is_false(json_object_get(agent, "healthy"));
    v->page.trouble = json_object_get(agent, "trouble");
    v->page.workers = number_of(pool, "workers", 0);
    v->page.jobs = number_of(pool, "jobs_active", 0);
    v->page.threads = number_of(pool, "threads", 0);
    v->page.publishes = json_is_true(json_object_get(zk, "configured"));
    v->page.zk_state = text_of(zk, "state");
    v->page.zk_server = text_of(zk, "server");
    v->page.zk_since_wall_ms = time_of(zk, "since");
    v->page.zk_pending = number_of(zk, "pending", 0);
    v->page.zk_trouble = text_of(zk, "trouble");
}

int status_view_of_page(struct status_view *v, const char *body, size_t len,
                        struct err *e)
{
    bool out_of_memory = false;
    json_t *page;

    *v = (struct status_view){ 0 };
    page = status_json_keep(v, body, len, &out_of_memory);
    if (out_of_memory) {
        err_set(e, "out of memory for a page of %zu bytes", len);
        goto failed;
    }
    if (!has_schema(page) || !json_is_object(json_object_get(page, "agent")) ||
        !json_is_array(json_object_get(page, "instances"))) {
        err_set(e, "what answers is no sentinel-agent's status page");
        goto failed;
    }
    read_page(v, page);
    if (read_rows(v, json_object_get(page, "instances")) != 0) {
        err_set(e, "out of memory for a page of %zu bytes", len);
        goto failed;
    }
    status_view_sort(v);
    return 0;

failed:
    status_view_free(v);
    return -1;
}

const char *status_json_sentence(const struct json_t *list, size_t at)
{
    return json_string_value(json_array_get(list, at));
}

void status_json_free(struct json_t *json)
{
    json_decref(json);
}

/* ---------------------------------------------------------------- writing */

/* What this command says of a document, beside or in place of its members. */
struct said {
    const char *key;
    enum { SAID_TEXT, SAID_BOOL, SAID_COUNT } kind;
    const char *text; /* any bytes; NULL: null */
    bool is;
    size_t count;
};

/* What is no UTF-8 is escaped. */
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

    /* So that it is read as one again. */
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
