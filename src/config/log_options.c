/*
 * From config to log.
 */
#include <string.h>

#include "agent/log_options.h"

struct log_options agent_log_options(const struct config *c, bool background)
{
    static const enum log_level LEVELS[] = {
        [CONFIG_ERROR] = LOG_LEVEL_ERROR,
        [CONFIG_WARN] = LOG_LEVEL_WARN,
        [CONFIG_INFO] = LOG_LEVEL_INFO,
        [CONFIG_DEBUG] = LOG_LEVEL_DEBUG,
    };
    bool gone = background && strcmp(c->agent.log, "stderr") == 0;
    return (struct log_options){
        .target = gone ? "syslog" : c->agent.log,
        .level = LEVELS[c->agent.log_level],
        .form = c->agent.log_format == CONFIG_JSON ? LOG_FORM_JSON
                                                   : LOG_FORM_LOGFMT,
    };
}
