/*
 * The documents that others read from ZooKeeper, written and read with
 * jansson, which has its only home here.  Its objects keep the order in which
 * members were added, and so the documents have the order of their
 * description.
 *
 * Rendering allocates, each round for the heartbeat: a few short-lived pieces
 * in jansson, for one place that knows JSON.  Sealing, which may happen again
 * and again for one document, does not.
 *
 * Strings come from configuration, servers and the system.  Whatever is not
 * plain valid UTF-8 is escaped, and each is cut, so that no document is
 * larger than DOCUMENT_MAX.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "agent/clock.h"

#include "agent/document.h"
#include "agent/escape.h"
#include "agent/role.h"

/*
 * Bytes of one string.  JSON may double them (quotes, backslashes); five
 * such strings and everything else of a document fit into DOCUMENT_MAX.
 */
#define STRING_MAX 320

/* JSON's numbers are exact to others up to 2^53. */
#define SEQ_MAX ((json_int_t)1 << 53)

static bool has_control(const char *s)
{
    for (; *s; s++) {
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            return true;
    }
    return false;
}

/* Where to cut S so that no character is torn. */
static size_t cut_length(const char *s, size_t max)
{
    size_t len = strlen(s);

    if (len <= max)
        return len;
    len = max;
    while (len > 0 && ((unsigned char)s[len] & 0xc0) == 0x80)
        len--;
    return len;
}

static json_t *string(const char *s)
{
    char escaped[STRING_MAX] = "";
    json_t *j;

    if (!has_control(s)) {
        /* NULL also when it is not UTF-8. */
        j = json_stringn(s, cut_length(s, STRING_MAX));
        if (j)
            return j;
    }
    escape_add(escaped, sizeof escaped, s, strlen(s));
    return json_string(escaped);
}

static json_t *string_or_null(const char *s)
{
    return s && *s ? string(s) : json_null();
}

static json_t *integer(uint64_t n)
{
    return json_integer((json_int_t)n);
}

static json_t *wall_time(int64_t wall_ms)
{
    char text[CLOCK_RFC3339_SIZE];

    return json_string(clock_rfc3339(wall_ms, text));
}

struct member {
    const char *key;
    json_t *value; /* owned; NULL on lack of memory */
};

/* Takes over all values.  Returns the length, 0 if anything failed. */
static size_t render(const struct member *members, size_t n, char *out,
                     size_t size)
{
    json_t *object = json_object();
    bool failed = !object;
    size_t len = 0;

    /* Each value is given away even after a failure, to be freed. */
    for (size_t i = 0; i < n; i++) {
        if (json_object_set_new(object, members[i].key, members[i].value))
            failed = true;
    }
    if (!failed)
        len = json_dumpb(object, out, size, JSON_COMPACT);
    json_decref(object);
    return len < size ? len : 0;
}

#define RENDER(members, out, size) \
    render(members, sizeof(members) / sizeof *(members), out, size)

size_t document_status(const struct document_status *d, char *out, size_t size)
{
    const struct member members[] = {
        { "schema", json_integer(1) },
        { "instance", string(d->instance) },
        { "address", string(d->address) },
        { "status", string(status_name(d->status)) },
        { "reason", string(reason_name(d->reason)) },
        { "detail", string(d->detail) },
        { "since", wall_time(d->since_wall_ms) },
        { "checked",
          d->checked_wall_ms ? wall_time(d->checked_wall_ms) : json_null() },
        { "rtt_us", d->rtt_us < 0 ? json_null() : json_integer(d->rtt_us) },
        { "role",
          d->role == ROLE_ANY ? json_null() : string(role_name(d->role)) },
        { "version", string_or_null(d->version) },
        { "maintenance", json_boolean(d->maintenance) },
        { "agent", string(d->agent) },
        { "round", integer(d->round) },
    };
    size_t len = RENDER(members, out, size);

    /* The closing brace is document_seal's to write. */
    return len > 0 ? len - 1 : 0;
}

