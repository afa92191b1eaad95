/*
 * What one look and a watch say alike.
 */
#include <stdio.h>

#include "agent/config.h"

#include "status_say.h"

void status_complain(const char *text)
{
    fprintf(stderr, "sentinel-agent: %s\n", text);
}

struct status_style status_style_of(const struct status_options *o,
                                    const struct status_terminal *t)
{
    const struct config *c = o->config;

    return (struct status_style){
        .width = t->width,
        .height = t->height,
        .colours = t->colours,
        .servers = c->zookeeper.servers_text,
        .root = c->zookeeper.root,
        .fleet = o->fleet,
        .expected_id = c->agent.id,
    };
}
