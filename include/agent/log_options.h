#ifndef AGENT_LOG_OPTIONS_H
#define AGENT_LOG_OPTIONS_H

#include <stdbool.h>

#include "agent/config.h"
#include "agent/log.h"

/*
 * The config's words in the log's terms; the two rooms do not know each
 * other.  In the background stderr is gone, and what would go there goes to
 * syslog.  The target is borrowed from C.
 */
struct log_options agent_log_options(const struct config *c, bool background);

#endif
