/*
 * The store's ladder, from a reconnect over a new session to a new handle:
 * every step is caused on purpose, by signals to a real ZooKeeper, by ending
 * the session behind the store's back, or in the client library itself.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "scratch.h"
#include "store_bench.h"
#include "wrapped_zookeeper.h"

static void expire(struct bench_store *s)
{
    clientid_t id = wrapped_zookeeper_id();

    assert_int_equal(id.client_id, status(s).session);
    AWAIT_BY(await_nap(),
             real_zookeeper_expire(server, id.client_id, id.passwd));
}

static void an_expired_session_is_followed_by_a_new_one(void **state)
{
    struct bench_store *w = open_store();
    int64_t before;

    (void)state;
    await_connected(w);
    put_new(w, "/e", true);
    before = status(w).session;
    assert_int_equal(status(w).sessions, 1);
    expire(w);
    AWAIT(w, status(w).sessions == 2);
    await_connected(w);
    assert_true(status(w).session != before);
    assert_int_equal(get(w, "/e"), STORE_NO_NODE);
    finish_store(w);
}

static void twenty_expiries_leave_no_thread_and_no_descriptor(void **state)
{
    struct bench_store *w = open_store();
    size_t threads;
    size_t fds;

    (void)state;
    await_connected(w);
    threads = threads_now();
    fds = scratch_entries("/proc/self/fd");
    for (uint64_t i = 2; i <= 21; i++) {
        expire(w);
        AWAIT(w, status(w).sessions == i);
        assert_int_equal(get(w, "/"), STORE_OK);
    }
    AWAIT(w, status(w).reapers == 0);
    assert_int_equal(threads_now(), threads);
    assert_int_equal(scratch_entries("/proc/self/fd"), fds);
    finish_store(w);
    assert_int_equal(threads_now(), threads - 2);
}

static void a_stopped_server_leaves_the_outcome_uncertain(void **state)
{
    struct bench_store *w = open_store();
    struct store_request r = { .verb = STORE_GET, .path = "/" };

    (void)state;
    await_connected(w);
    real_zookeeper_signal(server, SIGSTOP);
    submit(w, &r);
    AWAIT(w, w->answered);
    assert_int_equal(w->reply.code, STORE_UNCERTAIN);
    AWAIT(w, status(w).state == STORE_CONNECTING);
    assert_true(status(w).why[0] != '\0');
    assert_int_equal(w->store->ops->submit(w->store, &r), -1);
    real_zookeeper_signal(server, SIGCONT);
    await_connected(w);
    AWAIT(w, get(w, "/") == STORE_OK);
    finish_store(w);
}

static void a_killed_and_restarted_server_finds_the_same_session(void **state)
{
    struct bench_store *w = open_store();

    (void)state;
    await_connected(w);
    put_new(w, "/e", true);
    real_zookeeper_kill(server);
    AWAIT(w, status(w).state == STORE_CONNECTING);
    real_zookeeper_revive(server);
    await_connected(w);
    /* Within the time-out of a session, unless this machine is very busy. */
    if (status(w).sessions == 1)
        assert_int_equal(get(w, "/e"), STORE_OK);
    finish_store(w);
}

static void long_without_a_connection_a_new_handle_keeps_the_session(
    void **state)
{
    struct bench_store *w = open_store();
    unsigned before;
    int64_t session;

    (void)state;
    await_connected(w);
    session = status(w).session;
    before = wrapped_zookeeper.handles;
    real_zookeeper_signal(server, SIGSTOP);
    AWAIT(w, status(w).state == STORE_CONNECTING);
    w->ahead_ms += 2 * SESSION_MS + 1000;
    AWAIT(w, wrapped_zookeeper.handles > before + 1);
    real_zookeeper_signal(server, SIGCONT);
    await_connected(w);
    if (status(w).sessions == 1)
        assert_int_equal(status(w).session, session);
    /* What the old handle had asked for while the server stood may still cost
     * the new one its connection. */
    AWAIT(w, get(w, "/") == STORE_OK);
    finish_store(w);
}

/* True when the session, and the node PATH in it, outlived the handle. */
static bool outlives_a_handle(struct bench_store *w, const char *path)
{
    uint64_t sessions = status(w).sessions;
    unsigned handles = wrapped_zookeeper.handles;
    zhandle_t *before = wrapped_zookeeper.last_handle;

    put_new(w, path, true);
    atomic_store(&wrapped_zookeeper.block_closes, true);
    real_zookeeper_signal(server, SIGSTOP);
    AWAIT(w, wrapped_zookeeper.handles > handles);
    real_zookeeper_signal(server, SIGCONT);
    AWAIT(w, zoo_state(before) == ZOO_EXPIRED_SESSION_STATE);
    atomic_store(&wrapped_zookeeper.block_closes, false);
    AWAIT(w, status(w).reapers == 0);
    await_connected(w);
    return status(w).sessions == sessions && get(w, path) == STORE_OK;
}

