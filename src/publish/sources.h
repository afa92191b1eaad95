#ifndef PUBLISH_SOURCES_H
#define PUBLISH_SOURCES_H

#include "agent/store.h"

#include <stdbool.h>
#include <stdint.h>

struct book;

/*
 * Where requests come from: the nodes above ours, the other agents, the list
 * of what we own, the slots, orders, what is followed, the search for orphans;
 * in that order.  A request's token says which of them it is of, so that the
 * reply finds back. Under the publisher's lock.
 */

/* The next request of all; false: none is due. */
bool sources_next(struct book *b, uint64_t now_mono_ms,
                  struct store_request *r);

/* The store did not take it: it is due again. */
void sources_unsent(struct book *b, const struct store_request *r);

/* The reply to such a request. */
void sources_reply(struct book *b, const struct store_reply *r,
                   uint64_t now_mono_ms);

/* When the next request is due that was not yet at AFTER, monotonic;
 * UINT64_MAX: none. */
uint64_t sources_due(const struct book *b, uint64_t after_mono_ms);

#endif
