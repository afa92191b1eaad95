/*
 * The condition is signalled only when the thread rests: a post while it works
 * costs no system call.
 */
#include "monitor.h"

void publisher_lock(struct publisher *p)
{
    pthread_mutex_lock(&p->lock);
}

void publisher_unlock(struct publisher *p)
{
    bool wake = p->book.nudged && p->resting;

    p->resting = p->resting && !wake;
    pthread_mutex_unlock(&p->lock);
    if (wake)
        pthread_cond_signal(&p->wakeup);
}
