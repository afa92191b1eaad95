/*
 * The document as the loop would have it now, which ZooKeeper may not hold
 * yet, and the other agent that keeps it from being written.
 */
#include "agent/config.h"
#include "agent/json_writer.h"
#include "agent/role.h"

#include "page_document.h"

void page_add_document(const struct page_source *s, const struct instance *i,
                       const struct publisher_node *node, struct text *out)
{
    jsonw_uint(out, "schema", 1);
    jsonw_string(out, "instance", i->config->name);
    jsonw_string(out, "address", i->config->address);
    jsonw_string(out, "status", status_name(i->health.status));
    jsonw_string(out, "reason", reason_name(i->health.reason));
    jsonw_string(out, "detail", i->detail);
    jsonw_time(out, "since", i->since_wall_ms);
    jsonw_time(out, "checked", i->checked_wall_ms);
    jsonw_natural(out, "rtt_us", i->rtt_us);
    jsonw_string(out, "role", i->role == ROLE_ANY ? NULL : role_name(i->role));
    jsonw_string(out, "version", i->version[0] != '\0' ? i->version : NULL);
    jsonw_bool(out, "maintenance", i->config->paused);
    jsonw_string(out, "agent", pool_parts(s->pool).id);
    jsonw_uint(out, "round", i->round);
    jsonw_natural(out, "seq",
                  node != NULL && node->seq > 0 ? (int64_t)node->seq : -1);
}

void page_add_conflict(const struct page_source *s, const struct instance *i,
                       struct text *out)
{
    struct publisher *publisher = pool_parts(s->pool).publisher;
    struct publisher_holder holder;

    if (publisher == NULL ||
        !publisher_conflict(publisher, i->nodes.status_slot, &holder)) {
        jsonw_null(out, "conflict");
        return;
    }
    jsonw_open(out, "conflict", '{');
    jsonw_string(out, "agent", holder.agent);
    jsonw_string(out, "host", holder.host);
    jsonw_close(out, '}');
}
