/*
 * Statuses that go from agent to agent of a fleet, through the publisher's
 * book: no status is ever without an agent that keeps it, and none is written
 * by two.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "book_bench.h"

#define MEMBER_US "{\"schema\":1,\"protocol\":1,\"agent\":\"web-1\"}"

#define FLEET_UP                                             \
    "{\"schema\":1,\"agent\":\"web-1\",\"fleet\":\"cache\"," \
    "\"status\":\"up\""
#define FLEET_DOWN                                           \
    "{\"schema\":1,\"agent\":\"web-1\",\"fleet\":\"cache\"," \
    "\"status\":\"down\""
#define FELLOWS                                              \
    "{\"schema\":1,\"agent\":\"web-2\",\"fleet\":\"cache\"," \
    "\"status\":\"up\",\"seq\":7}"
#define STRANGERS                                            \
    "{\"schema\":1,\"agent\":\"web-2\",\"fleet\":\"other\"," \
    "\"status\":\"up\",\"seq\":7}"

static void share(struct bench_book *w, struct slot *s, enum slot_share share)
{
    book_share(&w->book, s, share);
}

/* We speak for it, and have written both nodes. */
static struct slot *speak(struct bench_book *w)
{
    struct slot *status = add_slot(w, SLOT_STATUS, "a");
    struct slot *presence = add_slot(w, SLOT_PRESENCE, "a");

    share(w, status, SLOT_SPEAKER);
    run(w);
    (void)take_of(w, status);
    (void)take_of(w, presence);
    post_to(w, status, FLEET_UP);
    post_to(w, presence, HERE);
    run(w);
    assert_asked(w, "get instances/a, get alive/a, create instances/a, "
                    "create alive/a*");
    return status;
}

/* web-2 takes both nodes over, as its publisher does. */
static void fellow_takes_over(struct bench_book *w)
{
    put(w, "instances/a", FELLOWS, 0);
    put(w, "alive/a", HERE_WEB2, 7);
}

static void a_speaker_takes_what_a_fellow_wrote(void **state)
{
    struct bench_book *w = open_fleet_with_beat();

    (void)state;
    /* It lives: nobody asks. */
    put(w, "agents/web-2", BEAT_WEB2, 7);
    fellow_takes_over(w);
    struct slot *status = add_slot(w, SLOT_STATUS, "a");
    struct slot *presence = add_slot(w, SLOT_PRESENCE, "a");
    share(w, status, SLOT_SPEAKER);
    run(w);
    assert_asked(w, "get instances/a, get alive/a");
    struct publisher_event found = take_of(w, status);
    assert_string_equal(found.seen.agent, "web-2");
    assert_string_equal(found.seen.fleet, "cache");
    assert_false(found.displaced);
    /* Nothing before there is a verdict, whatever is said of the presence. */
    post_to(w, presence, HERE);
    run(w);
    assert_asked(w, "");
    assert_int_equal(why_of(w, presence), WHY_NOT_ANSWERED);
    post_to(w, status, FLEET_UP);
    run(w);
    assert_asked(w, "set instances/a:0, take alive/a:0");
    assert_int_equal(status->sent.known_seq, 8);
    assert_int_equal(at(w, "alive/a")->node.owner, SESSION);
    assert_int_equal(w->book.owners.conflicts, 0);
    assert_int_equal(w->book.drifts, 0);
    close_book(w);
}

static void a_speaker_that_finds_it_down_ends_the_fellows_presence(void **state)
{
    struct bench_book *w = open_fleet_with_beat();

    (void)state;
    fellow_takes_over(w);
    struct slot *status = add_slot(w, SLOT_STATUS, "a");
    struct slot *presence = add_slot(w, SLOT_PRESENCE, "a");
    share(w, status, SLOT_SPEAKER);
    wanted_withdraw(&presence->wanted);
    run(w);
    (void)take_of(w, status);
    assert_asked(w, "get instances/a, get alive/a");
    post_to(w, status, FLEET_DOWN);
    run(w);
    assert_asked(w, "set instances/a:0, delete alive/a:0");
    close_book(w);
}

