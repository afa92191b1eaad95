#ifndef WEB_PAGE_DOCUMENT_H
#define WEB_PAGE_DOCUMENT_H

#include "agent/pool.h"
#include "agent/publisher.h"
#include "agent/text.h"

#include "page_source.h"

/*
 * What /status and /instances/NAME both say of one instance.  Each appends
 * members to the JSON object that is open in OUT.  Thread: loop.
 */

/* The members of I's status document.  NODE says how far its node is; NULL:
 * nothing is published. */
void page_add_document(const struct page_source *s, const struct instance *i,
                       const struct publisher_node *node, struct text *out);

/* The member `conflict`: the other agent that holds I's node, or null. */
void page_add_conflict(const struct page_source *s, const struct instance *i,
                       struct text *out);

#endif
