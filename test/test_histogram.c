/* Which bucket an observation falls into. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/histogram.h"

static const uint64_t US[] = { 100, 1000, 10000 };
static const struct histogram_bounds BOUNDS = { US, 3 };

static struct histogram fresh(void)
{
    struct histogram h;

    histogram_init(&h, &BOUNDS);
    return h;
}

static void nothing_was_observed_at_first(void **state)
{
    struct histogram h = fresh();

    (void)state;
    for (size_t i = 0; i <= 3; i++)
        assert_int_equal(histogram_upto(&h, i), 0);
    assert_int_equal(h.count, 0);
    assert_int_equal(h.sum_us, 0);
}

static void a_bound_is_in_its_own_bucket(void **state)
{
    struct histogram h = fresh();

    (void)state;
    histogram_observe(&h, 100);
    assert_int_equal(histogram_upto(&h, 0), 1);
    histogram_observe(&h, 101);
    assert_int_equal(histogram_upto(&h, 0), 1);
    assert_int_equal(histogram_upto(&h, 1), 2);
    histogram_observe(&h, 0);
    assert_int_equal(histogram_upto(&h, 0), 2);
}

static void what_is_past_all_bounds_counts_in_the_whole_only(void **state)
{
    struct histogram h = fresh();

    (void)state;
    histogram_observe(&h, 10001);
    assert_int_equal(histogram_upto(&h, 2), 0);
    assert_int_equal(histogram_upto(&h, 3), 1);
    assert_int_equal(h.count, 1);
}

static void the_sum_is_of_what_was_observed_and_not_of_bounds(void **state)
{
    struct histogram h = fresh();

    (void)state;
    histogram_observe(&h, 7);
    histogram_observe(&h, 1234);
    histogram_observe(&h, 5000000000);
    assert_int_equal(h.sum_us, 5000001241);
    assert_int_equal(h.count, 3);
}

static void the_tables_ascend(void **state)
{
    const struct histogram_bounds *tables[] = { &HISTOGRAM_PROBE,
                                                &HISTOGRAM_PUBLISH };

    (void)state;
    for (size_t t = 0; t < 2; t++) {
        struct histogram h;

        histogram_init(&h, tables[t]);
        for (size_t i = 1; i < tables[t]->count; i++)
            assert_true(tables[t]->us[i] > tables[t]->us[i - 1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_was_observed_at_first),
        cmocka_unit_test(a_bound_is_in_its_own_bucket),
        cmocka_unit_test(what_is_past_all_bounds_counts_in_the_whole_only),
        cmocka_unit_test(the_sum_is_of_what_was_observed_and_not_of_bounds),
        cmocka_unit_test(the_tables_ascend),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
