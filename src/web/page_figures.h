#ifndef WEB_PAGE_FIGURES_H
#define WEB_PAGE_FIGURES_H

#include "agent/text.h"

#include "page_source.h"

/* Each appends a whole page, whatever Q asks for; out->failed says whether
 * memory ran out.  Thread: loop. */
void page_metrics(const struct page_source *s, const struct page_query *q,
                  struct text *out);
void page_memory(const struct page_source *s, const struct page_query *q,
                 struct text *out);

#endif
