#ifndef CMD_CHECK_ONCE_LIMITS_H
#define CMD_CHECK_ONCE_LIMITS_H

struct config;

/* Nagios' "unknown". */
#define ONCE_UNKNOWN 3
/* An instance is settled after at most this many times `fall` attempts. */
#define ONCE_ATTEMPTS 2
/* What the workers and the session have to end in. */
#define ONCE_STOP_MS 500

/* Ends the process with ONCE_UNKNOWN when the run takes longer than all of
 * C's attempts and deadlines together.  Thread: loop. */
void once_alarm(const struct config *c);

#endif
