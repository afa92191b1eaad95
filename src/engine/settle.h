#ifndef ENGINE_SETTLE_H
#define ENGINE_SETTLE_H

#include "rounds.h"

/* When a round's results are in, and the heartbeat that says so.  Thread:
 * loop. */

/* A round begins; of no instance is a result awaited yet. */
void settle_begin(struct rounds *r);
/* The round waits for a result of I, or does not. */
void settle_await(struct rounds *r, struct instance *i, bool awaited);

/* The result of I no longer keeps the round open. */
void settle_not_awaited(struct rounds *r, struct instance *i);

/* The round is settled as far as it can be: writes the heartbeat, once, unless
 * documents of an earlier life still stand. */
void settle_round(struct rounds *r);

/* The round counts as over; without a heartbeat. */
void settle_note(struct rounds *r);

/* Vouches for what is known now. */
void settle_heartbeat(struct rounds *r);

#endif
