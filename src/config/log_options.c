#include <string.h>

#include "agent/log_options.h"

struct log_options agent_log_options(const struct config *c, bool background)
{
    bool gone = background && strcmp(c->agent.log, "stderr") == 0;
    return (struct log_options){
        .target = gone ? "syslog" : c->agent.log,
        .level = c->agent.log_level,
        .form = c->agent.log_format,
    };
}
