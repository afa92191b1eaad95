#ifndef CMD_STATUS_WATCH_H
#define CMD_STATUS_WATCH_H

#include "agent/status.h"

struct status_reader;

/* Blocks the signals that status_watch waits for; to be called before any
 * thread is started. */
void status_watch_prepare(void);

/* Looks and shows until a signal.  Returns the exit code: 0 when anything was
 * seen, 1 when not. */
int status_watch(struct status_reader *r, const struct status_options *o);

#endif
