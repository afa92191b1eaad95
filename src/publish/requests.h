#ifndef PUBLISH_REQUESTS_H
#define PUBLISH_REQUESTS_H

#include "agent/store.h"

#include <stdbool.h>
#include <stdint.h>

struct book;

/* What the slots want to ask of ZooKeeper, with the slot's index as token.
 * Under the publisher's lock. */

/* The next request of the slot whose turn it is; false: none. */
bool requests_next(struct book *b, uint64_t now_mono_ms,
                   struct store_request *r);

/* The store did not take R. */
void requests_unsent(struct book *b, const struct store_request *r);

/* Slots that were left alone go on as their time comes. */
void requests_release(struct book *b, uint64_t now_mono_ms);

/* When the next one is due, monotonic; UINT64_MAX: none. */
uint64_t requests_due(const struct book *b);

#endif
