#ifndef AGENT_SD_NOTIFY_H
#define AGENT_SD_NOTIFY_H

#include <stdint.h>

/*
 * Tells a service manager how we are, by the protocol of sd_notify(3).
 * Without one, that is without $NOTIFY_SOCKET, everything is a no-op.
 * Nothing waits: what the manager has no room for is lost, but a change of
 * state is said again at the next call.  Thread: loop, unless it says any.
 */

/* Longest STATUS, with the NUL. */
#define SD_NOTIFY_STATUS_SIZE 160

/*
 * Takes what concerns us out of the environment, and opens a socket: with
 * the privileges that are to be kept, and before the first thread.  A
 * $NOTIFY_SOCKET that is none is logged.
 */
void sd_notify_open(void);

void sd_notify_ready(void); /* up, or done with a reload */
void sd_notify_reloading(void);
void sd_notify_stopping(void);

/* One line for people.  Nothing is sent when it is what was sent last. */
void sd_notify_status(const char *text);

/*
 * How soon the manager gives us up without sd_notify_watchdog, in ms; 0: it
 * does not watch us.  Call it at half of that.                Thread: any. */
uint64_t sd_notify_watchdog_interval_ms(void);
void sd_notify_watchdog(void); /* Thread: any. */

#endif
