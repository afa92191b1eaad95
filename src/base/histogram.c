/*
 * The bounds go up by 2 to 2.5 times, so that a quantile that is reckoned
 * from them is right within that; a probe is observed each time, so the
 * search begins with the small ones, where nearly all of them end.
 */
#include <assert.h>

#include "agent/histogram.h"

#define MS 1000ull
#define S  1000000ull

static const uint64_t PROBE_US[] = {
    50,       100,     250,       500,     1 * MS,   2500,
    5 * MS,   10 * MS, 25 * MS,   50 * MS, 100 * MS, 250 * MS,
    500 * MS, 1 * S,   2500 * MS, 5 * S,   10 * S,
};

static const uint64_t PUBLISH_US[] = {
    1 * MS,   2500,  5 * MS,    10 * MS, 25 * MS, 50 * MS, 100 * MS, 250 * MS,
    500 * MS, 1 * S, 2500 * MS, 5 * S,   10 * S,  30 * S,  60 * S,   300 * S,
};

#define BOUNDS(table)                             \
    {                                             \
        table, sizeof(table) / sizeof((table)[0]) \
    }

const struct histogram_bounds HISTOGRAM_PROBE = BOUNDS(PROBE_US);
const struct histogram_bounds HISTOGRAM_PUBLISH = BOUNDS(PUBLISH_US);

void histogram_init(struct histogram *h, const struct histogram_bounds *bounds)
{
    assert(bounds->count >= 1 && bounds->count <= HISTOGRAM_BOUNDS_MAX);
    *h = (struct histogram){ .bounds = bounds };
}

void histogram_observe(struct histogram *h, uint64_t us)
{
    size_t i = 0;

    while (i < h->bounds->count && us > h->bounds->us[i])
        i++;
    h->buckets[i]++;
    h->count++;
    h->sum_us += us;
}

uint64_t histogram_upto(const struct histogram *h, size_t index)
{
    uint64_t sum = 0;

    for (size_t i = 0; i <= index; i++)
        sum += h->buckets[i];
    return sum;
}
