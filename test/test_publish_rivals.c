/*
 * Nodes that name other agents, through the publisher's book: agents that live,
 * are gone, or cannot be told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../src/publish/sources.h"

#include "book_bench.h"

static void a_living_agents_node_is_left_to_it_until_it_is_gone(void **state)
{
    struct bench_book *w = open_with_beat();
    struct slot *s;
    struct store_request r;

    (void)state;
    put(w, "instances/a", UP_WEB2, 0);
    put(w, "agents/web-2", BEAT_WEB2, 7);
    s = add_slot(w, SLOT_STATUS, "a");
    assert_true(let_out(w, &r));
    answer(w, &r);
    (void)take_of(w, s);
    post_to(w, s, UP);
    assert_int_equal(why_of(w, s), WHY_RIVAL_ASKED);
    assert_int_equal(w->book.owners.conflicts, 0);
    run(w);
    assert_asked(w, "get instances/a, get agents/web-2");
    assert_int_equal(why_of(w, s), WHY_RIVAL_ALIVE);
    assert_int_equal(w->book.owners.conflicts, 1);
    assert_int_equal(tally_pending(&w->book.tally), 0);
    assert_string_equal(s->owner.rival->agent, "web-2");
    assert_string_equal(s->owner.rival->host, "h9");
    /* It is looked at again at a bounded pace. */
    assert_int_equal(sources_due(&w->book, w->now), w->now + 5000);
    run_at(w, w->now + 4999);
    assert_asked(w, "");
    run_at(w, w->now + 1);
    assert_asked(w, "get agents/web-2");
    drop(w, "agents/web-2");
    run_at(w, w->now + 5000);
    assert_asked(w, "get agents/web-2, set instances/a:0");
    assert_string_equal(at(w, "instances/a")->node.data, UP ",\"seq\":8}");
    assert_int_equal(why_of(w, s), WHY_WRITTEN);
    assert_int_equal(w->book.owners.conflicts, 0);
    assert_int_equal(w->book.drifts, 0);
    /* Nobody looks for it any more. */
    assert_int_equal(sources_due(&w->book, w->now), UINT64_MAX);
    close_book(w);
}

static void one_look_is_enough_for_all_nodes_of_an_agent(void **state)
{
    struct bench_book *w = open_with_beat();
    struct slot *a;
    struct slot *b;

    (void)state;
    put(w, "instances/a", UP_WEB2, 0);
    put(w, "instances/b", UP_WEB2, 0);
    put(w, "agents/web-2", BEAT_WEB2, 7);
    a = add_read(w, SLOT_STATUS, "a");
    b = add_read(w, SLOT_STATUS, "b");
    post_to(w, a, UP);
    post_to(w, b, UP);
    run(w);
    assert_asked(w, "");
    assert_int_equal(w->book.owners.conflicts, 2);
    assert_ptr_equal(a->owner.rival, b->owner.rival);
    run_at(w, w->now + 5000);
    assert_asked(w, "get agents/web-2");
    book_remove(&w->book, a);
    assert_int_equal(w->book.owners.conflicts, 1);
    run_at(w, w->now + 5000);
    assert_asked(w, "get agents/web-2");
    book_remove(&w->book, b);
    assert_int_equal(table_count(&w->book.table), 1);
    assert_int_equal(w->book.owners.conflicts, 0);
    assert_int_equal(w->book.tally.count[PUBLISHER_CONFLICT], 0);
    assert_int_equal(w->book.tally.count[PUBLISHER_CLEAN], 1);
    run_at(w, w->now + 5000);
    assert_asked(w, "");
    close_book(w);
}

static void an_agent_that_no_node_names_is_forgotten(void **state)
{
    struct bench_book *w = open_with_beat();
    struct slot *s;
    struct store_request r;

    (void)state;
    put(w, "instances/a", UP_WEB2, 0);
    s = add_read(w, SLOT_STATUS, "a");
    w->now += 5000;
    assert_true(let_out(w, &r));
    book_remove(&w->book, s);
    /* Not before the answer, which is about it. */
    assert_non_null(w->book.owners.rivals.list[0]);
    answer(w, &r);
    assert_null(w->book.owners.rivals.list[0]);
    run_at(w, w->now + 5000);
    assert_asked(w, "get agents/web-2");
    close_book(w);
}

static void a_node_that_changes_hands_is_another_conflict(void **state)
{
    struct bench_book *w = open_with_beat();
    struct slot *s;

    (void)state;
    refresh_init(&w->refresh, 60000, w->now);
    put(w, "instances/a", UP_WEB2, 0);
    put(w, "agents/web-2", BEAT_WEB2, 7);
    put(w, "agents/web-3", BEAT_WEB2, 8);
    s = add_read(w, SLOT_STATUS, "a");
    put(w, "instances/a", "{\"schema\":1,\"agent\":\"web-3\",\"seq\":9}", 0);
    run_at(w, w->now + 60000);
    assert_string_equal(s->owner.rival->agent, "web-3");
    assert_int_equal(w->book.owners.conflicts, 1);
    assert_int_equal(w->book.drifts, 0);
    w->asked[0] = '\0';
    run_at(w, w->now + 5000);
    assert_asked(w, "get agents/web-3");
    /* What is nobody's any more is ours. */
    drop(w, "instances/a");
    post_to(w, s, UP);
    run_at(w, w->now + 60000);
    assert_int_equal(why_of(w, s), WHY_WRITTEN);
    assert_int_equal(w->book.owners.conflicts, 0);
    close_book(w);
}

