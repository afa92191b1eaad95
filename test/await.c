/*
 * A pause is short even when nobody rings: what is awaited may also come
 * about without a word to us.
 */
#include <errno.h>
#include <time.h>

#include "await.h"

#define MOMENT_NS 2000000

void await_nap(void)
{
    struct timespec ts = { .tv_nsec = MOMENT_NS };

    nanosleep(&ts, NULL);
}

void await_bell_init(struct await_bell *b)
{
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->rung, NULL);
    b->ringing = false;
}

void await_bell_clear(struct await_bell *b)
{
    pthread_cond_destroy(&b->rung);
    pthread_mutex_destroy(&b->lock);
}

void await_ring(void *arg)
{
    struct await_bell *b = arg;

    pthread_mutex_lock(&b->lock);
    b->ringing = true;
    pthread_cond_signal(&b->rung);
    pthread_mutex_unlock(&b->lock);
}

void await_pause(struct await_bell *b)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    ts.tv_nsec += MOMENT_NS;
    ts.tv_sec += ts.tv_nsec / 1000000000;
    ts.tv_nsec %= 1000000000;
    pthread_mutex_lock(&b->lock);
    while (!b->ringing)
        if (pthread_cond_timedwait(&b->rung, &b->lock, &ts) == ETIMEDOUT)
            break;
    b->ringing = false;
    pthread_mutex_unlock(&b->lock);
}
