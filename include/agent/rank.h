#ifndef AGENT_RANK_H
#define AGENT_RANK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Which member of a fleet speaks for a target: the one whose score with the
 * target's name is the highest (rendezvous hashing, Thaler and Ravishankar,
 * 1998).  Every member that knows the same members comes to the same answer
 * without a word to the others; one member more or less moves the targets
 * that it gains or had, and no other.  Pure.
 */

/* Of a name or an id, for rank_score. */
uint64_t rank_hash(const char *text);

uint64_t rank_score(uint64_t name_hash, uint64_t id_hash);

/* A member as the ranks see it. */
struct rank_member {
    const char *id; /* borrowed */
    uint64_t hash;  /* of it */
};

/* Who speaks for one target. */
struct rank {
    uint64_t name_hash;
    uint64_t score;
    const struct rank_member *first; /* borrowed; NULL: nobody */
};

/* For the target with this name; nobody yet. */
void rank_init(struct rank *r, const char *name);

/* M came: true when it is the first now. */
bool rank_came(struct rank *r, const struct rank_member *m);

/* The first went, or nothing is known of it: among these N members. */
void rank_anew(struct rank *r, const struct rank_member *const *members,
               size_t n);

/* The place of M among these N members, the first's being 0; for people. */
size_t rank_of(const struct rank *r, const struct rank_member *const *members,
               size_t n, const struct rank_member *m);

#endif
