#ifndef ZK_CONNECTION_H
#define ZK_CONNECTION_H

#include <stdint.h>

struct zk_ladder;

/*
 * A connection of the ladder's handle.  Thread: publisher.
 */

/* Takes in what was granted and lost, each in its turn, also what came and
 * went unseen.  The handle may be gone afterwards. */
void zk_follow_changes(struct zk_ladder *l, uint64_t now_mono_ms);
/* Of one that is not proved: takes in what the server said first. */
void zk_look_at_proof(struct zk_ladder *l, uint64_t now_mono_ms);
/* Of one that is proved: it is of use once it has lived for a while. */
void zk_settle(struct zk_ladder *l, uint64_t now_mono_ms);
/* Nothing but a new session helps. */
void zk_session_over(struct zk_ladder *l, uint64_t now_mono_ms);

#endif
