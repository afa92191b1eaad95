/*
 * /instances/NAME: why.  From the bytes on the socket over the rows of rise
 * and fall to the version of the node, so that each step can be followed.
 */
#include <string.h>

#include "agent/config.h"
#include "agent/json_writer.h"
#include "pages_impl.h"

static void add_row(const char *key, unsigned count, unsigned needed,
                    enum reason leads_to, struct text *out)
{
    emit_open(out, key, '{');
    emit_uint(out, "count", count);
    emit_uint(out, "needed", needed);
    emit_string(out, "leads_to", count > 0 ? reason_name(leads_to) : NULL);
    emit_close(out, '}');
}

static void add_last_change(const struct pages *p, const char *name,
                            struct text *out)
{
    const struct history *h = rounds_history(p->rounds);
    const struct history_event *e;

    for (uint64_t seq = history_newest(h); (e = history_at(h, seq)) != NULL;
         seq--) {
        if (strcmp(e->instance, name) != 0)
            continue;
        emit_open(out, "last_change", '{');
        pages_event(e, out);
        emit_close(out, '}');
        return;
    }
    emit_null(out, "last_change");
}

/* The newest reason that counted; DEFLT if none did. */
static enum reason last_judged(const struct recent *recent, enum reason deflt)
{
    struct recent_walk walk = { .recent = recent };
    struct recent_result r;

    while (recent_next(&walk, &r))
        if (!r.voided)
            return (enum reason)r.reason;
    return deflt;
}

static void add_judgement(const struct pages *p, const struct member *m,
                          const struct rounds_turn *turn, struct text *out)
{
    const struct config_instance *c = m->instance.config;
    const struct health *h = &m->instance.health;
    enum reason fault = last_judged(turn->recent, h->reason);

    emit_open(out, "judgement", '{');
    emit_uint(out, "rise", c->rise);
    emit_uint(out, "fall", c->fall);
    emit_bool(out, "settled", health_settled(h));
    add_row("better", h->better, c->rise, h->better_reason, out);
    add_row("worse", h->worse, c->fall, h->worse_reason, out);
    add_row("fault", h->fault, c->fall, fault, out);
    add_row("same", h->same, c->fall, h->same_reason, out);
    emit_uint(out, "status_changes", turn->status_changes);
    add_last_change(p, c->name, out);
    emit_close(out, '}');
}

static void add_pace(const struct member *m, const struct rounds_turn *turn,
                     const struct page_time *now, struct text *out)
{
    const struct config_instance *c = m->instance.config;

    emit_open(out, "pace", '{');
    emit_uint(out, "interval_ms", c->interval_ms);
    emit_uint(out, "timeout_ms", c->timeout_ms);
    emit_uint(out, "retry_interval_ms", c->retry_interval_ms);
    emit_uint(out, "info_interval_ms", c->info_interval_ms);
    emit_time(out, "next", page_wall_ms(now, turn->due_mono_ms));
    emit_bool(out, "retrying", !health_settled(&m->instance.health));
    emit_uint(out, "worker", m->worker);
    emit_bool(out, "busy", m->busy);
    emit_string(out, "phase", m->busy ? fleet_phase(m) : "idle");
    emit_natural(out, "job_age_ms",
                 m->busy ? (int64_t)(now->mono_ms - m->job_mono_ms) : -1);
    emit_close(out, '}');
}

static void add_node(const struct pages *p, const struct member *m,
                     const struct publisher_node *node, struct text *out)
{
    const char *root = p->config->zookeeper.root;
    char document[DOCUMENT_MAX];
    char path[CONFIG_NAME_MAX + 320];
    size_t len = fleet_node_document(p->fleet, m, document, sizeof document);

    snprintf(path, sizeof path, "%s/instances/%s",
             strcmp(root, "/") == 0 ? "" : root, m->instance.config->name);
    emit_open(out, "zookeeper", '{');
    emit_string(out, "path", path);
    emit_string(out, "state", publisher_standing_name(node->standing));
    emit_natural(out, "znode_version", node->version);
    emit_natural(out, "seq", node->seq > 0 ? (int64_t)node->seq : -1);
    emit_time(out, "acknowledged", node->acked_wall_ms);
    if (len > 0)
        emit_raw(out, "document", document, len);
    else
        emit_null(out, "document");
    emit_string(out, "presence", fleet_presence(p->fleet, m));
    pages_conflict(p, m, out);
    emit_close(out, '}');
}

static void add_replication(const struct instance *i, struct text *out)
{
    emit_open(out, "replication", '{');
    emit_string(out, "id", i->replid[0] != '\0' ? i->replid : NULL);
    emit_natural(out, "offset", i->offset);
    emit_bool(out, "lagging", i->lagging);
    emit_string(out, "detail", i->lagging ? i->lag_detail : NULL);
    emit_close(out, '}');
}

/* A phase that was passed through took longer than nothing. */
static void add_phase(const char *key, uint32_t us, struct text *out)
{
    emit_natural(out, key, us > 0 ? (int64_t)us : -1);
}

static void add_result(const struct recent_result *r, struct text *out)
{
    emit_open(out, NULL, '{');
    emit_time(out, "time", r->ended_wall_ms);
    emit_uint(out, "round", r->round);
    emit_string(out, "reason", reason_name(r->reason));
    emit_string(out, "status", status_name(reason_status(r->reason)));
    emit_string(out, "detail", r->detail);
    emit_natural(out, "rtt_us", r->rtt_us);
    emit_bool(out, "void", r->voided);
    emit_bool(out, "info", r->info);
    emit_open(out, "phases", '{');
    add_phase("lookup_us", r->lookup_us, out);
    add_phase("connect_us", r->connect_us, out);
    emit_null(out, "tls_us");
    add_phase("auth_us", r->auth_us, out);
    add_phase("reply_us", r->reply_us, out);
    emit_close(out, '}');
    emit_uint(out, "total_us",
              (uint64_t)r->lookup_us + r->connect_us + r->auth_us +
                  r->reply_us);
    emit_close(out, '}');
}

void pages_instance(const struct pages *p, const struct member *m,
                    struct text *out)
{
    const struct page_time now = page_now();
    const struct instance *i = &m->instance;
    struct recent_walk walk;
    struct recent_result r;
    struct publisher_node node;
    struct rounds_turn turn;
    bool publishing = fleet_node(p->fleet, m, &node);

    rounds_turn(m, &turn);
    emit_open(out, NULL, '{');
    emit_uint(out, "schema", 1);
    emit_time(out, "time", now.wall_ms);
    emit_open(out, "document", '{');
    pages_document(p, i, publishing ? &node : NULL, out);
    emit_close(out, '}');
    emit_string(out, "sentence", reason_sentence(i->health.reason));
    emit_bool(out, "paused", i->config->paused);
    add_judgement(p, m, &turn, out);
    add_pace(m, &turn, &now, out);
    if (publishing)
        add_node(p, m, &node, out);
    else
        emit_null(out, "zookeeper");
    add_replication(i, out);
    emit_open(out, "results", '[');
    walk = (struct recent_walk){ .recent = turn.recent };
    while (recent_next(&walk, &r))
        add_result(&r, out);
    emit_close(out, ']');
    emit_close(out, '}');
    text_add_char(out, '\n');
}
