#ifndef WEB_PAGE_TIME_H
#define WEB_PAGE_TIME_H

#include <stdint.h>

/* Now on both clocks, taken once a page, so that all its times agree. */
struct page_time {
    uint64_t mono_ms;
    int64_t wall_ms;
};

/* Thread: any. */
struct page_time page_now(void);

/* A time on the monotonic clock as one on the wall clock, in ms.  Pure. */
int64_t page_wall_ms(const struct page_time *now, uint64_t mono_ms);

#endif