static void nothing_is_taken_from_a_fellow_without_our_heartbeat(void **state)
{
    struct bench_book *w = open_fleet();
    struct slot *beat = add_slot(w, SLOT_HEARTBEAT, AGENT);

    (void)state;
    put(w, "instances/a", FELLOWS, 0);
    struct slot *status = add_slot(w, SLOT_STATUS, "a");
    share(w, status, SLOT_SPEAKER);
    run(w);
    (void)take_of(w, beat);
    (void)take_of(w, status);
    post_to(w, status, FLEET_UP);
    run(w);
    assert_asked(w, "get agents/web-1, get instances/a");
    post_to(w, beat, BEAT);
    run(w);
    assert_asked(w, "create agents/web-1*, set instances/a:0");
    close_book(w);
}

static void what_is_not_of_the_fleet_is_in_conflict_as_ever(void **state)
{
    static const char *const THEIRS[] = { UP_WEB2, STRANGERS };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct bench_book *w = open_fleet_with_beat();

        put(w, "agents/web-2", BEAT_WEB2, 7);
        put(w, "instances/a", THEIRS[i], 0);
        struct slot *status = add_slot(w, SLOT_STATUS, "a");
        share(w, status, SLOT_SPEAKER);
        run(w);
        (void)take_of(w, status);
        post_to(w, status, FLEET_UP);
        run(w);
        assert_asked(w, "get instances/a, get agents/web-2");
        assert_int_equal(why_of(w, status), WHY_RIVAL_ALIVE);
        assert_int_equal(w->book.owners.conflicts, 1);
        close_book(w);
    }
}

static void an_own_status_that_a_fleet_keeps_is_in_conflict(void **state)
{
    struct bench_book *w = open_fleet_with_beat();

    (void)state;
    put(w, "agents/web-2", BEAT_WEB2, 7);
    put(w, "instances/a", FELLOWS, 0);
    struct slot *status = add_slot(w, SLOT_STATUS, "a");
    run(w);
    (void)take_of(w, status);
    post_to(w, status, UP);
    run(w);
    assert_asked(w, "get instances/a, get agents/web-2");
    assert_int_equal(why_of(w, status), WHY_RIVAL_ALIVE);
    close_book(w);
}

static void a_leaving_status_is_kept_until_a_fellow_has_it(void **state)
{
    struct bench_book *w = open_fleet_with_beat();
    struct slot *status = speak(w);
    struct slot *presence = status->owner.partner;

    (void)state;
    share(w, status, SLOT_LEAVING);
    post_to(w, status, FLEET_DOWN);
    run(w);
    assert_asked(w, "set instances/a:0");
    fellow_takes_over(w);
    assert_int_equal(w->book.heirs_mono_ms, 0);
    book_look_for_heirs(&w->book, w->now);
    run(w);
    assert_asked(w, "get instances/a, get alive/a");
    struct publisher_event e = take_of(w, status);
    assert_true(e.displaced);
    assert_string_equal(e.seen.agent, "web-2");
    /* Neither node is touched any more, whatever is said. */
    post_to(w, status, FLEET_UP);
    run(w);
    wanted_withdraw(&presence->wanted);
    book_settle(&w->book, presence);
    run(w);
    assert_asked(w, "");
    assert_int_equal(why_of(w, status), WHY_HANDED_OVER);
    assert_int_equal(w->book.owners.conflicts, 0);
    assert_int_equal(w->book.drifts, 0);
    close_book(w);
}

static void leaving_statuses_are_read_once_a_second(void **state)
{
    struct bench_book *w = open_fleet_with_beat();
    struct slot *status = speak(w);

    (void)state;
    assert_true(w->book.heirs_mono_ms == UINT64_MAX);
    share(w, status, SLOT_LEAVING);
    book_look_for_heirs(&w->book, w->now);
    run(w);
    assert_asked(w, "get instances/a");
    book_look_for_heirs(&w->book, w->now + 999);
    run(w);
    assert_asked(w, "");
    book_look_for_heirs(&w->book, w->now + 1000);
    run(w);
    assert_asked(w, "get instances/a");
    share(w, status, SLOT_SPEAKER);
    assert_true(w->book.heirs_mono_ms == UINT64_MAX);
    close_book(w);
}

