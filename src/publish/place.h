#ifndef PUBLISH_PLACE_H
#define PUBLISH_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct slot;

/*
 * Part of a slot: what it waits for.  A slot is in one place at a time, and
 * has one request under way at most.  Written by place.c alone.
 */
enum place {
    PLACE_IDLE,    /* nothing to do, until a post or a new session */
    PLACE_QUEUE,   /* wants to be looked at: first in, first out */
    PLACE_FLIGHT,  /* a request is under way */
    PLACE_DELAYED, /* again at retry_mono_ms */
    PLACE_PARENTS, /* until the nodes above it are made */
    PLACE_REFRESH, /* to be read again when nothing else is to do */
};

struct wait {
    enum place place;
    bool reread;    /* to be read although it is known */
    bool rereading; /* … and that request is under way */
    uint64_t retry_mono_ms;
    TAILQ_ENTRY(slot) at;
};

TAILQ_HEAD(slot_list, slot);

/* Where the slots are. */
struct places {
    struct slot_list queue;
    struct slot_list delayed;
    struct slot_list parents;
    struct slot_list refresh;
    size_t in_flight;
    size_t rereading;         /* of those, what nobody waits for */
    uint64_t delayed_mono_ms; /* the first of the delayed is due */
};

void places_init(struct places *p);

/* Moves S to PLACE, behind all that are there. */
void place_move(struct places *p, struct slot *s, enum place place);

/* To the queue, before all that are there. */
void place_first(struct places *p, struct slot *s);

/* Until then it is left alone. */
void place_delay(struct places *p, struct slot *s, uint64_t retry_mono_ms);

/* The next time that the slot is looked at, it is (not) to be read again. */
void place_reread(struct slot *s, bool reread);

/* A request goes out; REREADING: a reading of a node that is known. */
void place_send(struct places *p, struct slot *s, bool rereading);

/* The next slot to look at, what nobody waits for last, and only if REFRESH.
 * NULL: none. */
struct slot *places_next(const struct places *p, bool refresh);

/* A delayed slot that is due now; NULL: none (any more). */
struct slot *places_due(struct places *p, uint64_t now_mono_ms);

#endif
