#ifndef WEB_PAGE_HEALTH_H
#define WEB_PAGE_HEALTH_H

#include <stddef.h>

#include "page_source.h"
#include "page_time.h"

/* What keeps the agent from its work, a sentence each. */
#define TROUBLES_MAX 8
struct troubles {
    char text[TROUBLES_MAX][320];
    size_t count; /* 0: the agent is well */
};

/* Fills OUT; more than TROUBLES_MAX are left out.  Thread: loop. */
void page_troubles(const struct page_source *s, const struct page_time *now,
                   struct troubles *out);

#endif
