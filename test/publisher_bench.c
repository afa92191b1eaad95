/*
 * Nothing is timed: a condition is awaited, for long.  The numbers of the
 * statuses are watched in every test, whatever else it is about.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "publisher_bench.h"

/* Every applied write of a status must count one further. */
static void check_seq(void *arg, const char *path, const char *data, size_t len)
{
    struct bench_publisher *w = arg;
    const char *found = memmem(data, len, "\"seq\":", 6);
    unsigned long seq;

    if (found == NULL)
        return;
    seq = strtoul(found + 6, NULL, 10);
    for (size_t i = 0; i < INSTANCES; i++) {
        if (w->seqs[i].path[0] == '\0')
            snprintf(w->seqs[i].path, sizeof w->seqs[i].path, "%s", path);
        if (strcmp(w->seqs[i].path, path) != 0)
            continue;
        if (seq != w->seqs[i].seq + 1)
            w->seq_faults++;
        w->seqs[i].seq = seq;
        break;
    }
}

void start_refreshing(struct bench_publisher *w, uint64_t seed,
                      unsigned refresh_ms)
{
    struct publisher_options o = {
        .root = "/r/s",
        .agent = "web-1",
        .host = "h1",
        .fleet = "cache",
        .fleet_settings = "settings",
        .presence = true,
        .refused_ms = 100,
        .refresh_ms = refresh_ms,
        .recheck_ms = 50,
        .wake = await_ring,
        .wake_idle = true,
        .arg = &w->bell,
    };
    struct err e;

    memset(w, 0, sizeof *w);
    await_bell_init(&w->bell);
    w->store = fake_store_new(seed);
    o.store = fake_store_seam(w->store);
    fake_store_on_write(w->store, check_seq, w);
    w->publisher = publisher_start(&o, &e);
    assert_non_null(w->publisher);
    /* Its fleet is known at once. */
    publisher_search(w->publisher);
}

void start(struct bench_publisher *w, uint64_t seed)
{
    start_refreshing(w, seed, 0);
}

void start_over(struct bench_publisher *w, const char *path, const char *data,
                int64_t owner)
{
    start(w, 1);
    fake_store_put(w->store, path, data, owner);
    fake_store_connect(w->store);
}

size_t start_slot(struct bench_publisher *w, enum slot_kind kind,
                  const char *name)
{
    start(w, 1);
    fake_store_connect(w->store);
    return add_and_take(w, kind, name);
}

void finish(struct bench_publisher *w)
{
    assert_int_equal(publisher_stop(w->publisher, 1000, 1000), STORE_CLOSED);
    assert_true(fake_store_closed(w->store));
    assert_int_equal(w->seq_faults, 0);
    fake_store_free(w->store);
    await_bell_clear(&w->bell);
}

size_t add(struct bench_publisher *w, enum slot_kind kind, const char *name)
{
    struct err e;
    size_t slot = publisher_add(w->publisher, kind, name, &e);

    assert_true(slot != SIZE_MAX);
    return slot;
}

struct publisher_event take(struct bench_publisher *w)
{
    struct publisher_event ev;

    AWAIT(w, publisher_take(w->publisher, &ev));
    return ev;
}

size_t add_and_take(struct bench_publisher *w, enum slot_kind kind,
                    const char *name)
{
    size_t slot = add(w, kind, name);

    assert_int_equal(take(w).slot, slot);
    return slot;
}

void post(struct bench_publisher *w, size_t slot, const char *doc)
{
    assert_true(publisher_post(w->publisher, slot, doc, strlen(doc)));
}

size_t add_posted(struct bench_publisher *w, enum slot_kind kind,
                  const char *name, const char *doc)
{
    size_t slot = add_and_take(w, kind, name);

    post(w, slot, doc);
    return slot;
}

struct publisher_info info(struct bench_publisher *w)
{
    struct publisher_info i;

    publisher_info(w->publisher, &i);
    return i;
}

bool node_is(struct bench_publisher *w, const char *path, const char *data)
{
    struct fake_node n;

    return fake_store_look(w->store, path, &n) && strcmp(n.data, data) == 0;
}

bool node_begins(struct bench_publisher *w, const char *path, const char *data)
{
    struct fake_node n;

    return fake_store_look(w->store, path, &n) &&
           strncmp(n.data, data, strlen(data)) == 0;
}

struct fake_node look(struct bench_publisher *w, const char *path)
{
    struct fake_node n;

    (void)!fake_store_look(w->store, path, &n);
    return n;
}
