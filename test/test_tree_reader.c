/* All nodes below a root, over a store in memory with faults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../src/cmd/tree_reader.h"

#include "fake_store.h"

/* Long where answers come, short where none does. */
#define PATIENT_MS 30000
#define BRIEF_MS   200

struct bench {
    struct fake_store *store;
    struct tree_session *session;
    struct status_tree tree;
    struct err why;
};

static void open_bench(struct bench *b)
{
    memset(b, 0, sizeof *b);
    b->store = fake_store_new(1);
    b->session = tree_session_new(fake_store_seam(b->store), "/r", &b->why);
    assert_non_null(b->session);
    tree_session_within(b->session, PATIENT_MS);
}

static struct bench connected(void)
{
    struct bench b;

    open_bench(&b);
    fake_store_connect(b.store);
    return b;
}

static void done(struct bench *b)
{
    status_tree_free(&b->tree);
    assert_true(tree_session_close(b->session));
    assert_true(fake_store_closed(b->store));
    fake_store_free(b->store);
}

static void reads(struct bench *b)
{
    status_tree_free(&b->tree);
    tree_session_within(b->session, PATIENT_MS);
    if (tree_reader_read(b->session, &b->tree, &b->why) != TREE_DONE)
        fail_msg("%s", b->why.text);
}

static void fails(struct bench *b, unsigned timeout_ms, const char *why)
{
    status_tree_free(&b->tree);
    tree_session_within(b->session, timeout_ms);
    assert_int_equal(tree_reader_read(b->session, &b->tree, &b->why),
                     TREE_FAILED);
    assert_string_equal(b->why.text, why);
    assert_null(b->tree.instances);
    assert_null(b->tree.agents);
}

static void put_many(struct bench *b, size_t n)
{
    char path[64], data[64];

    for (size_t i = 0; i < n; i++) {
        snprintf(path, sizeof path, "/r/instances/c-%zu", i);
        snprintf(data, sizeof data, "document of c-%zu", i);
        fake_store_put(b->store, path, data, 0);
    }
}

static void has_many(const struct bench *b, size_t n)
{
    char data[64];

    assert_int_equal(b->tree.ninstances, n);
    for (size_t i = 0; i < n; i++) {
        const struct status_node *node = &b->tree.instances[i];

        snprintf(data, sizeof data, "document of %s", node->name);
        assert_string_equal(node->data, data);
        assert_int_equal(node->len, strlen(data));
        assert_int_equal(node->owner, 0);
    }
}

static void every_node_is_read_with_its_owner(void **state)
{
    struct bench b = connected();

    (void)state;
    put_many(&b, 150);
    fake_store_put(b.store, "/r/agents/web-1", "heartbeat", 77);
    fake_store_put(b.store, "/r/alive/c-1", "presence", 77);
    reads(&b);
    has_many(&b, 150);
    assert_int_equal(b.tree.nagents, 1);
    assert_string_equal(b.tree.agents[0].name, "web-1");
    assert_string_equal(b.tree.agents[0].data, "heartbeat");
    assert_int_equal(b.tree.agents[0].owner, 77);
    done(&b);
}

static void where_nothing_was_written_there_is_nothing(void **state)
{
    struct bench b = connected();

    (void)state;
    reads(&b);
    assert_int_equal(b.tree.ninstances + b.tree.nagents, 0);
    fake_store_put(b.store, "/r/instances/c", "", 0);
    reads(&b);
    assert_int_equal(b.tree.ninstances, 1);
    assert_string_equal(b.tree.instances[0].data, "");
    done(&b);
}

static void what_is_lost_on_the_way_is_asked_for_again(void **state)
{
    struct bench b = connected();

    (void)state;
    put_many(&b, 40);
    fake_store_faults(b.store, (struct fake_faults){ .lost_before = 100,
                                                     .lost_after = 100,
                                                     .busy = 100 });
    reads(&b);
    has_many(&b, 40);
    done(&b);
}

