#ifndef ENGINE_DOUBT_H
#define ENGINE_DOUBT_H

#include "rounds.h"

/* The agent doubts itself: stalls, and what they make void.  Thread: loop. */

/*
 * Notes that the loop itself was held up, if so: what it could not hear is no
 * silence of others.  To be called before what came in meanwhile is taken.
 */
void doubt_note_stall(struct rounds *r, uint64_t now_mono_ms);

/* True when RES says nothing because we were stalled. */
bool doubt_is_void(const struct rounds *r, const struct instance *i,
                   const struct result *res);

/* Instead of judging it: asks again, and gives up when that leads nowhere. */
void doubt_void(struct rounds *r, struct instance *i, const struct result *res);

/* Says what became void since the last round; nothing if nothing did. */
void doubt_log(struct rounds *r);

/* How long an instance may be without a result, in ms. */
uint64_t doubt_silence_ms(const struct instance *i);

#endif
