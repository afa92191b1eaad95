#ifndef ENGINE_FLEET_MEMBERSHIP_H
#define ENGINE_FLEET_MEMBERSHIP_H

#include "fleet.h"

/* Whether this agent is a member.  Thread: loop. */

/* -1 and E on lack of memory. */
int fleet_membership_start(struct fleet *f, struct err *e) MUST_USE;

/* Joins or leaves, if it is time. */
void fleet_membership_look(struct fleet *f, uint64_t now_mono_ms);

/* When it wants to look again. */
uint64_t fleet_membership_due(const struct fleet *f);

#endif
