#ifndef CMD_TREE_READER_H
#define CMD_TREE_READER_H

#include "agent/err.h"
#include "status_view.h"
#include "tree_session.h"

/*
 * Reads all that agents keep below a root: every node of instances and then
 * of agents, so that no status is trusted for a heartbeat that was read
 * before it.  What goes while it is read is no node; what may not be read is
 * one without data.  It writes nothing.  OUT is the caller's when TREE_DONE,
 * and empty otherwise.
 */
enum tree_end tree_reader_read(struct tree_session *t, struct status_tree *out,
                               struct err *e) MUST_USE;

/* The same, but of instances those with these N NAMES alone, and of agents
 * those that their documents name. */
enum tree_end tree_reader_read_of(struct tree_session *t,
                                  const char *const *names, size_t n,
                                  struct status_tree *out,
                                  struct err *e) MUST_USE;

#endif
