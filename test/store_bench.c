/*
 * The test is the store's publisher: it ticks, collects and waits for being
 * woken.  The ladder's long waits are not sat out: the store is told the time.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scratch.h"
#include "store_bench.h"

struct real_zookeeper *server;

/* The library's handles share a buffer for the text of addresses in its log
 * lines; nothing of ours calls sprintf. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "race:__sprintf_chk\n";
}

int start_server(void **state)
{
    sigset_t all;

    (void)state;
    sigfillset(&all);
    sigdelset(&all, SIGINT);
    sigprocmask(SIG_BLOCK, &all, NULL);
    server = real_zookeeper_start();
    return 0;
}

int stop_server(void **state)
{
    (void)state;
    real_zookeeper_stop(server);
    return 0;
}

struct bench_store *new_store(const struct store_zk_options *o)
{
    struct bench_store *s = calloc(1, sizeof *s);
    struct err e = { "" };

    assert_non_null(s);
    await_bell_init(&s->bell);
    s->store = store_zk_new(o, &e);
    assert_non_null(s->store);
    s->store->wake = await_ring;
    s->store->wake_arg = &s->bell;
    return s;
}

struct bench_store *open_with(enum config_acl acl, const char *digest,
                              uint16_t port)
{
    struct config_server at = { .host = (char[]){ "127.0.0.1" }, .port = port };
    struct store_zk_options o = { .servers = &at,
                                  .nservers = 1,
                                  .session_timeout_ms = SESSION_MS,
                                  .acl = acl,
                                  .digest = digest };

    return new_store(&o);
}

struct bench_store *open_store(void)
{
    return open_with(CONFIG_ACL_OPEN, NULL, real_zookeeper_port(server));
}

enum store_end close_store(struct bench_store *s, unsigned budget_ms)
{
    return s->store->ops->close(s->store, budget_ms);
}

void free_store(struct bench_store *s)
{
    await_bell_clear(&s->bell);
    free(s);
}

void finish_store(struct bench_store *s)
{
    assert_int_equal(close_store(s, PATIENCE_MS), STORE_CLOSED);
    free_store(s);
}

void turn(struct bench_store *s)
{
    struct store_reply r;

    s->store->ops->tick(s->store, clock_mono_ms() + s->ahead_ms);
    while (s->store->ops->collect(s->store, &r, 1) > 0) {
        assert_true(r.len < sizeof s->data);
        s->reply = r;
        memcpy(s->data, r.data, r.len);
        s->data[r.len] = '\0';
        s->answered = true;
    }
    await_pause(&s->bell);
}

struct store_status status(struct bench_store *s)
{
    struct store_status st;

    s->store->ops->status(s->store, &st);
    return st;
}

void await_connected(struct bench_store *s)
{
    AWAIT(s, status(s).state == STORE_CONNECTED);
}

void submit(struct bench_store *s, const struct store_request *r)
{
    s->answered = false;
    AWAIT(s, s->store->ops->submit(s->store, r) == 0);
}

enum store_code ask(struct bench_store *s, enum store_verb verb,
                    const char *path, const char *data, int32_t version,
                    bool ephemeral)
{
    static uint64_t token;
    struct store_request r = { .verb = verb,
                               .token = ++token,
                               .path = path,
                               .data = data,
                               .len = strlen(data),
                               .version = version,
                               .ephemeral = ephemeral };

    submit(s, &r);
    AWAIT(s, s->answered);
    assert_int_equal(s->reply.token, token);
    assert_int_equal(s->reply.verb, verb);
    return s->reply.code;
}

enum store_code get(struct bench_store *s, const char *path)
{
    return ask(s, STORE_GET, path, "", -1, false);
}

void put_new(struct bench_store *s, const char *path, bool ephemeral)
{
    ask(s, STORE_DELETE, path, "", -1, false);
    assert_int_equal(ask(s, STORE_CREATE, path, "x", 0, ephemeral), STORE_OK);
}

size_t threads_now(void)
{
    return scratch_entries("/proc/self/task");
}

void await_threads(size_t most)
{
    AWAIT_BY(await_nap(), threads_now() <= most);
}
