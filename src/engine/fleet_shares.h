#ifndef ENGINE_FLEET_SHARES_H
#define ENGINE_FLEET_SHARES_H

#include "fleet.h"

/* Which targets are in our hands.  Thread: loop. */

/* Takes what is ours to watch, goes on with what may, lets go of what is
 * another agent's; as far as anything of it may have changed. */
void fleet_shares_look(struct fleet *f, uint64_t now_mono_ms);

/* Documents that are left to an agent outside of the fleet are read again: it
 * may have let go of them. */
void fleet_shares_contested(struct fleet *f);

/* When a document is to be looked at again; UINT64_MAX: none. */
uint64_t fleet_shares_due(const struct fleet *f);

/* What is in our hands, or is to be, was read; and nothing else is to come. */
bool fleet_shares_read(const struct fleet *f);

#endif
