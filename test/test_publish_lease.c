/*
 * Our own heartbeat, through the publisher's book: what an earlier life left,
 * and agents of our id.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../src/publish/sources.h"

#include "book_bench.h"

static void an_agent_of_our_id_is_left_alone(void **state)
{
    struct bench_book *w = open_book();
    struct slot *beat;
    struct slot *s;

    (void)state;
    put(w, "agents/web-1", BEAT_H2, 7);
    beat = add_read(w, SLOT_HEARTBEAT, AGENT);
    s = add_read(w, SLOT_STATUS, "a");
    post_to(w, beat, BEAT);
    post_to(w, s, UP);
    run(w);
    assert_asked(w, "");
    assert_int_equal(why_of(w, beat), WHY_LEASE_CONTESTED);
    assert_int_equal(why_of(w, s), WHY_LEASE_CONTESTED);
    assert_int_equal(w->book.owners.conflicts, 1);
    assert_string_equal(w->book.owners.lease.contender.agent, AGENT);
    assert_string_equal(w->book.owners.lease.contender.host, "h2");
    /* Its heartbeat is looked at again, soon. */
    assert_int_equal(sources_due(&w->book, w->now), w->now + 1000);
    run_at(w, w->now + 1000);
    assert_asked(w, "get agents/web-1");
    drop(w, "agents/web-1");
    run_at(w, w->now + 1000);
    assert_asked(w, "get agents/web-1, create agents/web-1*, "
                    "get instances/a, create instances/a");
    assert_int_equal(w->book.owners.conflicts, 0);
    assert_int_equal(w->book.owners.lease.state, LEASE_HELD);
    close_book(w);
}

