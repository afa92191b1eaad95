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
 *
 * A status that is shared is different where its document is of our fleet: then
 * it is a fellow's, and no heartbeat is looked for.  The one that is to speak
 * for it takes it, whether the fellow lives or not, and the other leaves it.
 */
struct owner {
    enum slot_share share; /* of a status; of others SLOT_OWN */
    bool fellow;           /* … whose node names another agent of our fleet */
    bool spoken;           /* its node was ours, when it was known last */
    bool displaced;        /* … which was told */
    struct slot *partner;  /* the presence of a status, and the reverse; NULL */
    struct rival *rival;   /* the node names this agent; NULL: none but us */
    bool rival_gone; /* … which was found gone after the node was read */
    bool kept;       /* an earlier life of ours left it, and nothing was
                        posted yet: it is to stay as it is */
    bool conflict;   /* was said */
};

/* Us and the others. */
struct owners {
    const char *fleet; /* borrowed; NULL: none */
    struct lease lease;
    struct rivals rivals;
    unsigned conflicts; /* slots whose node is left to another agent */
};

/* Binds a status and its presence to each other. */
void owner_pair(struct slot *status, struct slot *presence);

/* The node was read, and SEEN in it.  -1 on lack of memory. */
int owner_read(struct owners *o, struct slot *s,
               const struct document_seen *seen, uint64_t now_mono_ms) MUST_USE;

/* The node is not there. */
void owner_none(struct owners *o, struct slot *s);

/* We wrote or deleted the node. */
void owner_written(struct owners *o, struct slot *s);

/* More may be known of the slot's rival. */
void owner_ask_rival(const struct owners *o, struct slot *s);

/* Whose the status is to be from now on.  What was read of it and of its
 * presence must be read again where SLOT_OWN comes or goes. */
void owner_share(struct slot *s, enum slot_share share);

/* True once each time that a shared status was found to be a fellow's which was
 * ours before, or which we are leaving. */
bool owner_is_displaced(struct slot *s);

/* Whoever changed the node to what SEEN says of it had every right to. */
bool owner_may_pass(const struct owners *o, const struct slot *s,
                    const struct document_seen *seen);

/* The slot ends. */
void owner_forget(struct owners *o, struct slot *s);

/* The node is another agent's, or may be. */
bool owner_is_other(const struct slot *s);

/* Another agent of the fleet speaks for it, and we are not to. */
bool owner_is_fellows(const struct slot *s);

/* It is a presence, and the node of its status is another agent's, or may
 * be … */
bool owner_is_partners(const struct slot *s);
/* … or nothing is known of that node yet. */
bool owner_is_unread(const struct slot *s);

/* Says in the log if the slot came into conflict or out of it. */
void owner_say_conflict(struct owners *o, struct slot *s);

#endif
