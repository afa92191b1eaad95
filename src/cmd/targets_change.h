#ifndef CMD_TARGETS_CHANGE_H
#define CMD_TARGETS_CHANGE_H

#include "agent/targets_command.h"
#include "fleet_tree.h"

/*
 * PUT and REMOVE: what O names is read and checked, the differences are shown,
 * somebody is asked, and it is written.  Returns the exit code; what is wrong
 * was said on stderr.
 */
int targets_change(struct tree_session *t, const struct targets_options *o,
                   const struct fleet_tree *f);

#endif
