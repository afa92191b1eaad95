/*
 * Connections in the order in which their present wait began.  To cut one is
 * to shut its socket down, as the library has no call to close it; it closes
 * it in its next run, and until then the connection stays in its list.
 */
#include <stdlib.h>
#include <sys/socket.h>

#include "agent/clock.h"
#include "agent/objects.h"

#include "waits.h"

static const unsigned PATIENCE_MS[WAITS] = {
    [WAIT_RESTING] =
        30000, /* longer than the dashboard waits between two requests */
    [WAIT_ASKING] = 10000,
    [WAIT_TAKING] = 30000,
};

void waits_init(struct waits *w)
{
    for (size_t i = 0; i < WAITS; i++)
        TAILQ_INIT(&w->lists[i]);
    w->count = 0;
}

static void stand_in(struct waits *w, struct waiter *c, enum wait wait)
{
    c->wait = wait;
    c->since_mono_ms = clock_mono_ms();
    TAILQ_INSERT_TAIL(&w->lists[wait], c, in_list);
}

struct waiter *waits_begin(struct waits *w, int fd)
{
    struct waiter *c = calloc(1, sizeof *c);

    if (c == NULL)
        return NULL;
    object_made(OBJECT_HTTP_CONNECTION);
    c->fd = fd;
    stand_in(w, c, WAIT_ASKING);
    w->count++;
    return c;
}

void waits_end(struct waits *w, struct waiter *c)
{
    TAILQ_REMOVE(&w->lists[c->wait], c, in_list);
    w->count--;
    free(c);
    object_gone(OBJECT_HTTP_CONNECTION);
}

void waits_move(struct waits *w, struct waiter *c, enum wait wait)
{
    TAILQ_REMOVE(&w->lists[c->wait], c, in_list);
    stand_in(w, c, wait);
}

static void cut(struct waiter *c)
{
    if (c->cut)
        return;
    c->cut = true;
    shutdown(c->fd, SHUT_RDWR);
}

void waits_cut_overdue(struct waits *w, uint64_t now_mono_ms)
{
    for (size_t i = 0; i < WAITS; i++) {
        struct waiter *c;

        TAILQ_FOREACH(c, &w->lists[i], in_list)
        {
            if (now_mono_ms - c->since_mono_ms < PATIENCE_MS[i])
                break;
            cut(c);
        }
    }
}

/* The first that is not cut yet, or NULL. */
static struct waiter *longest(const struct waits *w, enum wait wait)
{
    struct waiter *c = TAILQ_FIRST(&w->lists[wait]);

    while (c != NULL && c->cut)
        c = TAILQ_NEXT(c, in_list);
    return c;
}

void waits_make_room(struct waits *w)
{
    struct waiter *c = longest(w, WAIT_RESTING);
    struct waiter *asking = longest(w, WAIT_ASKING);

    if (c == NULL) {
        c = longest(w, WAIT_TAKING);
        if (c == NULL ||
            (asking != NULL && asking->since_mono_ms < c->since_mono_ms))
            c = asking;
    }
    if (c != NULL)
        cut(c);
}

void waits_cut_taker(struct waits *w, const struct waiter *c)
{
    struct waiter *other = longest(w, WAIT_TAKING);

    if (other != NULL && other != c)
        cut(other);
}
