#ifndef PUBLISH_TABLE_H
#define PUBLISH_TABLE_H

#include "agent/publisher.h"

#include <stddef.h>

struct slot;

/* All slots, by their index.  Written by table.c alone. */
struct table {
    struct slot **slots; /* owned; NULL where free */
    size_t size;         /* of them, indices in use so far */
    size_t room;
    size_t nfree; /* free ones below SIZE */
};

/* Takes S, at the index that it gets.  -1 on lack of memory. */
int table_add(struct table *t, struct slot *s) MUST_USE;

/* Forgets S, which is the caller's again. */
void table_remove(struct table *t, struct slot *s);

/* How many slots there are. */
size_t table_count(const struct table *t);

/* The slot of KIND that the caller keeps and whose path is NAME from its byte
 * ABOVE on; NULL: none. */
struct slot *table_find(const struct table *t, enum slot_kind kind,
                        size_t above, const char *name);

/* Frees all slots. */
void table_clear(struct table *t);

/* Every slot S of T; a slot may be removed inside. */
#define TABLE_EACH(s, t)                      \
    for (size_t i_ = 0; i_ < (t)->size; i_++) \
        if (((s) = (t)->slots[i_]) == NULL) { \
        } else

#endif
