#ifndef CMD_TREE_READER_H
#define CMD_TREE_READER_H

#include "agent/err.h"
#include "status_view.h"
#include "agent/store.h"

/*
 * Reads all that agents keep below a root: every node of instances and then
 * of agents, so that no status is trusted for a heartbeat that was read
 * before it.  Over the asynchronous seam of the publisher (store.h), and
 * bounded by the caller's deadline.  It writes nothing.  One thread.
 */
struct tree_reader;

/* STORE is owned from here on, whatever happens; ROOT is copied. */
struct tree_reader *tree_reader_new(struct store *store, const char *root,
                                    struct err *e) MUST_USE;

enum tree_end {
    TREE_READ,
    TREE_FAILED,    /* E says why; may be tried again */
    TREE_CANCELLED, /* CANCEL_FD became readable (-1: none) */
};

/* Waits at most TIMEOUT_MS.  OUT is the caller's when TREE_READ. */
enum tree_end tree_reader_read(struct tree_reader *t, unsigned timeout_ms,
                               int cancel_fd, struct status_tree *out,
                               struct err *e) MUST_USE;

/* Ends the session within BUDGET_MS or so; unless it is STORE_CLOSED the
 * process should _exit.  NULL is a no-op and STORE_CLOSED. */
enum store_end tree_reader_close(struct tree_reader *t,
                                 unsigned budget_ms) MUST_USE;

#endif
