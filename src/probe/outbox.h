#ifndef PROBE_OUTBOX_H
#define PROBE_OUTBOX_H

#include "agent/err.h"
#include "agent/result.h"

#include <stddef.h>

/*
 * Results on their way to the loop: a ring of bytes, in which each takes the
 * room that its words need and not what they may need.  Room for the longest
 * is reserved before; of that only what was used at once is ever touched.
 * Starts as zeroes.  Whoever calls guards it.
 */
struct outbox {
    unsigned char *ring; /* owned */
    size_t capacity;
    size_t first;
    size_t used;
};

/* Room for N more results, whatever they say, beside those that are in it.
 * -1: no memory. */
int outbox_reserve(struct outbox *o, size_t n) MUST_USE;

/* A result as it stands in the ring. */
struct packed_result {
    unsigned char bytes[sizeof(struct result)];
    size_t len;
};
void outbox_pack(struct packed_result *out, const struct result *r);

/* There is room for it. */
void outbox_push(struct outbox *o, const struct packed_result *p);

/* The oldest; false: there is none.  What follows the NUL of a word is left as
 * it was. */
bool outbox_take(struct outbox *o, struct result *out);

void outbox_clear(struct outbox *o);

#endif
