#ifndef PUBLISH_ORPHANS_H
#define PUBLISH_ORPHANS_H

#include "agent/publisher.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct book;

/*
 * The search for nodes that nobody keeps any more.  An instance that left the
 * config while no agent ran still has its document, for which our heartbeat
 * seems to vouch; and in a session that was resumed, a presence may live that
 * has no slot.  They are looked for once, one node at a time, behind
 * everything else, and not before our own heartbeat stands: another agent of
 * our id may watch what we do not.  A member of a fleet, whose like all have
 * the same targets, looks before it has a heartbeat, which waits for that.  The
 * whole tree is looked at at a bounded pace only, as many agents may do so at a
 * time.  A document is only told to the loop, which says what is to become of
 * it.  Under the publisher's lock.
 */
struct orphans {
    enum {
        ORPHANS_IDLE,
        ORPHANS_LIST,   /* the names of a branch */
        ORPHANS_LOOK,   /* at the name at NAMES + AT */
        ORPHANS_DELETE, /* the node that was looked at */
        ORPHANS_DONE,
    } step;
    size_t branch; /* of BRANCHES there */
    bool under_way;
    uint64_t retry_mono_ms;
    char *given; /* owned; the names to look at, each with its NUL; NULL: all
                    of the tree */
    size_t given_len;
    char *names; /* owned; each with its NUL */
    size_t len;
    size_t at;
    char *path; /* owned; of the request under way */
    int32_t version;
    bool early;     /* the heartbeat waits for the end */
    size_t owed;    /* documents that were taken, and have no last word yet */
    char taken[64]; /* the name of the last of them */
    bool told;      /* EVENT waits to be taken */
    struct publisher_event event;
};

/* The search begins, in the whole tree, unless it has … */
void orphans_seek(struct book *b);
/* … or anew, among these names alone, each with its line's end.  -1 on lack of
 * memory. */
int orphans_seek_among(struct book *b, const char *names, size_t len) MUST_USE;

/* It has begun and is not through. */
bool orphans_seeking(const struct orphans *o);

/* Whether anything may be looked at by now: our id is ours. */
bool orphans_may_look(const struct book *b);

/* The next request that is due; false: none. */
bool orphans_next(struct book *b, uint64_t now_mono_ms,
                  struct store_request *r);
/* The store did not take it. */
void orphans_unsent(struct book *b);
void orphans_reply(struct book *b, const struct store_reply *r,
                   uint64_t now_mono_ms);
/* When the next request is due, monotonic. */
uint64_t orphans_due(const struct book *b);

/* Fills OUT if a document was found that the loop did not take yet. */
bool orphans_take(struct book *b, struct publisher_event *out);

void orphans_free(struct orphans *o);

#endif
