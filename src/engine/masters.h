#ifndef ENGINE_MASTERS_H
#define ENGINE_MASTERS_H

#include "agent/instance.h"

#include <stddef.h>

/*
 * Which instance is the master of a replica's data set: a table of all
 * masters under watch by replication id.  Borrows the instances.  Thread:
 * loop.
 */
LIST_HEAD(masters_bucket, instance);

/* All zero: empty, without room. */
struct masters {
    struct masters_bucket *buckets; /* owned */
    size_t size;                    /* a power of two */
};

/* Room for CAPACITY instances.  -1 on lack of memory: nothing changed. */
int masters_fit(struct masters *t, size_t capacity) MUST_USE;
void masters_free(struct masters *t);

/* Its role or replication id may have changed. */
void masters_note(struct masters *t, struct instance *i);
/* It goes, or another server is asked under its name. */
void masters_forget(struct instance *i);

/* The master with REPLID; NULL: not watched. */
const struct instance *masters_find(const struct masters *t,
                                    const char *replid);

#endif
