#ifndef ENGINE_ROUNDS_H
#define ENGINE_ROUNDS_H

/*
 * The long run's data, in parts; each is written by the file that it names
 * and read by the others.  Thread: loop.
 */
#include "agent/histogram.h"
#include "agent/history.h"
#include "agent/pool.h"
#include "agent/rounds.h"
#include "maintenance.h"
#include "schedule.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In force, from the config (reload.c). */
struct rounds_settings {
    unsigned interval_ms;
    unsigned spread_percent;
    bool publish_every_round;
};

/* When rounds begin (rounds.c). */
struct rounds_clock {
    uint64_t round;
    uint64_t began_mono_ms;  /* by the plan */
    uint64_t next_mono_ms;   /* when the next one begins */
    uint64_t began_us;       /* really; monotonic */
    uint64_t wanted_mono_ms; /* when to be called, as last said; 0: never */
    uint64_t skipped;
    uint64_t overruns;
    uint64_t overrun_logged_mono_ms;
    uint64_t overruns_unlogged;
};

/* Which round's results are in (settle.c). */
struct rounds_settled {
    uint64_t round; /* see rounds_settled */
    uint64_t mono_ms;
    int64_t wall_ms;
    uint64_t round_us;                /* how long that round took */
    uint16_t threads[ROUNDS_THREADS]; /* a ring, one for each that settled */
    size_t nthreads;                  /* so far */
    size_t awaited;     /* instances of which the round has no result yet */
    bool heartbeat_due; /* not yet written for this round */
};

/* What of an earlier life still stands in ZooKeeper (inherit.c). */
struct rounds_inherited {
    bool heartbeat_found;
    bool vouching;          /* a heartbeat of this life was written */
    uint64_t until_mono_ms; /* the earlier heartbeat vouches until then */
    size_t count;           /* documents */
};

/* The agent's own stalls (doubt.c). */
struct rounds_doubt {
    /* The loop's last one: from when it wanted to run to when it did. */
    uint64_t begin_mono_ms;
    uint64_t end_mono_ms;
    uint64_t voided; /* results, in all */
    uint64_t voided_unlogged;
    uint64_t longest_unlogged_ms; /* stall among those */
};

/* What the heartbeat says of the fleet (fleet.c). */
struct rounds_fleet_says {
    const char *name; /* borrowed; NULL: there is none */
    uint32_t basis;
    bool withheld; /* no heartbeat yet: what it would vouch for in the fleet's
                      name was not looked at */
};

struct fleet;

struct rounds {
    struct pool *pool;
    struct fleet *fleet; /* NULL: none */
    struct rounds_fleet_says fleet_says;
    struct schedule *schedule;
    size_t schedule_size;
    struct history *history;
    struct histogram probes;
    int64_t started_wall_ms;
    uint64_t started_mono_ms;
    struct rounds_settings settings;
    struct rounds_clock clock;
    struct rounds_settled settled;
    struct rounds_inherited inherited;
    struct rounds_doubt doubt;
    struct maintenance maintenance;
    bool skew_said; /* skew.c */
};

/* Puts the next probe of I into the schedule. */
static inline void rounds_set_due(struct rounds *r, struct instance *i,
                                  uint64_t due_mono_ms)
{
    i->pace.due_mono_ms = due_mono_ms;
    schedule_set(r->schedule, i->job.index, due_mono_ms);
}

extern const struct pool_hooks ROUNDS_HOOKS;

#endif
