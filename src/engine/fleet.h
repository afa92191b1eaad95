#ifndef ENGINE_FLEET_H
#define ENGINE_FLEET_H

#include "rounds.h"

#include "agent/config.h"
#include "agent/follow.h"
#include "agent/hold.h"
#include "agent/member.h"
#include "agent/membership.h"
#include "agent/roster.h"
#include "agent/targets.h"
#include "fleet_target.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The share that this agent has in the targets of its fleet: what ZooKeeper
 * says of members and targets comes in, and what is to be watched by us
 * follows from it, the same at every member.  In parts; each is written by the
 * file that it names.  Thread: loop, all of it.
 */

/* What of ZooKeeper is followed (fleet.c). */
enum fleet_followed { FLEET_SETTINGS, FLEET_TARGETS, FLEET_MEMBERS };
#define FLEET_FOLLOWED 3

struct fleet_followed_one {
    size_t follow;
    bool complete; /* what we know is the whole picture */
};

/* The targets (fleet_set.c). */
struct fleet_set {
    struct targets *chunks;        /* owned */
    struct fleet_target **targets; /* by name; owned, and what they point to */
    size_t n;
    bool read;                /* once, at least */
    bool changed;             /* the chunks differ from the targets */
    uint64_t changed_mono_ms; /* since then */
    uint64_t held_mono_ms;    /* too much is gone: until then; 0: not */
    size_t held_of;           /* … of so many, when that began */
    uint32_t hash;            /* of chunks and settings */
};

/* Who shares (fleet_members.c). */
struct fleet_members {
    struct roster *roster; /* owned */
    struct hold hold;
    bool counted; /* we counted ourselves, the last time */
    bool listed;  /* others see us */
    bool overload_told;
    uint64_t sessions; /* of the publisher's store, when all was read */
};

/* Whether we are one of them (fleet_membership.c). */
struct fleet_membership {
    struct membership machine;
    struct membership_facts facts;
    size_t slot;     /* the publisher's; SIZE_MAX: none yet */
    bool posted;     /* its node was, as a member */
    bool vouched;    /* our heartbeat was posted */
    unsigned fenced; /* as the publisher said last */
    bool stopping;
    bool searched; /* what an earlier life left, and is not ours any more */
    uint64_t searched_mono_ms; /* … since then */
    int64_t since_wall_ms;     /* a member since then; 0: it is none */
    uint64_t looked_mono_ms;
    uint64_t contested_mono_ms; /* what others hold is read again */
};

/* Who holds what (fleet_shares.c). */
struct fleet_shares {
    bool stale;            /* to be looked at as a whole */
    bool news;             /* one of ours may go on */
    bool unlisted;         /* what is in our hands is not what owned/ID says */
    uint64_t look_mono_ms; /* a document is to be looked at again */
    size_t observing;
    size_t speaking;
    size_t pending;
    size_t leaving;
    uint64_t moves_came; /* so far */
    uint64_t moves_went;
    uint64_t moves_targets;
};

struct fleet {
    struct rounds *rounds;
    struct publisher *publisher; /* borrowed */
    char name[CONFIG_NAME_MAX + 1];
    char zone[64];
    struct fleet_followed_one followed[FLEET_FOLLOWED];
    struct fleet_set set;
    struct fleet_members members;
    struct fleet_membership membership;
    struct fleet_shares shares;
};

/* Sets r->fleet, where there is a [fleet].  -1 and E on lack of memory: to be
 * freed all the same. */
int fleet_start(struct rounds *r, const struct config *c,
                struct err *e) MUST_USE;
/* After the pool was stopped: its instances are gone.  NULL is a no-op. */
void fleet_free(struct fleet *f);

/* Something that was followed changed. */
void fleet_took(struct fleet *f, const struct follow_event *e);

/* One of the instances in our hands may go on. */
static inline void fleet_news(struct fleet *f)
{
    f->shares.news = true;
}

/* The agent's own instances are others. */
static inline void fleet_stale(struct fleet *f)
{
    f->shares.stale = true;
}

/* I, which the config had, is in our hands as a target from now on.  False: it
 * is none. */
bool fleet_adopt(struct fleet *f, struct instance *i);

/* NAME is a target, as far as is known. */
bool fleet_may_have(const struct fleet *f, const char *name);

/* Does what is due; returns when it wants to be called next, monotonic. */
uint64_t fleet_tick(struct fleet *f, uint64_t now_mono_ms);

/* We are about to stop, and leave; until fleet_left others take over what is in
 * our hands. */
void fleet_leave(struct fleet *f, uint64_t now_mono_ms);
bool fleet_left(const struct fleet *f);

#endif
