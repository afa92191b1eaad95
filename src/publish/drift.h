#ifndef PUBLISH_DRIFT_H
#define PUBLISH_DRIFT_H

#include "agent/document.h"
#include "agent/store.h"

#include <stdbool.h>
#include <stdint.h>

struct slot;

/*
 * Part of a slot: the state in which we left its node for certain, in
 * whatever session.  A node that is found in any other state was changed by
 * others: that is drift, and is said in the log.  Written by drift.c alone.
 */
struct sure {
    bool is;       /* VERSION and SUM are where we left it */
    bool doubtful; /* a write of ours may still come to pass */
    bool missed;   /* our ephemeral node vanished: others deleted it, if our
                      session is found to live */
    int32_t version;
    uint64_t sum; /* of its bytes */
};

/* SESSION: ours.  R: a reply about the slot's node. */

/* R, a reading or a write that found no node, says what is there now (SEEN).
 * Returns 1 if that was drift, else 0: for the count. */
unsigned drift_check(struct slot *s, int64_t session,
                     const struct store_reply *r,
                     const struct document_seen *seen);

/* The reading R found the node as we left it. */
bool drift_none(const struct slot *s, int64_t session,
                const struct store_reply *r);

/* From now on it is sure what the reading R found, if it is a node of ours.
 * AS_SENT: it is what we sent last. */
void drift_read(struct slot *s, int64_t session, const struct store_reply *r,
                bool as_sent);

/* From now on it is sure what the write R left.  Returns 1 if the node had
 * been deleted by others before, else 0. */
unsigned drift_written(struct slot *s, const struct store_reply *r);

/* A write may have come off or not: nothing is sure. */
void drift_uncertain(struct slot *s);

/* Others may have written the node, or deleted it, and had every right to. */
void drift_unsure(struct slot *s);

/* Another session begins: ephemeral nodes of the last one are gone. */
void drift_session(struct slot *s);

/* True when the write R came off on a node that is not ours at all any more,
 * although it has the version that ours had.  That is drift. */
bool drift_under_write(struct slot *s, int64_t session,
                       const struct store_reply *r);

#endif
