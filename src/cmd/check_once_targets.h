#ifndef CMD_CHECK_ONCE_TARGETS_H
#define CMD_CHECK_ONCE_TARGETS_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/err.h"

struct config;

/*
 * Of the N NAMES, those that C does not name may be targets of its fleet: they
 * are read from ZooKeeper, and become instances of C.  Nothing is read where C
 * names all, or has no fleet.  -1 and E when ZooKeeper cannot be read.
 * *CLEAN is false when a thread had to be left behind.
 */
int once_add_targets(struct config *c, const char *const *names, size_t n,
                     bool *clean, struct err *e) MUST_USE;

#endif
