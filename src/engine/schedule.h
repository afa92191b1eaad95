#ifndef ENGINE_SCHEDULE_H
#define ENGINE_SCHEDULE_H

#include "agent/err.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Which instance is due next: a binary min-heap of indices by due time.  Pure;
 * holds indices 0..capacity-1, each at most once.
 */
struct schedule;

/* NULL and E on lack of memory.  schedule_free(NULL) is a no-op. */
struct schedule *schedule_new(size_t capacity, struct err *e) MUST_USE;
void schedule_free(struct schedule *s);

/* Inserts INDEX, or moves it if it is there already.  Cannot fail. */
void schedule_set(struct schedule *s, size_t index, uint64_t due_ms);

/* Takes INDEX out; no-op if it is not in. */
void schedule_remove(struct schedule *s, size_t index);

/* The earliest due time, or UINT64_MAX when empty. */
uint64_t schedule_next_ms(const struct schedule *s);

/* The earliest index that is due at NOW_MS or before; SIZE_MAX when none is.
 * It stays in: to set it anew costs half of what it costs to take it out and
 * to put it back. */
size_t schedule_due(const struct schedule *s, uint64_t now_ms);

#endif
