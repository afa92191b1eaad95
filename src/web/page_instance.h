#ifndef WEB_PAGE_INSTANCE_H
#define WEB_PAGE_INSTANCE_H

#include "agent/pool.h"
#include "agent/text.h"

#include "page_source.h"

/* Appends /instances/NAME of I; out->failed says whether memory ran out.
 * Thread: loop. */
void page_instance(const struct page_source *s, const struct instance *i,
                   struct text *out);

#endif
