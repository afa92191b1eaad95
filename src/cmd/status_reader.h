#ifndef CMD_STATUS_READER_H
#define CMD_STATUS_READER_H

#include "agent/err.h"
#include "agent/status.h"
#include "status_view.h"

#include <stdbool.h>

/*
 * Asks the running agent, or ZooKeeper, again and again if need be, and makes
 * views of the answers.  One thread.
 */
struct status_reader;

/* NULL and E when there is nothing to ask.  O is borrowed, with its config,
 * until it is closed. */
struct status_reader *status_reader_open(const struct status_options *o,
                                         struct err *e) MUST_USE;

/* False when a thread was left behind, and the process must _exit.  NULL is a
 * no-op and true. */
bool status_reader_close(struct status_reader *r) MUST_USE;

enum status_look {
    LOOK_SEEN,      /* OUT is the caller's, for status_view_free */
    LOOK_FAILED,    /* E says why */
    LOOK_CANCELLED, /* CANCEL_FD became readable (-1: none) */
};

/* Waits for an answer, at most until the deadline of what is asked. */
enum status_look status_reader_look(struct status_reader *r, int cancel_fd,
                                    struct status_view *out,
                                    struct err *e) MUST_USE;

#endif
