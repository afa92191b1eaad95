#include <errno.h>
#include <string.h>

#include "agent/thread.h"

void thread_block_signals(sigset_t *before)
{
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, before);
}

void thread_restore_signals(const sigset_t *before)
{
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

int thread_start(pthread_t *thread, void *(*main)(void *), void *arg,
                 const char *name, struct err *e)
{
    sigset_t before;

    thread_block_signals(&before);
    int rc = pthread_create(thread, NULL, main, arg);
    thread_restore_signals(&before);
    if (rc != 0)
        err_set(e, "%s: pthread_create: %s", name, strerror(rc));
    return rc == 0 ? 0 : -1;
}

struct timespec thread_timespec(uint64_t ms)
{
    return (struct timespec){ .tv_sec = (time_t)(ms / 1000),
                              .tv_nsec = (long)(ms % 1000) * 1000000 };
}

bool thread_wait(pthread_cond_t *cond, pthread_mutex_t *lock,
                 uint64_t until_mono_ms)
{
    const struct timespec until = thread_timespec(until_mono_ms);

    return pthread_cond_clockwait(cond, lock, CLOCK_MONOTONIC, &until) !=
           ETIMEDOUT;
}
