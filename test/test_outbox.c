/*
 * The results that wait for the loop: they come out as they went in, and take
 * no more room than they say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../src/probe/outbox.h"

static struct outbox outbox;

static int tear_down(void **state)
{
    (void)state;
    outbox_clear(&outbox);
    return 0;
}

static void push(const struct result *r)
{
    struct packed_result p;

    outbox_pack(&p, r);
    outbox_push(&outbox, &p);
}

static struct result plain(uint64_t id)
{
    return (struct result){ .id = id,
                            .reason = REASON_OK,
                            .rtt_us = 100,
                            .offset = -1,
                            .behind = -1,
                            .role = ROLE_MASTER,
                            .role_word = "master",
                            .server = "redis",
                            .version = "7.0.15" };
}

/* All words as long as they can be. */
static struct result longest(uint64_t id)
{
    struct result r = plain(id);

    memset(r.role_word, 'o', sizeof r.role_word - 1);
    memset(r.server, 's', sizeof r.server - 1);
    memset(r.version, 'v', sizeof r.version - 1);
    memset(r.refusal, 'f', sizeof r.refusal - 1);
    memset(r.replid, 'i', sizeof r.replid - 1);
    memset(r.detail, 'd', sizeof r.detail - 1);
    return r;
}

static void assert_comes(const struct result *r)
{
    struct result out = { 0 };

    assert_true(outbox_take(&outbox, &out));
    assert_int_equal(out.id, r->id);
    assert_int_equal(out.reason, r->reason);
    assert_int_equal(out.rtt_us, r->rtt_us);
    assert_int_equal(out.offset, r->offset);
    assert_int_equal(out.role, r->role);
    assert_string_equal(out.role_word, r->role_word);
    assert_string_equal(out.server, r->server);
    assert_string_equal(out.version, r->version);
    assert_string_equal(out.refusal, r->refusal);
    assert_string_equal(out.replid, r->replid);
    assert_string_equal(out.detail, r->detail);
}

static void an_empty_one_gives_nothing(void **state)
{
    struct result out;

    (void)state;
    assert_false(outbox_take(&outbox, &out));
    assert_int_equal(outbox_reserve(&outbox, 1), 0);
    assert_false(outbox_take(&outbox, &out));
}

static void reserved_room_is_enough_for_the_longest(void **state)
{
    (void)state;
    assert_int_equal(outbox_reserve(&outbox, 100), 0);
    for (uint64_t i = 0; i < 100; i++) {
        struct result r = longest(i);
        push(&r);
    }
    for (uint64_t i = 0; i < 100; i++) {
        struct result r = longest(i);
        assert_comes(&r);
    }
}

static void results_pass_over_the_end_of_the_ring(void **state)
{
    uint64_t in = 0, out = 0;

    (void)state;
    assert_int_equal(outbox_reserve(&outbox, 3), 0);
    /* It is never empty, so that it goes round. */
    for (; in < 2; in++) {
        struct result r = in % 3 == 0 ? longest(in) : plain(in);
        push(&r);
    }
    for (; in < 1000; in++) {
        struct result r = in % 3 == 0 ? longest(in) : plain(in);
        push(&r);
        r = out % 3 == 0 ? longest(out) : plain(out);
        assert_comes(&r);
        out++;
    }
}

static void what_waits_survives_growth(void **state)
{
    (void)state;
    assert_int_equal(outbox_reserve(&outbox, 16), 0);
    for (uint64_t i = 0; i < 16; i++) {
        struct result r = longest(i);
        push(&r);
        if (i < 8)
            assert_comes(&r);
    }
    assert_int_equal(outbox_reserve(&outbox, 1000), 0);
    for (uint64_t i = 16; i < 1016; i++) {
        struct result r = longest(i);
        push(&r);
    }
    for (uint64_t i = 8; i < 1016; i++) {
        struct result r = longest(i);
        assert_comes(&r);
    }
}

static void a_plain_result_takes_less_than_half_of_the_longest(void **state)
{
    struct result r = plain(1);
    struct packed_result p;

    (void)state;
    outbox_pack(&p, &r);
    assert_in_range(p.len, 1, 200);
    assert_in_range(p.len, 1, sizeof r / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(an_empty_one_gives_nothing, tear_down),
        cmocka_unit_test_teardown(reserved_room_is_enough_for_the_longest,
                                  tear_down),
        cmocka_unit_test_teardown(results_pass_over_the_end_of_the_ring,
                                  tear_down),
        cmocka_unit_test_teardown(what_waits_survives_growth, tear_down),
        cmocka_unit_test_teardown(
            a_plain_result_takes_less_than_half_of_the_longest, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
