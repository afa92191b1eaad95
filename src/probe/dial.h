#ifndef PROBE_DIAL_H
#define PROBE_DIAL_H

#include "agent/resolver.h"

#include "deadlines.h"
#include "judge.h"
#include "socket.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uv.h>

/*
 * From an instance's address to a connected socket.  A dial is lent by env and
 * exists until the socket stands, or until a socket that it still connects is
 * closed.  Thread: worker.
 */
struct dial;
struct probe_env;
struct remote;

/* Each is told of the dial's socket; at most one of connected and failed is
 * called, from inside dial_start also. */
struct dial_events {
    void (*found)(struct socket *s); /* the addresses: it connects now */
    void (*connected)(struct socket *s);
    /* V is lent for the length of the call.  The socket is closed, or under
     * close. */
    void (*failed)(struct socket *s, const struct verdict *v);
};

struct dial {
    LIST_ENTRY(dial) waiting; /* in env's list while it looks up */
    bool looking_up;
    bool old_will_do; /* the list that is known, though it is not fresh */
    bool ran_out;     /* of an address' share of the time, or of all of it */
    bool failed;      /* failure says why the addresses so far did not work */
    bool grace; /* the deadline has passed: the sockets get one more turn */
    uint8_t naddrs;
    uint8_t next_addr;
    const struct dial_events *events;
    struct socket *socket;    /* borrowed */
    struct remote *to;        /* borrowed */
    uint64_t end_us;          /* of the whole probe */
    struct deadline deadline; /* of the lookup, or of an address that others
                                 follow */
    uv_connect_t req;
    struct net_addr addrs[RESOLVER_ADDRS];
    struct verdict failure;
};

/* What is wanted of a dial. */
struct dial_order {
    bool anew;       /* the name is asked for, also if it is known */
    uint64_t end_us; /* of the whole probe, by the monotonic clock */
};

/* D is not zeroed.  Looks a name up, and connects S, which is closed. */
void dial_start(struct dial *d, const struct dial_events *events,
                struct socket *s, struct remote *to,
                const struct dial_order *order);

/* Of a dial that has connected: the address. */
const struct net_addr *dial_addr(const struct dial *d);

/* The socket's events, and its owner, tell it so: */
void dial_opened(struct dial *d);
void dial_broken(struct dial *d, int error); /* libuv's */
void dial_closed(struct dial *d);

/* The probe has no time left: what to say of it goes to V, and no event comes
 * any more. */
void dial_expired(struct dial *d, struct verdict *v);

/* No event comes any more.  No-op if it has ended. */
void dial_stop(struct dial *d);

/* Something new is known of a name: tells those that wait for one. */
void dial_resolved(struct probe_env *env);

#endif
