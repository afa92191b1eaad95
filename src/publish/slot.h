#ifndef PUBLISH_SLOT_H
#define PUBLISH_SLOT_H

#include "agent/publisher.h"

#include "drift.h"
#include "node.h"
#include "owner.h"
#include "place.h"
#include "refusal.h"
#include "sent.h"
#include "tally.h"
#include "wanted.h"

/*
 * A slot: one node in ZooKeeper that we keep.  No slot remembers a step of a
 * procedure: the next request always follows from what is known of the node
 * and what is wanted (action.c), so that a lost reply, a new session or a
 * newer post need no way back: the slot only has to forget.
 *
 * Each part has a header of its own that says what it is, and is written by
 * that header's file alone.
 */
struct slot {
    /* Never change. */
    size_t index;
    enum slot_kind kind;
    bool last_word; /* it is for the document of an orphan */
    char *path;     /* owned */

    /* All below: the publisher's lock. */
    struct node node;       /* what is known of it in ZooKeeper */
    struct wanted wanted;   /* what the loop wants of it */
    struct sent sent;       /* what was sent last */
    struct sure sure;       /* how we left it, for certain */
    struct owner owner;     /* whose it is */
    struct refusal refusal; /* that ZooKeeper says no */
    struct wait wait;       /* what it waits for */
    struct counted counted; /* how it counts */
};

/* NULL on lack of memory.  PATH is copied; the index is the caller's to set. */
struct slot *slot_new(enum slot_kind kind, const char *path) MUST_USE;
/* NULL is a no-op. */
void slot_free(struct slot *s);

/* Its node lives in our session. */
bool slot_is_ephemeral(const struct slot *s);

/* Its node is as wanted. */
bool slot_is_clean(const struct slot *s);

/* It may not be written before the loop has posted anew.  A presence or a
 * member is not read back: what the loop says of it always holds. */
bool slot_is_shut(const struct slot *s);

#endif
