#ifndef AGENT_LOOP_H
#define AGENT_LOOP_H

#include "agent/err.h"
#include "agent/loop_wake.h"

#include <uv.h>

/*
 * A libuv loop that other threads can wake: how each thread that serves
 * sockets begins and ends.
 */
struct loop {
    uv_loop_t uv;
    struct loop_wake wake; /* for loop_wake_send, from any thread */
};

/* WOKEN(ARG) is called on the loop's thread.  NAME begins E's text.  -1 and E
 * on lack of descriptors or memory. */
int loop_open(struct loop *l, void (*woken)(void *), void *arg,
              const char *name, struct err *e) MUST_USE;

/*
 * Closes all handles that are still open, runs their close callbacks and gives
 * everything back.  Nobody runs the loop any more, and nobody may wake it.
 * Thread: any.
 */
void loop_close(struct loop *l);

#endif
