#ifndef PUBLISH_REFUSAL_H
#define PUBLISH_REFUSAL_H

#include "agent/publisher.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Part of a slot: that ZooKeeper (or our own memory) refused its last
 * request, and for how long to leave it alone.  A refusal is logged when its
 * cause changes, and nothing is ever asked in a hot loop.  Written by
 * refusal.c alone.
 */
enum cause {
    CAUSE_NONE,
    CAUSE_NO_AUTH,
    CAUSE_FAILED,
    CAUSE_BUSY, /* to be slow is no refusal: it only waits */
    CAUSE_NO_PARENT,
    CAUSE_NO_MEMORY,
};

struct refusal {
    enum cause cause;       /* as it was logged */
    uint64_t since_mono_ms; /* of the first refusal in a row */
    unsigned failed_ms;     /* the wait after the last failure */
    bool parents_tried;     /* the nodes above it were made for it just now */
};

/* A refusal, and what is to be said of it. */
struct refused {
    enum cause cause;
    const char *detail;
    int raw;         /* the library's code */
    unsigned max_ms; /* it is tried again after that, at the latest */
    uint64_t now_mono_ms;
};

/* Waits after refusals. */
#define BUSY_RETRY_MS   1000
#define REFUSED_MS      30000 /* unless the options say */
#define FAILED_FIRST_MS 1000

/* Takes the refusal of the node PATH down, and says it in TROUBLE (SIZE bytes)
 * and in the log.  Returns for how many ms to leave the node alone. */
unsigned refusal_add(struct refusal *f, const struct refused *what,
                     const char *path, char *trouble, size_t size);

/* It has been refused for at least MS. */
bool refusal_lasts(const struct refusal *f, uint64_t ms, uint64_t now_mono_ms);

/* The last request came off, or there is nothing to ask any more. */
void refusal_over(struct refusal *f);

/* No node above was found.  True: they are to be made first; false: that was
 * tried just now, and it is a refusal. */
bool refusal_try_parents(struct refusal *f);

#endif
