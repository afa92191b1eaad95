#ifndef WEB_PAGE_FLEET_H
#define WEB_PAGE_FLEET_H

#include "page_source.h"

struct instance;
struct text;

/* /fleet: members, shares and targets, as this agent knows them.  Thread:
 * loop. */
void page_fleet(const struct page_source *s, const struct page_query *q,
                struct text *out);

/* The members of I that a target has besides; none for an instance of the
 * agent's own. */
void page_add_share(const struct page_source *s, const struct instance *i,
                    struct text *out);

#endif
