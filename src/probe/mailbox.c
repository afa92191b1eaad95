/*
 * One mutex guards both mailboxes.  The inbox is a list through the probes
 * themselves, each at most once in it, with what is wanted of it as flags.
 * In the outbox adding a probe reserves room, so that a result always finds a
 * place.
 */
#include <assert.h>

#include "mailbox.h"

void mailbox_init(struct mailbox *m)
{
    pthread_mutex_init(&m->mutex, NULL);
    STAILQ_INIT(&m->inbox);
}

void mailbox_clear(struct mailbox *m)
{
    pthread_mutex_destroy(&m->mutex);
    outbox_clear(&m->outbox);
}

/* What a probe may push before the loop takes the first of it: the result of
 * its one job, and before and after it that the connection was lost. */
#define PUSHES 3

/* The mutex is held.  True if the worker must be told. */
static bool enqueue(struct mailbox *m, struct mail *mail)
{
    bool first = STAILQ_EMPTY(&m->inbox);

    if (mail->in_inbox)
        return false;
    STAILQ_INSERT_TAIL(&m->inbox, mail, inbox);
    mail->in_inbox = true;
    return first;
}

int mailbox_reserve(struct mailbox *m)
{
    int r;

    pthread_mutex_lock(&m->mutex);
    /* Beside what waits, and what may still be pushed. */
    r = outbox_reserve(&m->outbox, (m->nprobes + 1) * PUSHES);
    if (r == 0)
        m->nprobes++;
    pthread_mutex_unlock(&m->mutex);
    return r;
}

bool mailbox_add(struct mailbox *m, struct mail *mail)
{
    bool tell;

    pthread_mutex_lock(&m->mutex);
    mail->want_add = true;
    tell = enqueue(m, mail);
    pthread_mutex_unlock(&m->mutex);
    return tell;
}

bool mailbox_remove(struct mailbox *m, struct mail *mail)
{
    bool tell;

    pthread_mutex_lock(&m->mutex);
    mail->want_remove = true;
    tell = enqueue(m, mail);
    pthread_mutex_unlock(&m->mutex);
    return tell;
}

void mailbox_post(struct mailbox *m, struct mail *mail, const struct job *job)
{
    pthread_mutex_lock(&m->mutex);
    assert(!mail->want_job);
    mail->want_job = true;
    mail->job = *job;
    m->queued++;
    enqueue(m, mail);
    pthread_mutex_unlock(&m->mutex);
}

size_t mailbox_take(struct mailbox *m, struct result *out, size_t max)
{
    size_t n = 0;

    pthread_mutex_lock(&m->mutex);
    while (n < max && outbox_take(&m->outbox, &out[n]))
        n++;
    pthread_mutex_unlock(&m->mutex);
    return n;
}

size_t mailbox_queued(struct mailbox *m)
{
    size_t n;

    pthread_mutex_lock(&m->mutex);
    n = m->queued;
    pthread_mutex_unlock(&m->mutex);
    return n;
}

void mailbox_stop(struct mailbox *m)
{
    pthread_mutex_lock(&m->mutex);
    m->stopping = true;
    pthread_mutex_unlock(&m->mutex);
}

size_t mailbox_next(struct mailbox *m, struct order *out, size_t max)
{
    struct mail *mail;
    size_t n = 0;

    pthread_mutex_lock(&m->mutex);
    for (; n < max && (mail = STAILQ_FIRST(&m->inbox)) != NULL; n++) {
        STAILQ_REMOVE_HEAD(&m->inbox, inbox);
        out[n] = (struct order){ mail, mail->want_add, mail->want_remove,
                                 mail->want_job && !mail->want_remove &&
                                     !m->stopping,
                                 mail->job };
        m->queued -= mail->want_job;
        m->nprobes -= mail->want_remove;
        mail->in_inbox = false;
        mail->want_add = false;
        mail->want_job = false;
    }
    pthread_mutex_unlock(&m->mutex);
    return n;
}

void mailbox_push(struct mailbox *m, const struct result *r)
{
    struct packed_result packed;

    outbox_pack(&packed, r);
    pthread_mutex_lock(&m->mutex);
    outbox_push(&m->outbox, &packed);
    pthread_mutex_unlock(&m->mutex);
}

bool mailbox_stopping(struct mailbox *m)
{
    bool yes;

    pthread_mutex_lock(&m->mutex);
    yes = m->stopping;
    pthread_mutex_unlock(&m->mutex);
    return yes;
}