static void a_displaced_slot_can_end(void **state)
{
    struct bench_book *w = open_fleet_with_beat();
    struct slot *status = speak(w);
    struct slot *presence = status->owner.partner;

    (void)state;
    share(w, status, SLOT_LEAVING);
    fellow_takes_over(w);
    book_look_for_heirs(&w->book, w->now);
    run(w);
    (void)take_of(w, status);
    assert_asked(w, "get instances/a, get alive/a");
    book_remove(&w->book, status);
    book_remove(&w->book, presence);
    run(w);
    assert_asked(w, "");
    assert_int_equal(table_count(&w->book.table), 1);
    assert_int_equal(w->book.nleaving, 0);
    assert_int_equal(w->book.owners.conflicts, 0);
    close_book(w);
}

static void who_speaks_again_takes_it_back_with_a_new_verdict(void **state)
{
    struct bench_book *w = open_fleet_with_beat();
    struct slot *status = speak(w);
    struct slot *presence = status->owner.partner;

    (void)state;
    share(w, status, SLOT_LEAVING);
    fellow_takes_over(w);
    book_look_for_heirs(&w->book, w->now);
    run(w);
    assert_asked(w, "get instances/a, get alive/a");
    /* Posted before the loop knew. */
    post_to(w, status, FLEET_DOWN);
    share(w, status, SLOT_SPEAKER);
    run(w);
    assert_asked(w, "");
    assert_true(take_of(w, status).displaced);
    post_to(w, status, FLEET_UP);
    post_to(w, presence, HERE);
    run(w);
    assert_asked(w, "set instances/a:1, take alive/a:1");
    assert_int_equal(w->book.drifts, 0);
    close_book(w);
}

static void a_status_that_becomes_our_own_is_judged_anew(void **state)
{
    struct bench_book *w = open_fleet_with_beat();

    (void)state;
    put(w, "agents/web-2", BEAT_WEB2, 7);
    put(w, "instances/a", FELLOWS, 0);
    struct slot *status = add_slot(w, SLOT_STATUS, "a");
    share(w, status, SLOT_SPEAKER);
    run(w);
    (void)take_of(w, status);
    share(w, status, SLOT_OWN);
    post_to(w, status, UP);
    run(w);
    assert_asked(w, "get instances/a, get instances/a, get agents/web-2");
    assert_int_equal(why_of(w, status), WHY_RIVAL_ALIVE);
    close_book(w);
}

/* It was stopped for so long that its session ended, and its fellows took over:
 * what it wrote last is not to be written once more. */
static void a_speaker_takes_nothing_back_in_a_new_session(void **state)
{
    struct bench_book *w = open_fleet_with_beat();
    struct slot *status = speak(w);

    (void)state;
    fellow_takes_over(w);
    new_session(w, SESSION + 1, true);
    post_to(w, status, FLEET_DOWN);
    run(w);
    assert_string_equal((const char *)at(w, "instances/a")->node.data, FELLOWS);
    assert_true(take_of(w, status).displaced);
    post_to(w, status, FLEET_DOWN);
    run(w);
    assert_int_equal(why_of(w, status), WHY_HANDED_OVER);
    /* Once the loop knows, it may. */
    share(w, status, SLOT_SPEAKER);
    post_to(w, status, FLEET_DOWN);
    run(w);
    assert_int_equal(why_of(w, status), WHY_WRITTEN);
    close_book(w);
}

static void a_speaker_whose_document_was_kept_goes_on_in_a_new_session(
    void **state)
{
    struct bench_book *w = open_fleet_with_beat();
    struct slot *status = speak(w);

    (void)state;
    new_session(w, SESSION + 1, true);
    post_to(w, status, FLEET_DOWN);
    run(w);
    assert_int_equal(why_of(w, status), WHY_WRITTEN);
    close_book(w);
}

