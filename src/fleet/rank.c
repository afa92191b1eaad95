#include <string.h>

#include "agent/hash.h"

#include "agent/rank.h"

/* MurmurHash3's finaliser (Appleby): one bit in changes half of those out,
 * which FNV-1a alone does not do to the high ones of a short text. */
static uint64_t mix64(uint64_t h)
{
    h = (h ^ (h >> 33)) * UINT64_C(0xff51afd7ed558ccd);
    h = (h ^ (h >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
    return h ^ (h >> 33);
}

uint64_t rank_hash(const char *text)
{
    return hash64(HASH64_START, text, strlen(text));
}

uint64_t rank_score(uint64_t name_hash, uint64_t id_hash)
{
    return mix64(name_hash ^ mix64(id_hash));
}

void rank_init(struct rank *r, const char *name)
{
    *r = (struct rank){ .name_hash = rank_hash(name) };
}

/* Whether A with SCORE comes before B. */
static bool before(uint64_t score_a, const struct rank_member *a,
                   uint64_t score_b, const struct rank_member *b)
{
    return score_a != score_b ? score_a > score_b : strcmp(a->id, b->id) < 0;
}

bool rank_came(struct rank *r, const struct rank_member *m)
{
    uint64_t score = rank_score(r->name_hash, m->hash);

    if (r->first != NULL && !before(score, m, r->score, r->first))
        return false;
    r->first = m;
    r->score = score;
    return true;
}

void rank_anew(struct rank *r, const struct rank_member *const *members,
               size_t n)
{
    r->first = NULL;
    for (size_t i = 0; i < n; i++)
        (void)rank_came(r, members[i]);
}

size_t rank_of(const struct rank *r, const struct rank_member *const *members,
               size_t n, const struct rank_member *m)
{
    uint64_t score = rank_score(r->name_hash, m->hash);
    size_t place = 0;

    for (size_t i = 0; i < n; i++)
        place += before(rank_score(r->name_hash, members[i]->hash), members[i],
                        score, m);
    return place;
}