/* When it is closed, at whatever time, the session would end with it. */
static void a_handle_that_was_replaced_does_not_get_the_session_back(
    void **state)
{
    struct bench_store *w = open_store();
    char path[] = "/kept-0";

    (void)state;
    await_connected(w);
    /* On a machine that is busy enough a session ends by itself, but not each
     * time. */
    while (!outlives_a_handle(w, path)) {
        path[sizeof path - 2]++;
        assert_in_range(path[sizeof path - 2], '1', '4');
    }
    finish_store(w);
}

/* How often WORDS were written to F. */
static unsigned count_words(FILE *f, const char *words)
{
    char line[1024];
    unsigned n = 0;

    rewind(f);
    while (fgets(line, sizeof line, f) != NULL)
        n += strstr(line, words) != NULL;
    return n;
}

static void an_outage_is_told_once_however_long_it_lasts(void **state)
{
    struct bench_store *w = open_store();
    FILE *heard = tmpfile();
    int saved = dup(STDERR_FILENO);

    (void)state;
    assert_non_null(heard);
    await_connected(w);
    dup2(fileno(heard), STDERR_FILENO);
    real_zookeeper_signal(server, SIGSTOP);
    AWAIT(w, status(w).state == STORE_CONNECTING);
    for (int i = 0; i < 5; i++) {
        unsigned before = wrapped_zookeeper.handles;

        w->ahead_ms += 2 * SESSION_MS + 1000;
        AWAIT(w, wrapped_zookeeper.handles != before);
        /* By the store's clock it would else take too long. */
        AWAIT(w, status(w).reapers == 0);
    }
    dup2(saved, STDERR_FILENO);
    close(saved);
    real_zookeeper_signal(server, SIGCONT);
    await_connected(w);
    assert_int_equal(count_words(heard, "event=zk_not_connected"), 1);
    fclose(heard);
    finish_store(w);
}

static void a_server_that_lost_its_data_gets_a_new_session(void **state)
{
    struct bench_store *w = open_store();

    (void)state;
    await_connected(w);
    for (int i = 0; i < 5; i++)
        put_new(w, "/e", true);
    real_zookeeper_kill(server);
    real_zookeeper_forget(server);
    AWAIT(w, status(w).state == STORE_CONNECTING);
    real_zookeeper_revive(server);
    w->ahead_ms += 2 * SESSION_MS + 1000;
    AWAIT(w, status(w).sessions == 2);
    await_connected(w);
    assert_int_equal(get(w, "/e"), STORE_NO_NODE);
    finish_store(w);
}

static void a_wedged_handle_is_replaced_and_its_request_uncertain(void **state)
{
    struct bench_store *w = open_store();
    struct store_request r = { .verb = STORE_GET, .path = "/" };
    unsigned before;

    (void)state;
    await_connected(w);
    before = wrapped_zookeeper.handles;
    atomic_store(&wrapped_zookeeper.swallow_gets, true);
    submit(w, &r);
    turn(w);
    assert_false(w->answered);
    atomic_store(&wrapped_zookeeper.swallow_gets, false);
    w->ahead_ms += SESSION_MS + 2001;
    AWAIT(w, w->answered);
    assert_int_equal(w->reply.code, STORE_UNCERTAIN);
    AWAIT(w, wrapped_zookeeper.handles > before);
    /* The old handle may still end the session that the new one took on. */
    AWAIT(w, get(w, "/") == STORE_OK);
    finish_store(w);
}

static void three_handles_that_do_not_close_break_the_store(void **state)
{
    struct bench_store *w = open_store();
    size_t threads = threads_now();

    (void)state;
    await_connected(w);
    atomic_store(&wrapped_zookeeper.block_closes, true);
    /* Each costs one handle or two: that of the connection, and that by which
     * we learn that the session is over, where the first does not live to. */
    while (status(w).reapers < 3) {
        uint64_t sessions = status(w).sessions;
        expire(w);
        AWAIT(w, status(w).reapers == 3 || status(w).sessions > sessions);
    }
    AWAIT(w, status(w).state == STORE_OFFLINE);
    w->ahead_ms = 60000;
    AWAIT(w, status(w).state == STORE_BROKEN);
    assert_int_equal(close_store(w, 20), STORE_LEFT);
    /* Left behind, and yet they end and free all once they can. */
    atomic_store(&wrapped_zookeeper.block_closes, false);
    await_threads(threads);
    free_store(w);
}

static void a_reaper_that_could_not_start_is_started_later(void **state)
{
    struct bench_store *w = open_store();

    (void)state;
    await_connected(w);
    atomic_store(&wrapped_zookeeper.refused_threads, 1);
    expire(w);
    AWAIT(w, status(w).sessions == 2 && status(w).reapers == 0);
    assert_int_equal(atomic_load(&wrapped_zookeeper.refused_threads), 0);
    finish_store(w);
}

/* ----------------------------------------------------------------- watches */

