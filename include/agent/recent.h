#ifndef AGENT_RECENT_H
#define AGENT_RECENT_H

#include "agent/probe.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The last results of one instance, so that a person can follow what a
 * verdict was made of.  Pure, but for the words (string_pool.h) and for the
 * memory of what is out of the ordinary.  Thread: loop.
 */
#define RECENT_MAX 32u

/* A result as it is kept.  12 bytes, since every instance has 32 of them. */
#define RECENT_LATER (1 << 27)
struct recent_entry {
    uint32_t later_ms : 28; /* than the one before, and RECENT_LATER more; as
                               far as that goes, longer than any interval */
    uint32_t answered : 1;
    uint32_t voided : 1;
    uint32_t info : 1;
    uint32_t by_new : 1;    /* answered on a new connection */
    uint32_t reply_us : 30; /* longer than any timeout */
    uint32_t round : 21;    /* its lowest bits */
    uint32_t reason : 5;    /* enum reason; what was judged, lag included */
    uint32_t extra : 6;     /* 1 + its index; 0: there is nothing else to say */
};
_Static_assert(sizeof(struct recent_entry) == 12, "every instance has 32");
_Static_assert(REASON_COUNT <= 1 << 5, "a reason has 5 bits");

/* Of a result that was no plain one on a connection that stood already. */
struct recent_extra {
    const char *detail; /* string_pool.h; NULL: free */
    uint32_t lookup_us;
    uint32_t connect_us;
    uint32_t tls_us;
    uint32_t auth_us;
};

/* All zero: no result yet. */
struct recent {
    int64_t newest_wall_ms;
    uint32_t newest_round;       /* modulo 2^32 */
    struct recent_extra *extras; /* owned; NULL: none */
    uint8_t nextras;
    uint8_t next;
    uint8_t count;
    struct recent_entry ring[RECENT_MAX];
};

/* R stood for REASON, with DETAIL in words, or was void.  On lack of memory
 * the words and all phases but the reply are not kept. */
void recent_add(struct recent *recent, const struct result *r,
                enum reason reason, const char *detail, bool voided);

/* Microseconds from the first byte sent to the last reply; -1: none, or there
 * is no result number I.  The newest is number 0. */
int64_t recent_rtt_us(const struct recent *recent, size_t i);

struct recent_result {
    int64_t ended_wall_ms;
    uint32_t round; /* modulo 2^32 */
    enum reason reason;
    const char *detail; /* borrowed, until the next recent_add */
    uint32_t lookup_us; /* of each phase; 0: not passed through */
    uint32_t connect_us;
    uint32_t tls_us;
    uint32_t auth_us;
    uint32_t reply_us;
    int64_t rtt_us; /* -1: none */
    bool voided;    /* says nothing, as the agent was stalled */
    bool info;      /* INFO was asked too, and answered */
    bool by_new;    /* answered on a connection made for it */
};

/* From the newest to the oldest: start with { recent }. */
struct recent_walk {
    const struct recent *recent;
    size_t i;
    int64_t earlier_ms;      /* than the newest */
    uint32_t earlier_rounds; /* the same */
};

/* False at the end. */
bool recent_next(struct recent_walk *w, struct recent_result *out);

/* Forgets all. */
void recent_clear(struct recent *recent);

#endif
