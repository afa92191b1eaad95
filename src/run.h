#ifndef RUN_H
#define RUN_H

#include "agent/err.h"

#include <stdbool.h>

/*
 * Composition: the loop thread, its rounds and signals, the workers, the
 * publisher.
 */
struct config;

/* Exit codes of the long run. */
#define AGENT_EXIT_OK      0
#define AGENT_EXIT_FAILURE 1
#define AGENT_EXIT_USAGE   2

/* What the caller wants to know.  Each may be NULL.  Thread: loop. */
struct agent_hooks {
    void (*log_opened)(void);
    /* The config that is in force now: at the start, before ready, and after
     * each reload.  Borrowed during the call. */
    void (*in_force)(const struct config *c);
    void (*ready)(void); /* it is up */
};

struct agent_options {
    struct config *config;   /* owned from here on */
    const char *config_file; /* to re-read at SIGHUP */
    bool background;         /* stderr is gone: a log there goes to syslog */
    const struct agent_hooks *hooks; /* borrowed; may be NULL */
    /* Says on stderr why it did not start, besides in the log. */
    void (*complain)(const char *text);
};

/*
 * Makes sure that there are descriptors for the instances of C: one each,
 * and as many again while connections are replaced.  -1 and E with the
 * figures.
 */
int agent_need_fds(const struct config *c, struct err *e) MUST_USE;

/*
 * Blocks the signals that a long run listens to, so that those that come
 * before it listens wait for it, instead of killing the process.  To be called
 * before the config is read, in the first thread.
 */
void agent_hold_signals(void);

/*
 * Runs until SIGTERM or SIGINT, or a failure that the process should not
 * survive.  Returns the exit code; *MUST_EXIT says that threads are left, so
 * that the caller must _exit, soon, instead of returning from main.
 */
int agent_run(const struct agent_options *o, bool *must_exit);

#endif
