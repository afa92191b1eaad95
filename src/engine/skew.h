#ifndef ENGINE_SKEW_H
#define ENGINE_SKEW_H

#include "rounds.h"

/*
 * By how much our clock and the ensemble's differ.  Readers hold the times of
 * our heartbeat against theirs, so a clock that is off makes them distrust what
 * is true.  Thread: loop.
 */

/* The ensemble's clock minus ours, in ms, to a round trip; 0: not known. */
int64_t skew_ms(const struct rounds *r);

/* Says when it grows beyond what is borne, and when it is over. */
void skew_look(struct rounds *r);

/* It is more than an interval: no reader trusts what we say. */
bool skew_is_too_much(const struct rounds *r);

#endif
