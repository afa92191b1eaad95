#ifndef SRC_CHECK_ONCE_LIMITS_H
#define SRC_CHECK_ONCE_LIMITS_H

#include "agent/config.h"

/* Nagios' "unknown". */
#define ONCE_UNKNOWN 3
/* A settled instance may need this often as many attempts as `fall`. */
#define ONCE_ATTEMPTS 2
#define ONCE_STOP_MS  500

/* The process ends with ONCE_UNKNOWN when it takes longer than every attempt
 * at its longest would. */
void once_alarm(const struct config *c);

#endif
