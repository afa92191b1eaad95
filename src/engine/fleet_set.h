#ifndef ENGINE_FLEET_SET_H
#define ENGINE_FLEET_SET_H

#include "fleet.h"

/* The targets, as the chunks say.  Thread: loop. */

/* -1 and E on lack of memory. */
int fleet_set_start(struct fleet *f, const struct config *c,
                    struct err *e) MUST_USE;
void fleet_set_free(struct fleet_set *s);

/* The settings or a chunk changed. */
void fleet_set_took(struct fleet *f, enum fleet_followed which,
                    const struct follow_event *e, uint64_t now_mono_ms);

/* C's [credentials:NAME] count from now on.  -1 and E on lack of memory. */
int fleet_set_reload(struct fleet *f, const struct config *c,
                     uint64_t now_mono_ms, struct err *e) MUST_USE;

/* When changes were gathered; UINT64_MAX: there are none. */
uint64_t fleet_set_due(const struct fleet *f);

/* The targets become what the chunks say, if it is time. */
void fleet_set_act(struct fleet *f, uint64_t now_mono_ms);

struct fleet_target *fleet_set_find(const struct fleet_set *s,
                                    const char *name);

#endif
