#ifndef AGENT_OBJECTS_H
#define AGENT_OBJECTS_H

#include <stdint.h>

/*
 * How many objects of each kind were made and are gone again, in the whole
 * process and since its start: a leak is a line that rises, and it has a
 * name.  Pure but for the counters.  Thread: any, all of it;
 * nothing here waits.
 */
enum object_kind {
    OBJECT_INSTANCE,
    OBJECT_PROBE,
    OBJECT_CONNECTION,
    OBJECT_JOB,
    OBJECT_REPLY_READER,
    OBJECT_DOCUMENT,
    OBJECT_ZK_SLOT,
    OBJECT_ZK_REQUEST,
    OBJECT_ZK_HANDLE,
    OBJECT_HTTP_CONNECTION,
    OBJECT_HTTP_RESPONSE,
    OBJECT_TEXT,
    OBJECT_TLS_STREAM,
};
#define OBJECT_KINDS 13

/* To be called by the module that makes and frees the object, at those very
 * places. */
void object_made(enum object_kind k);
void object_gone(enum object_kind k);

struct object_count {
    uint64_t allocated;
    uint64_t freed;
    uint64_t live; /* the difference */
};

/* An object that comes or goes meanwhile may be in it or not; it is never
 * freed before it was allocated. */
void objects_read(enum object_kind k, struct object_count *out);

/* The word as published: "zk_slot". */
const char *object_kind_name(enum object_kind k);

/* A sentence for people on what is counted under that word. */
const char *object_kind_help(enum object_kind k);

#endif
