#ifndef ZK_LIBRARY_LOG_H
#define ZK_LIBRARY_LOG_H

#include <stddef.h>
#include <stdint.h>

/*
 * What the library logs, in one ring for the whole process.
 */

/* The library's log callback: copies LINE into the ring, never writes.
 * Thread: any. */
void zk_log_line(const char *line);
/* Writes what the ring holds as events `zk_log`; the last error among them
 * goes to LAST, which is left alone when there is none: the library's lesser
 * lines (that it tries again, and how often) say nothing of the cause.
 * Thread: publisher. */
void zk_log_drain(char *last, size_t size);
/* Lines that the ring did not take, so far.  Thread: any. */
uint64_t zk_log_dropped(void);

#endif
