#ifndef PUBLISH_PARENTS_H
#define PUBLISH_PARENTS_H

#include "agent/err.h"
#include "agent/store.h"

#include "refusal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The nodes above ours: every level of the root, then instances, agents,
 * owned, alive and those of the fleet.  They are made one by one when a create
 * finds no parent, never beforehand: an agent that has no right to make them
 * may still have the right to write below them.  Under the publisher's lock.
 */
struct parents {
    size_t next; /* of COUNT levels; COUNT: no pass is under way */
    size_t count;
    bool under_way;
    uint64_t retry_mono_ms;
    enum store_code code; /* the worst answer of this pass, and where */
    char said[200];       /* … for people */
    size_t at;
    struct parents_level *levels; /* owned */
};

/* One of these nodes. */
struct parents_level {
    char *path;       /* owned */
    const char *data; /* borrowed: what it is made with */
};

struct parents_options {
    const char *root;           /* "" for "/" */
    bool presence;              /* alive, too */
    const char *fleet;          /* NULL: none */
    const char *fleet_settings; /* what the fleet's node is made with; must
                                   outlive the parents */
};

/* -1 on lack of memory. */
int parents_init(struct parents *a, const struct parents_options *o,
                 struct err *e) MUST_USE;
void parents_free(struct parents *a);

/* They are to be made; nothing new if they are being made. */
void parents_want(struct parents *a, uint64_t now_mono_ms);

/* They are being made. */
bool parents_busy(const struct parents *a);

/* The next request, if one is due; false: none. */
bool parents_next(struct parents *a, uint64_t now_mono_ms,
                  struct store_request *r);

/* The store did not take it. */
void parents_unsent(struct parents *a);

/* True when the pass is over: the nodes are there, as far as we could. */
bool parents_reply(struct parents *a, const struct store_reply *r,
                   uint64_t now_mono_ms);

/* When the next request is due, monotonic; UINT64_MAX: none. */
uint64_t parents_due(const struct parents *a);

/* A node found no parent although they were made just now: why, and in
 * DETAIL (SIZE bytes) for people. */
enum cause parents_cause(const struct parents *a, char *detail, size_t size);

#endif