size_t document_seal(const char *open, size_t len, uint64_t seq, char *out,
                     size_t size)
{
    int tail;

    if (len >= size)
        return 0;
    memcpy(out, open, len);
    tail = snprintf(out + len, size - len, ",\"seq\":%" PRIu64 "}", seq);
    if (tail < 0 || (size_t)tail >= size - len)
        return 0;
    return len + (size_t)tail;
}

size_t document_heartbeat(const struct document_heartbeat *d, char *out,
                          size_t size)
{
    const int64_t valid_until = d->time_wall_ms + 3 * (int64_t)d->interval_ms;
    const struct member members[] = {
        { "schema", json_integer(1) },
        { "agent", string(d->agent) },
        { "host", string(d->host) },
        { "pid", json_integer(d->pid) },
        { "started", wall_time(d->started_wall_ms) },
        { "round", integer(d->round) },
        { "interval_ms", integer(d->interval_ms) },
        { "time", wall_time(d->time_wall_ms) },
        { "valid_until", wall_time(valid_until) },
        { "instances", integer(d->instances) },
        { "up", integer(d->by_status[STATUS_UP]) },
        { "degraded", integer(d->by_status[STATUS_DEGRADED]) },
        { "down", integer(d->by_status[STATUS_DOWN]) },
        { "unknown", integer(d->by_status[STATUS_UNKNOWN]) },
    };

    return RENDER(members, out, size);
}

size_t document_presence(const char *host, uint16_t port, const char *name,
                         const char *agent, char *out, size_t size)
{
    const struct member members[] = {
        { "host", string(host) },
        { "port", integer(port) },
        { "name", string(name) },
        { "agent", string(agent) },
    };

    return RENDER(members, out, size);
}

size_t document_quote(const char *s, char *out, size_t size)
{
    json_t *j = string(s);
    size_t len = j ? json_dumpb(j, out, size, JSON_ENCODE_ANY) : 0;

    json_decref(j);
    if (len >= size)
        len = 0;
    if (size > 0)
        out[len] = '\0';
    return len;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

static int64_t time_of(const json_t *object, const char *key)
{
    int64_t wall_ms;

    return clock_parse_rfc3339(text_of(object, key), &wall_ms) == 0 ? wall_ms
                                                                    : 0;
}

static bool is_ours(const json_t *object)
{
    if (json_integer_value(json_object_get(object, "schema")) == 1)
        return true;
    return json_is_string(json_object_get(object, "host")) &&
           json_is_integer(json_object_get(object, "port")) &&
           json_is_string(json_object_get(object, "name"));
}

static void read_object(const json_t *object, struct document_seen *out)
{
    json_int_t seq = json_integer_value(json_object_get(object, "seq"));
    json_int_t pid = json_integer_value(json_object_get(object, "pid"));
    const char *agent = text_of(object, "agent");

    /* An agent's id is never cut: the start of one may be another's. */
    out->valid = is_ours(object) && *agent && strlen(agent) < sizeof out->agent;
    if (strlen(agent) < sizeof out->agent)
        strcpy(out->agent, agent);
    snprintf(out->host, sizeof out->host, "%s", text_of(object, "host"));
    (void)status_parse(text_of(object, "status"), &out->status);
    (void)reason_parse(text_of(object, "reason"), &out->reason);
    out->since_wall_ms = time_of(object, "since");
    out->valid_until_wall_ms = time_of(object, "valid_until");
    if (seq > 0 && seq <= SEQ_MAX)
        out->seq = (uint64_t)seq;
    if (pid > 0 && pid <= INT_MAX)
        out->pid = (long)pid;
    snprintf(out->address, sizeof out->address, "%s",
             text_of(object, "address"));
    snprintf(out->version, sizeof out->version, "%s",
             text_of(object, "version"));
    out->checked_wall_ms = time_of(object, "checked");
    (void)role_parse(text_of(object, "role"), &out->role);
}

void document_read(const char *bytes, size_t len, struct document_seen *out)
{
    json_t *object = bytes ? json_loadb(bytes, len, 0, NULL) : NULL;

    *out = (struct document_seen){ .status = STATUS_UNKNOWN,
                                   .reason = REASON_PENDING };
    /* Of what is no object, json_object_get finds nothing. */
    if (object)
        read_object(object, out);
    json_decref(object);
}
