#ifndef PROBE_LIFE_H
#define PROBE_LIFE_H

#include "agent/probe.h"

#include "connection.h"
#include "deadlines.h"
#include "mailbox.h"
#include "remote.h"

#include <stdatomic.h>
#include <sys/queue.h>

/*
 * A probe from the inside.  What is asked and answered goes through it:
 *
 *     worker ──→ probe ──→ connection ──→ dial
 *                                └──────→ talk
 */
struct probe {
    struct mail mail;   /* by mailbox.c; first: worker.c finds the probe */
    atomic_bool queued; /* by worker.c: a job is, for worker_phase */
    /* By life.c from here on. */
    _Atomic enum probe_phase phase;
    bool may_reopen; /* kept connection, nothing received on it yet */
    bool grace; /* the deadline has passed: the sockets get one more turn */
    struct job job;
    uint64_t started_us;
    uint64_t deadline_us;
    uint64_t watch_begun; /* of env's watch */
    struct deadline deadline;
    struct connection *connection; /* kept, or on its way; NULL: none */
    uint64_t looked_anew_us;       /* as no address answered; 0: never */
    struct remote remote;
    LIST_ENTRY(probe) all; /* by worker.c */
};

/* One hundred thousand instances are to fit: with its one connection. */
_Static_assert(sizeof(struct probe) + sizeof(struct connection) <= 1024,
               "a probe has grown fat");

#endif
