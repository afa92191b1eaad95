#ifndef ZK_BACKOFF_H
#define ZK_BACKOFF_H

#include <stdint.h>

/* How long to wait before the next attempt.  Thread: publisher. */
struct zk_backoff {
    unsigned ms; /* 0: no failure since the last success */
    uint64_t random;
};

void zk_backoff_init(struct zk_backoff *b);
/* Half to all of a wait that doubles from 200 ms to 30 s. */
unsigned zk_backoff_next(struct zk_backoff *b);

#endif
