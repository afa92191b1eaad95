#ifndef AGENT_SUPERVISOR_H
#define AGENT_SUPERVISOR_H

#include "agent/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * One process that keeps another running: forks it again with growing pauses
 * when it crashed, passes signals on, ends when it ended well.  It has no
 * thread and allocates nothing.  One supervisor a process:
 *
 *     supervisor_begin(stop_ms, &e);
 *     do
 *         if (supervisor_fork(&e) == 1)
 *             return the_work();              in each child
 *     while (supervisor_wait(&exit_code));
 */

/* Of a child that should not have ended. */
struct supervisor_end {
    pid_t pid;
    int status; /* as of waitpid */
    uint64_t ran_ms;
    unsigned restarts; /* so far, with the one that followed */
};

/*
 * Blocks SIGTERM, SIGINT, SIGHUP, SIGUSR1 and SIGCHLD, for the children too:
 * what comes before they listen waits for them.  STOP_MS: how soon a child
 * ends after SIGTERM, until it says otherwise.  -1 and E: no memory.
 */
int supervisor_begin(unsigned stop_ms, struct err *e) MUST_USE;

/* 1 in the child, 0 in the supervisor; -1 and E when it failed: then
 * supervisor_wait is a pause only. */
int supervisor_fork(struct err *e) MUST_USE;

/*
 * In the supervisor: until the child ended.  True: it crashed, the pause is
 * over, fork the next.  False: this process should end with *EXIT_CODE: the
 * child's (1 if a signal killed it) when it was asked to stop, ended with 0,
 * or was the first and never ready; 0 when it was asked to stop in a pause.
 */
bool supervisor_wait(int *exit_code) MUST_USE;

/* In the supervisor: some child was ready. */
bool supervisor_was_ready(void);

/*
 * In the child, and again after a change of user, which undoes it: SIGTERM
 * when the supervisor ends.  Ends this process if that has happened already.
 */
void supervisor_tie(void);

/* In the child: it is up, and gone STOP_MS after a SIGTERM at the latest.
 * May be called again. */
void supervisor_ready(unsigned stop_ms);

/*
 * In the child: the end of the last one, or of an earlier one of which nobody
 * has told yet; NULL: there was none.  In the supervisor, after
 * supervisor_wait: the same.
 */
const struct supervisor_end *supervisor_last_end(void);

/* In the child: the world knows of supervisor_last_end now. */
void supervisor_told(void);

/* "killed by SIGSEGV, core dumped", "exit 3" */
const char *supervisor_describe(int status, char *out, size_t size);

/* The pause after a child that ran for RAN_MS, when the one before it was
 * LAST_MS (0: none). */
unsigned supervisor_backoff_ms(unsigned last_ms, uint64_t ran_ms);

#endif
