#ifndef CMD_TARGETS_LIST_H
#define CMD_TARGETS_LIST_H

#include <stdio.h>

#include "agent/targets_command.h"
#include "fleet_tree.h"

/* Prints F's targets, who observes them, what their documents say, and what
 * is wrong with the chunks.  -1 and E. */
int targets_show(struct tree_session *t, const struct targets_options *o,
                 const struct fleet_tree *f, FILE *out, struct err *e) MUST_USE;

#endif
