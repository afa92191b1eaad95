#ifndef SRC_CHECK_ONCE_LIMITS_H
#define SRC_CHECK_ONCE_LIMITS_H

#include "agent/config.h"
#include "agent/err.h"

/* Nagios' "unknown". */
#define ONCE_UNKNOWN 3
/* A settled instance may need this often as many attempts as `fall`. */
#define ONCE_ATTEMPTS 2
#define ONCE_STOP_MS  500

/* One --check-once at a time for an agent's id, until the process ends.  -1
 * and E when there is another one. */
int once_lock(const char *id, struct err *e) MUST_USE;

/* The process ends with ONCE_UNKNOWN when it takes longer than every attempt
 * at its longest would. */
void once_alarm(const struct config *c);

#endif
