#ifndef AGENT_FLEET_H
#define AGENT_FLEET_H

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
 * Thread: loop, all of it; nothing here waits but fleet_stop.
 */
struct config;
struct fleet;

/* One instance in the fleet.  Its address is good until it is removed. */
struct member {
    struct instance instance;
    size_t index;            /* fleet_member(f, index) */
    bool busy;               /* a job is under way */
    uint64_t job_mono_ms;    /* when it was posted */
    uint64_t result_mono_ms; /* of the last result, or of the start */
    unsigned worker;         /* the index of its worker */
    bool found;              /* what ZooKeeper held was told */
    void *user;              /* the owner's, e.g. its place in a schedule */
};

struct fleet_hooks {
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

struct fleet_options {
    const struct config *config;     /* borrowed during the call */
    bool publish;                    /* needs [zookeeper] in the config */
    bool persistent_heartbeat;       /* of --check-once */
    bool presence;                   /* keep alive nodes, if configured */
    bool watchdog;                   /* watch all threads, the loop's too */
    bool resume;                     /* resume the session of an earlier run,
                                        and keep it for the next, if there is
                                        a state_dir */
    const struct fleet_hooks *hooks; /* borrowed for the fleet's life */
    void *hooks_arg;
    void (*wake)(void *arg); /* fleet_collect has work, were it only to give a
                                sign of life; called on any thread; must not
                                wait, nor take a lock */
    void *wake_arg;
};

/* Starts the threads; no instance yet.  Signals must be blocked. */
struct fleet *fleet_start(const struct fleet_options *o,
                          struct err *e) MUST_USE;

/*
 * Last documents published, session ended or kept, threads joined, all within
 * about BUDGET_MS.  STORE_LEFT when any thread was left behind.  Unless it is
 * STORE_CLOSED the process should _exit.  NULL is a no-op and STORE_CLOSED.
 */
enum store_end fleet_stop(struct fleet *f, unsigned budget_ms) MUST_USE;

/* NULL and E on lack of memory. */
struct member *fleet_add(struct fleet *f, struct config_instance *config,
                         struct err *e) MUST_USE;

/* Its document becomes unknown, removed; its alive node goes. */
void fleet_remove(struct fleet *f, struct member *m);

/*
 * Other settings for the same name.  With the same address the verdict
 * stays; with another one it starts anew.  To be posted.  -1 and E on lack
 * of memory: then nothing changed.
 */
int fleet_change(struct fleet *f, struct member *m,
                 struct config_instance *config, struct err *e) MUST_USE;

/* Indices may have holes (NULL) below fleet_slots. */
size_t fleet_slots(const struct fleet *f);
size_t fleet_count(const struct fleet *f);
struct member *fleet_member(const struct fleet *f, size_t index);

/* Queues a probe of an idle member; it begins after fleet_begin. */
void fleet_probe(struct fleet *f, struct member *m, uint64_t round,
                 bool want_info, uint64_t now_mono_ms);

/* Lets the workers begin what was queued: one wake-up of each for all. */
void fleet_begin(struct fleet *f);

/* Takes in results and what was found in ZooKeeper, calling the hooks; the
 * loop's sign of life. */
void fleet_collect(struct fleet *f, uint64_t now_mono_ms);

/* Posts the member's document, and its presence by its status.  No-op
 * without ZooKeeper, and before it was found what is there. */
void fleet_post(struct fleet *f, struct member *m);

/* Posts the heartbeat; no-op before it was found what is there. */
void fleet_heartbeat(struct fleet *f, const struct document_heartbeat *d);

/* How many members have each status. */
void fleet_tally(const struct fleet *f, size_t by_status[STATUS_COUNT]);

/* False when the watchdog has named a thread as wedged. */
bool fleet_well(const struct fleet *f);
/* The member's worker is. */
bool fleet_wedged(const struct fleet *f, const struct member *m);

size_t fleet_jobs(const struct fleet *f);   /* under way */
size_t fleet_queued(const struct fleet *f); /* of those, not yet begun */
unsigned fleet_workers(const struct fleet *f);

/* What a busy member's job is doing: "queued", "connect", … */
const char *fleet_phase(const struct member *m);

/* When all members are there: instances that left the config while no agent
 * ran are published as removed, in the background. */
void fleet_seek_orphans(struct fleet *f);

/* True while another agent holds the member's document; OUT says which. */
bool fleet_conflict(const struct fleet *f, const struct member *m,
                    struct publisher_holder *out);

/* What is known of the member's document in ZooKeeper; false without one. */
bool fleet_node(const struct fleet *f, const struct member *m,
                struct publisher_node *out);

/* As publisher_node_document; 0 without ZooKeeper. */
size_t fleet_node_document(const struct fleet *f, const struct member *m,
                           char *out, size_t size);

/* "here", "gone" or "as it is": what was last asked of its alive node; NULL
 * without. */
const char *fleet_presence(const struct fleet *f, const struct member *m);

/* The same of our heartbeat. */
bool fleet_heartbeat_node(const struct fleet *f, struct publisher_node *out);
/* True while another agent has our id; OUT says which. */
bool fleet_contested(const struct fleet *f, struct publisher_holder *out);

/* The names of the threads that hang, as watchdog_wedged. */
size_t fleet_wedged_threads(const struct fleet *f, const char **names,
                            size_t max);

bool fleet_publishing(const struct fleet *f);
/* All zero without ZooKeeper. */
void fleet_publisher_info(const struct fleet *f, struct publisher_info *out);

/* This agent's id and host, as published. */
const char *fleet_id(const struct fleet *f);
const char *fleet_host(const struct fleet *f);

#endif
