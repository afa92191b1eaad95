/*
 * What the store does while all is well: its verbs, the rights its nodes get,
 * names of servers, its end.  Against a real ZooKeeper, since a double would
 * only say what we believe of it.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/resolver.h"
#include "agent/zk.h"

#include "scratch.h"
#include "store_bench.h"

static void nodes_are_created_set_read_and_deleted(void **state)
{
    struct bench_store *w = open_store();

    (void)state;
    await_connected(w);
    assert_int_equal(get(w, "/a"), STORE_NO_NODE);
    assert_int_equal(ask(w, STORE_SET, "/a", "1", -1, false), STORE_NO_NODE);
    assert_int_equal(ask(w, STORE_CREATE, "/a/b", "1", 0, false),
                     STORE_NO_NODE);
    assert_int_equal(ask(w, STORE_CREATE, "/a", "1", 0, false), STORE_OK);
    assert_int_equal(w->reply.version, 0);
    assert_int_equal(ask(w, STORE_CREATE, "/a", "1", 0, false),
                     STORE_NODE_EXISTS);
    assert_int_equal(ask(w, STORE_SET, "/a", "22", -1, false), STORE_OK);
    assert_int_equal(w->reply.version, 1);
    assert_int_equal(get(w, "/a"), STORE_OK);
    assert_string_equal(w->data, "22");
    assert_int_equal(w->reply.version, 1);
    assert_int_equal(w->reply.owner, 0);
    assert_int_equal(ask(w, STORE_DELETE, "/a", "", 0, false),
                     STORE_BAD_VERSION);
    assert_int_equal(ask(w, STORE_DELETE, "/a", "", 1, false), STORE_OK);
    assert_int_equal(get(w, "/a"), STORE_NO_NODE);
    assert_int_equal(get(w, "not a path"), STORE_FAILED);
    finish_store(w);
}

static void a_full_window_takes_no_more_and_all_are_answered(void **state)
{
    struct bench_store *w = open_store();
    struct store_request r = { .verb = STORE_GET, .path = "/" };
    struct store_reply replies[64];
    uint64_t until = clock_mono_ms() + PATIENCE_MS;
    uint64_t seen = 0;
    size_t sent = 0;

    (void)state;
    await_connected(w);
    real_zookeeper_signal(server, SIGSTOP);
    for (; w->store->ops->submit(w->store, &r) == 0; sent++)
        r.token = sent + 1;
    real_zookeeper_signal(server, SIGCONT);
    assert_int_equal(sent, 128);
    for (size_t n = 0; n < sent;) {
        size_t more = w->store->ops->collect(w->store, replies, 64);

        for (size_t i = 0; i < more; i++)
            seen += replies[i].token;
        n += more;
        assert_true(clock_mono_ms() < until);
        if (more == 0)
            await_nap();
    }
    assert_int_equal(seen, 127 * 128 / 2);
    finish_store(w);
}

static void a_take_over_leaves_the_node_in_the_new_session(void **state)
{
    struct bench_store *old = open_store();
    struct bench_store *w = open_store();
    int32_t version;

    (void)state;
    await_connected(old);
    await_connected(w);
    put_new(old, "/e", true);
    assert_int_equal(get(w, "/e"), STORE_OK);
    assert_int_equal(w->reply.owner, status(old).session);
    version = w->reply.version;
    assert_int_equal(ask(w, STORE_TAKE_OVER, "/e", "y", version + 1, true),
                     STORE_BAD_VERSION);
    assert_int_equal(ask(w, STORE_TAKE_OVER, "/none", "y", 0, true),
                     STORE_NO_NODE);
    assert_int_equal(ask(w, STORE_TAKE_OVER, "/e", "y", version, true),
                     STORE_OK);
    assert_int_equal(w->reply.version, 0);
    finish_store(old);
    assert_int_equal(get(w, "/e"), STORE_OK);
    assert_int_equal(w->reply.owner, status(w).session);
    assert_string_equal(w->data, "y");
    finish_store(w);
}

static size_t names_in(const char *data, size_t len)
{
    size_t n = 0;

    for (size_t at = 0; at < len; at++)
        n += data[at] == '\0';
    return n;
}

/* More of them than the data of a node may be long. */
static void children_are_listed_by_name(void **state)
{
    static const char PART[] = "a-rather-long-name-of-some-instance-here";
    struct bench_store *w = open_store();
    char path[80];

    (void)state;
    await_connected(w);
    put_new(w, "/list", false);
    assert_int_equal(ask(w, STORE_LIST, "/list", "", -1, false), STORE_OK);
    assert_int_equal(w->reply.len, 0);
    for (int i = 0; i < 400; i++) {
        snprintf(path, sizeof path, "/list/%s-%03d", PART, i);
        put_new(w, path, false);
    }
    assert_int_equal(ask(w, STORE_LIST, "/list", "", -1, false), STORE_OK);
    assert_int_equal(w->reply.len, 400 * (sizeof PART + 4));
    assert_int_equal(names_in(w->data, w->reply.len), 400);
    assert_int_equal(ask(w, STORE_LIST, "/none", "", -1, false), STORE_NO_NODE);
    finish_store(w);
}

