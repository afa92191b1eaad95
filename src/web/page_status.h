#ifndef WEB_PAGE_STATUS_H
#define WEB_PAGE_STATUS_H

#include "agent/text.h"

#include "page_source.h"

/* Appends /status, with as many results of each instance as Q's number says;
 * out->failed says whether memory ran out.  Thread: loop. */
void page_status(const struct page_source *s, const struct page_query *q,
                 struct text *out);

#endif
