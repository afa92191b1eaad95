#ifndef AGENT_CHECK_ONCE_H
#define AGENT_CHECK_ONCE_H

#include "agent/err.h"
#include "agent/report.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * --check-once: probes each chosen instance, publishes, prints, and ends.
 */
struct config;

struct check_once_options {
    struct config *config;    /* owned from here on */
    const char *const *names; /* the chosen instances; none: all */
    size_t nnames;
    enum report_format format;
    bool publish;
};

/*
 * Bounds what comes before check_once_run, which reads files: the process
 * ends with 3 (unknown) if that hangs.
 */
void check_once_guard(void);

/*
 * Holds, until the process ends, the lock of a run that publishes: a file
 * with our user's mode 0600 in state_dir, else in the folder of pid_file, else
 * in /run.  -1 and E when another run of this agent's id holds it.  Where
 * no such file can be had, there is no lock.  Before the first thread.
 */
int check_once_lock(const struct config *c, struct err *e) MUST_USE;

/*
 * Probes, publishes, prints to stdout; returns the exit code.  *MUST_EXIT: a
 * thread is left, and the caller must _exit instead of returning from main.
 */
int check_once_run(const struct check_once_options *o, bool *must_exit);

#endif
