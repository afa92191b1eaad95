#ifndef PUBLISH_OWNED_H
#define PUBLISH_OWNED_H

#include "agent/err.h"
#include "agent/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct book;

/*
 * The node <root>/owned/ID, which names the instances that this agent keeps:
 * one a line, in the order of their bytes.  What it names and nobody watches
 * any more was left behind by an earlier life, so that a start looks at those
 * documents alone, however many the tree holds.  Where there is no such node,
 * as in a tree of an earlier version, all documents are looked at once
 * (orphans.c), and then it is made.
 *
 * A name is in the node before its document is written, and leaves it only
 * after the document says that it was removed: a crash in between loses
 * nothing.  Under the publisher's lock.
 */
struct names {
    char *bytes; /* owned; each name with its line's end; NULL: none */
    size_t len;
};

struct owned {
    char *path; /* owned; NULL: never asked for */
    struct names wanted;
    struct names listed; /* what the node holds, as far as is known */
    struct names sent;   /* … and what the request under way makes of it */
    bool known;
    bool part;       /* what is wanted is not all that is ours */
    bool waits;      /* nothing is looked at yet: it is not known what else may
                        be ours */
    bool unreadable; /* ZooKeeper does not let us read it */
    bool unwritable; /* … or write it as it was to be */
    bool exists;
    bool ragged; /* … and not as we write it */
    int32_t version;
    bool sure; /* … that this is as we left it, so that others changed what is
                  found otherwise */
    bool sought; /* what the node names, or the whole tree, was looked at */
    bool tried_parents; /* the nodes above were made for it */
    bool under_way;
    bool rests;    /* it is as it should be, and nothing has changed since: the
                      names are not compared at each pass */
    bool refused;  /* was said, and ended all for a while */
    bool too_long; /* the names do not fit into a node; was said */
    uint64_t retry_mono_ms;
    uint64_t reread_mono_ms;
};

/* Bytes of names that a node is given at most: below what a server takes for
 * one request (jute.maxbuffer). */
#define OWNED_MAX ((size_t)900 * 1024)

/* NAMES (sorted, each once, each with its line's end; the book's from here on,
 * also on failure) are ours from now on; PART: and others.  -1 and E on lack of
 * memory. */
int owned_want(struct book *b, struct names names, bool part,
               struct err *e) MUST_USE;

/* What the node names and nobody watches is looked at from now on, and before
 * there is a heartbeat that would vouch for it. */
void owned_search(struct book *b);

/* Whether it, and what an earlier life left, may be looked at: our id is ours.
 */
bool owned_may_look(const struct book *b);

/* It is not yet as it should be, and nothing stands against it but time. */
bool owned_busy(const struct book *b);

/* The next request that is due; false: none. */
bool owned_next(struct book *b, uint64_t now_mono_ms, struct store_request *r);
/* The store did not take it. */
void owned_unsent(struct book *b);
void owned_reply(struct book *b, const struct store_reply *r,
                 uint64_t now_mono_ms);
/* When the next request is due, monotonic; UINT64_MAX: none. */
uint64_t owned_due(const struct book *b);

/* A new session: others may have changed it meanwhile. */
void owned_forget(struct owned *o);

void owned_free(struct owned *o);

#endif