static void a_speaker_takes_back_with_a_new_verdict_what_a_fellow_wrote(
    void **state)
{
    struct bench_book *w = open_fleet_with_beat();
    struct slot *status = speak(w);

    (void)state;
    put(w, "instances/a", FELLOWS, 0);
    /* What was said last may be old: nothing of it is written once more. */
    book_look(&w->book, status);
    run(w);
    assert_true(take_of(w, status).displaced);
    run(w);
    assert_string_equal((const char *)at(w, "instances/a")->node.data, FELLOWS);
    post_to(w, status, FLEET_DOWN);
    run(w);
    assert_int_equal(why_of(w, status), WHY_WRITTEN);
    assert_string_not_equal((const char *)at(w, "instances/a")->node.data,
                            FELLOWS);
    close_book(w);
}

/* ---------------------------------------------------------------- members */

/* Those that begin together find each other by it, before they know what they
 * are to vouch for. */
static void a_member_does_not_wait_for_its_heartbeat(void **state)
{
    struct bench_book *w = open_fleet();
    struct slot *beat = add_slot(w, SLOT_HEARTBEAT, AGENT);
    struct slot *member = add_slot(w, SLOT_MEMBER, AGENT);

    (void)state;
    run(w);
    (void)take_of(w, beat);
    (void)take_of(w, member);
    post_to(w, member, MEMBER_US);
    run(w);
    assert_asked(w, "get agents/web-1, get fleets/cache/members/web-1, "
                    "create fleets/cache/members/web-1*");
    wanted_withdraw(&member->wanted);
    book_settle(&w->book, member);
    run(w);
    assert_asked(w, "delete fleets/cache/members/web-1:0");
    close_book(w);
}

static void a_member_of_an_earlier_life_goes_on_without_a_gap(void **state)
{
    struct bench_book *w = open_fleet_with_beat();

    (void)state;
    put(w, "fleets/cache/members/web-1", MEMBER_US, 7);
    struct slot *member = add_slot(w, SLOT_MEMBER, AGENT);
    run(w);
    assert_asked(w, "get fleets/cache/members/web-1, "
                    "take fleets/cache/members/web-1:0");
    post_to(w, member, MEMBER_US);
    run(w);
    assert_int_equal(at(w, "fleets/cache/members/web-1")->node.owner, SESSION);
    close_book(w);
}

static void a_member_is_made_anew_in_a_new_session(void **state)
{
    struct bench_book *w = open_fleet_with_beat();
    struct slot *member = add_written(w, SLOT_MEMBER, AGENT, MEMBER_US);

    (void)state;
    new_session(w, SESSION + 1, true);
    run(w);
    assert_int_equal(why_of(w, member), WHY_WRITTEN);
    assert_int_equal(at(w, "fleets/cache/members/web-1")->node.owner,
                     SESSION + 1);
    close_book(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_speaker_takes_what_a_fellow_wrote),
        cmocka_unit_test(
            a_speaker_that_finds_it_down_ends_the_fellows_presence),
        cmocka_unit_test(nothing_is_taken_from_a_fellow_without_our_heartbeat),
        cmocka_unit_test(what_is_not_of_the_fleet_is_in_conflict_as_ever),
        cmocka_unit_test(an_own_status_that_a_fleet_keeps_is_in_conflict),
        cmocka_unit_test(a_leaving_status_is_kept_until_a_fellow_has_it),
        cmocka_unit_test(leaving_statuses_are_read_once_a_second),
        cmocka_unit_test(a_displaced_slot_can_end),
        cmocka_unit_test(who_speaks_again_takes_it_back_with_a_new_verdict),
        cmocka_unit_test(a_status_that_becomes_our_own_is_judged_anew),
        cmocka_unit_test(a_speaker_takes_nothing_back_in_a_new_session),
        cmocka_unit_test(
            a_speaker_whose_document_was_kept_goes_on_in_a_new_session),
        cmocka_unit_test(
            a_speaker_takes_back_with_a_new_verdict_what_a_fellow_wrote),
        cmocka_unit_test(a_member_does_not_wait_for_its_heartbeat),
        cmocka_unit_test(a_member_of_an_earlier_life_goes_on_without_a_gap),
        cmocka_unit_test(a_member_is_made_anew_in_a_new_session),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
