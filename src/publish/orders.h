#ifndef PUBLISH_ORDERS_H
#define PUBLISH_ORDERS_H

#include "agent/publisher.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct book;

/*
 * One-shot requests of the loop, for nodes that are no slots: see
 * publisher_order.  Each has a place until its answer is taken, so there are
 * never more than places.  Under the publisher's lock.
 */
struct order {
    enum {
        ORDER_NONE,
        ORDER_WAITS,     /* to be sent */
        ORDER_UNDER_WAY, /* its answer will come, whatever it is */
        ORDER_DONE,      /* its answer waits to be taken */
    } state;
    char *path; /* owned */
    int32_t version;
    struct publisher_ordered answer;
};

struct orders {
    struct order at[PUBLISHER_ORDERS];
};

/* -1 and E on lack of memory, or of a place. */
int orders_add(struct book *b, const struct publisher_order *o,
               struct err *e) MUST_USE;
bool orders_take(struct book *b, struct publisher_ordered *out);

bool orders_next(struct book *b, uint64_t now_mono_ms, struct store_request *r);
void orders_unsent(struct book *b, const struct store_request *r);
void orders_reply(struct book *b, const struct store_reply *r,
                  uint64_t now_mono_ms);
/* They wait for nothing but a connection. */
uint64_t orders_due(const struct book *b);

void orders_free(struct orders *o);

#endif