static void what_may_not_be_read_is_there_without_data(void **state)
{
    struct bench b = connected();

    (void)state;
    put_many(&b, 1);
    fake_store_deny(b.store, "/r/instances/c-0", STORE_NO_AUTH);
    reads(&b);
    assert_int_equal(b.tree.ninstances, 1);
    assert_string_equal(b.tree.instances[0].name, "c-0");
    assert_null(b.tree.instances[0].data);
    fake_store_deny(b.store, "/r/agents", STORE_NO_AUTH);
    fails(&b, PATIENT_MS, "ZooKeeper: /r/agents: no right to read it");
    fake_store_deny(b.store, "/r/instances/c-0", STORE_FAILED);
    fails(&b, PATIENT_MS, "ZooKeeper: /r/instances/c-0: failed");
    done(&b);
}

static void a_node_that_goes_after_it_was_listed_is_no_node(void **state)
{
    struct bench b = connected();

    (void)state;
    put_many(&b, 2);
    fake_store_deny(b.store, "/r/instances/c-1", STORE_NO_NODE);
    reads(&b);
    has_many(&b, 1);
    done(&b);
}

/* How often nothing is to be collected yet. */
static unsigned late;
static size_t (*real_collect)(struct store *, struct store_reply *, size_t);

static size_t collect_late(struct store *s, struct store_reply *out, size_t max)
{
    if (late == 0)
        return real_collect(s, out, max);
    late--;
    return 0;
}

static void an_answer_to_an_earlier_look_is_not_taken(void **state)
{
    struct bench b = connected();
    struct store *seam = fake_store_seam(b.store);
    struct store_ops ops = *seam->ops;

    (void)state;
    real_collect = ops.collect;
    ops.collect = collect_late;
    seam->ops = &ops;
    put_many(&b, 1);
    fake_store_mute(b.store, true);
    fails(&b, BRIEF_MS, "ZooKeeper: not read within 200 ms: connected");
    fake_store_mute(b.store, false);
    put_many(&b, 2);
    /* Both lists are there when the first answer is looked at. */
    late = 1;
    reads(&b);
    has_many(&b, 2);
    done(&b);
}

static void without_an_answer_the_reader_gives_up_in_time(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b);
    fails(&b, BRIEF_MS, "ZooKeeper: not read within 200 ms: connecting");
    fake_store_connect(b.store);
    put_many(&b, 40);
    reads(&b);
    has_many(&b, 40);
    done(&b);
}

static void who_waits_can_be_called_away(void **state)
{
    struct bench b;
    int ends[2];

    (void)state;
    open_bench(&b);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    tree_session_cancel_by(b.session, ends[0]);
    assert_int_equal(tree_reader_read(b.session, &b.tree, &b.why),
                     TREE_CANCELLED);
    close(ends[0]);
    close(ends[1]);
    done(&b);
}

/* The paths that were asked for, each with a space behind it. */
static char asked[1024];
static int (*real_submit)(struct store *, const struct store_request *);

static int note(struct store *s, const struct store_request *r)
{
    int rc = real_submit(s, r);

    if (rc == 0) {
        strcat(asked, r->path);
        strcat(asked, " ");
    }
    assert_true(r->verb == STORE_GET || r->verb == STORE_LIST);
    return rc;
}

static void heartbeats_are_read_after_what_they_vouch_for(void **state)
{
    struct bench b = connected();
    struct store *seam = fake_store_seam(b.store);
    struct store_ops ops = *seam->ops;

    (void)state;
    real_submit = ops.submit;
    ops.submit = note;
    seam->ops = &ops;
    put_many(&b, 2);
    fake_store_put(b.store, "/r/agents/web-1", "heartbeat", 77);
    reads(&b);
    assert_string_equal(asked, "/r/instances /r/instances/c-0 "
                               "/r/instances/c-1 /r/agents /r/agents/web-1 ");
    done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_node_is_read_with_its_owner),
        cmocka_unit_test(where_nothing_was_written_there_is_nothing),
        cmocka_unit_test(what_is_lost_on_the_way_is_asked_for_again),
        cmocka_unit_test(what_may_not_be_read_is_there_without_data),
        cmocka_unit_test(a_node_that_goes_after_it_was_listed_is_no_node),
        cmocka_unit_test(an_answer_to_an_earlier_look_is_not_taken),
        cmocka_unit_test(without_an_answer_the_reader_gives_up_in_time),
        cmocka_unit_test(who_waits_can_be_called_away),
        cmocka_unit_test(heartbeats_are_read_after_what_they_vouch_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
