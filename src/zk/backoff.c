/*
 * Waits with a jitter, so that many agents do not come back at once.
 */
#include <unistd.h>

#include "agent/clock.h"

#include "backoff.h"

#define FIRST_MS 200

uint64_t zk_random_seed(void)
{
    return (clock_mono_us() ^ ((uint64_t)getpid() << 40)) | 1;
}

/* xorshift64 */
uint64_t zk_random_next(uint64_t *random)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random;
}

unsigned zk_backoff_next(struct zk_backoff *b, uint64_t *random)
{
    b->ms = b->ms == 0 ? FIRST_MS : b->ms * 2;
    if (b->ms > b->max_ms)
        b->ms = b->max_ms;
    return b->ms / 2 + (unsigned)(zk_random_next(random) % (b->ms / 2 + 1));
}
