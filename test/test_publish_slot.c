/*
 * What is uncertain, sessions that end, slots that come and go, and nodes that
 * are read again, through the publisher's book.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/objects.h"

#include "../src/publish/sources.h"

#include "book_bench.h"

/* ----------------------------------------------------- what is uncertain */

static void a_write_whose_reply_is_lost_is_looked_for(void **state)
{
    struct bench_book *w = open_book();
    struct slot *s = add_read(w, SLOT_STATUS, "a");
    struct store_request r;

    (void)state;
    strcpy(w->denied, "/r/instances/a");
    w->code = STORE_UNCERTAIN;
    w->lost = true;
    post_to(w, s, UP);
    assert_true(let_out(w, &r));
    answer(w, &r);
    w->denied[0] = '\0';
    run(w);
    assert_asked(w, "create instances/a, get instances/a");
    assert_int_equal(why_of(w, s), WHY_WRITTEN);
    assert_int_equal(w->book.writes_failed, 1);
    assert_int_equal(w->book.drifts, 0);
    /* It never arrived: it is made again, under the same number. */
    post_to(w, s, DOWN);
    assert_true(let_out(w, &r));
    answer_code(w, &r, STORE_SESSION_GONE);
    run(w);
    assert_asked(w, "set instances/a:0, get instances/a, set instances/a:0");
    assert_string_equal(at(w, "instances/a")->node.data, DOWN ",\"seq\":2}");
    close_book(w);
}

static void a_number_that_may_be_written_is_not_used_again(void **state)
{
    struct bench_book *w = open_book();
    struct slot *s = add_written(w, SLOT_STATUS, "a", UP);
    struct store_request r;

    (void)state;
    post_to(w, s, DOWN);
    assert_true(let_out(w, &r));
    answer_code(w, &r, STORE_UNCERTAIN);
    put(w, "instances/a", "what is no document", 0);
    run(w);
    assert_asked(w, "set instances/a:0, get instances/a, set instances/a:1");
    assert_string_equal(at(w, "instances/a")->node.data, DOWN ",\"seq\":3}");
    close_book(w);
}

