#ifndef CMD_MAINTAIN_LIST_H
#define CMD_MAINTAIN_LIST_H

#include <stdbool.h>
#include <stdio.h>

#include "agent/err.h"
#include "tree_session.h"

/* Prints the entries of SCOPE, or with NULL of all scopes, to OUT: as a table
 * or as JSON.  ROOT is that of the session.  -1 and E. */
int maintain_list(struct tree_session *t, const char *root, const char *scope,
                  bool json, FILE *out, struct err *e) MUST_USE;

#endif
