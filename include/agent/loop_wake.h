#ifndef AGENT_LOOP_WAKE_H
#define AGENT_LOOP_WAKE_H

#include "agent/err.h"

#include <uv.h>

/*
 * Wakes a libuv loop from another thread, in place of uv_async_t.  Wakes that
 * were not yet seen become one.
 */
struct loop_wake {
    uv_poll_t poll;
    int fd; /* eventfd(2) */
    void (*woken)(void *arg);
    void *arg;
};

/* WOKEN(ARG) is called on the loop's thread.  -1 and E on lack of
 * descriptors or memory. */
int loop_wake_open(struct loop_wake *w, uv_loop_t *loop, void (*woken)(void *),
                   void *arg, struct err *e) MUST_USE;

/* From now on WOKEN is not called.  Its memory must last until the close
 * callbacks have run.  Thread: the loop's. */
void loop_wake_close(struct loop_wake *w);

/* Gives the descriptor back, after that: nobody may send any more, while a
 * send that was late until now did no harm.  Thread: any. */
void loop_wake_clear(struct loop_wake *w);

/* Takes no lock and never waits.  Thread: any. */
void loop_wake_send(struct loop_wake *w);

#endif
