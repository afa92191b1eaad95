#ifndef ZK_BACKOFF_H
#define ZK_BACKOFF_H

#include <stdint.h>

/* How long to wait before the next attempt.  Thread: publisher. */
struct zk_backoff {
    unsigned ms; /* 0: no failure since the last success */
    unsigned max_ms;
};

/* Half to all of a wait that doubles from 200 ms to B->max_ms.  RANDOM is the
 * caller's generator, seeded by zk_random_seed. */
unsigned zk_backoff_next(struct zk_backoff *b, uint64_t *random);

/* A generator of our own, as the library reseeds random() at every turn of
 * its loops. */
uint64_t zk_random_seed(void);
uint64_t zk_random_next(uint64_t *random);

#endif
