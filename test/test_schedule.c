/*
 * schedule: the heap against a model that just looks at everything.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../src/engine/schedule.h"

#define CAPACITY 37
#define ABSENT   UINT64_MAX

static uint64_t seed;

static uint64_t draw(uint64_t below)
{
    /* xorshift64: repeatable on every machine. */
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % below;
}

static size_t model_earliest(const uint64_t *due)
{
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < CAPACITY; i++) {
        if (due[i] != ABSENT && (best == SIZE_MAX || due[i] < due[best]))
            best = i;
    }
    return best;
}

static size_t pop(struct schedule *s, uint64_t now_ms)
{
    size_t index = schedule_due(s, now_ms);

    if (index != SIZE_MAX)
        schedule_remove(s, index);
    return index;
}

static void an_empty_schedule_is_never_due(void **state)
{
    (void)state;
    for (size_t capacity = 0; capacity < 2; capacity++) {
        struct schedule *s = schedule_new(capacity, NULL);
        assert_non_null(s);
        assert_true(schedule_next_ms(s) == UINT64_MAX);
        assert_true(pop(s, UINT64_MAX) == SIZE_MAX);
        schedule_free(s);
    }
    schedule_free(NULL);
}

static void nobody_comes_out_before_the_due_time(void **state)
{
    (void)state;
    struct schedule *s = schedule_new(2, NULL);
    assert_non_null(s);
    schedule_set(s, 1, 100);
    assert_true(schedule_next_ms(s) == 100);
    assert_true(pop(s, 99) == SIZE_MAX);
    assert_true(pop(s, 100) == 1);
    assert_true(pop(s, 100) == SIZE_MAX);
    schedule_free(s);
}

static void setting_again_moves_and_does_not_double(void **state)
{
    (void)state;
    struct schedule *s = schedule_new(3, NULL);
    assert_non_null(s);
    schedule_set(s, 0, 10);
    schedule_set(s, 1, 20);
    schedule_set(s, 2, 30);
    schedule_set(s, 0, 40);
    schedule_set(s, 2, 5);
    assert_true(pop(s, 99) == 2);
    assert_true(pop(s, 99) == 1);
    assert_true(pop(s, 99) == 0);
    assert_true(pop(s, 99) == SIZE_MAX);
    schedule_free(s);
}

static void equal_times_come_out_by_index(void **state)
{
    (void)state;
    struct schedule *s = schedule_new(CAPACITY, NULL);
    assert_non_null(s);
    for (size_t i = CAPACITY; i > 0; i--)
        schedule_set(s, i - 1, 7);
    for (size_t i = 0; i < CAPACITY; i++)
        assert_true(pop(s, 7) == i);
    schedule_free(s);
}

static void removing_the_absent_changes_nothing(void **state)
{
    (void)state;
    struct schedule *s = schedule_new(2, NULL);
    assert_non_null(s);
    schedule_set(s, 0, 1);
    schedule_remove(s, 1);
    schedule_remove(s, 0);
    schedule_remove(s, 0);
    assert_true(schedule_next_ms(s) == UINT64_MAX);
    schedule_free(s);
}

static void random_operations_agree_with_the_model(void **state)
{
    (void)state;
    struct schedule *s = schedule_new(CAPACITY, NULL);
    assert_non_null(s);
    uint64_t due[CAPACITY];
    for (size_t i = 0; i < CAPACITY; i++)
        due[i] = ABSENT;
    seed = 20261123;
    for (int n = 0; n < 200000; n++) {
        size_t i = (size_t)draw(CAPACITY);
        /* Long phases that fill and that empty, and many equal times. */
        uint64_t what = draw(10) + (n / 1000 % 2 ? 3 : 0);
        if (what < 6) {
            due[i] = draw(50);
            schedule_set(s, i, due[i]);
        } else if (what < 9) {
            due[i] = ABSENT;
            schedule_remove(s, i);
        } else {
            uint64_t now = draw(60);
            size_t want = model_earliest(due);
            if (want != SIZE_MAX && due[want] > now)
                want = SIZE_MAX;
            assert_true(pop(s, now) == want);
            if (want != SIZE_MAX)
                due[want] = ABSENT;
        }
        size_t first = model_earliest(due);
        assert_true(schedule_next_ms(s) ==
                    (first == SIZE_MAX ? UINT64_MAX : due[first]));
    }
    schedule_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_schedule_is_never_due),
        cmocka_unit_test(nobody_comes_out_before_the_due_time),
        cmocka_unit_test(setting_again_moves_and_does_not_double),
        cmocka_unit_test(equal_times_come_out_by_index),
        cmocka_unit_test(removing_the_absent_changes_nothing),
        cmocka_unit_test(random_operations_agree_with_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
