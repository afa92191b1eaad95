#ifndef TEST_PUBLISHER_BENCH_H
#define TEST_PUBLISHER_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/publisher.h"

#include "await.h"
#include "fake_store.h"

/*
 * A publisher over a store in memory.  The test plays the loop: it takes
 * events and posts.  Failures fail the test.
 */
#define INSTANCES 12 /* whose numbers are watched, at most */

struct bench_publisher {
    struct fake_store *store;
    struct publisher *publisher;
    struct await_bell bell;
    /* What was written, by path: under the store's lock until it is closed. */
    struct {
        char path[64];
        unsigned long seq;
    } seqs[INSTANCES];
    unsigned seq_faults;
};

/* The documents, as posted: a status is sealed by the publisher. */
#define STATUS_A "{\"schema\":1,\"agent\":\"web-1\",\"status\":\"up\""
#define STATUS_B "{\"schema\":1,\"agent\":\"web-1\",\"status\":\"down\""
#define STATUS_WEB2 \
    "{\"schema\":1,\"agent\":\"web-2\",\"status\":\"up\",\"seq\":7}"
#define BEAT    "{\"schema\":1,\"agent\":\"web-1\",\"host\":\"h1\",\"round\":1}"
#define BEAT_2  "{\"schema\":1,\"agent\":\"web-1\",\"host\":\"h1\",\"round\":2}"
#define BEAT_H2 "{\"schema\":1,\"agent\":\"web-1\",\"host\":\"h2\",\"round\":1}"
#define BEAT_WEB2 \
    "{\"schema\":1,\"agent\":\"web-2\",\"host\":\"h1\",\"round\":1}"
#define ALIVE   "{\"host\":\"r\",\"port\":1,\"name\":\"a\",\"agent\":\"web-1\"}"
#define ALIVE_2 "{\"host\":\"r\",\"port\":2,\"name\":\"a\",\"agent\":\"web-1\"}"
#define ALIVE_WEB2 \
    "{\"host\":\"r\",\"port\":1,\"name\":\"a\",\"agent\":\"web-2\"}"

/* The store is not connected yet. */
void start(struct bench_publisher *w, uint64_t seed);

/* Every node is read again over REFRESH_MS. */
void start_refreshing(struct bench_publisher *w, uint64_t seed,
                      unsigned refresh_ms);

/* Connected, with one node there already. */
void start_over(struct bench_publisher *w, const char *path, const char *data,
                int64_t owner);

/* Connected, with one slot that was read, its event taken. */
size_t start_slot(struct bench_publisher *w, enum slot_kind kind,
                  const char *name);

/* Fails unless it stops in time, with no number of a status left out. */
void finish(struct bench_publisher *w);

#define AWAIT(w, condition) AWAIT_BY(await_pause(&(w)->bell), condition)

size_t add(struct bench_publisher *w, enum slot_kind kind, const char *name);
struct publisher_event take(struct bench_publisher *w);
size_t add_and_take(struct bench_publisher *w, enum slot_kind kind,
                    const char *name);
size_t add_posted(struct bench_publisher *w, enum slot_kind kind,
                  const char *name, const char *doc);
void post(struct bench_publisher *w, size_t slot, const char *doc);
struct publisher_info info(struct bench_publisher *w);

bool node_is(struct bench_publisher *w, const char *path, const char *data);
bool node_begins(struct bench_publisher *w, const char *path, const char *data);
/* Its past, when there is no such node. */
struct fake_node look(struct bench_publisher *w, const char *path);

#endif
