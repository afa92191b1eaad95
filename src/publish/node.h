#ifndef PUBLISH_NODE_H
#define PUBLISH_NODE_H

#include "agent/document.h"
#include "agent/store.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Part of a slot: what its node in ZooKeeper is, as far as it was read or
 * written in this session.  While it is not known, nothing else here counts,
 * and the next request is a reading.  Written by node.c alone.
 */
struct node {
    bool known;
    bool exists;
    int32_t version; /* -1: there is no node */
    int64_t owner;   /* the session that an ephemeral node lives in; else 0 */
    bool readable;   /* it holds a document of some agent … */
    bool ours;       /* … and of this one */
    uint64_t done;   /* the post that it is known to be like; 0: none */
    bool stale;      /* the session ended while a request was under way: the
                        reply will tell of a time that is over */
};

/* From now on it has to be read before anything else. */
void node_forget(struct node *n);

/* Forgets it, and a reply to what is UNDER_WAY is to be forgotten, too. */
void node_doubt(struct node *n, bool under_way);

/* True once after a doubt with a request under way: it has ended now. */
bool node_was_stale(struct node *n);

/* R is a reading that found SEEN there. */
void node_found(struct node *n, const struct store_reply *r,
                const struct document_seen *seen, const char *agent);

/* There is no such node. */
void node_absent(struct node *n);

/* R is a write of ours that came off.  OWNER: of a node that it made. */
void node_written(struct node *n, const struct store_reply *r, int64_t owner);

/* It is as this post wants it; 0: as none. */
void node_is_like(struct node *n, uint64_t post);

#endif
