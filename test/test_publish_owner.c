/*
 * Whose a node is, through the publisher's book: other agents that live or
 * are gone, an agent of our own id, what an earlier life left, what others
 * did to our nodes, and what nobody keeps any more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../src/publish/sources.h"

#include "book_bench.h"

/* ---------------------------------------------------------- other agents */

static struct bench_book *open_with_beat(void)
{
    struct bench_book *w = open_book();

    add_written(w, SLOT_HEARTBEAT, AGENT, BEAT);
    assert_int_equal(w->book.owners.lease.state, LEASE_HELD);
    return w;
}

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
        "{\"schema\":1,\"agent\":\"web-2\",\"status\":\"unknown\","
        "\"reason\":\"removed\",\"seq\":3}",
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

/* -------------------------------------------------------------- presence */

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

/* ------------------------------------------------------------- our own id */

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

/* ----------------------------------------------------------------- drift */

static void what_others_did_is_set_right_and_counted(void **state)
{
    struct bench_book *w = open_with_beat();
    struct slot *beat = w->book.owners.lease.heartbeat;
    struct slot *s = add_written(w, SLOT_STATUS, "a", UP);

    (void)state;
    refresh_init(&w->refresh, 60000, w->now);
    run_at(w, w->now + 60000);
    assert_asked(w, "get agents/web-1, get instances/a");
    assert_int_equal(w->book.drifts, 0);
    put(w, "instances/a", "rubbish", 0);
    run_at(w, w->now + 60000);
    assert_asked(w, "get agents/web-1, get instances/a, set instances/a:1");
    assert_int_equal(w->book.drifts, 1);
    drop(w, "instances/a");
    run_at(w, w->now + 60000);
    assert_asked(w, "get agents/web-1, get instances/a, create instances/a");
    assert_int_equal(w->book.drifts, 2);
    assert_int_equal(why_of(w, s), WHY_WRITTEN);
    /* The same bytes at another version are a write of others, too. */
    put(w, "instances/a", UP ",\"seq\":3}", 0);
    run_at(w, w->now + 60000);
    assert_asked(w, "get agents/web-1, get instances/a");
    assert_int_equal(w->book.drifts, 3);
    /* Our heartbeat was deleted, in a session that lives. */
    drop(w, "agents/web-1");
    run_at(w, w->now + 60000);
    assert_asked(w, "get agents/web-1, create agents/web-1*, "
                    "get instances/a");
    assert_int_equal(w->book.drifts, 4);
    assert_int_equal(why_of(w, beat), WHY_WRITTEN);
    close_book(w);
}

static void a_node_that_vanishes_with_its_session_is_no_drift(void **state)
{
    struct bench_book *w = open_with_beat();
    struct slot *beat = w->book.owners.lease.heartbeat;

    (void)state;
    drop(w, "agents/web-1");
    post_to(w, beat, BEAT_2);
    strcpy(w->denied, "/r/agents/web-1");
    w->code = STORE_NO_NODE;
    run(w);
    assert_true(beat->sure.missed);
    w->denied[0] = '\0';
    new_session(w, SESSION + 1, false);
    assert_false(beat->sure.missed);
    run(w);
    assert_int_equal(w->book.drifts, 0);
    close_book(w);
}

static void a_late_write_of_ours_is_no_drift(void **state)
{
    struct bench_book *w = open_with_beat();
    struct slot *s = add_written(w, SLOT_STATUS, "a", UP);
    struct store_request r;

    (void)state;
    post_to(w, s, DOWN);
    assert_true(let_out(w, &r));
    answer_code(w, &r, STORE_UNCERTAIN);
    assert_true(s->sure.doubtful);
    assert_true(let_out(w, &r));
    answer(w, &r);
    assert_false(s->sure.is);
    /* It comes to pass after it was looked for, and before it is repeated. */
    assert_true(let_out(w, &r));
    put(w, "instances/a", DOWN ",\"seq\":2}", 0);
    answer(w, &r);
    run(w);
    assert_asked(w, "set instances/a:0, get instances/a, set instances/a:0, "
                    "get instances/a");
    assert_int_equal(why_of(w, s), WHY_WRITTEN);
    assert_int_equal(w->book.drifts, 0);
    assert_true(s->sure.is);
    assert_false(s->sure.doubtful);
    close_book(w);
}

