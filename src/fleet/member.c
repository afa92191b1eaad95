#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "agent/clock.h"
#include "agent/json_writer.h"

#include "agent/member.h"

size_t member_print(const struct member *m, char *out, size_t size)
{
    struct text t = text_in(out, size);

    jsonw_open(&t, NULL, '{');
    jsonw_uint(&t, "schema", 1);
    jsonw_uint(&t, "protocol", m->protocol);
    jsonw_cut(&t, "agent", m->agent);
    jsonw_cut(&t, "host", m->host);
    jsonw_cut(&t, "zone", m->zone);
    jsonw_time(&t, "since", m->since_wall_ms);
    jsonw_cut(&t, "version", m->version);
    jsonw_close(&t, '}');
    return t.failed ? 0 : t.len;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

static bool read_object(const json_t *object, struct member *out)
{
    double protocol = json_number_value(json_object_get(object, "protocol"));

    if (json_number_value(json_object_get(object, "schema")) != 1)
        return false;
    if (protocol >= 1 && protocol <= INT_MAX)
        out->protocol = (unsigned)protocol;
    snprintf(out->agent, sizeof out->agent, "%s", text_of(object, "agent"));
    snprintf(out->host, sizeof out->host, "%s", text_of(object, "host"));
    snprintf(out->zone, sizeof out->zone, "%s", text_of(object, "zone"));
    snprintf(out->version, sizeof out->version, "%s",
             text_of(object, "version"));
    if (clock_parse_rfc3339(text_of(object, "since"), &out->since_wall_ms) != 0)
        out->since_wall_ms = 0;
    return true;
}

bool member_read(const char *bytes, size_t len, struct member *out)
{
    memset(out, 0, sizeof *out);
    json_t *object = bytes != NULL
                         ? json_loadb(bytes, len, JSON_DECODE_INT_AS_REAL, NULL)
                         : NULL;
    /* Of what is no object, json_object_get finds nothing. */
    bool good = read_object(object, out);
    json_decref(object);
    return good;
}
