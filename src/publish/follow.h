#ifndef PUBLISH_FOLLOW_H
#define PUBLISH_FOLLOW_H

#include "agent/follow.h"
#include "agent/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct book;

/*
 * The mirror of nodes that others write: each is read again every so often, and
 * what differs is told.  Under the publisher's lock.
 */
struct followed_node {
    char *name; /* owned; "": the node that is followed itself */
    char *data; /* owned */
    size_t len;
    int32_t version;
    int64_t mtime_wall_ms;
    int64_t owner;
    bool exists;
    bool listed; /* by the last list */
    bool read;   /* since that list */
    bool told;   /* what the loop knows is what is here */
    bool known;  /* … to the loop, at all */
};

struct follow {
    enum follow_kind kind;
    char *path;                  /* owned; NULL: nothing is followed here */
    struct followed_node *nodes; /* owned; by name */
    size_t n;
    size_t size;
    bool under_way;
    bool listed;           /* in this pass; the nodes are read next */
    size_t at;             /* … from this one on */
    char *asked;           /* owned; the path of the request under way */
    uint64_t list_mono_ms; /* the next pass begins */
    uint64_t read_mono_ms; /* … in which known nodes are read as well */
    bool read_all;         /* in this pass */
    bool doubt;            /* to be told */
    bool complete;         /* to be told */
    bool complete_told;    /* since the last doubt */
    bool refused;          /* was said */
};

#define FOLLOWS 8

struct follows {
    struct follow at[FOLLOWS];
    char *taken; /* owned; the data of the event that was taken last */
};

bool follow_next(struct book *b, uint64_t now_mono_ms, struct store_request *r);
void follow_unsent(struct book *b, const struct store_request *r);
void follow_reply(struct book *b, const struct store_reply *r,
                  uint64_t now_mono_ms);
/* When the next request is due, monotonic. */
uint64_t follow_due(const struct book *b);

/* Another session: what is known may be old. */
void follow_doubt(struct book *b);

/* SIZE_MAX and E on lack of memory, or of room. */
size_t follow_add(struct book *b, const char *path, enum follow_kind kind,
                  struct err *e) MUST_USE;
void follow_remove(struct book *b, size_t follow);
bool follow_take(struct book *b, struct follow_event *out);

void follows_free(struct follows *f);

#endif