static void a_number_that_is_not_exact_to_others_is_none_to_go_on_from(
    void **state)
{
    static const struct {
        const char *found;
        const char *written;
    } CASES[] = {
        { UP ",\"seq\":9007199254740990}", UP ",\"seq\":9007199254740991}" },
        { UP ",\"seq\":9007199254740991}", UP ",\"seq\":1}" },
        { UP ",\"seq\":9007199254740994}", UP ",\"seq\":1}" },
        { UP ",\"seq\":18446744073709551617}", UP ",\"seq\":1}" },
        { UP ",\"seq\":1e300}", UP ",\"seq\":1}" },
        { UP ",\"seq\":-5}", UP ",\"seq\":1}" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct bench_book *w = open_book();
        struct slot *s;

        put(w, "instances/a", CASES[i].found, 0);
        s = add_read(w, SLOT_STATUS, "a");
        assert_true(s->node.ours);
        post_to(w, s, UP);
        run(w);
        assert_string_equal(at(w, "instances/a")->node.data, CASES[i].written);
        close_book(w);
    }
}

static void a_reading_that_is_lost_leaves_what_is_known(void **state)
{
    struct bench_book *w = open_book();
    struct slot *s = add_written(w, SLOT_STATUS, "a", UP);
    struct store_request r;

    (void)state;
    refresh_init(&w->refresh, 60000, w->now);
    w->now += 60000;
    assert_true(let_out(w, &r));
    assert_int_equal(w->book.places.rereading, 1);
    answer_code(w, &r, STORE_UNCERTAIN);
    assert_int_equal(w->book.places.rereading, 0);
    run(w);
    assert_asked(w, "get instances/a");
    assert_int_equal(why_of(w, s), WHY_WRITTEN);
    close_book(w);
}

static void what_came_between_is_read_before_it_is_overwritten(void **state)
{
    struct bench_book *w = open_book();
    struct slot *s = add_written(w, SLOT_STATUS, "a", UP);

    (void)state;
    put(w, "instances/a", UP ",\"seq\":9}", 0);
    post_to(w, s, DOWN);
    run(w);
    assert_asked(w, "set instances/a:0, get instances/a, set instances/a:1");
    assert_string_equal(at(w, "instances/a")->node.data, DOWN ",\"seq\":10}");
    assert_int_equal(w->book.drifts, 1);
    close_book(w);
}

static void what_the_store_does_not_take_is_next_again(void **state)
{
    struct bench_book *w = open_book();
    struct slot *a = add_read(w, SLOT_STATUS, "a");
    struct slot *b = add_read(w, SLOT_STATUS, "b");
    struct store_request r;

    (void)state;
    post_to(w, a, UP);
    post_to(w, b, UP);
    assert_true(let_out(w, &r));
    sources_unsent(&w->book, &r);
    assert_int_equal(w->book.places.in_flight, 0);
    run(w);
    assert_asked(w, "create instances/a, create instances/a, "
                    "create instances/b");
    refresh_init(&w->refresh, 60000, w->now);
    w->now += 60000;
    assert_true(let_out(w, &r));
    sources_unsent(&w->book, &r);
    assert_int_equal(a->wait.place, PLACE_REFRESH);
    /* A write goes before all reading. */
    post_to(w, b, DOWN);
    run(w);
    assert_asked(w, "get instances/a, set instances/b:0, get instances/a");
    close_book(w);
}

/* ------------------------------------------------------------- sessions */

static void a_new_session_reads_everything_and_writes_what_is_gone(void **state)
{
    struct bench_book *w = open_book();
    struct slot *beat = add_written(w, SLOT_HEARTBEAT, AGENT, BEAT);
    struct slot *s = add_written(w, SLOT_STATUS, "a", UP);

    (void)state;
    new_session(w, SESSION + 1, true);
    assert_int_equal(w->book.owners.lease.state, LEASE_UNREAD);
    run(w);
    assert_asked(w, "get agents/web-1, get instances/a, "
                    "create agents/web-1*");
    assert_int_equal(at(w, "agents/web-1")->node.owner, SESSION + 1);
    assert_int_equal(why_of(w, beat), WHY_WRITTEN);
    assert_int_equal(why_of(w, s), WHY_WRITTEN);
    assert_int_equal(w->book.drifts, 0);
    close_book(w);
}

static void an_answer_of_the_session_before_says_nothing(void **state)
{
    struct bench_book *w = open_book();
    struct slot *s = add_written(w, SLOT_STATUS, "a", UP);
    struct store_request r;

    (void)state;
    post_to(w, s, DOWN);
    assert_true(let_out(w, &r));
    new_session(w, SESSION + 1, true);
    answer(w, &r);
    run(w);
    assert_asked(w, "set instances/a:0, get instances/a");
    assert_int_equal(why_of(w, s), WHY_WRITTEN);
    assert_int_equal(w->book.drifts, 0);
    /* One that the store did not take is thought over, too. */
    post_to(w, s, UP);
    assert_true(let_out(w, &r));
    new_session(w, SESSION + 2, true);
    sources_unsent(&w->book, &r);
    run(w);
    assert_asked(w, "set instances/a:1, get instances/a, set instances/a:1");
    close_book(w);
}

/* --------------------------------------------------- slots come and go */

static void a_removed_slot_is_written_first(void **state)
{
    struct bench_book *w = open_book();
    struct slot *s = add_read(w, SLOT_STATUS, "a");

    (void)state;
    post_to(w, s, UP);
    book_remove(&w->book, s);
    assert_int_equal(table_count(&w->book.table), 1);
    assert_int_equal(w->book.nremoved, 1);
    run(w);
    assert_asked(w, "create instances/a");
    assert_int_equal(table_count(&w->book.table), 0);
    assert_int_equal(w->book.nremoved, 0);
    for (size_t i = 0; i < PUBLISHER_STANDINGS; i++)
        assert_int_equal(w->book.tally.count[i], 0);
    close_book(w);
}

static void a_slot_that_is_removed_unread_is_written_without_an_answer(
    void **state)
{
    struct bench_book *w = open_book();
    struct slot *s = add_slot(w, SLOT_STATUS, "a");
    struct publisher_event e;

    (void)state;
    post_to(w, s, UP);
    book_remove(&w->book, s);
    run(w);
    assert_asked(w, "get instances/a, create instances/a");
    /* Or between the reading and the answer. */
    s = add_slot(w, SLOT_STATUS, "b");
    post_to(w, s, UP);
    run(w);
    book_remove(&w->book, s);
    assert_false(wanted_take(&w->book.findings, &e));
    run(w);
    assert_asked(w, "get instances/b, create instances/b");
    assert_int_equal(table_count(&w->book.table), 0);
    close_book(w);
}

static void a_name_that_comes_back_has_one_writer(void **state)
{
    struct bench_book *w = open_book();
    struct slot *s = add_read(w, SLOT_STATUS, "a");
    struct slot *again;
    struct store_request r;

    (void)state;
    post_to(w, s, UP);
    book_remove(&w->book, s);
    again = add_slot(w, SLOT_STATUS, "a");
    assert_int_equal(table_count(&w->book.table), 1);
    assert_int_equal(again->index, 0);
    run(w);
    assert_asked(w, "get instances/a");
    (void)take_of(w, again);
    /* A request that is under way is waited for. */
    post_to(w, again, UP);
    assert_true(let_out(w, &r));
    book_remove(&w->book, again);
    s = add_slot(w, SLOT_STATUS, "a");
    assert_int_equal(table_count(&w->book.table), 2);
    answer(w, &r);
    assert_int_equal(table_count(&w->book.table), 1);
    assert_int_equal(s->index, 1);
    close_book(w);
}

static void the_table_takes_more_than_it_began_with(void **state)
{
    struct bench_book *w = open_book();
    char name[8] = "a0";

    (void)state;
    for (int i = 0; i < 40; i++) {
        name[0] = (char)('a' + i % 26);
        name[1] = (char)('0' + i / 26);
        assert_int_equal(add_slot(w, SLOT_STATUS, name)->index, i);
    }
    book_remove(&w->book, book_at(&w->book, 7));
    book_remove(&w->book, book_at(&w->book, 30));
    run(w);
    assert_int_equal(table_count(&w->book.table), 38);
    assert_int_equal(add_slot(w, SLOT_STATUS, "y")->index, 7);
    assert_int_equal(add_slot(w, SLOT_STATUS, "z")->index, 30);
    assert_int_equal(add_slot(w, SLOT_STATUS, "zz")->index, 40);
    assert_ptr_equal(
        table_find(&w->book.table, SLOT_STATUS, strlen("/r/instances/"), "y"),
        book_at(&w->book, 7));
    assert_null(table_find(&w->book.table, SLOT_PRESENCE,
                           strlen("/r/instances/"), "y"));
    close_book(w);
}

static void documents_are_counted_while_they_take_memory(void **state)
{
    struct bench_book *w = open_book();
    struct object_count before;
    struct object_count now;
    struct slot *s = add_read(w, SLOT_STATUS, "a");

    (void)state;
    objects_read(OBJECT_DOCUMENT, &before);
    post_to(w, s, UP);
    post_to(w, s, DOWN);
    objects_read(OBJECT_DOCUMENT, &now);
    assert_int_equal(now.live, before.live + 1);
    assert_int_equal(now.allocated, before.allocated + 1);
    /* What was sent is needed only until it is known to be written. */
    run(w);
    objects_read(OBJECT_DOCUMENT, &now);
    assert_int_equal(now.live, before.live + 1);
    assert_int_equal(now.allocated, before.allocated + 2);
    close_book(w);
    objects_read(OBJECT_DOCUMENT, &now);
    assert_int_equal(now.live, before.live);
}

/* --------------------------------------------------------------- refresh */

static void a_refresh_reads_each_node_once_in_its_period(void **state)
{
    struct bench_book *w = open_book();

    (void)state;
    add_written(w, SLOT_STATUS, "a", UP);
    add_written(w, SLOT_STATUS, "b", UP);
    refresh_init(&w->refresh, 60000, w->now);
    run(w);
    assert_asked(w, "");
    assert_int_equal(refresh_due(&w->refresh), w->now + 30000);
    run_at(w, w->now + 29999);
    assert_asked(w, "");
    run_at(w, w->now + 1);
    assert_asked(w, "get instances/a");
    run_at(w, w->now + 30000);
    assert_asked(w, "get instances/b");
    run_at(w, w->now + 30000);
    assert_asked(w, "get instances/a");
    /* Without a connection no time passes. */
    connect_session(w, SESSION, false);
    refresh_mark(&w->refresh, &w->book, w->now + 30000);
    connect_session(w, SESSION, true);
    run_at(w, w->now + 30000);
    assert_asked(w, "");
    /* However late it is, each is read once. */
    run_at(w, w->now + 600000);
    assert_asked(w, "get instances/b, get instances/a");
    w->book.stopping = true;
    run_at(w, w->now + 60000);
    assert_asked(w, "");
    close_book(w);
}

static void many_nodes_are_refreshed_in_few_steps(void **state)
{
    struct bench_book *w = open_book();
    char name[3] = "a";

    (void)state;
    for (int i = 0; i < 26; i++) {
        name[0] = (char)('a' + i);
        add_written(w, SLOT_STATUS, name, UP);
    }
    refresh_init(&w->refresh, 26000, w->now);
    run(w);
    assert_int_equal(refresh_due(&w->refresh), w->now + 2000);
    run_at(w, w->now + 2000);
    assert_asked(w, "get instances/a, get instances/b");
    /* A short period has four parts. */
    refresh_init(&w->refresh, 2600, w->now);
    w->refresh.due_mono_ms = 0;
    run(w);
    assert_int_equal(refresh_due(&w->refresh), w->now + 650);
    /* Never is never. */
    refresh_init(&w->refresh, 0, w->now);
    assert_int_equal(refresh_due(&w->refresh), UINT64_MAX);
    close_book(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_write_whose_reply_is_lost_is_looked_for),
        cmocka_unit_test(a_number_that_may_be_written_is_not_used_again),
        cmocka_unit_test(
            a_number_that_is_not_exact_to_others_is_none_to_go_on_from),
        cmocka_unit_test(a_reading_that_is_lost_leaves_what_is_known),
        cmocka_unit_test(what_came_between_is_read_before_it_is_overwritten),
        cmocka_unit_test(what_the_store_does_not_take_is_next_again),
        cmocka_unit_test(
            a_new_session_reads_everything_and_writes_what_is_gone),
        cmocka_unit_test(an_answer_of_the_session_before_says_nothing),
        cmocka_unit_test(a_removed_slot_is_written_first),
        cmocka_unit_test(
            a_slot_that_is_removed_unread_is_written_without_an_answer),
        cmocka_unit_test(a_name_that_comes_back_has_one_writer),
        cmocka_unit_test(the_table_takes_more_than_it_began_with),
        cmocka_unit_test(documents_are_counted_while_they_take_memory),
        cmocka_unit_test(a_refresh_reads_each_node_once_in_its_period),
        cmocka_unit_test(many_nodes_are_refreshed_in_few_steps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
