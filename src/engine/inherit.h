#ifndef ENGINE_INHERIT_H
#define ENGINE_INHERIT_H

#include "rounds.h"

/* What an earlier life of this agent left in ZooKeeper.  Thread: loop. */

/* What ZooKeeper held of I (NULL: of our heartbeat). */
void inherit_found(struct rounds *r, struct instance *i,
                   const struct publisher_event *e);

/* A round begins: when the earlier heartbeat vouches no longer, what is known
 * now is posted instead of what is inherited. */
void inherit_check(struct rounds *r, uint64_t now_mono_ms);

#endif
