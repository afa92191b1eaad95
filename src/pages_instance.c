/*
 * /instances/NAME: why.  From the bytes on the socket over the rows of rise
 * and fall to the version of the node, so that each step can be followed.
 */
#include <string.h>

#include "agent/config.h"
#include "json_write.h"
#include "pages_impl.h"

static void add_row(const char *key, unsigned count, unsigned needed,
                    enum reason leads_to, struct text *out)
{
    json_open(out, key, '{');
    json_uint(out, "count", count);
    json_uint(out, "needed", needed);
    json_string(out, "leads_to", count > 0 ? reason_name(leads_to) : NULL);
    json_close(out, '}');
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
        json_open(out, "last_change", '{');
        pages_event(e, out);
        json_close(out, '}');
        return;
    }
    json_null(out, "last_change");
}

static void add_judgement(const struct pages *p, const struct member *m,
                          const struct rounds_turn *turn, struct text *out)
{
    const struct config_instance *c = m->instance.config;
    const struct health *h = &m->instance.health;
    const struct recent_result *last = recent_at(turn->recent, 0);
    enum reason fault = last != NULL ? (enum reason)last->reason : h->reason;

    json_open(out, "judgement", '{');
    json_uint(out, "rise", c->rise);
    json_uint(out, "fall", c->fall);
    json_bool(out, "settled", health_settled(h));
    add_row("better", h->better, c->rise, h->better_reason, out);
    add_row("worse", h->worse, c->fall, h->worse_reason, out);
    add_row("fault", h->fault, c->fall, fault, out);
    add_row("same", h->same, c->fall, h->same_reason, out);
    json_uint(out, "status_changes", turn->status_changes);
    add_last_change(p, c->name, out);
    json_close(out, '}');
}

static void add_pace(const struct member *m, const struct rounds_turn *turn,
                     const struct page_time *now, struct text *out)
{
    const struct config_instance *c = m->instance.config;

    json_open(out, "pace", '{');
    json_uint(out, "interval_ms", c->interval_ms);
    json_uint(out, "timeout_ms", c->timeout_ms);
    json_uint(out, "retry_interval_ms", c->retry_interval_ms);
    json_uint(out, "info_interval_ms", c->info_interval_ms);
    json_time(out, "next", page_wall_ms(now, turn->due_mono_ms));
    json_bool(out, "retrying", !health_settled(&m->instance.health));
    json_uint(out, "worker", m->worker);
    json_bool(out, "busy", m->busy);
    json_string(out, "phase", m->busy ? fleet_phase(m) : "idle");
    json_natural(out, "job_age_ms",
                 m->busy ? (int64_t)(now->mono_ms - m->job_mono_ms) : -1);
    json_close(out, '}');
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
    json_open(out, "zookeeper", '{');
    json_string(out, "path", path);
    json_string(out, "state", publisher_standing_name(node->standing));
    json_natural(out, "znode_version", node->version);
    json_natural(out, "seq", node->seq > 0 ? (int64_t)node->seq : -1);
    json_time(out, "acknowledged", node->acked_wall_ms);
    if (len > 0)
        json_raw(out, "document", document, len);
    else
        json_null(out, "document");
    json_string(out, "presence", fleet_presence(p->fleet, m));
    pages_conflict(p, m, out);
    json_close(out, '}');
}

static void add_replication(const struct instance *i, struct text *out)
{
    json_open(out, "replication", '{');
    json_string(out, "id", i->replid[0] != '\0' ? i->replid : NULL);
    json_natural(out, "offset", i->offset);
    json_bool(out, "lagging", i->lagging);
    json_string(out, "detail", i->lagging ? i->lag_detail : NULL);
    json_close(out, '}');
}

/* A phase that was passed through took longer than nothing. */
static void add_phase(const char *key, uint32_t us, struct text *out)
{
    json_natural(out, key, us > 0 ? (int64_t)us : -1);
}

static void add_result(const struct recent_result *r, struct text *out)
{
    enum reason reason = (enum reason)r->reason;

    json_open(out, NULL, '{');
    json_time(out, "time", r->ended_wall_ms);
    json_uint(out, "round", r->round);
    json_string(out, "reason", reason_name(reason));
    json_string(out, "status", status_name(reason_status(reason)));
    json_string(out, "detail", r->detail);
    json_natural(out, "rtt_us", recent_rtt_us(r));
    json_bool(out, "void", r->voided);
    json_bool(out, "info", r->info);
    json_open(out, "phases", '{');
    add_phase("lookup_us", r->lookup_us, out);
    add_phase("connect_us", r->connect_us, out);
    json_null(out, "tls_us");
    add_phase("auth_us", r->auth_us, out);
    add_phase("reply_us", r->reply_us, out);
    json_close(out, '}');
    json_uint(out, "total_us",
              (uint64_t)r->lookup_us + r->connect_us + r->auth_us +
                  r->reply_us);
    json_close(out, '}');
}

void pages_instance(const struct pages *p, const struct member *m,
                    struct text *out)
{
    const struct page_time now = page_now();
    const struct instance *i = &m->instance;
    const struct recent_result *r;
    struct publisher_node node;
    struct rounds_turn turn;
    bool publishing = fleet_node(p->fleet, m, &node);

    rounds_turn(m, &turn);
    json_open(out, NULL, '{');
    json_uint(out, "schema", 1);
    json_time(out, "time", now.wall_ms);
    json_open(out, "document", '{');
    pages_document(p, i, publishing ? &node : NULL, out);
    json_close(out, '}');
    json_string(out, "sentence", reason_sentence(i->health.reason));
    json_bool(out, "paused", i->config->paused);
    add_judgement(p, m, &turn, out);
    add_pace(m, &turn, &now, out);
    if (publishing)
        add_node(p, m, &node, out);
    else
        json_null(out, "zookeeper");
    add_replication(i, out);
    json_open(out, "results", '[');
    for (size_t n = 0; (r = recent_at(turn.recent, n)) != NULL; n++)
        add_result(r, out);
    json_close(out, ']');
    json_close(out, '}');
    text_add_char(out, '\n');
}
