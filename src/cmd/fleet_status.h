#ifndef CMD_FLEET_STATUS_H
#define CMD_FLEET_STATUS_H

#include "agent/targets.h"
#include "status_view.h"
#include "tree_session.h"

struct config;

/*
 * What the documents of the targets L say, and what they are worth: a view of
 * ZooKeeper with a row for each target and no other.  C and L are borrowed
 * for as long as OUT lives, which is the caller's when TREE_DONE.
 */
enum tree_end fleet_status_look(struct tree_session *t, const struct config *c,
                                const struct targets_list *l,
                                struct status_view *out,
                                struct err *e) MUST_USE;

#endif
