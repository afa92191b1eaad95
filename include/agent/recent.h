#ifndef AGENT_RECENT_H
#define AGENT_RECENT_H

#include "agent/probe.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The last results of one instance, so that a person can follow what a
 * verdict was made of.  Pure, but for the words (words.h).  Thread: loop.
 */
#define RECENT_MAX 32u

struct recent_result {
    int64_t ended_wall_ms;
    const char *detail; /* words.h; a reference of its own */
    uint32_t round;     /* modulo 2^32 */
    uint32_t lookup_us; /* of each phase; 0: not passed through */
    uint32_t connect_us;
    uint32_t auth_us;
    uint32_t reply_us;
    uint8_t reason;    /* enum reason; what was judged, lag included */
    bool answered : 1; /* rtt is known: auth_us + reply_us */
    bool voided : 1;   /* says nothing, as the agent was stalled */
    bool info : 1;     /* INFO was asked too, and answered */
};

struct recent {
    struct recent_result ring[RECENT_MAX];
    uint8_t next;
    uint8_t count;
};

/* R stood for REASON, or was void. */
void recent_add(struct recent *recent, const struct result *r,
                enum reason reason, bool voided);

/* The newest is number 0; NULL when there are not so many. */
const struct recent_result *recent_at(const struct recent *recent, size_t i);

/* Microseconds from the first byte sent to the last reply; -1: none. */
int64_t recent_rtt_us(const struct recent_result *r);

/* Forgets all. */
void recent_clear(struct recent *recent);

#endif
