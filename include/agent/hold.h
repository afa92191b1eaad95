#ifndef AGENT_HOLD_H
#define AGENT_HOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * When a change of the members is acted upon.  One that dies is replaced after
 * a second, in which further changes are gathered.  When more than half are
 * gone within a session timeout it is rather ZooKeeper or the network that was
 * away, and they come back: so nobody takes anything over for one more
 * session timeout.  And who begins looks for a while who else does, as the
 * first one back must not find itself the owner of everything.  Pure.
 */
#define HOLD_GATHER_MS 1000
#define HOLD_FIRST_MS  3000

struct hold {
    unsigned session_ms;
    bool begun;               /* some members were acted upon */
    bool changed;             /* … and there are others by now */
    uint64_t changed_mono_ms; /* the first change that was not acted upon */
    uint64_t last_mono_ms;    /* the last change */
    /* What went within a session timeout before, and was acted upon. */
    size_t lost;
    uint64_t lost_mono_ms;
    bool mass; /* more than half are gone */
};

void hold_init(struct hold *h, unsigned session_ms);

/*
 * The list of members is another: of ACTED, those that were acted upon last,
 * MISSING are not in it.  SAME: it equals them again.
 */
void hold_changed(struct hold *h, size_t acted, size_t missing, bool same,
                  uint64_t now_mono_ms);

/* When the list is to be acted upon, monotonic; UINT64_MAX: nothing waits. */
uint64_t hold_due(const struct hold *h);

/* It was acted upon, and WENT members with it. */
void hold_acted(struct hold *h, size_t went, uint64_t now_mono_ms);

#endif
