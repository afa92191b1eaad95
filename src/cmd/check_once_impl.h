#ifndef SRC_CHECK_ONCE_IMPL_H
#define SRC_CHECK_ONCE_IMPL_H

/*
 * What check_once.c (probes, verdicts, the table) and check_once_publish.c
 * share.  Thread: loop.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "agent/run.h"
#include "agent/pool.h"
#include "agent/loop.h"

/* One chosen instance. */
struct check {
    struct instance *instance;
    unsigned attempts;
    uint64_t retry_mono_ms; /* 0: none is due */
    bool done;
};

struct once {
    const struct agent_once_options *options;
    struct config *config;
    struct pool *pool;
    struct check *checks;
    size_t nchecks;
    size_t ndone;
    size_t nfound;
    uint64_t publish_until_mono_ms; /* 0: still probing */
    bool heartbeat_found;
    bool posted;
    bool publish; /* still meant to */
    bool over;
    char publishing[256];
    bool publish_failed;
    bool left_to_agent;
    struct loop loop;
    uv_timer_t timer;
};

/* For people: how publishing went. */
void once_say(struct once *o, const char *text);

/* See struct pool_hooks. */
void once_found(void *arg, struct instance *i, const struct publisher_event *e);

/* One step on the way to `over`, once everything is settled. */
void once_publish_step(struct once *o, uint64_t now);

#endif
