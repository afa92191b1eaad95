#ifndef PUBLISH_REFRESH_H
#define PUBLISH_REFRESH_H

#include <stddef.h>
#include <stdint.h>

struct book;

/*
 * Every node is read again over a period, a few at a time, so that what
 * others did to it is found.  Under the publisher's lock.
 */
struct refresh {
    unsigned period_ms; /* 0: never */
    uint64_t due_mono_ms;
    uint64_t seen_mono_ms; /* up to then time was counted */
    uint64_t credit;       /* slots times ms, not yet spent */
    size_t at;             /* the slot whose turn is next */
};

void refresh_init(struct refresh *f, unsigned period_ms, uint64_t now_mono_ms);

/* Marks the slots whose time has come, while there is a connection. */
void refresh_mark(struct refresh *f, struct book *b, uint64_t now_mono_ms);

/* When to be called next, monotonic; UINT64_MAX: never. */
uint64_t refresh_due(const struct refresh *f);

#endif
