#ifndef ZK_LADDER_H
#define ZK_LADDER_H

#include "agent/err.h"
#include "agent/store.h"

#include "state.h"

#include <stdint.h>

struct store_zk_options;

/*
 * From a lost connection back to a session: which address is tried, for how
 * long, what came of it, and when it is tried again.  Thread: publisher.
 */

/* O's strings are copied; ANSWERS is where those of dropped handles go.  -1
 * and E: out of memory; L is then to be freed all the same. */
int zk_ladder_init(struct zk_ladder *l, const struct store_zk_options *o,
                   struct zk_answers *answers, struct err *e) MUST_USE;
/* After zk_ladder_end, or without a single step. */
void zk_ladder_free(struct zk_ladder *l);
/* Does what is due; returns when to be called next, in monotonic ms. */
uint64_t zk_ladder_step(struct zk_ladder *l, uint64_t now_mono_ms);
/* Ends the session or leaves it to a later process, within BUDGET_MS. */
enum store_end zk_ladder_end(struct zk_ladder *l, unsigned budget_ms);

#endif
