#ifndef CMD_CHECK_ONCE_MAINTENANCE_H
#define CMD_CHECK_ONCE_MAINTENANCE_H

#include "agent/err.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * What is in maintenance by entries in ZooKeeper, for one --check-once: read
 * once, before anything is published.  Thread: loop.
 */
struct follow_event;
struct maintenance_entry;
struct pool;

struct once_maintenance {
    bool known;                        /* … or not to be had */
    struct maintenance_entry *entries; /* owned */
    size_t n;
    size_t size;
    bool failed; /* for want of memory */
};

/* POOL publishes.  -1 and E on lack of memory. */
int once_maintenance_start(struct pool *pool, struct err *e) MUST_USE;

/* Takes in what the pool's hook `followed` says. */
void once_maintenance_took(struct once_maintenance *m,
                           const struct follow_event *e);

/* Points the instances of POOL to what covers them. */
void once_maintenance_apply(const struct once_maintenance *m,
                            struct pool *pool);

/* When the instances are gone. */
void once_maintenance_free(struct once_maintenance *m);

#endif
