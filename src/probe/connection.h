#ifndef PROBE_CONNECTION_H
#define PROBE_CONNECTION_H

#include "agent/probe.h"

#include "dial.h"
#include "judge.h"
#include "remote.h"
#include "socket.h"
#include "talk.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * One connection to an instance, from the first look at the address to the
 * close:
 *
 *     dial (name, addresses, connect) ──→ talk (requests, replies) ──→ idle
 *                                          ↑──── connection_ask ────────┘
 *
 * Where TLS is asked for, a handshake stands between dial and talk, and what
 * is said goes through a stream.
 *
 * A question that was not answered in time stays asked: the connection is idle
 * then, and still waits.
 *
 * Its memory is lent by the worker's env; once it has failed or was dropped
 * its owner forgets it, and it gives the memory back by itself when the socket
 * is closed.  Thread: worker.
 */
struct connection;

/* What becomes of it, told to its owner: from inside connection_dial also, and
 * of no other call here.  V is lent for the length of the call. */
struct connection_events {
    /* A phase begins that ends by itself. */
    void (*entered)(void *owner, enum probe_phase phase);
    /* All that was asked is answered; it may be asked again. */
    void (*answered)(void *owner, struct connection *c,
                     const struct verdict *v);
    /* It is of no use any more, and must be forgotten.  ANSWERED: V is what
     * the server said. */
    void (*failed)(void *owner, struct connection *c, const struct verdict *v,
                   bool answered);
    /* The answer to an old question: it is ready to be asked anew. */
    void (*late)(void *owner, struct connection *c);
    /* It ended while idle, and must be forgotten. */
    void (*lost)(void *owner, struct connection *c);
};

struct connection {
    /* Written by connection.c. */
    const struct connection_events *events;
    void *owner;           /* borrowed; NULL: it was dropped, or has failed */
    struct remote *to;     /* borrowed; NULL with the owner */
    struct probe_env *env; /* borrowed */
    struct dial *dial;     /* lent by env while it dials, and as long as its
                              socket uses it; else NULL */
    enum probe_phase phase : 8;
    bool ran_out;    /* of time */
    bool ended;      /* by the server, while it was asked */
    bool want_info;  /* in the first talk */
    bool kept_alive; /* the kernel looks after it */
    bool again;   /* its failure says nothing yet: TLS with a session that was
                     not taken, or no TLS at all.  Another may be dialled */
    bool shaking; /* the TLS handshake is under way */
    uint64_t opened_us;              /* when it stood; 0: not yet */
    uint64_t entered_us;             /* the phase */
    uint32_t spent_us[PROBE_PHASES]; /* in each, since it was opened or asked */
    struct place place;              /* where it leads, once it stands */
    struct tls_stream *tls;          /* owned; NULL: in plain */
    struct talk talk;                /* by talk.c */
    struct socket socket;            /* by socket.c */
};

/* Opens nothing yet.  NULL on lack of memory. */
struct connection *connection_new(const struct connection_events *events,
                                  void *owner, struct remote *to) MUST_USE;

/*
 * Looks up, connects, logs in and asks; WANT_INFO: INFO as well.  That it does
 * not take longer than the order's end_us is for the owner to see
 * (connection_expire); each of a name's addresses gets a share of that time.
 */
void connection_dial(struct connection *c, bool want_info,
                     const struct dial_order *order);

/* It is idle and still waits for the answer to an old question. */
bool connection_is_waiting(const struct connection *c);

/* The end is said on one that is waited for: it is lost soon if the peer's
 * process runs, and stays as it is where that hangs. */
void connection_say_end(struct connection *c);

/* Asks once more on one that is idle and does not wait. */
void connection_ask(struct connection *c, bool want_info, uint64_t now_us);

/* Nothing was received since it was asked. */
bool connection_is_mute(const struct connection *c);

/* There is no time left: V says what was missing.  Returns true when it is
 * worth waiting on: the request has arrived, as far as the kernel can tell.  If
 * not it is still to be dropped. */
bool connection_expire(struct connection *c, uint64_t now_us,
                       struct verdict *v);

/* It is gone for the caller at once. */
void connection_drop(struct connection *c);

/* Microseconds from the first byte sent to the last reply. */
int64_t connection_rtt_us(const struct connection *c);

#endif
