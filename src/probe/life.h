#ifndef PROBE_LIFE_H
#define PROBE_LIFE_H

#include "agent/probe.h"

#include "connection.h"
#include "deadlines.h"
#include "judge.h"
#include "mailbox.h"
#include "remote.h"
#include "renewal.h"

#include <stdatomic.h>
#include <sys/queue.h>

/*
 * A probe from the inside.  What is asked and answered goes through it:
 *
 *     worker ──→ probe ──→ connection ──→ dial
 *                                └──────→ talk
 */

/* What a connection has come to in the probe under way. */
enum leg_state {
    LEG_NONE,    /* there is no connection */
    LEG_READY,   /* it may be asked */
    LEG_WAITING, /* it still owes the answer to an earlier probe's question */
    LEG_ASKED,   /* by this probe, or it is being dialled */
    LEG_ANSWERED,
    LEG_FAILED, /* there is no connection any more */
};

struct leg {
    struct connection *connection; /* NULL: none */
    enum leg_state state;
    struct kept_verdict verdict; /* of LEG_ANSWERED and LEG_FAILED */
};

struct probe {
    struct mail mail;   /* by mailbox.c */
    atomic_bool queued; /* by worker.c: a job is, for worker_phase */
    /* By life.c from here on. */
    _Atomic enum probe_phase phase;
    bool under_way;
    bool grace;     /* the deadline has passed: the sockets get one more turn */
    bool part_over; /* the time after which the other connection is tried */
    bool hedge;     /* it was tried as the kept one was mute */
    bool refused;   /* the last new connection was not served */
    bool rejected;  /* the last new connection could not log in */
    bool told;      /* that the connection is lost, or the answer late, since
                       the last probe */
    bool failed_ran_out; /* of time: the connection that failed last */
    struct job job;
    uint64_t started_us;
    uint64_t deadline_us;
    uint64_t watch_begun; /* of env's watch */
    struct deadline deadline;
    struct leg kept;
    struct leg new; /* beside the kept one */
    struct renewal renewal;
    uint64_t looked_anew_us;          /* 0: never */
    uint32_t failed_us[PROBE_PHASES]; /* of the connection that failed last */
    int64_t failed_rtt_us;            /* -1: it did not answer */
    struct remote remote;
    LIST_ENTRY(probe) all; /* by worker.c */
};

/* One hundred thousand instances are to fit: with its one connection. */
_Static_assert(sizeof(struct probe) + sizeof(struct connection) <= 1024,
               "a probe has grown fat");

#endif
