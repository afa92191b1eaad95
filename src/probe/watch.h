#ifndef PROBE_WATCH_H
#define PROBE_WATCH_H

#include "agent/stall.h"

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

/*
 * Notices when the loop under the probes did not turn.  One for each worker,
 * used on its thread only.
 */
struct probe_watch {
    uv_timer_t tick; /* runs while a probe is under way */
    size_t probes;   /* under way */
    struct stall stall;
};

void probe_watch_open(struct probe_watch *w, uv_loop_t *loop);
/* Its memory must last until the close callbacks have run. */
void probe_watch_close(struct probe_watch *w);

/* A probe begins.  What is returned is for probe_watch_end.  NOW_MS is of the
 * monotonic clock, read just now. */
uint64_t probe_watch_begin(struct probe_watch *w, uint64_t now_ms);

/* A probe has ended.  Returns what was lost in its time, in ms. */
uint64_t probe_watch_end(struct probe_watch *w, uint64_t begun,
                         uint64_t now_ms);

#endif
