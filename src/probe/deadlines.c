/*
 * A wheel of milliseconds under one timer.  Nearly every deadline is cleared
 * long before it is due, so to set and to clear must cost next to nothing
 * however many there are; a heap's logarithm of cold memory was a tenth of
 * what a probe cost.  A deadline further away than the wheel goes round lies
 * in its slot all the same, and is passed over until it is due.
 *
 * The timer stands still when nothing is set.  As long as something is, it may
 * fire for a deadline that was cleared meanwhile, and finds nothing then.
 */
#include <assert.h>
#include <stdbool.h>

#include "agent/clock.h"

#include "deadlines.h"

static size_t slot_of(uint64_t ms)
{
    return ms % DEADLINES_SLOTS;
}

static void on_timer(uv_timer_t *timer);

static void wake_at(struct deadlines *d, uint64_t now_ms, uint64_t ms)
{
    d->wake_ms = ms;
    /* The loop's idea of now is as old as this turn of it. */
    uv_update_time(d->timer.loop);
    uv_timer_start(&d->timer, on_timer, ms - now_ms, 0);
}

/* The first millisecond after MS whose slot is not empty; one is not. */
static uint64_t next_used(const struct deadlines *d, uint64_t ms)
{
    for (;;) {
        size_t slot = slot_of(++ms);
        uint64_t rest = d->used[slot / 64] >> slot % 64;

        if (rest != 0)
            return ms + (unsigned)__builtin_ctzll(rest);
        ms += 63 - slot % 64;
    }
}

/* Moves what is due in the slot of MS. */
static void gather(struct deadlines *d, uint64_t ms, uint64_t now_ms)
{
    struct deadline_list *slot = &d->slots[slot_of(ms)];
    struct deadline *e, *next;

    for (e = LIST_FIRST(slot); e != NULL; e = next) {
        next = LIST_NEXT(e, at);
        if (e->due_ms > now_ms)
            continue;
        LIST_REMOVE(e, at);
        LIST_INSERT_HEAD(&d->due, e, at);
    }
    if (LIST_EMPTY(slot))
        d->used[slot_of(ms) / 64] &= ~(UINT64_C(1) << slot_of(ms) % 64);
}

static void gather_all(struct deadlines *d, uint64_t now_ms)
{
    uint64_t ms = d->seen_ms;

    if (now_ms - ms > DEADLINES_SLOTS)
        ms = now_ms - DEADLINES_SLOTS;
    while (ms < now_ms)
        gather(d, ++ms, now_ms);
    d->seen_ms = now_ms;
}

static void on_timer(uv_timer_t *timer)
{
    struct deadlines *d = timer->data;
    uint64_t now_ms = clock_mono_ms();
    struct deadline *e;

    d->wake_ms = UINT64_MAX;
    gather_all(d, now_ms);
    while ((e = LIST_FIRST(&d->due)) != NULL) {
        deadline_clear(d, e);
        e->expired(e);
    }
    if (d->count == 0)
        return;
    now_ms = next_used(d, d->seen_ms);
    if (now_ms < d->wake_ms)
        wake_at(d, d->seen_ms, now_ms);
}

void deadlines_open(struct deadlines *d, uv_loop_t *loop)
{
    *d = (struct deadlines){ .wake_ms = UINT64_MAX };
    uv_timer_init(loop, &d->timer);
    d->timer.data = d;
}

void deadlines_close(struct deadlines *d)
{
    assert(d->count == 0);
    uv_close((uv_handle_t *)&d->timer, NULL);
}

void deadline_set(struct deadlines *d, struct deadline *e, uint64_t now_ms,
                  uint64_t ms)
{
    size_t slot;

    assert(ms > 0);
    deadline_clear(d, e);
    if (d->count++ == 0)
        d->seen_ms = now_ms;
    e->due_ms = now_ms + ms;
    slot = slot_of(e->due_ms);
    LIST_INSERT_HEAD(&d->slots[slot], e, at);
    d->used[slot / 64] |= UINT64_C(1) << slot % 64;
    if (e->due_ms < d->wake_ms)
        wake_at(d, now_ms, e->due_ms);
}

void deadline_clear(struct deadlines *d, struct deadline *e)
{
    size_t slot = slot_of(e->due_ms);

    if (e->due_ms == 0)
        return;
    LIST_REMOVE(e, at);
    e->due_ms = 0;
    if (LIST_EMPTY(&d->slots[slot]))
        d->used[slot / 64] &= ~(UINT64_C(1) << slot % 64);
    if (--d->count > 0)
        return;
    d->wake_ms = UINT64_MAX;
    uv_timer_stop(&d->timer);
}
