#ifndef PUBLISH_LEASE_H
#define PUBLISH_LEASE_H

#include "agent/document.h"
#include "agent/publisher.h"
#include "agent/store.h"

#include <stdbool.h>
#include <stdint.h>

struct slot;

/*
 * Our right to write: the session, and the heartbeat node that lives in it.
 * The node is a lease on our agent id.  Two agents with one id tell
 * themselves apart by the session that holds it, and the one that does not
 * hold it writes nothing at all.  Under the publisher's lock.
 */
enum lease_state {
    LEASE_UNREAD,    /* nothing may be written yet */
    LEASE_REFUSED,   /* nothing: ZooKeeper does not say what the node is */
    LEASE_CONTESTED, /* nothing: another agent of our id holds it */
    LEASE_FREE,      /* what is not another agent's may be written */
    LEASE_HELD,      /* it is ours: also what a dead agent left */
};

struct lease {
    const char *agent;   /* our id; borrowed */
    const char *host;    /* borrowed */
    int64_t session;     /* the newest one; 0: none yet */
    unsigned session_ms; /* how long it outlives us, as granted; 0: not said */
    bool connected;
    struct slot *heartbeat; /* borrowed; NULL: without one all is allowed */
    enum lease_state state;
    bool had;       /* the node lived in this session before */
    bool contested; /* another agent of our id holds it … */
    struct publisher_holder contender; /* … this one */
};

/* Everything is allowed until there is a heartbeat's slot. */
void lease_init(struct lease *l, const char *agent, const char *host);

/* The connection, as the store sees it now. */
void lease_connection(struct lease *l, const struct store_status *status);

/* The session is another one than before. */
void lease_new_session(struct lease *l);

/* S is the heartbeat from now on. */
void lease_heartbeat(struct lease *l, struct slot *s);

/* The heartbeat was read, and SEEN in it. */
void lease_read(struct lease *l, const struct document_seen *seen);

/* The heartbeat is ours or not there. */
void lease_not_contested(struct lease *l);

/* S is a heartbeat that another agent of our id holds. */
bool lease_is_contested(const struct lease *l, const struct slot *s);

/* Draws the state anew from the heartbeat's slot.  Returns the one before. */
enum lease_state lease_update(struct lease *l);

#endif
