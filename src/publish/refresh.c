/*
 * The time since the last call buys so many slots, whatever the pace of the
 * calls: after a pause nothing is read twice, and after a long one nothing is
 * read more than once.
 */
#include "book.h"
#include "refresh.h"

/* The parts of a refresh are at least so far apart: each of them wakes three
 * threads that had gone cold. */
#define STEP_MS   2000
#define PARTS_MIN 4

void refresh_init(struct refresh *f, unsigned period_ms, uint64_t now_mono_ms)
{
    f->period_ms = period_ms;
    f->seen_mono_ms = now_mono_ms;
}

/* How many slots are due by now; sets when the next ones are. */
static size_t count_due(struct refresh *f, size_t nslots, uint64_t now)
{
    uint64_t step_ms = f->period_ms / PARTS_MIN;

    if (step_ms > STEP_MS)
        step_ms = STEP_MS;
    if (nslots > 0 && f->period_ms / nslots > step_ms)
        step_ms = f->period_ms / nslots;
    f->credit += nslots * (now - f->seen_mono_ms);
    f->seen_mono_ms = now;
    f->due_mono_ms = now + step_ms;
    size_t due = f->credit / f->period_ms;
    f->credit %= f->period_ms;
    return due < nslots ? due : nslots;
}

/* The next slot in turn; NULL: it is busy anyway. */
static struct slot *next_slot(struct refresh *f, const struct table *t)
{
    struct slot *s;

    do
        s = t->slots[f->at++ % t->size];
    while (s == NULL);
    return s->wait.place == PLACE_IDLE && s->node.known ? s : NULL;
}

void refresh_mark(struct refresh *f, struct book *b, uint64_t now_mono_ms)
{
    if (f->period_ms == 0 || b->stopping)
        return;
    if (!b->owners.lease.connected) {
        f->seen_mono_ms = now_mono_ms;
        return;
    }
    if (now_mono_ms < f->due_mono_ms)
        return;
    size_t due = count_due(f, table_count(&b->table), now_mono_ms);
    for (; due > 0; due--) {
        struct slot *s = next_slot(f, &b->table);

        if (s == NULL)
            continue;
        place_reread(s, true);
        book_move(b, s, PLACE_REFRESH);
    }
}

uint64_t refresh_due(const struct refresh *f)
{
    return f->period_ms > 0 ? f->due_mono_ms : UINT64_MAX;
}
