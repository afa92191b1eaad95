#ifndef PROBE_RENEWAL_H
#define PROBE_RENEWAL_H

#include <stdbool.h>
#include <stdint.h>

/*
 * When a new connection is due beside the one that is kept: at least once in
 * an interval, and spread evenly over the instances, so that no round makes
 * more than its share of them.  Pure.
 */
struct renewal {
    uint64_t due_us; /* by its place; 0: not begun */
    uint64_t last_us;
};

/* The first connection is made at NOW_US; ID: the instance's number. */
void renewal_begin(struct renewal *r, uint64_t id, uint64_t now_us,
                   uint64_t pace_ms, uint64_t interval_ms);

/* True when one is due in the probe that starts now, as the next one, after
 * PACE_MS, would come too late. */
bool renewal_due(struct renewal *r, uint64_t now_us, uint64_t pace_ms,
                 uint64_t interval_ms);

#endif
