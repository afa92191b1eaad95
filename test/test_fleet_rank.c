/* Who is first for a target, and what moves when a member comes or goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/roster.h"

#include "must.h"

#define TARGETS 10000
#define MEMBERS 50

static struct rank ranks[TARGETS];
static const struct rank_member *before[TARGETS];

static void scores_are_those_of_the_contract(void **state)
{
    uint64_t name = rank_hash("cache-1");

    (void)state;
    assert_true(rank_score(name, rank_hash("web-1")) ==
                UINT64_C(0xe78696c3abb7b88b));
    assert_true(rank_score(name, rank_hash("web-2")) ==
                UINT64_C(0x43eb437f5dbd9220));
    assert_true(rank_score(name, rank_hash("web-3")) ==
                UINT64_C(0xbca7405918df418d));
}

static struct roster *roster(unsigned members)
{
    struct err e;
    struct roster *r = roster_new("web-0", &e);

    MUST(r != NULL);
    for (unsigned i = 1; i < members; i++) {
        char id[16];
        snprintf(id, sizeof id, "web-%u", i);
        MUST(roster_is(r, id, NULL, &e) == 0);
    }
    return r;
}

/* All ranks follow; returns how many have another first. */
static size_t follow(struct roster *r, bool count_me)
{
    size_t moved = 0;

    roster_act(r, count_me);
    for (size_t i = 0; i < TARGETS; i++) {
        before[i] = ranks[i].first;
        moved += roster_rank(r, &ranks[i]);
    }
    return moved;
}

static void name_targets(void)
{
    for (size_t i = 0; i < TARGETS; i++) {
        char name[24];
        snprintf(name, sizeof name, "cache-%zu", i);
        rank_init(&ranks[i], name);
    }
}

static void the_ranks_of_the_contract_follow(void **state)
{
    struct roster *r = roster(4);
    struct rank rank;
    size_t n;

    (void)state;
    rank_init(&rank, "cache-1");
    roster_act(r, false);
    assert_true(roster_rank(r, &rank));
    roster_ranked(r);
    assert_string_equal(rank.first->id, "web-1");
    const struct rank_member *const *m = roster_acted(r, &n);
    assert_int_equal(n, 3);
    assert_int_equal(rank_of(&rank, m, n, m[0]), 0);
    assert_int_equal(rank_of(&rank, m, n, m[1]), 2);
    assert_int_equal(rank_of(&rank, m, n, m[2]), 1);
    roster_free(r);
}

/* The shares of 50 members, and their spread as it was measured. */
static void shares_are_even(void **state)
{
    struct roster *r = roster(MEMBERS);
    size_t shares[MEMBERS] = { 0 };

    (void)state;
    name_targets();
    assert_int_equal(follow(r, true), TARGETS);
    roster_ranked(r);
    for (size_t i = 0; i < TARGETS; i++) {
        unsigned of;
        MUST(sscanf(ranks[i].first->id, "web-%u", &of) == 1);
        shares[of]++;
    }
    for (size_t i = 0; i < MEMBERS; i++)
        assert_in_range(shares[i], 140, 260);
    roster_free(r);
}

static void a_death_moves_the_targets_of_the_dead_alone(void **state)
{
    struct roster *r = roster(MEMBERS);

    (void)state;
    name_targets();
    follow(r, true);
    roster_ranked(r);
    roster_gone(r, "web-7");
    assert_in_range(follow(r, true), 140, 260);
    for (size_t i = 0; i < TARGETS; i++)
        if (ranks[i].first != before[i])
            assert_string_equal(before[i]->id, "web-7");
    roster_ranked(r);
    assert_int_equal(roster_size(r), MEMBERS - 1);
    roster_free(r);
}

static void a_join_moves_targets_to_the_newcomer_alone(void **state)
{
    struct roster *r = roster(MEMBERS);
    struct err e;

    (void)state;
    name_targets();
    follow(r, true);
    roster_ranked(r);
    MUST(roster_is(r, "web-new", NULL, &e) == 0);
    assert_in_range(follow(r, true), 140, 260);
    for (size_t i = 0; i < TARGETS; i++)
        if (ranks[i].first != before[i])
            assert_string_equal(ranks[i].first->id, "web-new");
    roster_ranked(r);
    roster_free(r);
}

static void we_count_by_what_we_mean_to_be(void **state)
{
    struct roster *r = roster(2);
    struct rank rank;
    struct err e;
    size_t n;

    (void)state;
    MUST(roster_is(r, "web-0", NULL, &e) == 0);
    roster_act(r, false);
    (void)roster_acted(r, &n);
    assert_int_equal(n, 1);
    rank_init(&rank, "x");
    assert_true(roster_rank(r, &rank));
    roster_ranked(r);
    assert_string_equal(rank.first->id, "web-1");
    roster_gone(r, "web-0");
    assert_int_equal(roster_differs(r, true).fresh, 1);
    roster_act(r, true);
    roster_gone(r, "web-1");
    roster_act(r, true);
    assert_true(roster_rank(r, &rank));
    roster_ranked(r);
    assert_string_equal(rank.first->id, "web-0");
    assert_int_equal(roster_size(r), 1);
    roster_free(r);
}

static void without_members_nobody_is_first(void **state)
{
    struct roster *r = roster(1);
    struct rank rank;

    (void)state;
    rank_init(&rank, "x");
    roster_act(r, true);
    assert_true(roster_rank(r, &rank));
    roster_act(r, false);
    assert_true(roster_rank(r, &rank));
    assert_null(rank.first);
    roster_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_those_of_the_contract),
        cmocka_unit_test(the_ranks_of_the_contract_follow),
        cmocka_unit_test(shares_are_even),
        cmocka_unit_test(a_death_moves_the_targets_of_the_dead_alone),
        cmocka_unit_test(a_join_moves_targets_to_the_newcomer_alone),
        cmocka_unit_test(we_count_by_what_we_mean_to_be),
        cmocka_unit_test(without_members_nobody_is_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
