#ifndef AGENT_MAINTAIN_H
#define AGENT_MAINTAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * --maintenance: shows, sets and lifts the entries of <root>/maintenance, from
 * any machine that reaches ZooKeeper, whether an agent runs or not.
 */
struct config;

enum maintain_verb { MAINTAIN_LIST, MAINTAIN_SET, MAINTAIN_LIFT };

struct maintain_options {
    struct config *config; /* owned from here on */
    enum maintain_verb verb;
    const char *const *names; /* borrowed; of SET and LIFT */
    size_t nnames;
    const char *fleet;  /* the entries of this fleet; or NULL */
    const char *agent;  /* … of this agent's own instances; or NULL */
    const char *length; /* SET: as written, "2h" */
    const char *reason; /* SET */
    const char *owner;  /* SET; NULL: $SUDO_USER or the user */
    bool json;          /* LIST */
};

/*
 * Prints to stdout.  Returns the exit code: 0 done; 1 when something could not
 * be done, which stderr then says; 2 for values that cannot be used, before
 * anything was written.  *MUST_EXIT: a thread is left, and the caller must
 * _exit instead of returning from main.
 */
int maintain_run(const struct maintain_options *o, bool *must_exit);

#endif
