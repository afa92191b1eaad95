#ifndef AGENT_ROSTER_H
#define AGENT_ROSTER_H

#include "agent/err.h"
#include "agent/member.h"
#include "agent/rank.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The members of a fleet: as ZooKeeper lists them, and as they were acted upon
 * last, which may be a moment older (hold.h).  One of them may be ourselves,
 * who count or not by what we mean to be, not by what is listed.  Pure, but
 * for its memory.
 */
struct roster;

struct roster_member {
    struct rank_member rank; /* rank.id is its id; owned */
    struct member says;      /* "" where its node could not be read */
    bool listed;
    bool acted; /* upon; the ranks know it */
    bool came;  /* … since the last time */
    bool me;
};

/* ME is our id.  NULL and E on lack of memory. */
struct roster *roster_new(const char *me, struct err *e) MUST_USE;
/* NULL is a no-op. */
void roster_free(struct roster *r);

/* ID is listed, and its node says so (NULL: what cannot be read).  -1 and E on
 * lack of memory. */
int roster_is(struct roster *r, const char *id, const struct member *says,
              struct err *e) MUST_USE;
/* ID is not listed any more. */
void roster_gone(struct roster *r, const char *id);

/* How the list differs from what was acted upon. */
struct roster_differs {
    size_t acted;
    size_t missing;
    size_t fresh;
};
struct roster_differs roster_differs(const struct roster *r, bool count_me);

/* The list counts now, and we with it if COUNT_ME.  What went stays to be
 * looked at until roster_ranked. */
struct roster_differs roster_act(struct roster *r, bool count_me);

/* RANK follows what was acted upon; true when another is first now. */
bool roster_rank(const struct roster *r, struct rank *rank);
/* All ranks follow: forgets who went. */
void roster_ranked(struct roster *r);

/* Those acted upon, by id.  Until the next act. */
const struct rank_member *const *roster_acted(const struct roster *r,
                                              size_t *n);

/* All that are known, by id. */
size_t roster_size(const struct roster *r);
const struct roster_member *roster_at(const struct roster *r, size_t at);
const struct roster_member *roster_me(const struct roster *r);

#endif