static void a_reading_says_when_it_was_changed(void **state)
{
    struct bench_store *w = open_store();
    int64_t made;

    (void)state;
    await_connected(w);
    put_new(w, "/when", false);
    assert_int_equal(get(w, "/when"), STORE_OK);
    made = w->reply.mtime_wall_ms;
    assert_true(made > clock_wall_ms() - 3600 * 1000);
    assert_int_equal(ask(w, STORE_SET, "/when", "y", 0, false), STORE_OK);
    assert_int_equal(get(w, "/when"), STORE_OK);
    assert_true(w->reply.mtime_wall_ms >= made);
    finish_store(w);
}

static void closing_ends_the_session(void **state)
{
    struct bench_store *old = open_store();
    struct bench_store *w = open_store();

    (void)state;
    await_connected(old);
    await_connected(w);
    put_new(old, "/e", true);
    finish_store(old);
    assert_int_equal(get(w, "/e"), STORE_NO_NODE);
    finish_store(w);
}

static void a_wrong_digest_is_refused_by_private_nodes(void **state)
{
    struct bench_store *w =
        open_with(CONFIG_ACL_PRIVATE, "a:b", real_zookeeper_port(server));
    struct bench_store *wrong =
        open_with(CONFIG_ACL_PRIVATE, "a:c", real_zookeeper_port(server));
    struct bench_store *none =
        open_with(CONFIG_ACL_READ, NULL, real_zookeeper_port(server));

    (void)state;
    await_connected(w);
    await_connected(wrong);
    await_connected(none);
    put_new(w, "/private", false);
    assert_int_equal(get(w, "/private"), STORE_OK);
    assert_int_equal(get(wrong, "/private"), STORE_NO_AUTH);
    assert_int_equal(ask(wrong, STORE_SET, "/private", "1", -1, false),
                     STORE_NO_AUTH);
    assert_int_equal(ask(none, STORE_CREATE, "/open", "1", 0, false),
                     STORE_NO_AUTH);
    finish_store(w);
    finish_store(wrong);
    finish_store(none);
}

static void everyone_reads_what_acl_read_makes(void **state)
{
    struct bench_store *w =
        open_with(CONFIG_ACL_READ, "a:b", real_zookeeper_port(server));
    struct bench_store *other = open_store();

    (void)state;
    await_connected(w);
    await_connected(other);
    put_new(w, "/read", false);
    assert_int_equal(get(other, "/read"), STORE_OK);
    assert_int_equal(ask(other, STORE_SET, "/read", "1", -1, false),
                     STORE_NO_AUTH);
    assert_int_equal(ask(w, STORE_SET, "/read", "1", -1, false), STORE_OK);
    finish_store(w);
    finish_store(other);
}

static void nobody_listens_and_the_status_says_so(void **state)
{
    int fd;
    uint16_t port = (uint16_t)scratch_port(&fd);
    struct bench_store *w = open_with(CONFIG_ACL_OPEN, NULL, port);

    (void)state;
    AWAIT(w, status(w).state == STORE_CONNECTING && status(w).why[0] != '\0');
    assert_int_equal(status(w).session, 0);
    assert_int_equal(status(w).sessions, 0);
    finish_store(w);
    close(fd);
}

static void servers_may_have_names(void **state)
{
    struct config_server at[] = {
        { .host = (char[]){ "no-such-host.invalid" }, .port = 1 },
        { .host = (char[]){ "localhost" },
          .port = real_zookeeper_port(server) },
    };
    struct err e = { "" };
    struct resolver *r = resolver_start(&e);
    struct store_zk_options o = { .servers = at,
                                  .nservers = 2,
                                  .session_timeout_ms = SESSION_MS,
                                  .acl = CONFIG_ACL_OPEN,
                                  .resolver = r };
    struct bench_store *w = new_store(&o);

    (void)state;
    assert_non_null(r);
    turn(w);
    await_connected(w);
    assert_int_equal(get(w, "/"), STORE_OK);
    finish_store(w);
    resolver_stop(r);
}

static void closing_is_bounded_while_the_server_is_stopped(void **state)
{
    struct bench_store *w = open_store();
    size_t threads = threads_now();
    uint64_t begun;

    (void)state;
    await_connected(w);
    real_zookeeper_signal(server, SIGSTOP);
    begun = clock_mono_ms();
    assert_int_equal(close_store(w, 50), STORE_LEFT);
    assert_true(clock_mono_ms() - begun < 1400);
    real_zookeeper_signal(server, SIGCONT);
    await_threads(threads);
    free_store(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_are_created_set_read_and_deleted),
        cmocka_unit_test(a_full_window_takes_no_more_and_all_are_answered),
        cmocka_unit_test(a_take_over_leaves_the_node_in_the_new_session),
        cmocka_unit_test(children_are_listed_by_name),
        cmocka_unit_test(a_reading_says_when_it_was_changed),
        cmocka_unit_test(closing_ends_the_session),
        cmocka_unit_test(a_wrong_digest_is_refused_by_private_nodes),
        cmocka_unit_test(everyone_reads_what_acl_read_makes),
        cmocka_unit_test(nobody_listens_and_the_status_says_so),
        cmocka_unit_test(servers_may_have_names),
        cmocka_unit_test(closing_is_bounded_while_the_server_is_stopped),
    };

    return cmocka_run_group_tests(tests, start_server, stop_server);
}
