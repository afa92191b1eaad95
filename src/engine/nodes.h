#ifndef ENGINE_NODES_H
#define ENGINE_NODES_H

#include "agent/pool.h"
#include "agent/publisher.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The instances' nodes in ZooKeeper, and the heartbeat: which slot of the
 * publisher belongs to whom, what is posted into it when, and what was found
 * there at the first reading.  Without a publisher all of it is a no-op.
 * Thread: loop.
 */
struct config;
struct resolver;

struct nodes {
    struct publisher *publisher; /* owned; NULL: not publishing */
    const struct pool_hooks *hooks;
    void *hooks_arg;
    const char *agent; /* borrowed: our id */
    bool presence;
    bool fleet; /* we may be a member of one */
    size_t heartbeat_slot;
    bool heartbeat_found;
    bool listed;   /* others see us among the members of the fleet */
    bool once;     /* a single run: nothing is refused for long */
    bool withheld; /* the heartbeat: too much is refused to name it all */
    size_t nlost;  /* instances of which a post was lost, for want of memory */
    struct publisher_refused not_vouched; /* as the last heartbeat said */
    /* By publisher slot: whose event it is.  Owned; the instances are
     * borrowed. */
    struct instance **by_slot;
    size_t nby_slot;
};

struct nodes_options {
    const struct pool_options *pool; /* borrowed during the call */
    const char *agent;               /* borrowed, as long as the nodes */
    const char *host;                /* the same */
    struct resolver *resolver;       /* the same */
};

/*
 * Starts the publisher with the heartbeat's slot, if the options say so.  -1
 * and E on failure: to be stopped all the same.
 */
int nodes_start(struct nodes *k, const struct nodes_options *o,
                struct err *e) MUST_USE;

/* As publisher_stop, each of its two parts within BUDGET_MS. */
enum store_end nodes_stop(struct nodes *k, unsigned budget_ms) MUST_USE;
/* What the nodes own besides the publisher. */
void nodes_free(struct nodes *k);

/* Takes slots for I.  -1 and E on lack of memory: what was taken stays for
 * nodes_give_back. */
int nodes_take(struct nodes *k, struct instance *i, struct err *e) MUST_USE;
void nodes_give_back(struct nodes *k, struct instance *i);

/* Posts the document of I, and its presence by its status.  The document is
 * left out before it was found what is there. */
void nodes_post(struct nodes *k, struct instance *i);

/* Removes the presence node of I for good. */
void nodes_withdraw(struct nodes *k, struct instance *i);

/* Ends the document of I with what is known now, and its presence. */
void nodes_end(struct nodes *k, struct instance *i);

/* Tells the publisher what I is to this agent (i->share). */
void nodes_share(struct nodes *k, const struct instance *i);

/*
 * Posts the heartbeat D, which vouches for all documents but those that
 * ZooKeeper has refused for longer than three of its intervals (in a single
 * run: at all): they are named in it, and where they are more than it can
 * name, it is not written.  D's own `except` is not used.
 */
void nodes_heartbeat(struct nodes *k, const struct document_heartbeat *d);

/* Takes in what was found, calling the hooks.  Documents of instances that
 * are no longer configured end with ROUND. */
void nodes_collect(struct nodes *k, uint64_t round);

#endif
