/*
 * What is uncertain is told as such, and not asked again: whoever gave the
 * order follows the node, or reads it, and then knows whether it still is to
 * be done.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "book.h"

int orders_add(struct book *b, const struct publisher_order *o, struct err *e)
{
    size_t i = 0;

    while (i < PUBLISHER_ORDERS && b->orders.at[i].state != ORDER_NONE)
        i++;
    if (i == PUBLISHER_ORDERS) {
        err_set(e, "more than %d orders at once", PUBLISHER_ORDERS);
        return -1;
    }
    struct order *order = &b->orders.at[i];
    *order = (struct order){
        .state = ORDER_WAITS,
        .version = o->version,
        .answer = { .token = o->token },
    };
    if (asprintf(&order->path, "%s/%s", b->root, o->path) < 0) {
        *order = (struct order){ .state = ORDER_NONE };
        err_set(e, "out of memory for deleting %s", o->path);
        return -1;
    }
    b->nudged = true;
    return 0;
}

bool orders_next(struct book *b, uint64_t now_mono_ms, struct store_request *r)
{
    (void)now_mono_ms;
    for (size_t i = 0; i < PUBLISHER_ORDERS; i++) {
        struct order *order = &b->orders.at[i];

        if (order->state != ORDER_WAITS)
            continue;
        order->state = ORDER_UNDER_WAY;
        *r = (struct store_request){
            .verb = STORE_DELETE,
            .token = i,
            .path = order->path,
            .data = "",
            .version = order->version,
        };
        return true;
    }
    return false;
}

void orders_unsent(struct book *b, const struct store_request *r)
{
    b->orders.at[r->token].state = ORDER_WAITS;
}

void orders_reply(struct book *b, const struct store_reply *r,
                  uint64_t now_mono_ms)
{
    struct order *order = &b->orders.at[r->token];

    (void)now_mono_ms;
    order->state = ORDER_DONE;
    order->answer.code = r->code;
    store_reply_say(r, order->answer.detail, sizeof order->answer.detail);
    b->tell = true;
}

uint64_t orders_due(const struct book *b)
{
    (void)b;
    return UINT64_MAX;
}

bool orders_take(struct book *b, struct publisher_ordered *out)
{
    for (size_t i = 0; i < PUBLISHER_ORDERS; i++) {
        struct order *order = &b->orders.at[i];

        if (order->state != ORDER_DONE)
            continue;
        *out = order->answer;
        free(order->path);
        *order = (struct order){ .state = ORDER_NONE };
        return true;
    }
    return false;
}

void orders_free(struct orders *o)
{
    for (size_t i = 0; i < PUBLISHER_ORDERS; i++)
        free(o->at[i].path);
}
