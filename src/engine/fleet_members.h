#ifndef ENGINE_FLEET_MEMBERS_H
#define ENGINE_FLEET_MEMBERS_H

#include "fleet.h"

/* Who the members are, and when it is acted upon.  Thread: loop. */

/* Something below <root>/fleets/F/members changed. */
void fleet_members_took(struct fleet *f, const struct follow_event *e,
                        uint64_t now_mono_ms);

/* When the list is to be acted upon; UINT64_MAX: not. */
uint64_t fleet_members_due(const struct fleet *f);

/* Acts upon the list as it stands now: all ranks follow. */
void fleet_members_act(struct fleet *f, uint64_t now_mono_ms);

/* We speak for the target of this rank, by what was acted upon. */
bool fleet_members_mine(const struct fleet *f, const struct rank *rank);

#endif