/* Asks, and watches. */
static void watch(struct bench_store *w, enum store_verb verb, const char *path)
{
    const struct store_request r = {
        .verb = verb, .path = path, .data = "", .version = -1, .watch = true
    };

    submit(w, &r);
    AWAIT(w, w->answered);
}

static bool changed(struct bench_store *w, char *path)
{
    return w->store->ops->changed(w->store, path, 64);
}

static void a_watched_node_tells_once_that_it_changed(void **state)
{
    struct bench_store *w = open_store();
    char path[64];

    (void)state;
    await_connected(w);
    put_new(w, "/watched", false);
    watch(w, STORE_GET, "/watched");
    watch(w, STORE_GET, "/watched"); /* twice is once */
    assert_false(changed(w, path));
    assert_int_equal(ask(w, STORE_SET, "/watched", "y", -1, false), STORE_OK);
    AWAIT(w, changed(w, path));
    assert_string_equal(path, "/watched");
    assert_int_equal(ask(w, STORE_SET, "/watched", "z", -1, false), STORE_OK);
    assert_int_equal(get(w, "/watched"), STORE_OK);
    assert_false(changed(w, path));
    finish_store(w);
}

static void children_and_what_is_not_there_are_watched(void **state)
{
    struct bench_store *w = open_store();
    char path[64];

    (void)state;
    await_connected(w);
    (void)ask(w, STORE_DELETE, "/above/b", "", -1, false);
    put_new(w, "/above", false);
    watch(w, STORE_LIST, "/above");
    watch(w, STORE_EXISTS, "/above/b");
    assert_int_equal(w->reply.code, STORE_NO_NODE);
    put_new(w, "/above/b", false);
    bool list = false;
    bool node = false;
    while (!list || !node) {
        AWAIT(w, changed(w, path));
        list = list || strcmp(path, "/above") == 0;
        node = node || strcmp(path, "/above/b") == 0;
    }
    watch(w, STORE_EXISTS, "/above/b");
    assert_int_equal(w->reply.code, STORE_OK);
    assert_int_equal(ask(w, STORE_DELETE, "/above/b", "", -1, false), STORE_OK);
    AWAIT(w, changed(w, path));
    assert_string_equal(path, "/above/b");
    finish_store(w);
}

/* What changed while the connection was away is told afterwards. */
static void a_watch_outlives_its_connection(void **state)
{
    struct bench_store *w = open_store();
    struct bench_store *other;
    char path[64];

    (void)state;
    await_connected(w);
    put_new(w, "/kept", false);
    watch(w, STORE_GET, "/kept");
    uint64_t handles = status(w).handles;
    uint64_t losses = status(w).losses;
    real_zookeeper_kill(server);
    AWAIT(w, status(w).losses > losses);
    real_zookeeper_revive(server);
    other = open_store();
    await_connected(other);
    assert_int_equal(ask(other, STORE_SET, "/kept", "y", -1, false), STORE_OK);
    await_connected(w);
    AWAIT(w, status(w).handles > handles || changed(w, path));
    finish_store(other);
    finish_store(w);
}

static void no_watch_outlives_its_handle(void **state)
{
    struct bench_store *w = open_store();
    char path[64];

    (void)state;
    await_connected(w);
    put_new(w, "/lost", false);
    watch(w, STORE_GET, "/lost");
    uint64_t handles = status(w).handles;
    expire(w);
    AWAIT(w, status(w).handles > handles);
    await_connected(w);
    assert_int_equal(ask(w, STORE_SET, "/lost", "y", -1, false), STORE_OK);
    assert_int_equal(get(w, "/lost"), STORE_OK);
    assert_false(changed(w, path));
    finish_store(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_expired_session_is_followed_by_a_new_one),
        cmocka_unit_test(twenty_expiries_leave_no_thread_and_no_descriptor),
        cmocka_unit_test(a_stopped_server_leaves_the_outcome_uncertain),
        cmocka_unit_test(a_killed_and_restarted_server_finds_the_same_session),
        cmocka_unit_test(
            long_without_a_connection_a_new_handle_keeps_the_session),
        cmocka_unit_test(
            a_handle_that_was_replaced_does_not_get_the_session_back),
        cmocka_unit_test(an_outage_is_told_once_however_long_it_lasts),
        cmocka_unit_test(a_server_that_lost_its_data_gets_a_new_session),
        cmocka_unit_test(a_wedged_handle_is_replaced_and_its_request_uncertain),
        cmocka_unit_test(three_handles_that_do_not_close_break_the_store),
        cmocka_unit_test(a_reaper_that_could_not_start_is_started_later),
        cmocka_unit_test(a_watched_node_tells_once_that_it_changed),
        cmocka_unit_test(children_and_what_is_not_there_are_watched),
        cmocka_unit_test(a_watch_outlives_its_connection),
        cmocka_unit_test(no_watch_outlives_its_handle),
    };

    return cmocka_run_group_tests(tests, start_server, stop_server);
}
