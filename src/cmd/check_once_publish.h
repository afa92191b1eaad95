#ifndef CMD_CHECK_ONCE_PUBLISH_H
#define CMD_CHECK_ONCE_PUBLISH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "check_once_maintenance.h"

/*
 * How one --check-once publishes what it has settled.  Thread: loop.
 */
struct config;
struct instance;
struct pool;
struct publisher_event;

struct once_publish {
    /* Set by the caller; borrowed. */
    const struct config *config;
    struct pool *pool; /* it holds the chosen instances only */
    bool wanted;       /* false once an agent of this id was found alive */
    struct once_maintenance maintenance;
    /* How far it is. */
    size_t found; /* instances whose nodes were looked at */
    bool heartbeat_found;
    bool posted;
    bool vouched;           /* the heartbeat, after all documents */
    uint64_t until_mono_ms; /* 0: not yet begun */
    /* What came of it. */
    char words[256]; /* for people */
    bool failed;
    bool left_to_agent; /* a running agent of this id publishes */
};

/* Says TEXT instead of what came of it: nothing is to be published. */
void once_publish_say(struct once_publish *p, const char *text);

/* Takes in what the pool's hook `found` says: I's node, or the heartbeat's
 * where I is NULL, was looked at. */
void once_publish_found(struct once_publish *p, const struct instance *i,
                        const struct publisher_event *e);

/* To be called again and again once every instance is settled, until it
 * returns true: it is over. */
bool once_publish_step(struct once_publish *p, uint64_t now_mono_ms);

#endif
