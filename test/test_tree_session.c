/* What commands ask of the tree, over a store in memory with faults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../src/cmd/tree_session.h"

#include "fake_store.h"

/* Long where answers come, short where none does. */
#define PATIENT_MS 30000
#define BRIEF_MS   200

struct bench {
    struct fake_store *store;
    struct tree_session *session;
    struct fake_node node;
    struct err why;
};

static struct bench connected_at(const char *root)
{
    struct bench b = { .store = fake_store_new(1) };
    b.session = tree_session_new(fake_store_seam(b.store), root, &b.why);
    assert_non_null(b.session);
    tree_session_within(b.session, PATIENT_MS);
    fake_store_connect(b.store);
    return b;
}

static struct bench connected(void)
{
    return connected_at("/r");
}

static void done(struct bench *b)
{
    assert_true(tree_session_close(b->session));
    assert_true(fake_store_closed(b->store));
    fake_store_free(b->store);
}

static void has(struct bench *b, const char *path, const char *data,
                int32_t version)
{
    assert_true(fake_store_look(b->store, path, &b->node));
    assert_int_equal(b->node.len, strlen(data));
    assert_memory_equal(b->node.data, data, b->node.len);
    assert_int_equal(b->node.version, version);
    assert_int_equal(b->node.owner, 0);
}

static enum tree_write put(struct bench *b, const char *path, const char *data,
                           int32_t version)
{
    return tree_session_put(b->session, path, data, strlen(data), version,
                            &b->why);
}

static void a_new_node_gets_what_is_above_it(void **state)
{
    struct bench b = connected_at("/a/r");
    (void)state;
    assert_int_equal(put(&b, "maintenance/@w/c-1", "x", TREE_NEW),
                     TREE_WRITTEN);
    has(&b, "/a/r/maintenance/@w/c-1", "x", 0);
    has(&b, "/a/r/maintenance/@w", "", 0);
    has(&b, "/a/r", "", 0);
    has(&b, "/a", "", 0);
    assert_int_equal(put(&b, "maintenance/@w/c-1", "y", TREE_NEW),
                     TREE_CHANGED);
    has(&b, "/a/r/maintenance/@w/c-1", "x", 0);
    done(&b);
}

static void the_root_of_all_has_nothing_above_it(void **state)
{
    struct bench b = connected_at("/");
    (void)state;
    assert_int_equal(put(&b, "fleets/f", "x", TREE_NEW), TREE_WRITTEN);
    has(&b, "/fleets/f", "x", 0);
    done(&b);
}

static void somebody_elses_change_is_not_overwritten(void **state)
{
    struct bench b = connected();
    struct tree_answer a;
    (void)state;
    fake_store_put(b.store, "/r/fleets/f", "x", 0);
    assert_int_equal(tree_session_get(b.session, "fleets/f", &a, &b.why), 0);
    assert_string_equal(a.data, "x");
    fake_store_put(b.store, "/r/fleets/f", "theirs", 0);
    assert_int_equal(put(&b, "fleets/f", "ours", a.version), TREE_CHANGED);
    assert_int_equal(
        tree_session_remove(b.session, "fleets/f", a.version, &b.why),
        TREE_CHANGED);
    has(&b, "/r/fleets/f", "theirs", a.version + 1);
    tree_answer_free(&a);
    fake_store_remove(b.store, "/r/fleets/f");
    assert_int_equal(put(&b, "fleets/f", "ours", 1), TREE_CHANGED);
    assert_int_equal(tree_session_remove(b.session, "fleets/f", 1, &b.why),
                     TREE_WRITTEN);
    done(&b);
}

static void what_is_not_there_is_no_failure_of_a_read(void **state)
{
    struct bench b = connected();
    struct tree_answer a;
    (void)state;
    assert_int_equal(tree_session_get(b.session, "owned/w", &a, &b.why), 0);
    assert_int_equal(a.code, STORE_NO_NODE);
    assert_null(a.data);
    assert_int_equal(tree_session_list(b.session, "fleets", &a, &b.why), 0);
    assert_int_equal(a.code, STORE_NO_NODE);
    fake_store_put(b.store, "/r/fleets/f", "", 0);
    fake_store_put(b.store, "/r/fleets/g", "", 0);
    assert_int_equal(tree_session_list(b.session, "fleets", &a, &b.why), 0);
    assert_int_equal(a.len, 4);
    assert_memory_equal(a.data, "f\0g", 4);
    tree_answer_free(&a);
    done(&b);
}

/* Each of three writes a time; what came of it is known. */
static void a_write_that_was_lost_is_done_once_all_the_same(void **state)
{
    struct bench b = connected();
    char path[32], full[32], data[32];
    (void)state;
    fake_store_put(b.store, "/r/n", "", 0);
    fake_store_faults(b.store, (struct fake_faults){ .lost_before = 150,
                                                     .lost_after = 150,
                                                     .busy = 100 });
    for (int i = 0; i < 15; i++) {
        snprintf(path, sizeof path, "n/%d", i);
        snprintf(full, sizeof full, "/r/n/%d", i);
        snprintf(data, sizeof data, "data %d", i);
        assert_int_equal(put(&b, path, "new", TREE_NEW), TREE_WRITTEN);
        has(&b, full, "new", 0);
        assert_int_equal(put(&b, path, data, 0), TREE_WRITTEN);
        has(&b, full, data, 1);
        assert_int_equal(tree_session_remove(b.session, path, 1, &b.why),
                         TREE_WRITTEN);
        assert_false(fake_store_look(b.store, full, &b.node));
        assert_int_equal(b.node.writes, 2);
    }
    done(&b);
}

