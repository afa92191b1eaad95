#ifndef PUBLISH_RIVALS_H
#define PUBLISH_RIVALS_H

#include "agent/err.h"
#include "agent/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The other agents that hold nodes of ours, and whether they live, which is
 * whether their heartbeat exists.  One request for each of them at a bounded
 * pace, however many nodes they hold; an agent that no node names any more is
 * forgotten.  Under the publisher's lock.
 */
enum rival_state {
    RIVAL_ASKED, /* it cannot be told yet */
    RIVAL_ALIVE, /* its heartbeat exists */
    RIVAL_GONE,
};

/* Read by others, written by rivals.c alone. */
struct rival {
    enum rival_state state;
    char agent[256];
    char host[256]; /* as its heartbeat says; "" */
    size_t index;
    char *path;   /* owned */
    size_t users; /* slots whose nodes name it */
    bool under_way;
    bool again; /* what is under way was asked too early to count */
    uint64_t due_mono_ms;
};

struct rivals {
    const char *root; /* borrowed */
    unsigned recheck_ms;
    struct rival **list; /* owned; NULL where free */
    size_t count;
};

/* The agent, which is asked for anew unless it is known to live.  NULL on lack
 * of memory.  To be given back by rival_leave. */
struct rival *rivals_find(struct rivals *v, const char *agent,
                          uint64_t now_mono_ms) MUST_USE;
void rival_leave(struct rivals *v, struct rival *r);

/* Whether they are gone is to be asked anew, for all of them. */
void rivals_ask_again(struct rivals *v);

/* The next request that is due, with the rival's index as its token; false:
 * none. */
bool rivals_next(struct rivals *v, uint64_t now_mono_ms,
                 struct store_request *req);

/* The store did not take it. */
void rivals_unsent(struct rivals *v, uint64_t index);

/* Returns the rival, of which more may be known now.  To be followed by
 * rivals_answered, which may free it. */
struct rival *rivals_reply(struct rivals *v, const struct store_reply *reply,
                           uint64_t now_mono_ms);
void rivals_answered(struct rivals *v, struct rival *r);

/* When the next request is due, monotonic; UINT64_MAX: none. */
uint64_t rivals_due(const struct rivals *v);

void rivals_free(struct rivals *v);

#endif
