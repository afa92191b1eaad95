#ifndef PUBLISH_MONITOR_H
#define PUBLISH_MONITOR_H

#include "agent/publisher.h"
#include "agent/watchdog.h"

#include "book.h"
#include "refresh.h"

#include <pthread.h>

/* See publisher_fence. */
struct fence {
    bool (*fit)(void *arg); /* NULL: there is none */
    void *arg;
    size_t slot;
    uint64_t due_mono_ms; /* it is asked again */
};

/*
 * The publisher as its thread (publisher.c) and the callers of other threads
 * (mailbox.c) share it: a monitor, which is data under one mutex with a
 * condition that tells the thread of news.  The mutex is held for operations
 * in memory only, never over a call into the store, whose wake takes it.
 */
struct publisher {
    /* Never change after the start. */
    struct store *store;  /* owned */
    char *root;           /* owned; "" for "/" */
    char *agent;          /* owned */
    char *host;           /* owned */
    char *fleet;          /* owned; NULL: none */
    char *fleet_settings; /* owned; NULL: none */
    void (*wake_loop)(void *);
    void *wake_arg;
    pthread_t thread;
    struct pulse pulse;

    pthread_mutex_t lock;
    pthread_cond_t wakeup;
    pthread_cond_t ended;
    /* All below: lock. */
    struct book book;
    struct refresh refresh;
    struct fence fence;
    unsigned fenced; /* how often it kept us from being a member */
    struct store_status status;
    bool resting;          /* the thread waits, and was not woken yet */
    uint64_t stop_mono_ms; /* when stopping: no flushing after that */
    unsigned close_ms;
    unsigned beat_ms; /* the thread rests no longer than that */
    bool done;
    enum store_end end; /* once it is done */

    /* The publisher's thread. */
    uint64_t sessions;     /* status.sessions that the book knows of … */
    uint64_t handles;      /* … and status.handles */
    uint64_t pass_mono_ms; /* when it last looked for requests */
    bool broken_said;
};

void publisher_lock(struct publisher *p);

/* Unlocks, and then wakes the thread if the book was nudged: not before, as
 * the thread would wake only to wait for the lock. */
void publisher_unlock(struct publisher *p);

#endif
