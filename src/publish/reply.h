#ifndef PUBLISH_REPLY_H
#define PUBLISH_REPLY_H

#include "agent/store.h"

struct book;
struct slot;

/* Enters in the book what the reply R to the request of S means, and puts S
 * where it belongs now.  S may end by that. */
void reply_take(struct book *b, struct slot *s, const struct store_reply *r,
                uint64_t now_mono_ms);

#endif