static void what_was_only_read_is_watched_as_well(void **state)
{
    struct bench_book *w = open_with_beat();

    (void)state;
    put(w, "instances/a", UP ",\"seq\":4}", 0);
    add_read(w, SLOT_STATUS, "a");
    refresh_init(&w->refresh, 60000, w->now);
    run_at(w, w->now + 60000);
    assert_int_equal(w->book.drifts, 0);
    put(w, "instances/a", DOWN ",\"seq\":5}", 0);
    run_at(w, w->now + 60000);
    assert_int_equal(w->book.drifts, 1);
    close_book(w);
}

static void a_contested_id_leaves_nothing_sure(void **state)
{
    struct bench_book *w = open_with_beat();
    struct slot *s = add_written(w, SLOT_STATUS, "a", UP);

    (void)state;
    put(w, "agents/web-1", BEAT_H2, 7);
    post_to(w, w->book.owners.lease.heartbeat, BEAT_2);
    run(w);
    assert_int_equal(w->book.owners.lease.state, LEASE_CONTESTED);
    assert_int_equal(w->book.drifts, 1);
    put(w, "instances/a", DOWN ",\"seq\":2}", 0);
    drop(w, "agents/web-1");
    w->asked[0] = '\0';
    run_at(w, w->now + 1000);
    assert_asked(w, "get agents/web-1, create agents/web-1*, "
                    "get instances/a, set instances/a:1");
    assert_int_equal(w->book.drifts, 1);
    assert_int_equal(why_of(w, s), WHY_WRITTEN);
    close_book(w);
}

/* --------------------------------------------------------------- orphans */

static void what_nobody_keeps_is_found_once(void **state)
{
    struct bench_book *w = open_with_beat();
    struct publisher_event e;

    (void)state;
    put(w, "instances/old", DOWN ",\"seq\":4}", 0);
    put(w, "instances/other", UP_WEB2, 0);
    put(w, "instances/gone",
        "{\"schema\":1,\"agent\":\"web-1\",\"status\":\"unknown\","
        "\"reason\":\"removed\"}",
        0);
    put(w, "alive/left", HERE, SESSION);
    put(w, "alive/others", HERE_WEB2, 7);
    add_written(w, SLOT_STATUS, "a", UP);
    add_written(w, SLOT_PRESENCE, "a", HERE);
    assert_false(orphans_seeking(&w->book.orphans));
    orphans_seek(&w->book);
    assert_true(orphans_seeking(&w->book.orphans));
    run(w);
    assert_asked(w, "list instances, get instances/old");
    assert_true(w->book.tell);
    assert_true(orphans_take(&w->book, &e));
    assert_true(e.orphan);
    assert_string_equal(e.name, "old");
    assert_int_equal(e.seen.seq, 4);
    assert_false(orphans_take(&w->book, &e));
    w->book.tell = false;
    run(w);
    assert_asked(w, "get instances/other, get instances/gone, list alive, "
                    "get alive/left, delete alive/left:0, get alive/others");
    assert_true(w->book.tell);
    assert_false(orphans_seeking(&w->book.orphans));
    orphans_seek(&w->book);
    run(w);
    assert_asked(w, "");
    close_book(w);
}

static void a_search_that_is_held_up_goes_on(void **state)
{
    struct bench_book *w = open_with_beat();
    struct publisher_event e;
    struct store_request r;

    (void)state;
    put(w, "instances/old", DOWN ",\"seq\":4}", 0);
    put(w, "alive/left", HERE, SESSION);
    orphans_seek(&w->book);
    assert_true(let_out(w, &r));
    answer_code(w, &r, STORE_BUSY);
    assert_false(let_out(w, &r));
    assert_int_equal(sources_due(&w->book, w->now), w->now + 1000);
    w->now += 1000;
    assert_true(let_out(w, &r));
    sources_unsent(&w->book, &r);
    assert_true(let_out(w, &r));
    assert_false(let_out(w, &(struct store_request){ 0 }));
    answer(w, &r);
    w->book.stopping = true;
    run(w);
    w->book.stopping = false;
    assert_asked(w, "list instances, list instances, list instances");
    /* A slot that came since is no orphan. */
    (void)add_slot(w, SLOT_STATUS, "old");
    run(w);
    assert_false(orphans_take(&w->book, &e));
    assert_asked(w, "get instances/old, get instances/old, list alive, "
                    "get alive/left, delete alive/left:0");
    close_book(w);
}