static void who_may_not_is_told_what(void **state)
{
    struct bench b = connected();
    struct tree_answer a;
    (void)state;
    fake_store_put(b.store, "/r/fleets/f", "x", 0);
    fake_store_deny(b.store, "/r/fleets/f", STORE_NO_AUTH);
    assert_int_equal(tree_session_get(b.session, "fleets/f", &a, &b.why), -1);
    assert_string_equal(b.why.text,
                        "ZooKeeper: /r/fleets/f: no right to read it");
    assert_int_equal(put(&b, "fleets/f", "y", 0), TREE_UNWRITTEN);
    assert_string_equal(b.why.text,
                        "ZooKeeper: /r/fleets/f: no right to write it");
    fake_store_deny(b.store, "/r/maintenance", STORE_NO_AUTH);
    assert_int_equal(put(&b, "maintenance/f/x", "y", TREE_NEW), TREE_UNWRITTEN);
    assert_string_equal(b.why.text,
                        "ZooKeeper: /r/maintenance/f/x: no right to write it");
    done(&b);
}

static void without_an_answer_it_says_that_it_may_be_done(void **state)
{
    struct bench b = connected();
    (void)state;
    tree_session_within(b.session, BRIEF_MS);
    fake_store_put(b.store, "/r/n", "", 0);
    fake_store_mute(b.store, true);
    assert_int_equal(put(&b, "n", "x", 0), TREE_UNWRITTEN);
    assert_string_equal(b.why.text,
                        "ZooKeeper: not written within 200 ms: connected; it "
                        "may have been written or not");
    fake_store_mute(b.store, false);
    done(&b);
}

static void many_are_asked_at_once_and_answered_in_their_places(void **state)
{
    struct bench b = connected();
    char paths[150][16], full[32];
    struct tree_ask asks[150];
    (void)state;
    fake_store_faults(b.store, (struct fake_faults){ .lost_before = 100,
                                                     .lost_after = 100,
                                                     .busy = 100 });
    for (int i = 0; i < 150; i++) {
        snprintf(paths[i], sizeof paths[i], "n/%d", i);
        snprintf(full, sizeof full, "/r/n/%d", i);
        if (i % 3 != 0)
            fake_store_put(b.store, full, paths[i], 7);
        asks[i] = (struct tree_ask){ .verb = STORE_GET, .path = paths[i] };
    }
    assert_int_equal(tree_session_ask(b.session, asks, 150, &b.why), TREE_DONE);
    for (int i = 0; i < 150; i++) {
        if (i % 3 == 0) {
            assert_int_equal(asks[i].answer.code, STORE_NO_NODE);
        } else {
            assert_string_equal(asks[i].answer.data, paths[i]);
            assert_int_equal(asks[i].answer.owner, 7);
        }
        tree_answer_free(&asks[i].answer);
    }
    done(&b);
}

static size_t (*real_collect)(struct store *, struct store_reply *, size_t);

/* Of an ensemble whose clock is an hour ahead. */
static size_t collect_ahead(struct store *s, struct store_reply *out,
                            size_t max)
{
    size_t n = real_collect(s, out, max);
    for (size_t i = 0; i < n; i++)
        out[i].mtime_wall_ms += 3600 * 1000;
    return n;
}

static void the_ensembles_clock_is_read_from_a_write(void **state)
{
    struct bench b = connected();
    int64_t offset = INT64_MAX;
    (void)state;
    assert_int_equal(
        tree_session_clock(b.session, "maintenance/@w", &offset, &b.why), 0);
    has(&b, "/r/maintenance/@w", "", 1);
    struct store *seam = fake_store_seam(b.store);
    struct store_ops ops = *seam->ops;
    real_collect = ops.collect;
    ops.collect = collect_ahead;
    seam->ops = &ops;
    assert_int_equal(
        tree_session_clock(b.session, "maintenance/@w", &offset, &b.why), 0);
    /* Wide, for a machine that stands still for a while. */
    assert_in_range(offset, 3000 * 1000, 4200 * 1000);
    done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_node_gets_what_is_above_it),
        cmocka_unit_test(the_root_of_all_has_nothing_above_it),
        cmocka_unit_test(somebody_elses_change_is_not_overwritten),
        cmocka_unit_test(what_is_not_there_is_no_failure_of_a_read),
        cmocka_unit_test(a_write_that_was_lost_is_done_once_all_the_same),
        cmocka_unit_test(who_may_not_is_told_what),
        cmocka_unit_test(without_an_answer_it_says_that_it_may_be_done),
        cmocka_unit_test(many_are_asked_at_once_and_answered_in_their_places),
        cmocka_unit_test(the_ensembles_clock_is_read_from_a_write),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
