/*
 * The document as the loop would have it now, which ZooKeeper may not hold
 * yet, and the other agent that keeps it from being written.
 */
#include "agent/document.h"
#include "agent/json_writer.h"

#include "page_document.h"

void page_add_document(const struct page_source *s, const struct instance *i,
                       const struct publisher_node *node, struct text *out)
{
    const struct document_status d =
        instance_document(i, pool_parts(s->pool).id);

    document_members(&d, out);
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
