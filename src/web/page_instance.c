/*
 * /instances/NAME: why an instance has its status.  It shows each step: what
 * came on the socket, the counters against rise and fall, and the version of
 * the node that was written.
 */
#include <string.h>

#include "agent/config.h"
#include "agent/json_writer.h"
#include "agent/rounds.h"
#include "agent/tls.h"
#include "page_document.h"
#include "page_fleet.h"
#include "page_events.h"
#include "page_time.h"

#include "page_instance.h"

static void add_row(const char *key, unsigned count, unsigned needed,
                    enum reason leads_to, struct text *out)
{
    jsonw_open(out, key, '{');
    jsonw_uint(out, "count", count);
    jsonw_uint(out, "needed", needed);
    jsonw_string(out, "leads_to", count > 0 ? reason_name(leads_to) : NULL);
    jsonw_close(out, '}');
}

static void add_last_change(const struct page_source *s, const char *name,
                            struct text *out)
{
    const struct history *h = rounds_history(s->rounds);
    const struct history_event *e;

    for (uint64_t seq = history_newest(h); (e = history_at(h, seq)) != NULL;
         seq--) {
        if (strcmp(e->instance, name) != 0)
            continue;
        jsonw_open(out, "last_change", '{');
        page_add_event(e, out);
        jsonw_close(out, '}');
        return;
    }
    jsonw_null(out, "last_change");
}

/* The newest reason that was judged; DEFLT when none was. */
static enum reason last_judged(const struct recent *recent, enum reason deflt)
{
    struct recent_walk walk = { .recent = recent };
    struct recent_result r;

    while (recent_next(&walk, &r))
        if (!r.voided)
            return (enum reason)r.reason;
    return deflt;
}

static void add_judgement(const struct page_source *s, const struct instance *i,
                          struct text *out)
{
    const struct config_instance *c = i->config;
    const struct health *h = &i->health;
    enum reason fault = last_judged(&i->record.recent, h->reason);

    jsonw_open(out, "judgement", '{');
    jsonw_uint(out, "rise", c->rise);
    jsonw_uint(out, "fall", c->fall);
    jsonw_bool(out, "settled", health_settled(h));
    add_row("better", h->better, c->rise, h->better_reason, out);
    add_row("worse", h->worse, c->fall, h->worse_reason, out);
    add_row("fault", h->fault, c->fall, fault, out);
    add_row("same", h->same, c->fall, h->same_reason, out);
    jsonw_uint(out, "status_changes", i->record.status_changes);
    jsonw_uint(out, "restarts", i->record.restarts);
    add_last_change(s, c->name, out);
    jsonw_close(out, '}');
}

static void add_pace(const struct instance *i, const struct page_time *now,
                     struct text *out)
{
    const struct config_instance *c = i->config;

    jsonw_open(out, "pace", '{');
    jsonw_uint(out, "interval_ms", c->interval_ms);
    jsonw_uint(out, "timeout_ms", c->timeout_ms);
    jsonw_uint(out, "retry_interval_ms", c->retry_interval_ms);
    jsonw_uint(out, "connect_interval_ms", c->connect_interval_ms);
    jsonw_uint(out, "info_interval_ms", c->info_interval_ms);
    jsonw_time(out, "next", page_wall_ms(now, i->pace.due_mono_ms));
    jsonw_bool(out, "retrying", !health_settled(&i->health));
    jsonw_uint(out, "worker", i->job.worker);
    jsonw_bool(out, "busy", i->job.busy);
    jsonw_string(out, "phase", i->job.busy ? pool_phase(i) : "idle");
    jsonw_natural(out, "job_age_ms",
                  i->job.busy ? (int64_t)(now->mono_ms - i->job.posted_mono_ms)
                              : -1);
    jsonw_close(out, '}');
}

static void add_node(const struct page_source *s, const struct instance *i,
                     const struct publisher_node *node, struct text *out)
{
    const char *root = s->config->zookeeper.root;
    char document[DOCUMENT_MAX];
    char path[CONFIG_NAME_MAX + 320];
    size_t len = publisher_node_document(pool_parts(s->pool).publisher,
                                         i->nodes.status_slot, document,
                                         sizeof document);

    snprintf(path, sizeof path, "%s/instances/%s",
             strcmp(root, "/") == 0 ? "" : root, i->config->name);
    jsonw_open(out, "zookeeper", '{');
    jsonw_string(out, "path", path);
    jsonw_string(out, "state", publisher_standing_name(node->standing));
    jsonw_string(out, "why", publisher_why_words(node->why));
    jsonw_natural(out, "znode_version", node->version);
    jsonw_natural(out, "seq", node->seq > 0 ? (int64_t)node->seq : -1);
    jsonw_time(out, "acknowledged", node->acked_wall_ms);
    if (len > 0)
        jsonw_raw(out, "document", document, len);
    else
        jsonw_null(out, "document");
    jsonw_string(out, "presence", pool_presence(s->pool, i));
    page_add_conflict(s, i, out);
    jsonw_close(out, '}');
}

static const char *connection_word(bool answered, bool new)
{
    if (!answered)
        return NULL;
    return new ? "new" : "kept";
}

/* That the last result speaks of. */
static void add_connection(const struct instance *i, struct text *out)
{
    bool answered = i->answered_by != ANSWERED_BY_NONE;

    jsonw_open(out, "connection", '{');
    jsonw_string(out, "answered",
                 connection_word(answered, i->answered_by == ANSWERED_BY_NEW));
    jsonw_natural(out, "age_ms", answered ? (int64_t)i->connection_age_ms : -1);
    jsonw_bool(out, "credentials_rejected", i->credentials_rejected);
    jsonw_close(out, '}');
}

