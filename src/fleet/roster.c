/*
 * A member keeps its place in memory for as long as a rank may point to it:
 * from when it is listed until it is neither listed nor acted upon, and the
 * ranks were told.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/roster.h"

struct roster {
    struct roster_member **members; /* by id; owned, and what they point to */
    const struct rank_member **acted;
    size_t n;
    size_t nacted;
    size_t size; /* of both arrays */
    struct roster_member *me;
};

static void free_member(struct roster_member *m)
{
    if (m != NULL)
        free((char *)m->rank.id);
    free(m);
}

void roster_free(struct roster *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->n; i++)
        free_member(r->members[i]);
    free(r->members);
    free(r->acted);
    free(r);
}

/* Where ID is, or would be. */
static size_t place_of(const struct roster *r, const char *id)
{
    size_t low = 0;
    size_t high = r->n;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(r->members[middle]->rank.id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct roster_member *find(const struct roster *r, const char *id)
{
    size_t at = place_of(r, id);

    return at < r->n && strcmp(r->members[at]->rank.id, id) == 0
               ? r->members[at]
               : NULL;
}

static int reserve(struct roster *r)
{
    if (r->n < r->size)
        return 0;
    size_t size = r->size == 0 ? 16 : 2 * r->size;
    struct roster_member **members =
        realloc(r->members, size * sizeof(*members));
    if (members == NULL)
        return -1;
    r->members = members;
    const struct rank_member **acted = realloc(r->acted, size * sizeof(*acted));
    if (acted == NULL)
        return -1;
    r->acted = acted;
    r->size = size;
    return 0;
}

static struct roster_member *add(struct roster *r, const char *id,
                                 struct err *e)
{
    size_t at = place_of(r, id);
    struct roster_member *m = calloc(1, sizeof *m);

    if (m == NULL || reserve(r) != 0 || (m->rank.id = strdup(id)) == NULL) {
        free(m);
        err_set(e, "out of memory for member %s", id);
        return NULL;
    }
    m->rank.hash = rank_hash(id);
    memmove(r->members + at + 1, r->members + at,
            (r->n - at) * sizeof(*r->members));
    r->members[at] = m;
    r->n++;
    return m;
}

struct roster *roster_new(const char *me, struct err *e)
{
    struct roster *r = calloc(1, sizeof *r);

    if (r == NULL) {
        err_set(e, "out of memory for the members");
        return NULL;
    }
    r->me = add(r, me, e);
    if (r->me == NULL) {
        roster_free(r);
        return NULL;
    }
    r->me->me = true;
    return r;
}

int roster_is(struct roster *r, const char *id, const struct member *says,
              struct err *e)
{
    struct roster_member *m = find(r, id);

    if (m == NULL)
        m = add(r, id, e);
    if (m == NULL)
        return -1;
    m->listed = true;
    m->says = says != NULL ? *says : (struct member){ 0 };
    return 0;
}

void roster_gone(struct roster *r, const char *id)
{
    struct roster_member *m = find(r, id);

    if (m != NULL)
        m->listed = false;
}

static bool counts(const struct roster_member *m, bool count_me)
{
    return m->me ? count_me : m->listed;
}

struct roster_differs roster_differs(const struct roster *r, bool count_me)
{
    struct roster_differs d = { .acted = r->nacted };

    for (size_t i = 0; i < r->n; i++) {
        const struct roster_member *m = r->members[i];
        bool now = counts(m, count_me);
        d.missing += m->acted && !now;
        d.fresh += !m->acted && now;
    }
    return d;
}

struct roster_differs roster_act(struct roster *r, bool count_me)
{
    struct roster_differs d = roster_differs(r, count_me);

    r->nacted = 0;
    for (size_t i = 0; i < r->n; i++) {
        struct roster_member *m = r->members[i];
        bool now = counts(m, count_me);
        m->came = now && !m->acted;
        m->acted = now;
        if (now)
            r->acted[r->nacted++] = &m->rank;
    }
    return d;
}

static const struct roster_member *member_of(const struct rank_member *rank)
{
    return (const struct roster_member *)rank; /* its first part */
}

bool roster_rank(const struct roster *r, struct rank *rank)
{
    const struct rank_member *before = rank->first;

    if (before == NULL || !member_of(before)->acted) {
        rank_anew(rank, r->acted, r->nacted);
        return rank->first != before;
    }
    for (size_t i = 0; i < r->nacted; i++)
        if (member_of(r->acted[i])->came)
            (void)rank_came(rank, r->acted[i]);
    return rank->first != before;
}

void roster_ranked(struct roster *r)
{
    size_t kept = 0;

    for (size_t i = 0; i < r->n; i++) {
        struct roster_member *m = r->members[i];
        m->came = false;
        if (m->listed || m->acted || m->me)
            r->members[kept++] = m;
        else
            free_member(m);
    }
    r->n = kept;
}

const struct rank_member *const *roster_acted(const struct roster *r, size_t *n)
{
    *n = r->nacted;
    return r->acted;
}

size_t roster_size(const struct roster *r)
{
    return r->n;
}

const struct roster_member *roster_at(const struct roster *r, size_t at)
{
    return r->members[at];
}

const struct roster_member *roster_me(const struct roster *r)
{
    return r->me;
}
