/*
 * A ring in which an event's place follows from its number.  Made whole at
 * the start; what was never written costs address space only.
 */
#include <stdlib.h>

#include "agent/string_pool.h"

#include "agent/history.h"

struct history {
    uint64_t newest;
    struct history_event ring[HISTORY_MAX];
};

struct history *history_new(struct err *e)
{
    struct history *h = calloc(1, sizeof *h);
    if (h == NULL)
        err_set(e, "out of memory for %d events", HISTORY_MAX);
    return h;
}

static void forget(struct history_event *e)
{
    string_pool_drop(e->instance);
    string_pool_drop(e->address);
    string_pool_drop(e->detail);
    string_pool_drop(e->cause);
}

void history_free(struct history *h)
{
    if (h == NULL)
        return;
    for (size_t i = 0; i < HISTORY_MAX; i++)
        forget(&h->ring[i]);
    free(h);
}

void history_add(struct history *h, const struct history_event *event)
{
    uint64_t seq = ++h->newest;
    struct history_event *slot = &h->ring[seq % HISTORY_MAX];
    struct history_event before = *slot;
    *slot = *event;
    slot->seq = seq;
    slot->instance = string_pool_keep(event->instance);
    slot->address = string_pool_keep(event->address);
    slot->detail = string_pool_keep(event->detail);
    slot->cause = string_pool_keep(event->cause);
    forget(&before);
}

uint64_t history_newest(const struct history *h)
{
    return h->newest;
}

uint64_t history_oldest(const struct history *h)
{
    if (h->newest == 0)
        return 0;
    return h->newest > HISTORY_MAX ? h->newest - HISTORY_MAX + 1 : 1;
}

const struct history_event *history_at(const struct history *h, uint64_t seq)
{
    if (seq == 0 || seq > h->newest || seq < history_oldest(h))
        return NULL;
    return &h->ring[seq % HISTORY_MAX];
}
