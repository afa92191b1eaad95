/*
 * Presence nodes, through the publisher's book: they come and go, and follow
 * their status.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "book_bench.h"

static void a_presence_comes_and_goes(void **state)
{
    struct bench_book *w = open_with_beat();
    struct slot *status = add_written(w, SLOT_STATUS, "a", UP);
    struct slot *s = add_slot(w, SLOT_PRESENCE, "a");

    (void)state;
    assert_ptr_equal(status->owner.partner, s);
    assert_ptr_equal(s->owner.partner, status);
    run(w);
    assert_asked(w, "get alive/a");
    post_to(w, s, HERE);
    run(w);
    assert_asked(w, "create alive/a*");
    assert_int_equal(at(w, "alive/a")->node.owner, SESSION);
    wanted_withdraw(&s->wanted);
    book_settle(&w->book, s);
    assert_int_equal(why_of(w, s), WHY_QUEUED);
    run(w);
    assert_asked(w, "delete alive/a:0");
    assert_int_equal(why_of(w, s), WHY_WRITTEN);
    wanted_withdraw(&s->wanted);
    book_settle(&w->book, s);
    run(w);
    assert_asked(w, "");
    assert_int_equal(w->book.drifts, 0);
    close_book(w);
}

static void a_presence_follows_its_status(void **state)
{
    struct bench_book *w = open_with_beat();
    struct slot *status;
    struct slot *s;

    (void)state;
    put(w, "instances/a", UP_WEB2, 0);
    put(w, "agents/web-2", BEAT_WEB2, 7);
    status = add_slot(w, SLOT_STATUS, "a");
    s = add_slot(w, SLOT_PRESENCE, "a");
    post_to(w, s, HERE);
    run(w);
    assert_asked(w, "get instances/a, get agents/web-2, get alive/a");
    assert_int_equal(why_of(w, s), WHY_RIVAL_ALIVE);
    assert_int_equal(w->book.owners.conflicts, 1);
    drop(w, "agents/web-2");
    run_at(w, w->now + 5000);
    assert_asked(w, "get agents/web-2, create alive/a*");
    assert_int_equal(why_of(w, s), WHY_WRITTEN);
    /* What we advertised goes once the status is another agent's. */
    put(w, "instances/a", UP_WEB2, 0);
    put(w, "agents/web-2", BEAT_WEB2, 7);
    (void)take_of(w, status);
    post_to(w, status, UP);
    run(w);
    assert_asked(w, "set instances/a:0, get instances/a, get agents/web-2, "
                    "delete alive/a:0");
    close_book(w);
}

static void a_presence_waits_for_the_reading_of_its_status(void **state)
{
    struct bench_book *w = open_with_beat();
    struct slot *status = add_slot(w, SLOT_STATUS, "a");
    struct slot *s = add_slot(w, SLOT_PRESENCE, "a");
    struct store_request r;
    struct store_request second;

    (void)state;
    post_to(w, s, HERE);
    assert_true(let_out(w, &r));
    assert_true(let_out(w, &second));
    answer(w, &second);
    run(w);
    assert_asked(w, "get instances/a, get alive/a");
    answer(w, &r);
    run(w);
    assert_asked(w, "create alive/a*");
    /* A status that may not be read holds up nothing. */
    new_session(w, SESSION + 1, true);
    strcpy(w->denied, "/r/instances/a");
    w->code = STORE_NO_AUTH;
    run(w);
    assert_int_equal(why_of(w, status), WHY_NO_AUTH);
    assert_int_equal(why_of(w, s), WHY_WRITTEN);
    close_book(w);
}

static void a_presence_of_a_living_agent_is_its_own(void **state)
{
    struct bench_book *w = open_with_beat();
    struct slot *s;

    (void)state;
    put(w, "alive/a", HERE_WEB2, 7);
    put(w, "agents/web-2", BEAT_WEB2, 7);
    s = add_slot(w, SLOT_PRESENCE, "a");
    run(w);
    assert_asked(w, "get alive/a, get agents/web-2");
    assert_int_equal(w->book.owners.conflicts, 0);
    post_to(w, s, HERE);
    assert_int_equal(why_of(w, s), WHY_RIVAL_ALIVE);
    assert_int_equal(w->book.owners.conflicts, 1);
    close_book(w);
    /* No agent makes one that outlives it. */
    w = open_with_beat();
    put(w, "alive/a", HERE_WEB2, 0);
    s = add_slot(w, SLOT_PRESENCE, "a");
    post_to(w, s, HERE);
    run(w);
    assert_asked(w, "get alive/a, take alive/a:0");
    assert_int_equal(at(w, "alive/a")->node.owner, SESSION);
    close_book(w);
}

static void a_presence_of_an_earlier_life_is_kept_as_it_is(void **state)
{
    struct bench_book *w = open_with_beat();
    struct slot *s;

    (void)state;
    put(w, "alive/a", HERE, 7);
    s = add_slot(w, SLOT_PRESENCE, "a");
    run(w);
    assert_asked(w, "get alive/a, take alive/a:0");
    assert_string_equal(at(w, "alive/a")->node.data, HERE);
    assert_int_equal(at(w, "alive/a")->node.owner, SESSION);
    assert_int_equal(why_of(w, s), WHY_NOT_POSTED);
    close_book(w);
    /* One of this session stays by itself. */
    w = open_with_beat();
    put(w, "alive/a", HERE, SESSION);
    (void)add_slot(w, SLOT_PRESENCE, "a");
    run(w);
    assert_asked(w, "get alive/a");
    close_book(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_presence_comes_and_goes),
        cmocka_unit_test(a_presence_follows_its_status),
        cmocka_unit_test(a_presence_waits_for_the_reading_of_its_status),
        cmocka_unit_test(a_presence_of_a_living_agent_is_its_own),
        cmocka_unit_test(a_presence_of_an_earlier_life_is_kept_as_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
