#ifndef AGENT_FOLLOW_H
#define AGENT_FOLLOW_H

#include "agent/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Nodes that others write, mirrored by the publisher: what changes is told as
 * an event.  A change of a change that was not taken yet is one event, so
 * nothing piles up: the memory is that of the mirror.
 */
struct publisher;

enum follow_kind {
    FOLLOW_NODE,     /* one node's data */
    FOLLOW_CHILDREN, /* names and data of all children */
    FOLLOW_ENTRIES,  /* the same, of children that are by different hands: one
                        that may not be read hides no other, and that they
                        cannot be listed is told */
};

/* PATH below the root, without a slash before it: "maintenance/@web-1".
 * SIZE_MAX and E on lack of memory.  Thread: loop. */
size_t publisher_follow(struct publisher *p, const char *path,
                        enum follow_kind kind, struct err *e) MUST_USE;
/* Nothing is told of it from now on.  Thread: loop. */
void publisher_unfollow(struct publisher *p, size_t follow);

enum follow_what {
    FOLLOW_IS,       /* has this data now */
    FOLLOW_GONE,     /* is not there any more */
    FOLLOW_COMPLETE, /* all that was told is the whole picture as of now */
    FOLLOW_DOUBT,    /* the picture may be old until the next COMPLETE */
    /* Of FOLLOW_ENTRIES alone; the data is what the store said, for people. */
    FOLLOW_DENIED,  /* the child is there, and cannot be read */
    FOLLOW_REFUSED, /* they cannot be listed: there is no picture to wait for */
};

struct follow_event {
    size_t follow;
    enum follow_what what;
    char name[256];   /* of the child; "": the node itself */
    const char *data; /* until the next take */
    size_t len;
    int32_t version;
    int64_t mtime_wall_ms;
    int64_t ctime_wall_ms; /* 0: not known */
    int64_t owner;         /* ephemeralOwner; 0: persistent */
};

/* Moves one event to OUT; false: none.  Thread: loop. */
bool publisher_follow_take(struct publisher *p, struct follow_event *out);

#endif
