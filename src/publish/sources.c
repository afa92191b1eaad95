/*
 * The functions here only fit the sources to one shape; what each of them asks
 * is its own file's.
 */
#include "book.h"
#include "follow.h"
#include "orders.h"
#include "reply.h"
#include "requests.h"
#include "sources.h"

/* A token is the source's place in the table, and below it what the source
 * itself tells its requests apart by. */
#define SOURCE_SHIFT 56
#define INDEX_MASK   ((UINT64_C(1) << SOURCE_SHIFT) - 1)

static bool parents_are_next(struct book *b, uint64_t now,
                             struct store_request *r)
{
    return parents_next(&b->parents, now, r);
}

static void parents_are_unsent(struct book *b, const struct store_request *r)
{
    (void)r;
    parents_unsent(&b->parents);
}

static void parents_are_answered(struct book *b, const struct store_reply *r,
                                 uint64_t now)
{
    if (parents_reply(&b->parents, r, now))
        book_parents_made(b);
}

static uint64_t parents_are_due(const struct book *b)
{
    return parents_due(&b->parents);
}

static bool rivals_are_next(struct book *b, uint64_t now,
                            struct store_request *r)
{
    return rivals_next(&b->owners.rivals, now, r);
}

static void rivals_are_unsent(struct book *b, const struct store_request *r)
{
    rivals_unsent(&b->owners.rivals, r->token);
}

static void rivals_are_answered(struct book *b, const struct store_reply *r,
                                uint64_t now)
{
    struct rival *rival = rivals_reply(&b->owners.rivals, r, now);

    book_rival_known(b, rival);
    rivals_answered(&b->owners.rivals, rival);
}

static uint64_t rivals_are_due(const struct book *b)
{
    return rivals_due(&b->owners.rivals);
}

static void owned_is_unsent(struct book *b, const struct store_request *r)
{
    (void)r;
    owned_unsent(b);
}

static void slots_are_answered(struct book *b, const struct store_reply *r,
                               uint64_t now)
{
    reply_take(b, b->table.slots[r->token], r, now);
}

static void orphans_are_unsent(struct book *b, const struct store_request *r)
{
    (void)r;
    orphans_unsent(b);
}

static const struct {
    bool (*next)(struct book *, uint64_t now, struct store_request *);
    void (*unsent)(struct book *, const struct store_request *);
    void (*reply)(struct book *, const struct store_reply *, uint64_t now);
    uint64_t (*due)(const struct book *);
} SOURCES[] = {
    { parents_are_next, parents_are_unsent, parents_are_answered,
      parents_are_due },
    { rivals_are_next, rivals_are_unsent, rivals_are_answered, rivals_are_due },
    /* A name is in the list before its document is written. */
    { owned_next, owned_is_unsent, owned_reply, owned_due },
    { requests_next, requests_unsent, slots_are_answered, requests_due },
    { orders_next, orders_unsent, orders_reply, orders_due },
    { follow_next, follow_unsent, follow_reply, follow_due },
    { orphans_next, orphans_are_unsent, orphans_reply, orphans_due },
};
#define NSOURCES (sizeof SOURCES / sizeof *SOURCES)

bool sources_next(struct book *b, uint64_t now_mono_ms, struct store_request *r)
{
    for (size_t i = 0; i < NSOURCES; i++) {
        if (!SOURCES[i].next(b, now_mono_ms, r))
            continue;
        r->token |= (uint64_t)i << SOURCE_SHIFT;
        return true;
    }
    return false;
}

void sources_unsent(struct book *b, const struct store_request *r)
{
    struct store_request own = *r;

    own.token = r->token & INDEX_MASK;
    SOURCES[r->token >> SOURCE_SHIFT].unsent(b, &own);
}

void sources_reply(struct book *b, const struct store_reply *r,
                   uint64_t now_mono_ms)
{
    struct store_reply own = *r;

    own.token = r->token & INDEX_MASK;
    SOURCES[r->token >> SOURCE_SHIFT].reply(b, &own, now_mono_ms);
}

uint64_t sources_due(const struct book *b, uint64_t after_mono_ms)
{
    uint64_t first = UINT64_MAX;

    for (size_t i = 0; i < NSOURCES; i++) {
        uint64_t due = SOURCES[i].due(b);

        if (due > after_mono_ms && due < first)
            first = due;
    }
    return first;
}
