#ifndef PUBLISH_OWNER_H
#define PUBLISH_OWNER_H

#include "agent/document.h"
#include "agent/err.h"

#include "lease.h"
#include "rivals.h"

#include <stdbool.h>
#include <stdint.h>

struct slot;

/*
 * Part of a slot: whose its node is.  Written by owner.c alone.
 *
 * A status or presence that names another agent is that agent's as long as
 * its heartbeat exists (rivals.c looks).  From an agent that is gone it is
 * taken, by a write that names the version that was read, and only after our
 * own heartbeat stands: if several agents try, one write comes off, and the
 * others then find an agent that lives.  A presence follows its status: the
 * agent that has the one has the other.
 */
struct owner {
    struct slot *partner; /* the presence of a status, and the reverse; NULL */
    struct rival *rival;  /* the node names this agent; NULL: none but us */
    bool rival_gone;      /* … which was found gone after the node was read */
    bool kept;            /* an earlier life of ours left it, and nothing was
                             posted yet: it is to stay as it is */
    bool conflict;        /* was said */
};

/* Us and the others. */
struct owners {
    struct lease lease;
    struct rivals rivals;
    unsigned conflicts; /* slots whose node is left to another agent */
};

/* Binds a status and its presence to each other. */
void owner_pair(struct slot *status, struct slot *presence);

/* The node was read, and SEEN in it.  -1 on lack of memory. */
int owner_read(struct owners *o, struct slot *s,
               const struct document_seen *seen, uint64_t now_mono_ms) MUST_USE;

/* The node is ours or not there. */
void owner_none(struct owners *o, struct slot *s);

/* More may be known of the slot's rival. */
void owner_ask_rival(const struct owners *o, struct slot *s);

/* The slot ends. */
void owner_forget(struct owners *o, struct slot *s);

/* The node is another agent's, or may be. */
bool owner_is_other(const struct slot *s);

/* It is a presence, and the node of its status is another agent's, or may
 * be … */
bool owner_is_partners(const struct slot *s);
/* … or nothing is known of that node yet. */
bool owner_is_unread(const struct slot *s);

/* Says in the log if the slot came into conflict or out of it. */
void owner_say_conflict(struct owners *o, struct slot *s);

#endif
