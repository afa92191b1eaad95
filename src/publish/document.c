/*
 * The documents that others read from ZooKeeper.  Members have the order of
 * their description.
 *
 * Strings come from configuration, servers and the system.  Whatever is not
 * plain valid UTF-8 is escaped, and each is cut, so that no document is
 * larger than DOCUMENT_MAX: JSON may double a string's bytes (quotes,
 * backslashes), and five of them and everything else fit into it.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "agent/clock.h"

#include "agent/document.h"
#include "agent/json_writer.h"

/* NULL for nothing. */
static const char *said(const char *s)
{
    return s != NULL && *s != '\0' ? s : NULL;
}

static void add_verdict(struct text *t, const struct document_status *d)
{
    jsonw_cut(t, "instance", d->instance);
    jsonw_cut(t, "address", d->address);
    jsonw_string(t, "status", status_name(d->status));
    jsonw_string(t, "reason", reason_name(d->reason));
    jsonw_cut(t, "detail", d->detail);
}

static void add_server(struct text *t, const struct document_status *d)
{
    jsonw_natural(t, "rtt_us", d->rtt_us);
    jsonw_cut(t, "role", said(d->role));
    jsonw_cut(t, "server", said(d->server));
    jsonw_cut(t, "version", said(d->version));
    jsonw_time(t, "started", d->started_wall_ms);
    jsonw_bool(t, "maintenance", d->maintenance);
    if (!d->maintenance)
        return;
    jsonw_cut(t, "maintenance_owner", said(d->maintenance_owner));
    jsonw_cut(t, "maintenance_reason", said(d->maintenance_reason));
    jsonw_time(t, "maintenance_until", d->maintenance_until_wall_ms);
}

void document_members(const struct document_status *d, struct text *t)
{
    jsonw_uint(t, "schema", 1);
    add_verdict(t, d);
    jsonw_time(t, "since", d->since_wall_ms);
    jsonw_time(t, "checked", d->checked_wall_ms);
    add_server(t, d);
    jsonw_cut(t, "agent", d->agent);
    if (d->fleet != NULL) {
        jsonw_cut(t, "fleet", d->fleet);
        jsonw_cut(t, "by", d->agent);
    }
    jsonw_uint(t, "round", d->round);
}

void document_members_once(const struct document_status *d, struct text *t)
{
    add_verdict(t, d);
    add_server(t, d);
}

static size_t length(const struct text *t)
{
    return t->failed ? 0 : t->len;
}

size_t document_status(const struct document_status *d, char *out, size_t size)
{
    struct text t = text_in(out, size);

    jsonw_open(&t, NULL, '{');
    document_members(d, &t);
    return length(&t);
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
    struct text t = text_in(out, size);

    jsonw_open(&t, NULL, '{');
    jsonw_uint(&t, "schema", 1);
    jsonw_cut(&t, "agent", d->agent);
    jsonw_cut(&t, "host", d->host);
    jsonw_int(&t, "pid", d->pid);
    jsonw_time(&t, "started", d->started_wall_ms);
    jsonw_uint(&t, "round", d->round);
    jsonw_uint(&t, "interval_ms", d->interval_ms);
    jsonw_time(&t, "time", d->time_wall_ms);
    jsonw_time(&t, "valid_until",
               d->time_wall_ms + 3 * (int64_t)d->interval_ms);
    jsonw_uint(&t, "instances", d->instances);
    for (size_t s = 0; s < STATUS_COUNT; s++)
        jsonw_uint(&t, status_name((enum status)s), d->by_status[s]);
    jsonw_open(&t, "except", '[');
    for (size_t i = 0; i < d->nexcept; i++)
        jsonw_cut(&t, NULL, d->except[i]);
    jsonw_close(&t, ']');
    if (d->fleet != NULL) {
        char basis[9];

        snprintf(basis, sizeof basis, "%08" PRIx32, d->basis);
        jsonw_cut(&t, "fleet", d->fleet);
        jsonw_string(&t, "basis", basis);
    }
    jsonw_close(&t, '}');
    return length(&t);
}

size_t document_presence(const char *host, uint16_t port, const char *name,
                         const char *agent, char *out, size_t size)
{
    struct text t = text_in(out, size);

    jsonw_open(&t, NULL, '{');
    jsonw_cut(&t, "host", host);
    jsonw_uint(&t, "port", port);
    jsonw_cut(&t, "name", name);
    jsonw_cut(&t, "agent", agent);
    jsonw_close(&t, '}');
    return length(&t);
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
    if (json_number_value(json_object_get(object, "schema")) == 1)
        return true;
    return json_is_string(json_object_get(object, "host")) &&
           json_is_number(json_object_get(object, "port")) &&
           json_is_string(json_object_get(object, "name"));
}

static void read_object(const json_t *object, struct document_seen *out)
{
    double seq = json_number_value(json_object_get(object, "seq"));
    double pid = json_number_value(json_object_get(object, "pid"));
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
    /* No agent writes a number that is not exact to others: what is larger is
     * none to go on from. */
    if (seq > 0 && seq <= (double)DOCUMENT_SEQ_MAX)
        out->seq = (uint64_t)seq;
    if (pid > 0 && pid <= INT_MAX)
        out->pid = (long)pid;
    /* Cut, it might be the name of another fleet. */
    if (strlen(text_of(object, "fleet")) < sizeof out->fleet)
        strcpy(out->fleet, text_of(object, "fleet"));
    snprintf(out->address, sizeof out->address, "%s",
             text_of(object, "address"));
    snprintf(out->role, sizeof out->role, "%s", text_of(object, "role"));
    snprintf(out->server, sizeof out->server, "%s", text_of(object, "server"));
    snprintf(out->version, sizeof out->version, "%s",
             text_of(object, "version"));
    out->checked_wall_ms = time_of(object, "checked");
    out->started_wall_ms = time_of(object, "started");
}

void document_read(const char *bytes, size_t len, struct document_seen *out)
{
    /* An integer beyond 64 bits would else make the whole no document. */
    json_t *object =
        bytes ? json_loadb(bytes, len, JSON_DECODE_INT_AS_REAL, NULL) : NULL;

    *out = (struct document_seen){ .status = STATUS_UNKNOWN,
                                   .reason = REASON_PENDING };
    /* Of what is no object, json_object_get finds nothing. */
    if (object)
        read_object(object, out);
    json_decref(object);
}
