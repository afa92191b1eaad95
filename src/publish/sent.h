#ifndef PUBLISH_SENT_H
#define PUBLISH_SENT_H

#include "agent/document.h"
#include "agent/publisher.h"

#include "buffer.h"

#include <stdbool.h>
#include <stdint.h>

struct wanted;

/*
 * Part of a slot: what was sent to ZooKeeper last, whether it came off or
 * not, and how far the numbers of its writes (`seq`) have come.  Written by
 * sent.c alone.
 */
struct sent {
    struct buffer bytes;   /* of the last write; see sent_drop */
    uint64_t post;         /* the post that the last write was made of */
    uint64_t seq;          /* the number that it carries … */
    uint64_t known_seq;    /* … and the highest that is known to be written */
    int64_t acked_wall_ms; /* of the last write that came off; 0: none */
};

/* Makes the bytes to write from what is wanted; a node that is only kept is
 * written as it was.  -1 on lack of memory. */
int sent_compose(struct sent *t, const struct wanted *w,
                 enum slot_kind kind) MUST_USE;

/* A request that was made from this post goes out. */
void sent_out(struct sent *t, uint64_t post);

/* The node is only kept: its bytes will be written as they are now.  -1 on
 * lack of memory. */
int sent_keep(struct sent *t, const char *bytes, size_t len) MUST_USE;

/* The number of the last write is in ZooKeeper … */
void sent_counted(struct sent *t);
/* … and when ZooKeeper said so. */
void sent_acked(struct sent *t, int64_t wall_ms);

/* A node with the number SEQ was found: ours go on from there. */
void sent_go_on(struct sent *t, uint64_t seq);

/*
 * What was sent has come to pass, and can be made again from what is posted,
 * as long as nothing else is: its memory is given back.  A heartbeat's is
 * kept, as the next one is due soon.
 */
void sent_drop(struct sent *t, const struct wanted *w, enum slot_kind kind);

/* These bytes are what was sent last. */
bool sent_is(const struct sent *t, const struct wanted *w, enum slot_kind kind,
             const char *bytes, size_t len);

#endif
