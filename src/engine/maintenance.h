#ifndef ENGINE_MAINTENANCE_H
#define ENGINE_MAINTENANCE_H

#include "agent/err.h"
#include "agent/follow.h"
#include "agent/maintenance.h"
#include "agent/rounds.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Maintenance that people set in ZooKeeper: the entries of two scopes are
 * mirrored, and each instance points to the one that covers it now.  What is
 * covered is treated like what is paused: it is probed and shown, its alive
 * node goes.  Ends are judged by the ensemble's clock.
 *
 * maintenance.c keeps the mirror, maintenance_act.c draws the consequences: so
 * entries appear, end and are deleted there.  Thread: loop, all of it.
 */
struct config;
struct instance;
struct rounds;

enum maintenance_of { MAINTENANCE_OWN, MAINTENANCE_FLEET };
#define MAINTENANCE_SCOPES 2

/* One node below the scope's, as it was read last (maintenance.c). */
struct maintenance_node {
    struct maintenance_entry entry; /* its key alone, unless it is good */
    uint32_t serial;                /* which tells it from all others */
    int32_t version;
    bool good; /* it says what an entry says */
    /* maintenance_act.c: */
    bool acted_upon;
    bool said;               /* in our log, that it is in force … */
    bool over_said;          /* … and that it is over */
    bool ordered;            /* to be deleted, and not answered yet */
    bool denied;             /* that was refused, and said */
    uint64_t delete_mono_ms; /* it is not ordered (again) before */
};

struct maintenance_scope {
    const char *name; /* borrowed: @ID without the @, or the fleet's */
    size_t follow;    /* SIZE_MAX: it is not followed */
    bool read;        /* the picture is known, or is not to be had */
    struct maintenance_node *nodes; /* owned */
    size_t n;
    size_t size;
    /* What is in force, which instances point to (maintenance_act.c). */
    struct maintenance_entry *acting; /* owned */
    size_t nacting;
};

struct maintenance {
    struct maintenance_scope scopes[MAINTENANCE_SCOPES];
    uint32_t serial;
    bool stale;     /* to be acted upon */
    bool held;      /* what is said of instances waits for a first picture */
    unsigned waits; /* rounds that began before the first picture was there */
    /* maintenance_act.c: */
    int64_t beyond_mono_ms; /* the ensemble's clock minus the monotonic one,
                               when it was acted upon */
    bool clock_known;       /* … and that was known then */
    int64_t next_wall_ms;   /* something is due then; INT64_MAX: nothing is */
    size_t orders;          /* without an answer */
};

/* -1 and E on lack of memory; no-op without ZooKeeper. */
int maintenance_start(struct rounds *r, const struct config *c,
                      struct err *e) MUST_USE;
/* After the pool was stopped. */
void maintenance_free(struct maintenance *m);

/* Something that was followed changed; false: it is another's. */
bool maintenance_took(struct rounds *r, const struct follow_event *e);

/* A round begins: nobody waits for ever for the first picture. */
void maintenance_round(struct rounds *r);

/* Points I to the entry that covers it now. */
void maintenance_point(const struct rounds *r, struct instance *i);

/* What is said of I waits for the first picture of its scope: it is said as
 * soon as that is there. */
bool maintenance_holds(struct rounds *r, struct instance *i);
bool maintenance_awaited(const struct rounds *r, const struct instance *i);

/* EVENT, of N, with how many instances of ours it covers. */
void maintenance_say(const struct rounds *r, enum maintenance_of scope,
                     const struct maintenance_node *n, const char *event);

/* I is one of SCOPE. */
bool maintenance_concerns(enum maintenance_of scope, const struct instance *i);

/* Does what is due; returns when it wants to be called next, monotonic
 * (maintenance_act.c). */
uint64_t maintenance_look(struct rounds *r, uint64_t now_mono_ms);

/* An entry of the fleet drains this agent; and whether that is known. */
bool maintenance_drains(const struct rounds *r);
bool maintenance_known(const struct rounds *r, enum maintenance_of scope);

/* As below <root>/maintenance: "@web-1", or the fleet's name; into OUT of
 * MAINTENANCE_SCOPE_SIZE, which is returned. */
#define MAINTENANCE_SCOPE_SIZE ROUNDS_SCOPE_SIZE
const char *maintenance_scope_name(const struct maintenance *m,
                                   enum maintenance_of scope, char *out);

#endif
