#ifndef BACKGROUND_H
#define BACKGROUND_H

#include "run.h"

#include <stdbool.h>

/*
 * The long run with -d: the process that stays is a supervisor, and the agent
 * runs in a child of it.
 */
struct background_options {
    const char *file;      /* the config's; relative to here, or not */
    struct config *config; /* owned from here on */
    /* The agent, in the child; FILE is absolute, C is then its own. */
    int (*run)(void *arg, const char *file, struct config *c, bool *must_exit);
    void *arg;
};

/*
 * Returns in three processes: in the one that calls it when the agent is up
 * or has failed, in the supervisor at the end of all, in each child when RUN
 * returned.  The exit code of the process is returned.
 */
int background_run(const struct background_options *o, bool *must_exit);

/* For the agent that RUN starts. */
extern const struct agent_hooks BACKGROUND_HOOKS;

#endif
