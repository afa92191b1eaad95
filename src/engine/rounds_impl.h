#ifndef SRC_ROUNDS_IMPL_H
#define SRC_ROUNDS_IMPL_H

/*
 * What rounds.c (pace and verdicts), rounds_members.c (members come and go,
 * dump) and rounds_stall.c (self-doubt) share.  Thread: loop.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/pool.h"
#include "agent/history.h"
#include "agent/recent.h"
#include "agent/rounds.h"
#include "schedule.h"

/* The owner's part of a member. */
struct turn {
    uint64_t regular_mono_ms; /* the next due time by the round */
    uint64_t due_mono_ms;     /* as in the schedule */
    bool awaited;             /* this round has no result of it yet */
    bool want_info;           /* the next probe asks INFO */
    bool hastened;            /* by a lost connection, since the last regular
                                 turn or change of status */
    bool inherited;           /* its node is still an earlier life's */
    unsigned voids;           /* void results in a row */
    uint64_t void_mono_ms;    /* of the first of them */
    struct recent recent;
    /* Since the start of this agent. */
    uint32_t by_reason[REASON_COUNT]; /* results that were judged */
    uint32_t status_changes;
};

struct rounds {
    struct pool *pool;
    struct schedule *schedule;
    struct history *history;
    size_t schedule_size;

    /* In force; from the config. */
    unsigned interval_ms;
    unsigned spread_percent;
    bool publish_every_round;

    uint64_t round;
    uint64_t round_mono_ms;      /* when it began */
    uint64_t next_round_mono_ms; /* 0: not begun at all */
    uint64_t settled;            /* see rounds_settled */
    uint64_t settled_mono_ms;
    int64_t settled_wall_ms;
    uint64_t round_began_us; /* monotonic; the first probe may have waited */
    uint64_t round_us;       /* of the last that settled */
    struct histogram probes;
    uint16_t threads[ROUNDS_COURSE]; /* a ring, one for each that settled */
    size_t nthreads;                 /* so far */
    size_t awaited;
    uint64_t wanted_mono_ms; /* when to be called, as last said; 0: never */
    bool heartbeat_due;      /* not yet written for this round */
    int64_t started_wall_ms;
    uint64_t started_mono_ms;
    uint64_t skipped;
    uint64_t overruns;
    uint64_t overrun_logged_mono_ms;
    uint64_t overruns_unlogged;

    /* The loop's last stall: from when it wanted to run to when it did. */
    uint64_t stall_begin_mono_ms;
    uint64_t stall_end_mono_ms;
    uint64_t voided; /* results, in all */
    uint64_t voided_unlogged;
    uint64_t longest_unlogged_ms; /* stall among those */

    bool heartbeat_found;
    bool vouching;                  /* a heartbeat of this life was written */
    uint64_t vouched_until_mono_ms; /* by the earlier life's heartbeat */
    size_t inherited;
};

static inline struct turn *turn_of(const struct member *m)
{
    return m->user;
}

/* Puts the member's next turn into the schedule. */
void rounds_set_due(struct rounds *r, struct member *m, uint64_t due_mono_ms);

/* Posts what is known; its node is then no longer an earlier life's. */
void rounds_post(struct rounds *r, struct member *m);

/* Vouches for what is known now. */
void rounds_heartbeat(struct rounds *r);

/* Its result no longer keeps the round open. */
void rounds_not_awaited(struct rounds *r, struct member *m);

/* The verdict on M was BEFORE and is another since EDGE, for CAUSE: logs it
 * and keeps it.  No-op for HEALTH_SAME. */
void rounds_note_verdict(struct rounds *r, struct member *m,
                         enum health_edge edge, const struct health *before,
                         const char *cause);

/* Unknown at once, with REASON and DETAIL; noted and posted, and the round
 * waits no longer. */
void rounds_doubt(struct rounds *r, struct member *m, enum reason reason,
                  const char *detail);

/* How long a member may be without a result. */
uint64_t rounds_silence_ms(const struct member *m);

/*
 * Notes that the loop itself was held up, if so: what it could not hear is no
 * silence of others.  To be called before what came in meanwhile is taken.
 */
void rounds_note_stall(struct rounds *r, uint64_t now_mono_ms);

/* True when RES says nothing because we were stalled. */
bool rounds_is_void(const struct rounds *r, const struct member *m,
                    const struct result *res);

/* Instead of judging it: asks again, and gives up when that leads nowhere. */
void rounds_void(struct rounds *r, struct member *m, const struct result *res);

/* Says what became void since the last round; nothing if nothing did. */
void rounds_log_voids(struct rounds *r);

extern const struct pool_hooks ROUNDS_HOOKS;

#endif
