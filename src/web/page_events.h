#ifndef WEB_PAGE_EVENTS_H
#define WEB_PAGE_EVENTS_H

#include "agent/history.h"
#include "agent/text.h"

#include "page_source.h"

/* Appends /events: what is newer than Q's number, at most Q's limit of them;
 * out->failed says whether memory ran out.  Thread: loop. */
void page_events(const struct page_source *s, const struct page_query *q,
                 struct text *out);

/* Appends the members of E to the JSON object that is open in OUT. */
void page_add_event(const struct history_event *e, struct text *out);

#endif
