#ifndef PUBLISH_WHY_H
#define PUBLISH_WHY_H

#include "agent/publisher.h"

#include "owner.h"

/* Why the slot's node is not as posted.  The one answer to that question: the
 * counts and the pages go by it.  Pure. */
enum publisher_why why_not_written(const struct owners *o,
                                   const struct slot *s);

/* How a slot with this reason counts. */
enum publisher_standing why_standing(enum publisher_why why);

#endif
