#ifndef CMD_FLEET_TREE_H
#define CMD_FLEET_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/err.h"
#include "agent/member.h"
#include "agent/rank.h"
#include "agent/targets.h"
#include "tree_session.h"

/*
 * What ZooKeeper holds of one fleet, for commands: settings, chunks, members.
 */
struct config;

struct fleet_chunk {
    char *name;  /* owned */
    char *bytes; /* owned; a NUL is behind it */
    size_t len;
    int32_t version;
};

struct fleet_tree_member {
    char *id; /* owned */
    struct rank_member rank;
    struct member says; /* "" where its node cannot be read */
};

struct fleet_tree {
    bool there;                  /* fleets/F */
    struct fleet_chunk settings; /* its name is "fleets/F" */
    struct fleet_chunk *chunks;  /* owned; by the bytes of their names */
    size_t nchunks;
    struct fleet_tree_member *members; /* owned; by id */
    size_t nmembers;
};

/* C is to be of the fleet NAME, or with NULL of the one in its [fleet] section.
 * Of another than that what may be connected to is not known.  -1 and E for
 * what is no name, and where C has no fleet or no [zookeeper]. */
int fleet_of(struct config *c, const char *name, struct err *e) MUST_USE;

/* Of the fleet that C names.  OUT is the caller's to free when TREE_DONE. */
enum tree_end fleet_tree_read(struct tree_session *t, const struct config *c,
                              struct fleet_tree *out, struct err *e) MUST_USE;
void fleet_tree_free(struct fleet_tree *f);

/* Nothing of it: its name may be a slip. */
bool fleet_tree_empty(const struct fleet_tree *f);

/* NULL: there is no such chunk. */
const struct fleet_chunk *fleet_tree_chunk(const struct fleet_tree *f,
                                           const char *name);

/* The targets of all chunks, with C's targets_allow.  -1 and E. */
int fleet_tree_targets(const struct fleet_tree *f, const struct config *c,
                       struct targets_list *out, struct err *e) MUST_USE;
/* Those of one chunk, be it in the tree or not, below F's settings.  What is
 * wrong with the settings is among its faults. */
int fleet_tree_targets_of(const struct fleet_tree *f, const struct config *c,
                          const struct fleet_chunk *chunk,
                          struct targets_list *out, struct err *e) MUST_USE;

/* The member that is first for the target NAME; "": there is none. */
const char *fleet_tree_first(const struct fleet_tree *f, const char *name);

#endif
