/*
 * The loop keeps times on the monotonic clock, and readers want them on the
 * wall clock: the distance between the two is taken once a page.
 */
#include "agent/clock.h"

#include "page_time.h"

struct page_time page_now(void)
{
    return (struct page_time){ .mono_ms = clock_mono_ms(),
                               .wall_ms = clock_wall_ms() };
}

int64_t page_wall_ms(const struct page_time *now, uint64_t mono_ms)
{
    return now->wall_ms + (int64_t)mono_ms - (int64_t)now->mono_ms;
}
