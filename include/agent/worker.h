#ifndef AGENT_WORKER_H
#define AGENT_WORKER_H

#include "agent/err.h"
#include "agent/probe.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A thread with a libuv loop that drives the probes of its instances side by
 * side.  Jobs come in through an inbox, results leave through an outbox;
 * neither side ever waits for the other: the inbox cannot exceed the number
 * of instances (one job each), and room for each instance's result is
 * reserved when it is added.
 */
struct watchdog;
struct worker;

struct worker_options {
    unsigned index;            /* names the thread: worker-0, … */
    struct resolver *resolver; /* borrowed; outlives the worker */
    void (*wake)(void *arg);   /* results wait; called on the worker's
                                  thread; must not wait (uv_async_send) */
    void *arg;
};

/* Signals must be blocked by the caller: the thread inherits the mask. */
struct worker *worker_start(const struct worker_options *o,
                            struct err *e) MUST_USE;

/*
 * Tells the thread to close everything and end, and waits for that at most
 * BUDGET_MS.  Returns false if it did not end by then: the thread and its
 * memory are then left behind, and the process should _exit (or call again,
 * to wait longer).  Thread: loop.
 */
bool worker_stop(struct worker *w, unsigned budget_ms) MUST_USE;

/* The probe of one more instance, under the number ID.  Takes a reference to
 * CONFIG.  The worker
 * keeps it, for worker_remove.  Thread: loop. */
struct probe *worker_add(struct worker *w, uint64_t id,
                         struct config_instance *config,
                         struct err *e) MUST_USE;

/*
 * The probe is gone for the caller at once; a result of it that already waits
 * in the outbox may still be taken.  Thread: loop.
 */
void worker_remove(struct worker *w, struct probe *p);

/*
 * Queues a job; the probe's last one must have come back.  Cannot fail and
 * never waits.  Begun after worker_wake.  Thread: loop.
 */
void worker_post(struct worker *w, struct probe *p, const struct job *job);

/* Lets the worker begin what was posted, however much, with one wake-up;
 * no-op when nothing was.  Thread: loop. */
void worker_wake(struct worker *w);

/* Puts its thread under watch; before the watchdog starts.  Thread: loop. */
void worker_watch(struct worker *w, struct watchdog *watchdog);

/* Its thread gives no sign of life.  Thread: any. */
bool worker_wedged(const struct worker *w);

/* Moves up to MAX results, and lost connections, to OUT, oldest first; returns
 * how many.  Thread: loop. */
size_t worker_take(struct worker *w, struct result *out, size_t max);

/* Where the probe's job is: "queued", a phase's name, or "idle".  Thread:
 * any; may be old. */
const char *worker_phase(const struct probe *p);

/* Jobs posted that the worker has not yet begun.  Thread: loop. */
size_t worker_queued(const struct worker *w);

#endif
