#ifndef PROBE_MAILBOX_H
#define PROBE_MAILBOX_H

#include "outbox.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

/*
 * The inbox and the outbox of a worker, and what passes through them.  No call
 * waits for more than the mutex, held for a moment only.
 */

/* What the loop wants of one probe; a part of that probe.  Starts as
 * zeroes. */
struct mail {
    /* Guarded by the mailbox's mutex. */
    STAILQ_ENTRY(mail) inbox;
    bool in_inbox;
    bool want_add;
    bool want_job;
    bool want_remove;
    struct job job;
};

struct mailbox {
    pthread_mutex_t mutex;
    /* Guarded by mutex. */
    STAILQ_HEAD(, mail) inbox;
    size_t queued;  /* jobs in it */
    size_t nprobes; /* that may still push a result */
    bool stopping;
    struct outbox outbox;
};

/* The same as the worker is told it. */
struct order {
    struct mail *mail;
    bool add;
    bool remove;
    bool start;
    struct job job;
};

void mailbox_init(struct mailbox *m);
void mailbox_clear(struct mailbox *m);

/* For the loop thread. */

/* Room for the result of one more probe; -1: no memory. */
int mailbox_reserve(struct mailbox *m);

/* True if the worker must be woken: the inbox was empty. */
bool mailbox_add(struct mailbox *m, struct mail *mail); /* reserved */
bool mailbox_remove(struct mailbox *m, struct mail *mail);
void mailbox_post(struct mailbox *m, struct mail *mail,
                  const struct job *job); /* without a wake */

size_t mailbox_take(struct mailbox *m, struct result *out, size_t max);
size_t mailbox_queued(struct mailbox *m);
/* From now on no order says start. */
void mailbox_stop(struct mailbox *m);

/* For the worker thread. */

/* What the loop wants next, at most MAX of it; returns how much. */
size_t mailbox_next(struct mailbox *m, struct order *out, size_t max);
void mailbox_push(struct mailbox *m, const struct result *r);

bool mailbox_stopping(struct mailbox *m); /* for both */

#endif
