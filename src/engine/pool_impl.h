#ifndef SRC_FLEET_IMPL_H
#define SRC_FLEET_IMPL_H

/*
 * What pool.c (threads, members, jobs), pool_masters.c (whose replica one
 * is) and pool_publish.c (slots and documents) share.  Thread: loop.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "agent/pool.h"
#include "agent/watchdog.h"
#include "agent/worker.h"

#define NO_SLOT SIZE_MAX

/* What was last asked of a presence node. */
enum presence { PRESENCE_AS_IT_IS, PRESENCE_HERE, PRESENCE_GONE };

struct entry {
    struct member member;
    uint32_t generation;
    struct worker_target *target;
    size_t status_slot;
    size_t presence_slot;
    enum presence presence;
    /* Of the masters. */
    bool is_master; /* and so in the table */
    uint32_t replid_hash;
    LIST_ENTRY(entry) same_hash;
};

/* By replication id. */
struct masters {
    LIST_HEAD(, entry) * buckets; /* owned */
    size_t size; /* a power of two, and as many as there are members */
};

struct pool {
    struct pool_options options; /* config is not used after the start */
    char id[256];
    char host[256];
    struct resolver *resolver;
    struct worker **workers;
    unsigned nworkers;
    struct publisher *publisher; /* NULL: not publishing */
    struct watchdog *watchdog;   /* NULL: nobody watches */
    struct pulse pulse;          /* the loop's */
    size_t heartbeat_slot;
    bool heartbeat_found;
    bool presence;
    struct entry **entries;
    size_t nentries; /* slots in use or holes */
    size_t lowest;   /* no hole below it */
    size_t capacity;
    size_t count;
    size_t jobs;
    uint64_t round; /* of the last job */
    uint32_t generation;
    /* By publisher slot: whose event it is. */
    struct entry **by_slot;
    size_t nby_slot;
    struct masters masters;
};

static inline struct entry *entry_of(struct member *m)
{
    return (struct entry *)((char *)m - offsetof(struct entry, member));
}

static inline const struct entry *entry_of_const(const struct member *m)
{
    return (const struct entry *)((const char *)m -
                                  offsetof(struct entry, member));
}

static inline uint64_t entry_id(const struct entry *n)
{
    return (uint64_t)n->generation << 32 | n->member.index;
}

/* Room for CAPACITY members; -1 on lack of memory. */
int pool_masters_fit(struct pool *f, size_t capacity) MUST_USE;
/* Its role or replication id may have changed. */
void pool_masters_note(struct pool *f, struct entry *n);
void pool_masters_forget(struct entry *n);
/* NULL: not watched. */
const struct instance *pool_masters_find(const struct pool *f,
                                         const char *replid);

/* Starts the publisher with the heartbeat's slot.  -1 and E on failure. */
int pool_start_publisher(struct pool *f, const struct config *c,
                         struct err *e) MUST_USE;

/* The member's slots; no-op without a publisher.  On failure what was taken
 * stays for pool_give_slots_back. */
int pool_take_slots(struct pool *f, struct entry *n, struct err *e) MUST_USE;
void pool_give_slots_back(struct pool *f, struct entry *n);

/* Removes the presence node for good. */
void pool_withdraw(struct pool *f, struct entry *n);

void pool_take_events(struct pool *f);

#endif
