#ifndef ZK_LIBRARY_LOG_H
#define ZK_LIBRARY_LOG_H

#include "failure.h"

#include <stdint.h>

/*
 * What the library logs, in one ring for the whole process.
 */

/* The library's log callback: copies LINE into the ring, never writes.
 * Thread: any. */
void zk_log_line(const char *line);
/* Writes what the ring holds as events `zk_log`.  Thread: publisher. */
void zk_log_drain(void);
/* How many failures of a connection were logged so far; the last one goes to
 * OUT, which is left alone before the first.  Thread: any. */
uint64_t zk_log_failure(struct zk_failure *out);
/* Lines that the ring did not take, so far.  Thread: any. */
uint64_t zk_log_dropped(void);

#endif
