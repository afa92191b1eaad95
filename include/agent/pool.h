#ifndef AGENT_POOL_H
#define AGENT_POOL_H

#include "agent/err.h"
#include "agent/instance.h"
#include "agent/publisher.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The instances with all that serves them: the resolver, the workers that
 * probe them, the publisher that writes what is known.  The long run and
 * --check-once both stand on it; when to probe and how to judge is theirs.
 * Thread: loop, all of it; nothing here waits but pool_stop.
 */
struct config;
struct pool;

/* One instance in the pool.  Its address is good until it is removed. */
struct member {
    struct instance instance;
    size_t index;            /* pool_member(f, index) */
    bool busy;               /* a job is under way */
    uint64_t job_mono_ms;    /* when it was posted */
    uint64_t result_mono_ms; /* of the last result, or of the start */
    unsigned worker;         /* the index of its worker */
    bool found;              /* what ZooKeeper held was told */
    void *user;              /* the owner's, e.g. its place in a schedule */
};

struct pool_hooks {
    /* A result came in; REASON is what it stands for, lag included.  The
     * member is idle again. */
    void (*result)(void *arg, struct member *m, const struct result *r,
                   enum reason reason);
    /* The connection that was kept is gone, between two probes.  May be NULL:
     * nobody cares. */
    void (*lost)(void *arg, struct member *m);
    /* What ZooKeeper held of a member (NULL: of our heartbeat). */
    void (*found)(void *arg, struct member *m, const struct publisher_event *e);
};

struct pool_options {
    const struct config *config;    /* borrowed during the call */
    bool publish;                   /* needs [zookeeper] in the config */
    bool persistent_heartbeat;      /* of --check-once */
    bool presence;                  /* keep alive nodes, if configured */
    bool watchdog;                  /* watch all threads, the loop's too */
    bool resume;                    /* resume the session of an earlier run,
                                       and keep it for the next, if there is
                                       a state_dir */
    const struct pool_hooks *hooks; /* borrowed for the pool's life */
    void *hooks_arg;
    void (*wake)(void *arg); /* pool_collect has work, were it only to give a
                                sign of life; called on any thread; must not
                                wait, nor take a lock */
    void *wake_arg;
};

/* Starts the threads; no instance yet.  Signals must be blocked. */
struct pool *pool_start(const struct pool_options *o, struct err *e) MUST_USE;

/*
 * Last documents published, session ended or kept, threads joined, all within
 * about BUDGET_MS.  STORE_LEFT when any thread was left behind.  Unless it is
 * STORE_CLOSED the process should _exit.  NULL is a no-op and STORE_CLOSED.
 */
enum store_end pool_stop(struct pool *f, unsigned budget_ms) MUST_USE;

/* NULL and E on lack of memory. */
struct member *pool_add(struct pool *f, struct config_instance *config,
                        struct err *e) MUST_USE;

/* Its document becomes unknown, removed; its alive node goes. */
void pool_remove(struct pool *f, struct member *m);

/*
 * Other settings for the same name.  With the same address the verdict
 * stays; with another one it starts anew.  To be posted.  -1 and E on lack
 * of memory: then nothing changed.
 */
int pool_change(struct pool *f, struct member *m,
                struct config_instance *config, struct err *e) MUST_USE;

/* Indices may have holes (NULL) below pool_slots. */
size_t pool_slots(const struct pool *f);
size_t pool_count(const struct pool *f);
struct member *pool_member(const struct pool *f, size_t index);

/* Queues a probe of an idle member; it begins after pool_begin. */
void pool_probe(struct pool *f, struct member *m, uint64_t round,
                bool want_info, uint64_t now_mono_ms);

/* Lets the workers begin what was queued: one wake-up of each for all. */
void pool_begin(struct pool *f);

/* Takes in results and what was found in ZooKeeper, calling the hooks; the
 * loop's sign of life. */
void pool_collect(struct pool *f, uint64_t now_mono_ms);

/* Posts the member's document, and its presence by its status.  No-op
 * without ZooKeeper, and before it was found what is there. */
void pool_post(struct pool *f, struct member *m);

/* Posts the heartbeat; no-op before it was found what is there. */
void pool_heartbeat(struct pool *f, const struct document_heartbeat *d);

/* How many members have each status. */
void pool_tally(const struct pool *f, size_t by_status[STATUS_COUNT]);

/* False when the watchdog has named a thread as wedged. */
bool pool_well(const struct pool *f);
/* The member's worker is. */
bool pool_wedged(const struct pool *f, const struct member *m);

size_t pool_jobs(const struct pool *f);   /* under way */
size_t pool_queued(const struct pool *f); /* of those, not yet begun */
unsigned pool_workers(const struct pool *f);

/* What a busy member's job is doing: "queued", "connect", … */
const char *pool_phase(const struct member *m);

/* When all members are there: instances that left the config while no agent
 * ran are published as removed, in the background. */
void pool_seek_orphans(struct pool *f);

/* True while another agent holds the member's document; OUT says which. */
bool pool_conflict(const struct pool *f, const struct member *m,
                   struct publisher_holder *out);

/* What is known of the member's document in ZooKeeper; false without one. */
bool pool_node(const struct pool *f, const struct member *m,
               struct publisher_node *out);

/* As publisher_node_document; 0 without ZooKeeper. */
size_t pool_node_document(const struct pool *f, const struct member *m,
                          char *out, size_t size);

/* "here", "gone" or "as it is": what was last asked of its alive node; NULL
 * without. */
const char *pool_presence(const struct pool *f, const struct member *m);

/* The same of our heartbeat. */
bool pool_heartbeat_node(const struct pool *f, struct publisher_node *out);
/* True while another agent has our id; OUT says which. */
bool pool_contested(const struct pool *f, struct publisher_holder *out);

/* The names of the threads that hang, as watchdog_wedged. */
size_t pool_wedged_threads(const struct pool *f, const char **names,
                           size_t max);

bool pool_publishing(const struct pool *f);
/* All zero without ZooKeeper. */
void pool_publisher_info(const struct pool *f, struct publisher_info *out);

/* This agent's id and host, as published. */
const char *pool_id(const struct pool *f);
const char *pool_host(const struct pool *f);

#endif
