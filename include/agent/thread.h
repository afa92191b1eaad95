#ifndef AGENT_THREAD_H
#define AGENT_THREAD_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "agent/err.h"

/*
 * How every thread of this program starts and waits.  Signals are the loop's,
 * so no other thread may be chosen for one; and SIGPIPE, which a write raises
 * in the thread itself, must do no harm.  All waiting is on CLOCK_MONOTONIC.
 */

/*
 * Starts MAIN(ARG) with all signals blocked; to be joined or detached by the
 * caller.  -1 and E, which begins with NAME.  Thread: any.
 */
int thread_start(pthread_t *thread, void *(*main)(void *), void *arg,
                 const char *name, struct err *e) MUST_USE;

/* Around calls of a library that starts threads: they inherit the mask of the
 * calling thread, whose own is kept in BEFORE.  Thread: any. */
void thread_block_signals(sigset_t *before);
void thread_restore_signals(const sigset_t *before);

/* A span, or a moment of CLOCK_MONOTONIC. */
struct timespec thread_timespec(uint64_t ms);

/*
 * Waits for COND until UNTIL_MONO_MS.  False when that has passed; true may
 * come without cause, as with pthread_cond_wait.  COND needs no attribute;
 * LOCK is held before and after.  Thread: any.
 */
bool thread_wait(pthread_cond_t *cond, pthread_mutex_t *lock,
                 uint64_t until_mono_ms);

#endif