static void a_presence_that_changes_is_looked_at_again(void **state)
{
    struct bench_book *w = open_with_beat();
    struct store_request r;

    (void)state;
    put(w, "alive/left", HERE, SESSION);
    orphans_seek(&w->book);
    do {
        assert_true(let_out(w, &r));
        if (r.verb != STORE_DELETE)
            answer(w, &r);
    } while (r.verb != STORE_DELETE);
    put(w, "alive/left", HERE_WEB2, 7);
    answer(w, &r);
    run(w);
    assert_asked(w, "list instances, list alive, get alive/left, "
                    "delete alive/left:0, get alive/left");
    assert_int_equal(at(w, "alive/left")->exists, true);
    close_book(w);
}

static void nothing_is_searched_for_without_our_heartbeat(void **state)
{
    struct bench_book *w = open_book();
    struct slot *beat = add_read(w, SLOT_HEARTBEAT, AGENT);

    (void)state;
    orphans_seek(&w->book);
    run(w);
    assert_asked(w, "");
    post_to(w, beat, BEAT);
    strcpy(w->denied, "/r/instances");
    w->code = STORE_NO_AUTH;
    run(w);
    assert_asked(w, "create agents/web-1*, list instances, list alive");
    assert_false(orphans_seeking(&w->book.orphans));
    close_book(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_living_agents_node_is_left_to_it_until_it_is_gone),
        cmocka_unit_test(one_look_is_enough_for_all_nodes_of_an_agent),
        cmocka_unit_test(a_node_that_changes_hands_is_another_conflict),
        cmocka_unit_test(nothing_is_taken_over_before_our_heartbeat_stands),
        cmocka_unit_test(an_answer_that_says_nothing_is_asked_for_sooner),
        cmocka_unit_test(what_was_asked_before_a_node_was_read_does_not_count),
        cmocka_unit_test(what_is_no_id_holds_nothing),
        cmocka_unit_test(a_presence_comes_and_goes),
        cmocka_unit_test(a_presence_follows_its_status),
        cmocka_unit_test(a_presence_waits_for_the_reading_of_its_status),
        cmocka_unit_test(a_presence_of_a_living_agent_is_its_own),
        cmocka_unit_test(a_presence_of_an_earlier_life_is_kept_as_it_is),
        cmocka_unit_test(an_agent_of_our_id_is_left_alone),
        cmocka_unit_test(whose_heartbeat_it_is),
        cmocka_unit_test(
            a_heartbeat_of_an_earlier_life_is_kept_until_the_first_post),
        cmocka_unit_test(what_was_taken_from_us_is_not_stolen_back),
        cmocka_unit_test(a_heartbeat_that_cannot_be_read_holds_up_everything),
        cmocka_unit_test(a_take_over_that_must_wait_reads_the_node_again),
        cmocka_unit_test(a_take_over_that_is_refused_is_made_up_for_later),
        cmocka_unit_test(what_others_did_is_set_right_and_counted),
        cmocka_unit_test(a_node_that_vanishes_with_its_session_is_no_drift),
        cmocka_unit_test(a_late_write_of_ours_is_no_drift),
        cmocka_unit_test(what_was_only_read_is_watched_as_well),
        cmocka_unit_test(a_contested_id_leaves_nothing_sure),
        cmocka_unit_test(what_nobody_keeps_is_found_once),
        cmocka_unit_test(a_search_that_is_held_up_goes_on),
        cmocka_unit_test(a_presence_that_changes_is_looked_at_again),
        cmocka_unit_test(nothing_is_searched_for_without_our_heartbeat),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
