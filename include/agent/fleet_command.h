#ifndef AGENT_FLEET_COMMAND_H
#define AGENT_FLEET_COMMAND_H

#include <stdbool.h>

/*
 * --fleet: shows the members of a fleet, as ZooKeeper knows them.
 */
struct config;

struct fleet_options {
    struct config *config; /* owned from here on */
    const char *fleet;     /* NULL: the config's */
    bool json;
};

/*
 * Prints to stdout.  Returns the exit code: 0 shown; 1 not, and then stderr
 * says why; 2 for bad usage.  *MUST_EXIT: a thread is left, and the caller must
 * _exit instead of returning from main.
 */
int fleet_run(const struct fleet_options *o, bool *must_exit);

#endif
