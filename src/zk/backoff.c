/*
 * Waits with a jitter, so that many agents do not come back at once; from a
 * generator of our own, as the library reseeds random() at every turn of its
 * loops.
 */
#include <unistd.h>

#include "agent/clock.h"

#include "backoff.h"

#define FIRST_MS 200
#define MAX_MS   30000

void zk_backoff_init(struct zk_backoff *b)
{
    b->ms = 0;
    b->random = (clock_mono_us() ^ ((uint64_t)getpid() << 40)) | 1;
}

/* xorshift64 */
static uint64_t next_random(struct zk_backoff *b)
{
    b->random ^= b->random << 13;
    b->random ^= b->random >> 7;
    b->random ^= b->random << 17;
    return b->random;
}

unsigned zk_backoff_next(struct zk_backoff *b)
{
    b->ms = b->ms == 0 ? FIRST_MS : b->ms * 2;
    if (b->ms > MAX_MS)
        b->ms = MAX_MS;
    return b->ms / 2 + (unsigned)(next_random(b) % (b->ms / 2 + 1));
}
