#ifndef AGENT_FLEET_H
#define AGENT_FLEET_H

#include "agent/member.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What others may see of the agent's part in its fleet.  Borrowed texts live
 * until the loop goes on.  Thread: loop, all of it.
 */
struct instance;
struct rounds;

struct fleet_info {
    const char *name; /* borrowed */
    const char *zone; /* borrowed; "": none */
    uint32_t basis;
    bool member;           /* this agent is one */
    const char *why;       /* it is none: "ready" (not yet), "doubt", … */
    int64_t since_wall_ms; /* it has been one since; 0: it is none */
    size_t members;        /* as acted upon */
    size_t targets;
    size_t observing;
    size_t speaking;     /* their documents are ours */
    size_t pending;      /* of those observed: no verdict yet */
    size_t leaving;      /* … another member is to take them */
    uint64_t moves_came; /* targets that moved, by a member that came */
    uint64_t moves_went;
    uint64_t moves_targets;
    bool held_members; /* more than half are gone: nothing is taken over yet */
    bool held_targets; /* too many targets are gone at once */
    bool withheld;     /* no heartbeat yet: the fleet could not be read */
};

/* False: there is no fleet. */
bool rounds_fleet(const struct rounds *r, struct fleet_info *out);

/* The members that are known, by id; false: there is no such one. */
struct fleet_member_info {
    const char *id;            /* borrowed */
    const struct member *says; /* borrowed */
    bool listed;               /* in ZooKeeper */
    bool acted;                /* upon: it has a share */
    bool me;
};
bool rounds_fleet_member(const struct rounds *r, size_t at,
                         struct fleet_member_info *out);
/* How many targets each of them is first for, in the same order; N of them. */
void rounds_fleet_shares(const struct rounds *r, size_t *shares, size_t n);

/* The chunks; false: there is no such one. */
bool rounds_fleet_chunk(const struct rounds *r, size_t at, const char **name,
                        int32_t *version);

/* The targets with faults; NULL: there is no such one.  AT goes on from 0. */
const char *rounds_fleet_fault(const struct rounds *r, size_t *at);

/* Of a target: who is first for it, and our rank. */
const char *rounds_fleet_first(const struct rounds *r, const struct instance *i,
                               size_t *rank);

#endif
