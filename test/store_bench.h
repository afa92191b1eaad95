#ifndef TEST_STORE_BENCH_H
#define TEST_STORE_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/zk.h"

#include "await.h"
#include "real_zookeeper.h"

/*
 * The store over a real ZooKeeper, driven by the test's thread.  One server
 * serves all tests of a program; failures fail the test.
 */
#define SESSION_MS 8000

extern struct real_zookeeper *server;

/* The group's set-up and tear-down. */
int start_server(void **state);
int stop_server(void **state);

struct bench_store {
    struct store *store;
    struct await_bell bell;
    uint64_t ahead_ms; /* how far the store's clock is put forward */
    struct store_reply reply;
    bool answered;
    char data[32 * 1024];
};

struct bench_store *new_store(const struct store_zk_options *o);
struct bench_store *open_with(enum config_acl acl, const char *digest,
                              uint16_t port);
struct bench_store *open_store(void);

/* As the store's own close.  What is left is for free_store. */
enum store_end close_store(struct bench_store *s, unsigned budget_ms);
void free_store(struct bench_store *s);

/* Both; fails unless it closes. */
void finish_store(struct bench_store *s);

/* One turn of a publisher's loop. */
void turn(struct bench_store *s);

#define AWAIT(s, condition) AWAIT_BY(turn(s), condition)

struct store_status status(struct bench_store *s);
void await_connected(struct bench_store *s);

void submit(struct bench_store *s, const struct store_request *r);

/* Submits and waits for the answer: s->reply and s->data. */
enum store_code ask(struct bench_store *s, enum store_verb verb,
                    const char *path, const char *data, int32_t version,
                    bool ephemeral);
enum store_code get(struct bench_store *s, const char *path);
void put_new(struct bench_store *s, const char *path, bool ephemeral);

/* Threads of this process. */
size_t threads_now(void);
void await_threads(size_t most);

#endif
