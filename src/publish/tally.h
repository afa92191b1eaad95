#ifndef PUBLISH_TALLY_H
#define PUBLISH_TALLY_H

#include "agent/histogram.h"
#include "agent/publisher.h"

#include <stdint.h>
#include <sys/queue.h>

struct slot;

/*
 * Part of a slot: how it counts among all.  Written by tally.c alone.
 */
struct counted {
    enum publisher_standing standing;
    uint64_t pending_mono_ms; /* since when something is to be done */
    TAILQ_ENTRY(slot) at;     /* in the order in which they became pending */
};

/* How all slots stand. */
struct tally {
    size_t count[PUBLISHER_STANDINGS];
    TAILQ_HEAD(, slot) pending;
    struct histogram publish; /* from a post until its node was as posted */
};

void tally_init(struct tally *t);

/* A new slot, that is clean; a clean one goes. */
void tally_add(struct tally *t);
void tally_remove(struct tally *t);

/* S stands like this now.  True: with that, all is written or refused that
 * was posted. */
bool tally_update(struct tally *t, struct slot *s, enum publisher_standing now,
                  uint64_t now_mono_ms);

/* For how many ms the oldest of what is pending has been so; 0: none is. */
uint64_t tally_oldest_ms(const struct tally *t, uint64_t now_mono_ms);

/* Slots whose node is not as posted, without those that are left to another
 * agent. */
size_t tally_pending(const struct tally *t);

#endif
