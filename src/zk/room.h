#ifndef ZK_ROOM_H
#define ZK_ROOM_H

#include "agent/err.h"

/* Returns 0, or -1 and E when the library would miss the threads or the memory
 * that it takes for granted.  Waits for two short threads.  Thread:
 * publisher. */
int zk_has_room(struct err *e) MUST_USE;

#endif
