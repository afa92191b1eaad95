#ifndef PUBLISH_FOLLOW_H
#define PUBLISH_FOLLOW_H

#include "agent/follow.h"
#include "agent/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct book;

/*
 * The mirror of nodes that others write: each is watched, and what differs when
 * it is read again is told.  Under the publisher's lock.
 */
struct followed_node {
    char *name; /* owned; "": the node that is followed itself */
    char *data; /* owned */
    size_t len;
    int32_t version;
    int64_t mtime_wall_ms;
    int64_t owner;
    bool exists;
    bool denied; /* it cannot be read; the data is what the store said */
    bool listed; /* by the last list */
    bool read;   /* since that list */
    bool watched;
    bool stale; /* it has changed since it was read */
    bool told;  /* what the loop knows is what is here */
    bool known; /* … to the loop, at all */
};

struct follow {
    enum follow_kind kind;
    char *path;                  /* owned; NULL: nothing is followed here */
    struct followed_node *nodes; /* owned; by name */
    size_t n;
    size_t size;
    bool under_way;
    bool changed;          /* what is under way, meanwhile */
    bool watching;         /* what is under way sets a watch */
    bool watched;          /* the children, or that the node comes */
    bool absent;           /* it is not there: that it comes is to be watched */
    bool listed;           /* in this pass; the nodes are read next */
    size_t at;             /* … from this one on */
    char *asked;           /* owned; the path of the request under way */
    uint64_t list_mono_ms; /* the next pass begins */
    uint64_t began_mono_ms; /* the last one did */
    uint64_t read_mono_ms;  /* … in which known nodes are read as well */
    bool read_all;          /* in this pass */
    bool doubt;             /* to be told */
    bool complete;          /* to be told */
    bool complete_told;     /* since the last doubt */
    bool refused;           /* was said */
    char *refusal;          /* owned; to be told; NULL: nothing is */
};

#define FOLLOWS 8

/* Watches of a handle at most: the library sends all of them in one packet at
 * each connection, and a server takes no more than 1 MB. */
#define WATCHES_MAX 2000

struct follows {
    size_t watches_max;
    struct follow at[FOLLOWS];
    char *taken; /* owned; the data of the event that was taken last */
};

bool follow_next(struct book *b, uint64_t now_mono_ms, struct store_request *r);
void follow_unsent(struct book *b, const struct store_request *r);
void follow_reply(struct book *b, const struct store_reply *r,
                  uint64_t now_mono_ms);
/* When the next request is due, monotonic. */
uint64_t follow_due(const struct book *b);

/* The node PATH has changed, so its watch is over; "": any may have. */
void follow_changed(struct book *b, const char *path, uint64_t now_mono_ms);

/* Another handle: nothing is watched any more. */
void follow_unwatched(struct book *b);

/* How many nodes are watched. */
size_t follow_watches(const struct book *b);

/* Another session: what is known may be old. */
void follow_doubt(struct book *b);

/* SIZE_MAX and E on lack of memory, or of room. */
size_t follow_add(struct book *b, const char *path, enum follow_kind kind,
                  struct err *e) MUST_USE;
void follow_remove(struct book *b, size_t follow);
bool follow_take(struct book *b, struct follow_event *out);

void follows_free(struct follows *f);

#endif
