/*
 * An index is the slot's name for the loop, so it never changes, and a free one
 * is given out again.
 */
#include <stdlib.h>
#include <string.h>

#include "slot.h"
#include "table.h"

#define ROOM_FIRST 16

/* A free index; SIZE_MAX on lack of memory. */
static size_t take_index(struct table *t)
{
    size_t i = t->nfree > 0 ? 0 : t->size;

    while (i < t->size && t->slots[i] != NULL)
        i++;
    if (i < t->size) {
        t->nfree--;
        return i;
    }
    if (t->size == t->room) {
        size_t room = t->room == 0 ? ROOM_FIRST : t->room * 2;
        struct slot **slots = realloc(t->slots, room * sizeof(*slots));

        if (slots == NULL)
            return SIZE_MAX;
        t->slots = slots;
        t->room = room;
    }
    return t->size++;
}

int table_add(struct table *t, struct slot *s)
{
    size_t i = take_index(t);

    if (i == SIZE_MAX)
        return -1;
    s->index = i;
    t->slots[i] = s;
    return 0;
}

void table_remove(struct table *t, struct slot *s)
{
    t->slots[s->index] = NULL;
    t->nfree++;
}

size_t table_count(const struct table *t)
{
    return t->size - t->nfree;
}

struct slot *table_find(const struct table *t, enum slot_kind kind,
                        size_t above, const char *name)
{
    /* From the newest: the slots of one instance mostly follow each other. */
    for (size_t i = t->size; i-- > 0;) {
        struct slot *s = t->slots[i];

        if (s != NULL && s->kind == kind && !s->wanted.removed &&
            strcmp(s->path + above, name) == 0)
            return s;
    }
    return NULL;
}

void table_clear(struct table *t)
{
    for (size_t i = 0; i < t->size; i++)
        slot_free(t->slots[i]);
    free(t->slots);
}
