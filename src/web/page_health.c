/*
 * Is the agent itself well?  It is not when a thread of it hangs, when rounds
 * do not come to their end, or when what it knows does not reach ZooKeeper:
 * each for longer than slow surroundings explain.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "agent/config.h"
#include "agent/pool.h"
#include "agent/rounds.h"
#include "agent/watchdog.h"

#include "page_health.h"

/* As long as a reader takes a heartbeat to be valid (valid_until). */
#define INTERVALS_BORNE 3

static void __attribute__((format(printf, 2, 3)))
add(struct troubles *t, const char *format, ...)
{
    va_list ap;

    if (t->count == TROUBLES_MAX)
        return;
    va_start(ap, format);
    vsnprintf(t->text[t->count++], sizeof t->text[0], format, ap);
    va_end(ap);
}

static void threads(const struct page_source *s, struct troubles *out)
{
    const char *names[WATCHDOG_THREADS];
    size_t n =
        watchdog_wedged(pool_parts(s->pool).watchdog, names, WATCHDOG_THREADS);

    for (size_t i = 0; i < n; i++)
        add(out, "thread %s hangs", names[i]);
}

static void rounds(const struct page_source *s, const struct page_time *now,
                   struct troubles *out)
{
    struct rounds_info info;

    rounds_info(s->rounds, &info);
    uint64_t since = now->mono_ms - (info.settled > 0 ? info.settled_mono_ms
                                                      : info.started_mono_ms);
    if (since > (uint64_t)INTERVALS_BORNE * info.interval_ms)
        add(out, "no round came to its end for %" PRIu64 " ms", since);
}

static void zookeeper(const struct page_source *s, const struct page_time *now,
                      struct troubles *out)
{
    const struct pool_parts pool = pool_parts(s->pool);
    unsigned patience_ms = s->config->zookeeper.session_timeout_ms;
    struct publisher_holder holder;
    struct publisher_info info;

    if (pool.publisher == NULL)
        return;
    publisher_info(pool.publisher, &info);
    if (info.store.timeout_ms > 0)
        patience_ms = info.store.timeout_ms;
    uint64_t since = now->mono_ms - info.store.since_mono_ms;
    if (info.store.outage && since > patience_ms)
        add(out, "ZooKeeper has been silent for %" PRIu64 " ms%s%s", since,
            info.store.why[0] != '\0' ? ": " : "", info.store.why);
    else if (info.oldest_pending_ms > 2ULL * patience_ms)
        add(out, "%zu nodes wait to be written, the oldest for %" PRIu64 " ms",
            info.pending, info.oldest_pending_ms);
    if (info.refused > 0)
        add(out, "ZooKeeper refuses %u nodes: %s", info.refused, info.trouble);
    if (publisher_conflict(pool.publisher, pool.heartbeat_slot, &holder))
        add(out, "another agent has the id %s: on host %s", pool.id,
            holder.host[0] != '\0' ? holder.host : "(not said)");
}

void page_troubles(const struct page_source *s, const struct page_time *now,
                   struct troubles *out)
{
    out->count = 0;
    threads(s, out);
    rounds(s, now, out);
    zookeeper(s, now, out);
}
