#ifndef PUBLISH_ACTION_H
#define PUBLISH_ACTION_H

#include "owner.h"

enum action {
    ACTION_NONE,
    ACTION_GET,
    ACTION_SET,
    ACTION_CREATE,
    ACTION_DELETE,
    ACTION_TAKE_OVER, /* delete and create in our session, as one */
};

/* What is to be asked next of the slot's node, from what is known and
 * wanted.  Pure. */
enum action action_next(const struct owners *o, const struct slot *s);

#endif
