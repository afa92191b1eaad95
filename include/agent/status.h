#ifndef AGENT_STATUS_H
#define AGENT_STATUS_H

#include "agent/err.h"

#include <stdbool.h>

/*
 * --status: shows what a running agent, or ZooKeeper alone, says of the
 * instances.  It only looks: no privileges, no files of the agent's, no node
 * written.
 */
struct config;

struct status_options {
    struct config *config; /* owned from here on */
    bool from_zookeeper;
    const char *fleet; /* … of the targets of this fleet alone; or NULL */
    bool watch;        /* again and again, until a signal */
    bool json;
};

/*
 * Prints to stdout.  Returns the exit code: 0 when it could be shown (of a
 * watch: ever), 1 when not, and then said why on stderr.  *MUST_EXIT: a
 * thread is left, and the caller must _exit instead of returning from main.
 */
int status_run(const struct status_options *o, bool *must_exit);

#endif
