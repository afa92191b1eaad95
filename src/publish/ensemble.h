#ifndef PUBLISH_ENSEMBLE_H
#define PUBLISH_ENSEMBLE_H

#include "agent/store.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The ensemble's clock.  Each write that is acknowledged carries the time at
 * which the leader took it, which lies between when it was sent and when the
 * answer came: so the clock is known to a round trip.  It is held against the
 * monotonic clock, as ours may be set at any moment.  Pure.
 */
struct ensemble {
    bool known;
    int64_t beyond_mono_ms; /* it is ahead of the monotonic clock by this */
    int64_t offset_ms; /* … and of our wall clock it was, at the last answer:
                          the monotonic one may stand still while we sleep */
    /* A heartbeat was made, whose time only a reading of it says. */
    bool made;
    uint64_t made_sent_mono_ms;
    uint64_t made_done_mono_ms;
};

/*
 * A write was acknowledged.  What was believed before stays where the answer
 * allows it, and else becomes the nearest that it allows; at first our own
 * clock, WALL_MS at NOW_MONO_MS, is believed.
 */
void ensemble_heard(struct ensemble *c, const struct store_reply *r,
                    uint64_t now_mono_ms, int64_t wall_ms);

/* The heartbeat, an ephemeral node, was made: true when it is to be read, as
 * only that tells the clock. */
bool ensemble_made(struct ensemble *c, const struct store_reply *r);
/* It was read, SESSION being ours. */
void ensemble_read(struct ensemble *c, const struct store_reply *r,
                   int64_t session, uint64_t now_mono_ms, int64_t wall_ms);

#endif
