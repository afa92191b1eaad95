/*
 * When connections are renewed: often enough for each instance, and evenly for
 * all of them together.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../src/probe/renewal.h"

#define MANY   1000
#define ROUNDS 300
#define START  (UINT64_C(5) * 1000 * 1000)

/* The most and the least that any round after the first renews. */
static void spread(uint64_t pace_ms, uint64_t interval_ms, unsigned *most,
                   unsigned *least)
{
    struct renewal all[MANY];

    *most = 0;
    *least = MANY;
    for (uint64_t i = 0; i < MANY; i++)
        renewal_begin(&all[i], i, START, pace_ms, interval_ms);
    for (uint64_t round = 1; round < ROUNDS; round++) {
        uint64_t now_us = START + round * pace_ms * 1000;
        unsigned n = 0;

        for (size_t i = 0; i < MANY; i++)
            n += renewal_due(&all[i], now_us, pace_ms, interval_ms);
        *most = n > *most ? n : *most;
        *least = n < *least ? n : *least;
    }
}

static void no_round_renews_more_than_its_share(void **state)
{
    unsigned most, least;

    (void)state;
    spread(1000, 30000, &most, &least);
    assert_in_range(most, MANY / 30, MANY / 30 + 3);
    assert_in_range(least, MANY / 30 - 3, MANY / 30 + 1);
    spread(10000, 30000, &most, &least);
    assert_in_range(most, MANY / 3, MANY / 3 + 3);
    spread(1000, 400, &most, &least);
    assert_int_equal(least, MANY);
}

/* Probes that come a little early or late, as they do. */
static void no_instance_waits_longer_than_the_interval(void **state)
{
    static const struct {
        uint64_t pace_ms, interval_ms;
    } cases[] = { { 1000, 30000 },
                  { 7000, 30000 },
                  { 10000, 30000 },
                  { 999, 1000 },
                  { 10000, 5000 } };

    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        uint64_t pace_ms = cases[c].pace_ms;
        uint64_t interval_ms = cases[c].interval_ms;
        /* As often as there are probes, if those are less frequent. */
        uint64_t most_ms = interval_ms > pace_ms ? interval_ms : pace_ms;

        for (uint64_t id = 0; id < 50; id++) {
            struct renewal r;
            uint64_t last_us = START;

            renewal_begin(&r, id, START, pace_ms, interval_ms);
            for (uint64_t round = 1; round < ROUNDS; round++) {
                uint64_t wobble_us = round * 7919 % (pace_ms * 1000 / 20);
                uint64_t now_us = START + round * pace_ms * 1000 - wobble_us;

                if (!renewal_due(&r, now_us, pace_ms, interval_ms))
                    continue;
                assert_true(now_us - last_us <=
                            (most_ms + pace_ms / 20) * 1000);
                last_us = now_us;
            }
            assert_true(last_us > START);
        }
    }
}

static void others_in_between_do_not_shift_it(void **state)
{
    struct renewal r;

    (void)state;
    renewal_begin(&r, 0, START, 1000, 30000);
    /* Retries, three a second. */
    unsigned due = 0;
    for (uint64_t ms = 0; ms < 300000; ms += 333)
        due += renewal_due(&r, START + ms * 1000, 1000, 30000);
    assert_in_range(due, 9, 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_round_renews_more_than_its_share),
        cmocka_unit_test(no_instance_waits_longer_than_the_interval),
        cmocka_unit_test(others_in_between_do_not_shift_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