static void nothing_is_taken_over_before_our_heartbeat_stands(void **state)
{
    struct bench_book *w = open_book();
    struct slot *beat = add_read(w, SLOT_HEARTBEAT, AGENT);
    struct slot *s;

    (void)state;
    put(w, "instances/a", UP_WEB2, 0);
    s = add_read(w, SLOT_STATUS, "a");
    post_to(w, s, UP);
    run(w);
    assert_asked(w, "");
    assert_int_equal(why_of(w, s), WHY_RIVAL_GONE);
    assert_int_equal(w->book.owners.lease.state, LEASE_FREE);
    assert_int_equal(w->book.owners.conflicts, 0);
    post_to(w, beat, BEAT);
    run(w);
    assert_asked(w, "create agents/web-1*, get agents/web-2, "
                    "set instances/a:0");
    assert_int_equal(why_of(w, s), WHY_WRITTEN);
    close_book(w);
}

static void an_answer_that_says_nothing_is_asked_for_sooner(void **state)
{
    static const enum store_code CODES[] = { STORE_UNCERTAIN, STORE_BUSY,
                                             STORE_FAILED };
    struct bench_book *w = open_with_beat();
    struct slot *s = add_slot(w, SLOT_STATUS, "a");
    struct store_request r;

    (void)state;
    put(w, "instances/a", UP_WEB2, 0);
    assert_true(let_out(w, &r));
    answer(w, &r);
    for (size_t i = 0; i < 3; i++) {
        assert_true(let_out(w, &r));
        sources_unsent(&w->book, &r);
        assert_true(let_out(w, &r));
        answer_code(w, &r, CODES[i]);
        assert_int_equal(s->owner.rival->state, RIVAL_ASKED);
        assert_int_equal(sources_due(&w->book, w->now), w->now + 1000);
        w->now += 1000;
    }
    /* An agent that we may not look at is there. */
    assert_true(let_out(w, &r));
    answer_code(w, &r, STORE_NO_AUTH);
    assert_int_equal(s->owner.rival->state, RIVAL_ALIVE);
    assert_int_equal(sources_due(&w->book, w->now), w->now + 5000);
    close_book(w);
}

static void what_was_asked_before_a_node_was_read_does_not_count(void **state)
{
    struct bench_book *w = open_with_beat();
    struct slot *a = add_read(w, SLOT_STATUS, "a");
    struct slot *b;
    struct store_request look;
    struct store_request r;

    (void)state;
    put(w, "instances/a", UP_WEB2, 0);
    refresh_init(&w->refresh, 60000, w->now);
    w->now += 120000;
    while (strcmp(w->asked, "") == 0 || strstr(w->asked, "web-2") == NULL) {
        assert_true(let_out(w, &look));
        if (strstr(look.path, "web-2") == NULL)
            answer(w, &look);
    }
    /* The look at the agent is under way when another node is read. */
    put(w, "instances/b", UP_WEB2, 0);
    b = add_slot(w, SLOT_STATUS, "b");
    while (let_out(w, &r))
        answer(w, &r);
    answer(w, &look);
    assert_int_equal(a->owner.rival->state, RIVAL_ASKED);
    assert_false(a->owner.rival_gone);
    run(w);
    assert_int_equal(b->owner.rival->state, RIVAL_GONE);
    assert_true(a->owner.rival_gone);
    assert_true(b->owner.rival_gone);
    close_book(w);
}

static void what_is_no_id_holds_nothing(void **state)
{
    static const char *const DOCS[] = {
        "{\"schema\":1,\"agent\":\"a/b\",\"seq\":3}",
        "{\"schema\":1,\"agent\":\"..\",\"seq\":3}",
        "{\"schema\":1,\"agent\":\".\",\"seq\":3}",
        "{\"schema\":1,\"agent\":\"\",\"seq\":3}",
        ("{\"schema\":1,\"agent\":\"web-2\",\"status\":\"unknown\","
         "\"reason\":\"removed\",\"seq\":3}"),
        "no document",
    };

    (void)state;
    for (size_t i = 0; i < sizeof DOCS / sizeof *DOCS; i++) {
        struct bench_book *w = open_with_beat();
        struct slot *s;

        put(w, "instances/a", DOCS[i], 0);
        s = add_read(w, SLOT_STATUS, "a");
        post_to(w, s, UP);
        run(w);
        assert_asked(w, "set instances/a:0");
        close_book(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_living_agents_node_is_left_to_it_until_it_is_gone),
        cmocka_unit_test(one_look_is_enough_for_all_nodes_of_an_agent),
        cmocka_unit_test(an_agent_that_no_node_names_is_forgotten),
        cmocka_unit_test(a_node_that_changes_hands_is_another_conflict),
        cmocka_unit_test(nothing_is_taken_over_before_our_heartbeat_stands),
        cmocka_unit_test(an_answer_that_says_nothing_is_asked_for_sooner),
        cmocka_unit_test(what_was_asked_before_a_node_was_read_does_not_count),
        cmocka_unit_test(what_is_no_id_holds_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
