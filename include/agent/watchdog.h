#ifndef AGENT_WATCHDOG_H
#define AGENT_WATCHDOG_H

#include "agent/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Watches the threads of this process for a sign of life, names the one that
 * gives none, and at last ends the process, for its supervisor to start it
 * again.  One a process.
 */
struct watchdog;

/* Room for what a thread is busy with, and the final NUL. */
#define PULSE_TASK_SIZE 96

/*
 * A thread's sign of life.  Belongs to the module whose thread it is; starts as
 * zeroes; must outlive the watchdog that watches it.
 */
struct pulse {
    atomic_uint beats;
    atomic_bool in_task;
    _Atomic char task[PULSE_TASK_SIZE];
    /* The watchdog's word: named, when there were so many beats. */
    atomic_bool wedged;
    atomic_uint wedged_beats;
};

/* A sign of life; costs next to nothing.  Thread: the watched one. */
void pulse_beat(struct pulse *p);

/* A sign of life, and the last one before a call that may lawfully take long:
 * WHAT is cut and copied.  NULL: the call is over.  Thread: the watched one. */
void pulse_task(struct pulse *p, const char *what);

/* The watchdog has named it, and it gave no sign of life since.  False from
 * the first one on, heard or not.  Thread: any. */
bool pulse_wedged(const struct pulse *p);

struct watchdog_options {
    unsigned wedge_timeout_ms; /* at least 1000 */
    /* A thread was named as wedged, or answers again: see pulse_wedged.
     * Thread: the watchdog's.  Must not wait. */
    void (*changed)(void *arg);
    void *changed_arg;
    /* Called every ALIVE_MS or sooner, as long as no thread is wedged but in
     * a task, which may be lawful yet.  0: never.  Thread: the watchdog's.
     * Must not wait. */
    void (*alive)(void *arg);
    void *alive_arg;
    unsigned alive_ms;
};

/* No thread of its own yet.  NULL and E on lack of memory. */
struct watchdog *watchdog_new(const struct watchdog_options *o,
                              struct err *e) MUST_USE;

struct watch {
    const char *thread;  /* its name; borrowed as long as the watchdog */
    struct pulse *pulse; /* borrowed as long as the watchdog */
    /* Makes the thread beat soon; called on the watchdog's thread; takes no
     * lock and never waits.  NULL: the thread beats by itself, at least every
     * watchdog_rest_ms. */
    void (*nudge)(void *arg);
    void *arg;
    unsigned task_named_ms;  /* in a task for so long: wedged */
    unsigned task_lawful_ms; /* the time to the end begins only then */
};

#define WATCHDOG_THREADS 80

/* At most WATCHDOG_THREADS, all of them before watchdog_start. */
void watchdog_watch(struct watchdog *w, const struct watch *watch);

/* How long a watched thread that nobody nudges may sleep. */
unsigned watchdog_rest_ms(const struct watchdog *w);

/* Begins to watch.  -1 and E if the thread cannot be had. */
int watchdog_start(struct watchdog *w, struct err *e) MUST_USE;

/*
 * Ends the watch, at once, and frees; to be called before the first watched
 * thread ends.  NULL is a no-op.  Thread: the one that started it.
 */
void watchdog_stop(struct watchdog *w);

/* The names of the wedged threads, at most MAX of them, into NAMES (borrowed);
 * returns how many.  Thread: any. */
size_t watchdog_wedged(const struct watchdog *w, const char **names,
                       size_t max);

/* No watched thread is wedged.  Thread: any. */
bool watchdog_well(const struct watchdog *w);

#endif