/* The last certificate is told also when it was refused since. */
static void add_tls(const struct instance *i, const struct page_time *now,
                    struct text *out)
{
    struct tls_certificate c;
    bool any = pool_certificate(i, &c);

    if (!i->config->tls) {
        jsonw_null(out, "tls");
        return;
    }
    jsonw_open(out, "tls", '{');
    jsonw_bool(out, "verify", i->config->tls_verify);
    jsonw_string(out, "server_name",
                 i->config->tls_server_name != NULL ? i->config->tls_server_name
                                                    : i->config->host);
    jsonw_string(out, "subject", any ? c.subject : NULL);
    jsonw_string(out, "issuer", any ? c.issuer : NULL);
    jsonw_string(out, "names", any ? c.names : NULL);
    jsonw_time(out, "ends", any ? c.ends_wall_ms : 0);
    jsonw_time(out, "chain_ends", any ? c.earliest_wall_ms : 0);
    jsonw_bool(out, "ends_soon",
               any && pool_certificate_ends(i, &c, now->wall_ms));
    jsonw_close(out, '}');
}

/* Whether the server tells of itself. */
static void add_info(const struct instance *i, struct text *out)
{
    char refused[REFUSAL_SIZE + 16];
    const char *word = i->role_word[0] != '\0' ? "answered" : NULL;

    if (i->config->probe == CONFIG_PROBE_PING) {
        word = "not asked";
    } else if (i->refusal[0] != '\0') {
        snprintf(refused, sizeof refused, "refused: %s", i->refusal);
        word = refused;
    }
    jsonw_string(out, "info", word);
}

static void add_replication(const struct instance *i, struct text *out)
{
    jsonw_open(out, "replication", '{');
    jsonw_string(out, "id", i->replid[0] != '\0' ? i->replid : NULL);
    jsonw_natural(out, "offset", i->offset);
    jsonw_natural(out, "behind", i->behind);
    if (i->lag == LAG_NOT_KNOWN)
        jsonw_null(out, "lagging");
    else
        jsonw_bool(out, "lagging", i->lag == LAG_BEYOND);
    jsonw_string(out, "detail", i->lag == LAG_BEYOND ? i->lag_detail : NULL);
    jsonw_close(out, '}');
}

/* 0 us: the probe did not come to this phase, or skipped it. */
static void add_phase(const char *key, uint32_t us, struct text *out)
{
    jsonw_natural(out, key, us > 0 ? (int64_t)us : -1);
}

static void add_result(const struct recent_result *r, struct text *out)
{
    jsonw_open(out, NULL, '{');
    jsonw_time(out, "time", r->ended_wall_ms);
    jsonw_uint(out, "round", r->round);
    jsonw_string(out, "reason", reason_name(r->reason));
    jsonw_string(out, "status", status_name(reason_status(r->reason)));
    jsonw_string(out, "detail", r->detail);
    jsonw_natural(out, "rtt_us", r->rtt_us);
    jsonw_bool(out, "void", r->voided);
    jsonw_bool(out, "info", r->info);
    jsonw_string(out, "connection", connection_word(r->rtt_us >= 0, r->by_new));
    jsonw_open(out, "phases", '{');
    add_phase("lookup_us", r->lookup_us, out);
    add_phase("connect_us", r->connect_us, out);
    add_phase("tls_us", r->tls_us, out);
    add_phase("auth_us", r->auth_us, out);
    add_phase("reply_us", r->reply_us, out);
    jsonw_close(out, '}');
    jsonw_uint(out, "total_us",
               (uint64_t)r->lookup_us + r->connect_us + r->tls_us + r->auth_us +
                   r->reply_us);
    jsonw_close(out, '}');
}

/* Null: it is in none, or no entry says so. */
static void add_maintenance(const struct instance *i, struct text *out)
{
    struct instance_maintenance m;

    instance_maintenance(i, &m);
    if (m.entry == NULL) {
        jsonw_null(out, "maintenance");
        return;
    }
    jsonw_open(out, "maintenance", '{');
    jsonw_string(out, "entry", m.entry);
    jsonw_string(out, "owner", m.owner);
    jsonw_string(out, "reason", m.reason);
    jsonw_time(out, "until", m.until_wall_ms);
    jsonw_close(out, '}');
}

void page_instance(const struct page_source *s, const struct instance *i,
                   struct text *out)
{
    const struct page_time now = page_now();
    struct recent_result r;
    struct publisher_node node;
    struct publisher *publisher = pool_parts(s->pool).publisher;

    if (publisher != NULL)
        publisher_node(publisher, i->nodes.status_slot, &node);
    jsonw_open(out, NULL, '{');
    jsonw_uint(out, "schema", 1);
    jsonw_time(out, "time", now.wall_ms);
    jsonw_open(out, "document", '{');
    page_add_document(s, i, publisher != NULL ? &node : NULL, out);
    jsonw_close(out, '}');
    jsonw_string(out, "sentence", reason_sentence(i->health.reason));
    jsonw_bool(out, "paused", i->config->paused);
    add_maintenance(i, out);
    page_add_share(s, i, out);
    add_judgement(s, i, out);
    add_pace(i, &now, out);
    if (publisher != NULL)
        add_node(s, i, &node, out);
    else
        jsonw_null(out, "zookeeper");
    add_connection(i, out);
    add_tls(i, &now, out);
    add_info(i, out);
    add_replication(i, out);
    jsonw_open(out, "results", '[');
    struct recent_walk walk =
        (struct recent_walk){ .recent = &i->record.recent };
    while (recent_next(&walk, &r))
        add_result(&r, out);
    jsonw_close(out, ']');
    jsonw_close(out, '}');
    text_add_char(out, '\n');
}
