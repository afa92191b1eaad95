#ifndef AGENT_ROUNDS_H
#define AGENT_ROUNDS_H

#include "agent/config.h"
#include "agent/err.h"
#include "agent/histogram.h"
#include "agent/history.h"
#include "agent/pool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The long run's pace: when each instance is probed, when a round is over,
 * what is published of it, and what counts as silence.  Holds no timer: it
 * says when it wants to be called.  Thread: loop, all of it.
 */
struct rounds;

/*
 * Starts the pool with all instances of CONFIG (borrowed during the call);
 * WAKE(ARG) says on any thread that rounds_collect has work; it must not
 * wait.  NULL and E on failure.
 */
struct rounds *rounds_start(const struct config *config, void (*wake)(void *),
                            void *arg, struct err *e) MUST_USE;

/* See pool_stop. */
enum store_end rounds_stop(struct rounds *r, unsigned budget_ms) MUST_USE;

/*
 * The agent is about to stop for good: leaves its fleet, if it has one.  It is
 * to go on until rounds_left, or for as long as there is time, so that others
 * take over without a gap.
 */
void rounds_leave(struct rounds *r, uint64_t now_mono_ms);
bool rounds_left(const struct rounds *r);

/*
 * Begins rounds and posts jobs that are due; returns the monotonic time at
 * which it wants to be called next.
 */
uint64_t rounds_fire(struct rounds *r, uint64_t now_mono_ms);

/* Takes in what came back.  Retries may be due earlier afterwards: call
 * rounds_fire next. */
void rounds_collect(struct rounds *r, uint64_t now_mono_ms);

/* What a reload did. */
struct rounds_change {
    size_t added;
    size_t removed;
    size_t changed;
    size_t kept;
};

/*
 * Goes over to the instances and paces of CONFIG (borrowed during the call);
 * whatever did not change keeps its connection, its rows and its status.
 * -1 and E on lack of memory: then the rest of the change is not made.
 */
int rounds_reload(struct rounds *r, const struct config *config,
                  struct rounds_change *out, struct err *e) MUST_USE;

/* One `dump` event, and one `dump_job` for each active job. */
void rounds_dump(struct rounds *r, uint64_t now_mono_ms);

/* The last round whose results are in, or were waited for as long as there
 * was time; 0: none yet. */
uint64_t rounds_settled(const struct rounds *r);

/* Figures of the rounds themselves; the number of threads is kept of so many
 * rounds. */
#define ROUNDS_THREADS 120
struct rounds_info {
    int64_t started_wall_ms;
    uint64_t started_mono_ms; /* the same */
    unsigned interval_ms;
    uint64_t round;           /* the one under way; 0: none yet */
    uint64_t settled;         /* see rounds_settled */
    int64_t settled_wall_ms;  /* when it was; 0: never */
    uint64_t settled_mono_ms; /* the same */
    uint64_t round_us;        /* from its begin to its last result */
    uint64_t skipped;         /* probes that were due: the last one was still
                                 busy, or the time was missed */
    uint64_t overruns;        /* rounds that ended without all results */
    uint64_t voided;          /* results */
    const struct histogram *probes; /* whole probes; borrowed */
    uint16_t
        threads[ROUNDS_THREADS]; /* at the last rounds' ends, oldest first */
    size_t nthreads;
};
void rounds_info(const struct rounds *r, struct rounds_info *out);

/*
 * The entries of maintenance that are in force: those for the agent's own
 * instances, and of its fleet.  AT goes from 0; false: there is no such one.
 */
struct maintenance_entry;
#define ROUNDS_SCOPE_SIZE 280
struct rounds_maintenance {
    const struct maintenance_entry *entry; /* borrowed until the loop goes on */
    char scope[ROUNDS_SCOPE_SIZE]; /* as below <root>/maintenance: "@web-1", or
                                      the fleet's name */
    bool fleet;                    /* it is the fleet's */
    size_t instances; /* that are in our hands, and covered by it */
};
bool rounds_maintenance(const struct rounds *r, size_t at,
                        struct rounds_maintenance *out);
size_t rounds_in_maintenance(const struct rounds *r); /* how many entries */

const struct pool *rounds_pool(const struct rounds *r);
const struct history *rounds_history(const struct rounds *r);

/* "3 up, 0 degraded, 1 down, 0 unknown; ZooKeeper connected" */
void rounds_describe(const struct rounds *r, char *out, size_t size);

/* False when the process should end and be restarted; WHY says so. */
bool rounds_well(struct rounds *r, struct err *why);

#endif
