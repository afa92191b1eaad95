#ifndef AGENT_TARGETS_COMMAND_H
#define AGENT_TARGETS_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

/*
 * --targets: shows the targets of a fleet, and changes its chunks in
 * ZooKeeper, from any machine that reaches it.
 */
struct config;

enum targets_verb { TARGETS_LIST, TARGETS_PUT, TARGETS_GET, TARGETS_REMOVE };

struct targets_options {
    struct config *config; /* owned from here on */
    enum targets_verb verb;
    const char *const *names; /* borrowed; files of PUT, else chunks */
    size_t nnames;
    const char *fleet; /* NULL: the config's */
    bool yes;          /* nobody is asked */
    bool force;        /* also what takes many targets away */
    bool json;         /* LIST */
};

/*
 * Prints to stdout.  Returns the exit code: 0 done; 1 when something could not
 * be done, which stderr then says; 2 for bad usage.  *MUST_EXIT: a thread is
 * left, and the caller must _exit instead of returning from main.
 */
int targets_run(const struct targets_options *o, bool *must_exit);

#endif
