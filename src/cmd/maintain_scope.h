#ifndef CMD_MAINTAIN_SCOPE_H
#define CMD_MAINTAIN_SCOPE_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/err.h"
#include "tree_session.h"

/*
 * What entries of maintenance can cover: the instances of an agent (the scope
 * "@ID"), or the targets of a fleet, as ZooKeeper knows them.
 */
#define SCOPE_SIZE 260 /* an @, an id or a fleet's name, a NUL */

/* SCOPE is a fleet's name, or an @ and an agent's id. */
bool scope_is(const char *scope);

struct scope_names {
    char **names; /* owned */
    size_t n;
};

/* OUT is empty where no agent of that scope has ever run.  -1 and E; OUT is
 * then empty. */
int scope_names_read(struct tree_session *t, const char *scope,
                     struct scope_names *out, struct err *e) MUST_USE;
void scope_names_free(struct scope_names *s);

/* How many of them KEY is or matches. */
size_t scope_names_covered(const struct scope_names *s, const char *key);

#endif
