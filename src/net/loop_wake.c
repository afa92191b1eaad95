/*
 * What uv_async_t does, but for two things.  On one processor the thread that
 * is woken there runs before the waker has returned from its write, and then
 * spins (uv__async_spin, a thousand times, then sched_yield) until the waker
 * says that it has: that was a tenth of what a round of few instances cost.
 * And a waker that is held up half-way there keeps the wakes of all others
 * back.  So nothing is remembered here: each wake is a write.  A sender with
 * much to say wakes once for all of it.
 *
 * The loop may see what a waker wants before it is woken, and end: so the
 * descriptor, whose number another thread may get at once, outlives the loop.
 */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/loop_wake.h"

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct loop_wake *w = poll->data;
    uint64_t wakes;

    (void)events;
    if (status == 0 && read(w->fd, &wakes, sizeof wakes) == sizeof wakes)
        w->woken(w->arg);
}

int loop_wake_open(struct loop_wake *w, uv_loop_t *loop, void (*woken)(void *),
                   void *arg, struct err *e)
{
    int r;

    w->woken = woken;
    w->arg = arg;
    w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->fd < 0) {
        err_set(e, "eventfd: %s", strerror(errno));
        return -1;
    }
    r = uv_poll_init(loop, &w->poll, w->fd);
    if (r != 0) {
        err_set(e, "uv_poll_init: %s", uv_strerror(r));
        close(w->fd);
        return -1;
    }
    w->poll.data = w;
    r = uv_poll_start(&w->poll, UV_READABLE, on_readable);
    assert(r == 0); /* it only notes what to wait for */
    (void)r;
    return 0;
}

void loop_wake_close(struct loop_wake *w)
{
    uv_close((uv_handle_t *)&w->poll, NULL);
}

void loop_wake_clear(struct loop_wake *w)
{
    close(w->fd);
}

void loop_wake_send(struct loop_wake *w)
{
    const uint64_t one = 1;
    ssize_t n = write(w->fd, &one, sizeof one);

    /* EAGAIN: it was woken 2^64 times and has not looked yet. */
    (void)n;
}
