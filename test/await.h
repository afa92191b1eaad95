#ifndef TEST_AWAIT_H
#define TEST_AWAIT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/clock.h"

/*
 * Waiting for a condition instead of for a while.  The bound is there for a
 * test that fails, so it is generous: nothing is said about speed.
 */
#define PATIENCE_MS 30000

/* Does STEP until CONDITION holds; fails the test if it never does. */
#define AWAIT_BY(step, condition)                        \
    do {                                                 \
        uint64_t until_ = clock_mono_ms() + PATIENCE_MS; \
        while (!(condition)) {                           \
            if (clock_mono_ms() > until_)                \
                fail_msg("never came: %s", #condition);  \
            step;                                        \
        }                                                \
    } while (0)

/* A moment in which others get on. */
void await_nap(void);

/* Somebody else's call of await_ring ends our pause. */
struct await_bell {
    pthread_mutex_t lock;
    pthread_cond_t rung;
    bool ringing; /* lock */
};

void await_bell_init(struct await_bell *b);
void await_bell_clear(struct await_bell *b);
/* ARG: a struct await_bell.                    Thread: any. */
void await_ring(void *arg);
/* Until it has rung since the last pause, or for a moment. */
void await_pause(struct await_bell *b);

#endif
