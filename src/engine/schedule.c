/*
 * A binary min-heap of indices, plus the place of each index in it, so that
 * moving or removing one costs a logarithm and no search.  Equal due times
 * come out in the order of the indices, which keeps runs repeatable.
 */
#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

#include "schedule.h"

#define NOWHERE SIZE_MAX

struct slot {
    uint64_t due_ms;
    size_t place; /* in heap, or NOWHERE */
};

struct schedule {
    size_t capacity;
    size_t count;
    struct slot *slots; /* by index */
    size_t *heap;       /* indices; the parent of place n is (n - 1) / 2 */
};

static bool before(const struct schedule *s, size_t a, size_t b)
{
    if (s->slots[a].due_ms != s->slots[b].due_ms)
        return s->slots[a].due_ms < s->slots[b].due_ms;
    return a < b;
}

static void put(struct schedule *s, size_t place, size_t index)
{
    s->heap[place] = index;
    s->slots[index].place = place;
}

/* Finds the right place for INDEX, starting at PLACE, whose own content has
 * been taken care of; whatever is in the way moves. */
static void settle(struct schedule *s, size_t place, size_t index)
{
    while (place > 0 && before(s, index, s->heap[(place - 1) / 2])) {
        put(s, place, s->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    for (;;) {
        size_t child = 2 * place + 1;
        if (child >= s->count)
            break;
        if (child + 1 < s->count &&
            before(s, s->heap[child + 1], s->heap[child]))
            child++;
        if (!before(s, s->heap[child], index))
            break;
        put(s, place, s->heap[child]);
        place = child;
    }
    put(s, place, index);
}

struct schedule *schedule_new(size_t capacity, struct err *e)
{
    struct schedule *s = calloc(1, sizeof *s);
    if (s == NULL)
        goto no_schedule;
    s->capacity = capacity;
    /* calloc(0) may return NULL, which would look like a failure. */
    size_t n = capacity > 0 ? capacity : 1;
    s->slots = calloc(n, sizeof *s->slots);
    if (s->slots == NULL)
        goto no_slots;
    s->heap = calloc(n, sizeof *s->heap);
    if (s->heap == NULL)
        goto no_heap;
    for (size_t i = 0; i < capacity; i++)
        s->slots[i].place = NOWHERE;
    return s;

no_heap:
    free(s->slots);
no_slots:
    free(s);
no_schedule:
    err_set(e, "out of memory for a schedule of %zu instances", capacity);
    return NULL;
}

void schedule_free(struct schedule *s)
{
    if (s == NULL)
        return;
    free(s->heap);
    free(s->slots);
    free(s);
}

void schedule_set(struct schedule *s, size_t index, uint64_t due_ms)
{
    assert(index < s->capacity);
    struct slot *slot = &s->slots[index];
    if (slot->place != NOWHERE && slot->due_ms == due_ms)
        return;
    slot->due_ms = due_ms;
    settle(s, slot->place == NOWHERE ? s->count++ : slot->place, index);
}

void schedule_remove(struct schedule *s, size_t index)
{
    assert(index < s->capacity);
    size_t place = s->slots[index].place;
    if (place == NOWHERE)
        return;
    s->slots[index].place = NOWHERE;
    s->count--;
    if (place < s->count)
        settle(s, place, s->heap[s->count]);
}

uint64_t schedule_next_ms(const struct schedule *s)
{
    return s->count > 0 ? s->slots[s->heap[0]].due_ms : UINT64_MAX;
}

size_t schedule_due(const struct schedule *s, uint64_t now_ms)
{
    return schedule_next_ms(s) <= now_ms && s->count > 0 ? s->heap[0]
                                                         : SIZE_MAX;
}
