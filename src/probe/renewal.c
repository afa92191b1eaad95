/*
 * Each instance has its own place in the interval and keeps it, whatever
 * connections are made in between: were they counted from the last one, an
 * outage that renews all at the same time would have them renewed together
 * ever after.  Places follow the golden ratio, which spreads numbers that
 * follow each other evenly however many there are (Knuth, volume 3, 6.4).
 */
#include "renewal.h"

#define GOLDEN_32 2654435769u /* 2^32 over the golden ratio */

/* As many whole steps of PACE_MS as fit: probes come no closer. */
static uint64_t period_us(uint64_t pace_ms, uint64_t interval_ms)
{
    return (interval_ms - interval_ms % pace_ms) * 1000;
}

/* Of a pace: a round may come a little early. */
static uint64_t early_us(uint64_t pace_ms)
{
    return (pace_ms - pace_ms / 10) * 1000;
}

void renewal_begin(struct renewal *r, uint64_t id, uint64_t now_us,
                   uint64_t pace_ms, uint64_t interval_ms)
{
    uint64_t place = ((uint32_t)id + 1) * GOLDEN_32 & UINT32_MAX;

    r->last_us = now_us;
    r->due_us = now_us + early_us(pace_ms) + 1 +
                (place * (period_us(pace_ms, interval_ms) / 1000) >> 32) * 1000;
}

bool renewal_due(struct renewal *r, uint64_t now_us, uint64_t pace_ms,
                 uint64_t interval_ms)
{
    uint64_t next_us = now_us + early_us(pace_ms);

    if (interval_ms <= pace_ms)
        return true;
    if (next_us < r->due_us && next_us <= r->last_us + interval_ms * 1000)
        return false;
    /* Probes that are not quite regular do not make it due twice. */
    while (r->due_us <= next_us + period_us(pace_ms, interval_ms) / 2)
        r->due_us += period_us(pace_ms, interval_ms);
    r->last_us = now_us;
    return true;
}
