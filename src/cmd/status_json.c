/*
 * The JSON of the status command: the status page and the nodes are read,
 * what was seen in ZooKeeper is written.
 *
 * Next to document.c the other home of jansson, because it reads otherwise:
 * document.c copies a few members of one small node into a struct of fixed
 * size, on threads that serve; here a page of many instances is held as it
 * was parsed, for as long as it is shown, and the view's texts point into it.
 */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "agent/clock.h"
#include "agent/escape.h"
#include "agent/role.h"

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

/* Any bytes: those that are no UTF-8 are escaped. */
static json_t *string(const char *s)
{
    char escaped[1024] = "";
    json_t *j = json_string(s);

    if (j != NULL)
        return j;
    escape_add(escaped, sizeof escaped, s, strlen(s));
    return json_string(escaped);
}

/* A copy of DOCUMENT (NULL: an empty object), to be changed. */
static json_t *copy_of(json_t *document)
{
    return document != NULL ? json_copy(document) : json_object();
}

/*
 * The document's members; where it is not trusted `status` is "unknown" and
 * `was` is what stands there: who looks at `status` alone is not deceived.
 */
static json_t *instance(const struct status_view *v, const struct status_row *r)
{
    json_t *o = copy_of(r->json);
    bool trusted = status_row_trusted(v, r);
    char why[256];
    int failed = json_object_set_new(o, "instance", string(r->instance));

    failed |= json_object_set_new(o, "trusted", json_boolean(trusted));
    if (trusted) {
        failed |= json_object_set_new(o, "why", json_null());
    } else {
        status_row_why(v, r, why, sizeof why);
        failed |= json_object_set_new(o, "why", json_string(why));
        failed |= json_object_set_new(o, "was",
                                      r->source == SOURCE_DOCUMENT
                                          ? json_string(status_name(r->status))
                                          : json_null());
        failed |= json_object_set_new(o, "status",
                                      json_string(status_name(STATUS_UNKNOWN)));
    }
    if (failed == 0)
        return o;
    json_decref(o);
    return NULL;
}

static json_t *agent(const struct status_writer *w)
{
    static const char *const PULSES[] = {
        [PULSE_ALIVE] = "alive",     [PULSE_EXPIRED] = "expired",
        [PULSE_GARBLED] = "garbled", [PULSE_UNREADABLE] = "unreadable",
        [PULSE_GONE] = "gone",
    };
    json_t *o = copy_of(w->json);
    int failed = json_object_set_new(o, "agent", string(w->id));

    failed |=
        json_object_set_new(o, "heartbeat", json_string(PULSES[w->pulse]));
    failed |= json_object_set_new(o, "persistent", json_boolean(w->persistent));
    failed |= json_object_set_new(o, "documents",
                                  json_integer((json_int_t)w->documents));
    if (failed == 0)
        return o;
    json_decref(o);
    return NULL;
}

static json_t *everything(const struct status_view *v, const char *root)
{
    json_t *agents = json_array(), *instances = json_array();
    char time[CLOCK_RFC3339_SIZE];
    int failed = 0;
    json_t *all;

    for (size_t i = 0; i < v->nwriters; i++)
        failed |= json_array_append_new(agents, agent(&v->writers[i]));
    for (size_t i = 0; i < v->nrows; i++)
        failed |= json_array_append_new(instances, instance(v, &v->rows[i]));
    all = json_pack("{s:i, s:s, s:o, s:o, s:o}", "schema", 1, "time",
                    clock_rfc3339(v->time_wall_ms, time), "root", string(root),
                    "agents", agents, "instances", instances);
    if (failed == 0)
        return all;
    json_decref(all);
    return NULL;
}

/* JSON_ENSURE_ASCII leaves DEL as it is; it stands in strings only. */
static int put(const char *bytes, size_t len, void *stream)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == 0x7f ? fputs("\\u007f", stream) == EOF
                             : fputc(bytes[i], stream) == EOF)
            return -1;
    }
    return 0;
}

int status_view_print_json(const struct status_view *v, const char *root,
                           FILE *out)
{
    json_t *all = v->of_zookeeper ? everything(v, root)
                                  : json_incref(json_array_get(v->json, 0));
    int rc = -1;

    if (all != NULL)
        rc =
            json_dump_callback(all, put, out, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(all);
    return rc == 0 && fputc('\n', out) != EOF ? 0 : -1;
}
