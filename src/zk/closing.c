/*
 * The handles that are being closed.  Closing can take seconds, and for ever
 * where the library hangs; so their number is bounded.
 */
#include <assert.h>
#include <string.h>

#include "agent/clock.h"

#include "closing.h"
#include "handle.h"

#define CLOSE_MAX_MS 10000 /* it should be over in less than five seconds */

void zk_closing_add(struct zk_closing *c, struct zk_handle *h)
{
    assert(c->n < ZK_CLOSING_MAX);
    c->handles[c->n++] = h;
}

void zk_closing_reap(struct zk_closing *c)
{
    size_t kept = 0;

    for (size_t i = 0; i < c->n; i++)
        if (!zk_handle_reaped(c->handles[i], 0))
            c->handles[kept++] = c->handles[i];
    c->n = kept;
}

void zk_closing_await(struct zk_closing *c, unsigned budget_ms)
{
    uint64_t until = clock_mono_ms() + budget_ms;
    uint64_t now;

    while (c->n > 0 && (now = clock_mono_ms()) < until) {
        /* Those behind it need no longer than the first. */
        if (!zk_handle_reaped(c->handles[0], (unsigned)(until - now)))
            break;
        c->n--;
        memmove(c->handles, c->handles + 1, c->n * sizeof c->handles[0]);
    }
    zk_closing_reap(c);
}

bool zk_closing_stuck(const struct zk_closing *c, uint64_t now_mono_ms)
{
    return c->n > 0 && now_mono_ms - zk_handle_dropped_mono_ms(c->handles[0]) >
                           CLOSE_MAX_MS;
}

void zk_closing_abandon(struct zk_closing *c)
{
    while (c->n > 0)
        zk_handle_abandon(c->handles[--c->n]);
}
