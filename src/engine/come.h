#ifndef ENGINE_COME_H
#define ENGINE_COME_H

#include "rounds.h"

#include "agent/err.h"

struct config_instance;

/* Instances come and go one by one.  Thread: loop. */

/* Takes a reference to CONFIG; to be placed.  NULL and E on lack of memory. */
struct instance *come_add(struct rounds *r, struct config_instance *config,
                          struct err *e) MUST_USE;

/* Gives I its regular times after NOW, in step with the rounds; what is not
 * known yet is asked at once. */
void come_place(struct rounds *r, struct instance *i, uint64_t now_mono_ms);

/* Where the settings of I cannot be used, that is its status: it is known
 * without a probe. */
void come_say_fault(struct rounds *r, struct instance *i);

/* Other settings for I; with another address its verdict begins anew.  -1 and E
 * on lack of memory: then nothing changed. */
int come_change(struct rounds *r, struct instance *i,
                struct config_instance *config, struct err *e) MUST_USE;

/* I is not to be watched by anybody: its document ends with `removed`. */
void come_drop(struct rounds *r, struct instance *i);

/* I is another agent's from now on: its nodes are left as they are. */
void come_release(struct rounds *r, struct instance *i);

#endif