static void whose_heartbeat_it_is(void **state)
{
    static const struct {
        const char *data;
        enum slot_kind kind;
        int64_t owner;
        enum lease_state state;
        const char *asked;
    } CASES[] = {
        /* Of an earlier life of ours, or of nobody. */
        { BEAT, SLOT_HEARTBEAT, 7, LEASE_HELD, "take agents/web-1:0" },
        { BEAT, SLOT_HEARTBEAT, 0, LEASE_HELD, "take agents/web-1:0" },
        { "nothing", SLOT_HEARTBEAT, 7, LEASE_HELD, "take agents/web-1:0" },
        { BEAT, SLOT_HEARTBEAT, SESSION, LEASE_HELD, "set agents/web-1:0" },
        /* Of another host, or another id. */
        { BEAT_H2, SLOT_HEARTBEAT, 7, LEASE_CONTESTED, "" },
        { BEAT_H2, SLOT_HEARTBEAT, 0, LEASE_HELD, "take agents/web-1:0" },
        { BEAT_WEB2, SLOT_HEARTBEAT, 7, LEASE_CONTESTED, "" },
        /* --check-once leaves a daemon's alone, and writes over its own. */
        { BEAT, SLOT_HEARTBEAT_PERSISTENT, 7, LEASE_CONTESTED, "" },
        { BEAT, SLOT_HEARTBEAT_PERSISTENT, 0, LEASE_HELD,
          "set agents/web-1:0" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct bench_book *w = open_book();
        struct slot *beat = add_slot(w, CASES[i].kind, AGENT);
        struct store_request r;

        put(w, "agents/web-1", CASES[i].data, CASES[i].owner);
        assert_true(let_out(w, &r));
        answer(w, &r);
        w->asked[0] = '\0';
        (void)take_of(w, beat);
        post_to(w, beat, BEAT_2);
        run(w);
        assert_asked(w, CASES[i].asked);
        assert_int_equal(w->book.owners.lease.state, CASES[i].state);
        close_book(w);
    }
}

static void a_heartbeat_of_an_earlier_life_is_kept_until_the_first_post(
    void **state)
{
    struct bench_book *w = open_book();

    (void)state;
    put(w, "agents/web-1", BEAT, 7);
    (void)add_slot(w, SLOT_HEARTBEAT, AGENT);
    run(w);
    assert_asked(w, "get agents/web-1, take agents/web-1:0");
    assert_string_equal(at(w, "agents/web-1")->node.data, BEAT);
    assert_int_equal(at(w, "agents/web-1")->node.owner, SESSION);
    close_book(w);
    w = open_book();
    put(w, "agents/web-1", BEAT_H2, 7);
    (void)add_slot(w, SLOT_HEARTBEAT, AGENT);
    run(w);
    assert_asked(w, "get agents/web-1");
    close_book(w);
}

static void what_never_was_ours_in_this_session_may_be_an_earlier_lifes(
    void **state)
{
    struct bench_book *w = open_book();
    struct slot *beat = add_read(w, SLOT_HEARTBEAT, AGENT);

    (void)state;
    put(w, "agents/web-1", BEAT, 7);
    post_to(w, beat, BEAT_2);
    run(w);
    assert_asked(w, "create agents/web-1*, get agents/web-1, "
                    "take agents/web-1:0");
    assert_int_equal(why_of(w, beat), WHY_WRITTEN);
    close_book(w);
}

static void what_was_taken_from_us_is_not_stolen_back(void **state)
{
    struct bench_book *w = open_with_beat();
    struct slot *beat = w->book.owners.lease.heartbeat;

    (void)state;
    put(w, "agents/web-1", BEAT_2, 7);
    post_to(w, beat, BEAT);
    run(w);
    assert_asked(w, "set agents/web-1:0, get agents/web-1");
    assert_int_equal(why_of(w, beat), WHY_LEASE_CONTESTED);
    assert_int_equal(w->book.drifts, 1);
    /* In a session in which it never was ours, the host decides. */
    new_session(w, SESSION + 1, true);
    run_at(w, w->now + 1000);
    assert_asked(w, "get agents/web-1, take agents/web-1:1");
    close_book(w);
}

static void a_heartbeat_that_cannot_be_read_holds_up_everything(void **state)
{
    struct bench_book *w = open_book();
    struct slot *beat;
    struct slot *s;

    (void)state;
    strcpy(w->denied, "/r/agents/web-1");
    w->code = STORE_NO_AUTH;
    beat = add_slot(w, SLOT_HEARTBEAT, AGENT);
    s = add_slot(w, SLOT_STATUS, "a");
    assert_int_equal(w->book.owners.lease.state, LEASE_UNREAD);
    run(w);
    (void)take_of(w, s);
    post_to(w, s, UP);
    run(w);
    assert_asked(w, "get agents/web-1, get instances/a");
    assert_int_equal(w->book.owners.lease.state, LEASE_REFUSED);
    assert_int_equal(why_of(w, beat), WHY_NO_AUTH);
    assert_int_equal(why_of(w, s), WHY_LEASE_REFUSED);
    w->denied[0] = '\0';
    run_at(w, w->now + 30000);
    assert_asked(w, "get agents/web-1, create instances/a");
    close_book(w);
}

static void a_take_over_that_must_wait_reads_the_node_again(void **state)
{
    struct bench_book *w = open_book();
    struct store_request r;

    (void)state;
    put(w, "agents/web-1", BEAT, 7);
    (void)add_slot(w, SLOT_HEARTBEAT, AGENT);
    assert_true(let_out(w, &r));
    answer(w, &r);
    assert_true(let_out(w, &r));
    assert_int_equal(r.verb, STORE_TAKE_OVER);
    sources_unsent(&w->book, &r);
    run(w);
    assert_asked(w, "get agents/web-1, take agents/web-1:0, "
                    "get agents/web-1, take agents/web-1:0");
    /* It vanished between reading and taking. */
    close_book(w);
    w = open_book();
    put(w, "agents/web-1", BEAT, 7);
    (void)add_slot(w, SLOT_HEARTBEAT, AGENT);
    assert_true(let_out(w, &r));
    answer(w, &r);
    drop(w, "agents/web-1");
    run(w);
    assert_asked(w, "get agents/web-1, take agents/web-1:0, "
                    "get agents/web-1, create agents/web-1*");
    assert_string_equal(at(w, "agents/web-1")->node.data, BEAT);
    close_book(w);
}

static void a_take_over_that_is_refused_is_made_up_for_later(void **state)
{
    struct bench_book *w = open_book();
    struct slot *beat;

    (void)state;
    put(w, "agents/web-1", BEAT, 7);
    strcpy(w->denied, "/r/agents/web-1");
    w->code = STORE_NO_AUTH;
    w->writes_only = true;
    beat = add_slot(w, SLOT_HEARTBEAT, AGENT);
    run(w);
    assert_asked(w, "get agents/web-1, take agents/web-1:0");
    assert_int_equal(why_of(w, beat), WHY_NO_AUTH);
    /* The session that it lives in ends meanwhile. */
    assert_int_equal(sources_due(&w->book, w->now), w->now + SESSION_MS);
    run_at(w, w->now + SESSION_MS);
    assert_asked(w, "get agents/web-1, take agents/web-1:0");
    drop(w, "agents/web-1");
    w->denied[0] = '\0';
    run_at(w, w->now + SESSION_MS);
    assert_asked(w, "get agents/web-1, create agents/web-1*");
    assert_int_equal(w->book.owners.lease.state, LEASE_HELD);
    assert_int_equal(w->book.drifts, 0);
    close_book(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_agent_of_our_id_is_left_alone),
        cmocka_unit_test(whose_heartbeat_it_is),
        cmocka_unit_test(
            a_heartbeat_of_an_earlier_life_is_kept_until_the_first_post),
        cmocka_unit_test(
            what_never_was_ours_in_this_session_may_be_an_earlier_lifes),
        cmocka_unit_test(what_was_taken_from_us_is_not_stolen_back),
        cmocka_unit_test(a_heartbeat_that_cannot_be_read_holds_up_everything),
        cmocka_unit_test(a_take_over_that_must_wait_reads_the_node_again),
        cmocka_unit_test(a_take_over_that_is_refused_is_made_up_for_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
