/*
 * The store in ZooKeeper, as the publisher sees it: requests go to the
 * ladder's handle while it has one that serves, and answers come back whatever
 * becomes of the handle.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include "agent/clock.h"
#include "agent/resolver.h"

#include "answers.h"
#include "handle.h"
#include "ladder.h"
#include "library_log.h"
#include "agent/zk.h"

struct zk_store {
    struct store base;
    struct resolver *resolver; /* borrowed */
    atomic_bool armed;         /* base.wake is set */
    /* All below: the publisher's thread. */
    uint64_t now_mono_ms; /* of the last tick */
    struct zk_ladder ladder;
    struct zk_answers answers;
};

static struct zk_store *zk_of(struct store *s)
{
    return (struct zk_store *)s; /* base is the first member */
}

static void resolver_wake(void *arg)
{
    struct zk_store *z = arg;

    if (atomic_load_explicit(&z->armed, memory_order_acquire))
        z->base.wake(z->base.wake_arg);
}

static uint64_t zk_tick(struct store *s, uint64_t now_mono_ms)
{
    struct zk_store *z = zk_of(s);
    uint64_t next;

    z->now_mono_ms = now_mono_ms;
    z->ladder.wake = z->base.wake;
    z->ladder.wake_arg = z->base.wake_arg;
    atomic_store_explicit(&z->armed, true, memory_order_release);
    zk_log_drain();
    next = zk_ladder_step(&z->ladder, now_mono_ms);
    return z->answers.nready > 0 ? now_mono_ms : next;
}

static int zk_submit(struct store *s, const struct store_request *r)
{
    struct zk_store *z = zk_of(s);
    struct zk_ladder *l = &z->ladder;

    if (!l->up || z->answers.open >= ZK_WINDOW)
        return -1;
    if (zk_handle_submit(l->handle, r, z->now_mono_ms + zk_patience_ms(l)) != 0)
        return -1;
    if (r->len > l->largest)
        l->largest = r->len;
    z->answers.open++;
    return 0;
}

static size_t zk_collect(struct store *s, struct store_reply *out, size_t max)
{
    struct zk_store *z = zk_of(s);

    zk_harvest(&z->ladder, z->now_mono_ms);
    return zk_answers_collect(&z->answers, out, max);
}

static bool zk_changed(struct store *s, char *path, size_t size)
{
    struct zk_store *z = zk_of(s);

    return z->ladder.handle != NULL &&
           zk_handle_changed(z->ladder.handle, path, size);
}

static void zk_status(struct store *s, struct store_status *out)
{
    struct zk_store *z = zk_of(s);

    *out = z->ladder.status;
    out->reapers = (unsigned)z->ladder.closing.n;
    out->log_lines_dropped = zk_log_dropped();
}

static void zk_free(struct zk_store *z)
{
    if (z->resolver != NULL)
        resolver_unsubscribe(z->resolver, resolver_wake, z);
    zk_ladder_free(&z->ladder);
    zk_answers_free(&z->answers);
    free(z);
}

static enum store_end zk_close(struct store *s, unsigned budget_ms)
{
    struct zk_store *z = zk_of(s);
    enum store_end end = zk_ladder_end(&z->ladder, budget_ms);

    zk_log_drain();
    zk_free(z);
    return end;
}

static const struct store_ops OPS = {
    .submit = zk_submit,
    .collect = zk_collect,
    .changed = zk_changed,
    .tick = zk_tick,
    .status = zk_status,
    .close = zk_close,
};

struct store *store_zk_new(const struct store_zk_options *o, struct err *e)
{
    struct zk_store *z = calloc(1, sizeof *z);

    if (z == NULL) {
        err_set(e, "out of memory for the ZooKeeper store");
        session_file_close(o->session_file);
        return NULL;
    }
    z->base.ops = &OPS;
    if (zk_ladder_init(&z->ladder, o, &z->answers, e) != 0)
        goto failed;
    if (o->resolver != NULL &&
        resolver_subscribe(o->resolver, resolver_wake, z, e) != 0)
        goto failed;
    z->resolver = o->resolver;
    zk_session_init(&z->ladder.session, o->session_file);
    return &z->base;

failed:
    session_file_close(o->session_file);
    zk_free(z);
    return NULL;
}
