#ifndef FAKE_STORE_H
#define FAKE_STORE_H

#include "agent/store.h"

/*
 * A store in memory whose faults are on demand.  Requests are applied when
 * they are submitted, replies wait to be collected; it wakes for whatever
 * happens, and wants no tick in the length of a test.  All calls here may come
 * from the test's thread while the publisher uses the store.
 */
struct fake_store;

struct fake_faults {
    /* Per thousand requests. */
    unsigned lost_before; /* not applied, and uncertain */
    unsigned lost_after;  /* applied, and uncertain */
    unsigned busy;
};

struct fake_node {
    char data[4200];
    size_t len;
    int32_t version;
    int64_t owner;
    int64_t mtime_wall_ms;
    unsigned writes;      /* over all its lives */
    unsigned disappeared; /* times that a reader could have missed it */
};

struct fake_store *fake_store_new(uint64_t seed);
/* After the publisher closed it. */
void fake_store_free(struct fake_store *f);
struct store *fake_store_seam(struct fake_store *f);

void fake_store_connect(struct fake_store *f);
/* What waits to be collected becomes uncertain. */
void fake_store_disconnect(struct fake_store *f);
/* The session ends, with its nodes, and another begins.  LOSE: what waits to
 * be collected becomes uncertain; else it came just before the end. */
void fake_store_expire(struct fake_store *f, bool lose);
/* The clock of the store is ahead of ours by this. */
void fake_store_clock(struct fake_store *f, int64_t ahead_ms);
/* Some other session ends. */
void fake_store_end_owner(struct fake_store *f, int64_t owner);
void fake_store_faults(struct fake_store *f, struct fake_faults faults);
/* Every request whose path begins so gets CODE; NULL: none. */
void fake_store_deny(struct fake_store *f, const char *prefix,
                     enum store_code code);
/* Every create gets CODE; STORE_OK: none. */
void fake_store_deny_creates(struct fake_store *f, enum store_code code);
/* No reply is to be collected. */
void fake_store_mute(struct fake_store *f, bool mute);
/* The next take-over is not taken, nor any until something else was asked. */
void fake_store_unprove(struct fake_store *f);

/* Somebody else's doing; makes the levels above. */
void fake_store_put(struct fake_store *f, const char *path, const char *data,
                    int64_t owner);
void fake_store_remove(struct fake_store *f, const char *path);
/* False when there is no such node (OUT then has its past). */
bool fake_store_look(struct fake_store *f, const char *path,
                     struct fake_node *out);
int64_t fake_store_session(struct fake_store *f);
unsigned fake_store_requests(struct fake_store *f);
bool fake_store_closed(struct fake_store *f);
/* Called for every document that our side wrote; under a lock. */
void fake_store_on_write(struct fake_store *f,
                         void (*fn)(void *, const char *path, const char *data,
                                    size_t len),
                         void *arg);

#endif
