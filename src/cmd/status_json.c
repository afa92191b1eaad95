/*
 * The JSON that the status command reads: the status page and the nodes.
 *
 * Next to the publisher's documents the other place that uses jansson, because
 * it reads otherwise: there a few members of one small node are copied into a
 * struct of fixed size, on threads that serve; here a page of many instances
 * is kept as it was parsed, for as long as it is shown, and the view's texts
 * point into it.
 */
#include <string.h>

#include <jansson.h>

#include "agent/clock.h"

#include "status_json.h"

const char *status_json_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

int64_t status_json_number(const json_t *object, const char *key,
                           int64_t otherwise)
{
    const json_t *n = json_object_get(object, key);

    return json_is_integer(n) ? json_integer_value(n) : otherwise;
}

int64_t status_json_time(const json_t *object, const char *key)
{
    int64_t wall_ms;

    if (clock_parse_rfc3339(status_json_text(object, key), &wall_ms) != 0)
        return 0;
    return wall_ms;
}

bool status_json_has_schema(const json_t *object)
{
    return status_json_number(object, "schema", 0) == 1;
}

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
    out->address = status_json_text(object, "address");
    out->reason = status_json_text(object, "reason");
    out->detail = status_json_text(object, "detail");
    out->role = status_json_text(object, "role");
    out->version = status_json_text(object, "version");
    out->agent = status_json_text(object, "agent");
    out->since_wall_ms = status_json_time(object, "since");
    out->rtt_us = status_json_number(object, "rtt_us", -1);
    out->maintenance = json_is_true(json_object_get(object, "maintenance"));
    out->maintenance_owner = status_json_text(object, "maintenance_owner");
    out->maintenance_reason = status_json_text(object, "maintenance_reason");
    out->maintenance_until_wall_ms =
        status_json_time(object, "maintenance_until");
    out->pending = json_is_false(json_object_get(object, "published"));
    out->conflict = json_is_object(rival);
    out->rival = status_json_text(rival, "agent");
    out->rival_host = status_json_text(rival, "host");
    return status_json_has_schema(object) &&
           status_parse(status_json_text(object, "status"), &out->status);
}

bool status_json_heartbeat(struct json_t *object, struct status_writer *w)
{
    w->json = object;
    w->host = status_json_text(object, "host");
    w->round = status_json_number(object, "round", -1);
    w->interval_ms = status_json_number(object, "interval_ms", 0);
    w->instances = status_json_number(object, "instances", -1);
    w->time_wall_ms = status_json_time(object, "time");
    w->valid_until_wall_ms = status_json_time(object, "valid_until");
    return status_json_has_schema(object) && w->valid_until_wall_ms != 0;
}

bool status_json_excepts(const struct status_writer *w, const char *instance)
{
    const json_t *names = json_object_get(w->json, "except");
    const json_t *name;
    size_t i;

    json_array_foreach(names, i, name) if (json_is_string(name) &&
                                           strcmp(json_string_value(name),
                                                  instance) == 0) return true;
    return false;
}

const char *status_json_sentence(const struct json_t *list, size_t at)
{
    return json_string_value(json_array_get(list, at));
}

void status_json_free(struct json_t *json)
{
    json_decref(json);
}
