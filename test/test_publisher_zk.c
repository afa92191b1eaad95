/*
 * The publisher over the real store and a real ZooKeeper: whatever happens to
 * session and server, another session finds the last documents in the nodes
 * afterwards, and what happened to a reply is never taken for the doing of
 * others.  The test plays the loop, in miniature.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/publisher.h"
#include "agent/zk.h"

#include "store_bench.h"
#include "wrapped_zookeeper.h"

struct loop {
    struct publisher *publisher;
    size_t slots[3];
    unsigned posts;
};

static const char *const KINDS[3] = { "instances", "agents", "alive" };

static void loop_post(struct loop *l, size_t i)
{
    static const char *const HEAD[3] = {
        "{\"schema\":1,\"agent\":\"web-1\",\"round\":",
        "{\"schema\":1,\"agent\":\"web-1\",\"host\":\"h\",\"round\":",
        "{\"host\":\"r\",\"name\":\"n\",\"agent\":\"web-1\",\"port\":",
    };
    static const char *const TAIL[3] = { "", "}", "}" };
    char doc[128];

    snprintf(doc, sizeof doc, "%s%u%s", HEAD[i], l->posts, TAIL[i]);
    assert_true(publisher_post(l->publisher, l->slots[i], doc, strlen(doc)));
}

/* Posts anew what was read for the first time; true when nothing is left. */
static bool loop_calm(struct loop *l)
{
    struct publisher_event ev;
    struct publisher_info info;

    while (publisher_take(l->publisher, &ev))
        loop_post(l, ev.slot);
    publisher_info(l->publisher, &info);
    return info.pending == 0 && info.store.state == STORE_CONNECTED;
}

/* Posts, and sees the nodes through another session. */
static void loop_check(struct loop *l, struct bench_store *reader)
{
    struct publisher_info info;
    char round[32];
    char path[64];

    l->posts++;
    for (size_t i = 0; i < 3; i++)
        loop_post(l, i);
    AWAIT_BY(await_nap(), loop_calm(l));
    publisher_info(l->publisher, &info);
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "/agent/test/%s/n", KINDS[i]);
        AWAIT(reader, get(reader, path) == STORE_OK);
        snprintf(round, sizeof round, i == 2 ? "\"port\":%u" : "\"round\":%u",
                 l->posts);
        assert_non_null(strstr(reader->data, round));
        assert_true(reader->reply.owner == (i == 0 ? 0 : info.store.session));
    }
}

static struct store_status loop_store(struct loop *l)
{
    struct publisher_info info;

    publisher_info(l->publisher, &info);
    return info.store;
}

static void loop_await(struct loop *l, enum store_state state)
{
    AWAIT_BY(await_nap(), loop_store(l).state == state);
}

/* The password seen last may be that of another store's session. */
static void try_to_expire(struct loop *l)
{
    clientid_t id = wrapped_zookeeper_id();

    if (id.client_id == loop_store(l).session)
        real_zookeeper_expire(server, id.client_id, id.passwd);
    await_nap();
}

static void expire_publisher(struct loop *l)
{
    uint64_t sessions = loop_store(l).sessions;

    AWAIT_BY(try_to_expire(l), loop_store(l).sessions != sessions);
}

static void a_publisher_has_its_nodes_right_after_every_trouble(void **state)
{
    struct config_server at = { .host = (char[]){ "127.0.0.1" },
                                .port = real_zookeeper_port(server) };
    struct store_zk_options so = { .servers = &at,
                                   .nservers = 1,
                                   .session_timeout_ms = SESSION_MS,
                                   .acl = CONFIG_ACL_READ,
                                   .digest = "a:b" };
    struct publisher_options po = {
        .root = "/agent/test",
        .agent = "web-1",
        .host = "h",
        .presence = true,
        .refresh_ms = 200,
    };
    struct publisher_info info;
    struct bench_store *reader = open_store();
    struct loop l = { .posts = 0 };
    struct err e = { "" };
    size_t threads;

    (void)state;
    await_connected(reader);
    po.store = store_zk_new(&so, &e);
    l.publisher = publisher_start(&po, &e);
    assert_non_null(l.publisher);
    l.slots[0] = publisher_add(l.publisher, SLOT_STATUS, "n", &e);
    l.slots[1] = publisher_add(l.publisher, SLOT_HEARTBEAT, "n", &e);
    l.slots[2] = publisher_add(l.publisher, SLOT_PRESENCE, "n", &e);
    loop_check(&l, reader);
    threads = threads_now();
    for (int i = 0; i < 3; i++) {
        expire_publisher(&l);
        loop_check(&l, reader);
    }
    real_zookeeper_signal(server, SIGSTOP);
    loop_post(&l, 0);
    loop_await(&l, STORE_CONNECTING);
    real_zookeeper_signal(server, SIGCONT);
    loop_check(&l, reader);
    real_zookeeper_kill(server);
    loop_post(&l, 0);
    loop_await(&l, STORE_CONNECTING);
    real_zookeeper_revive(server);
    loop_check(&l, reader);
    assert_true(threads_now() <= threads);
    /* Nobody but we was here. */
    publisher_info(l.publisher, &info);
    assert_int_equal(info.drifts, 0);
    assert_int_equal(info.conflicts, 0);
    assert_int_equal(publisher_stop(l.publisher, 1000, PATIENCE_MS),
                     STORE_CLOSED);
    assert_int_equal(get(reader, "/agent/test/agents/n"), STORE_NO_NODE);
    finish_store(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_publisher_has_its_nodes_right_after_every_trouble),
    };

    return cmocka_run_group_tests(tests, start_server, stop_server);
}
