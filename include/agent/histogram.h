#ifndef AGENT_HISTOGRAM_H
#define AGENT_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

/*
 * How often something took how long, in fixed buckets.  A plain value without
 * pointers but to its table: it is copied by assignment.  Pure, allocates
 * nothing; one owner thread.
 */
#define HISTOGRAM_BOUNDS_MAX 20

struct histogram_bounds {
    const uint64_t *us; /* ascending; a bound is in its own bucket */
    size_t count;       /* 1..HISTOGRAM_BOUNDS_MAX */
};

/* Of a probe: 50 us to 10 s. */
extern const struct histogram_bounds HISTOGRAM_PROBE;
/* From a verdict to ZooKeeper's answer: 1 ms to 5 minutes. */
extern const struct histogram_bounds HISTOGRAM_PUBLISH;

struct histogram {
    const struct histogram_bounds *bounds;      /* borrowed, a constant */
    uint64_t buckets[HISTOGRAM_BOUNDS_MAX + 1]; /* each by itself; the last
                                                   used: past all bounds */
    uint64_t count;
    uint64_t sum_us;
};

/* Nothing was observed yet. */
void histogram_init(struct histogram *h, const struct histogram_bounds *bounds);

void histogram_observe(struct histogram *h, uint64_t us);

/* Observed up to and including the bound with INDEX; with INDEX
 * bounds->count: all of it. */
uint64_t histogram_upto(const struct histogram *h, size_t index);

#endif
