#ifndef PROBE_DEADLINES_H
#define PROBE_DEADLINES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uv.h>

/*
 * When which probe runs out of time.  One for each worker, used on its thread
 * only.  All times are of the monotonic clock.
 */
#define DEADLINES_SLOTS 1024

struct deadline {
    LIST_ENTRY(deadline) at;
    uint64_t due_ms; /* 0: not set */
    /* Told when it has passed: it is not set any more then, and any may be set
     * and cleared. */
    void (*expired)(struct deadline *d);
};

LIST_HEAD(deadline_list, deadline);

struct deadlines {
    uv_timer_t timer;
    size_t count;     /* set */
    uint64_t seen_ms; /* what was due until then has expired */
    uint64_t wake_ms; /* when the timer fires; UINT64_MAX: never */
    uint64_t used[DEADLINES_SLOTS / 64]; /* one bit a slot: not empty */
    struct deadline_list slots[DEADLINES_SLOTS];
    struct deadline_list due; /* expire in this turn */
};

void deadlines_open(struct deadlines *d, uv_loop_t *loop);
/* Its memory must last until the close callbacks have run. */
void deadlines_close(struct deadlines *d);

/* MS from NOW_MS, at least 1; instead of what was set before. */
void deadline_set(struct deadlines *d, struct deadline *e, uint64_t now_ms,
                  uint64_t ms);
/* No-op if it is not set. */
void deadline_clear(struct deadlines *d, struct deadline *e);

#endif
