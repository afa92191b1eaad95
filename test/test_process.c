/* What the kernel and malloc say of this very process. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/clock.h"
#include "agent/process.h"

#define MIB ((size_t)1 << 20)

static void opened_descriptors_are_counted_and_closed_ones_not(void **state)
{
    struct process_figures before, during, after;
    int fds[600];

    (void)state;
    process_figures(&before);
    for (size_t i = 0; i < 600; i++) {
        fds[i] = dup(0);
        assert_true(fds[i] >= 0);
    }
    process_figures(&during);
    for (size_t i = 0; i < 600; i++)
        close(fds[i]);
    process_figures(&after);
    assert_true(before.open_fds >= 1);
    assert_int_equal(during.open_fds, before.open_fds + 600);
    assert_int_equal(after.open_fds, before.open_fds);
}

/* Written to by a call that no compiler leaves out. */
static char *touched(size_t size)
{
    char *block = malloc(size);

    assert_non_null(block);
    explicit_bzero(block, size);
    return block;
}

/* A sanitizer's, or valgrind's, of which the C library knows nothing. */
static bool malloc_is_anothers(void)
{
    size_t before = mallinfo2().uordblks;
    char *block = touched(16384);
    size_t after = mallinfo2().uordblks;

    free(block);
    return after < before + 16384;
}

static void the_heap_shows_what_is_allocated(void **state)
{
    struct process_memory before, small, large;
    char *blocks[64];
    char *block;

    (void)state;
    if (malloc_is_anothers())
        skip();
    process_memory(&before);
    for (size_t i = 0; i < 64; i++)
        blocks[i] = touched(16384);
    process_memory(&small);
    block = touched(8 * MIB);
    process_memory(&large);
    assert_in_range(small.heap_in_use - before.heap_in_use, MIB, 2 * MIB);
    assert_in_range(large.heap_in_use - small.heap_in_use, 8 * MIB, 9 * MIB);
    assert_true(large.heap_mapped >= small.heap_mapped + 8 * MIB);
    assert_true(large.resident >= small.resident + 7 * MIB);
    assert_true(large.virtual_size > large.resident);
    free(block);
    for (size_t i = 0; i < 64; i++)
        free(blocks[i]);
    process_memory(&large);
    assert_in_range(large.heap_in_use, 0, before.heap_in_use + MIB / 2);
}

static void limits_are_told(void **state)
{
    struct process_figures f;
    struct rlimit l;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &l), 0);
    process_figures(&f);
    assert_int_equal(f.max_fds, l.rlim_cur);
    assert_true(f.memory.virtual_max >= f.memory.virtual_size);
    assert_int_equal(f.threads, 1);
}

static void spent_time_only_grows(void **state)
{
    struct process_figures first, next;

    (void)state;
    process_figures(&first);
    do
        process_figures(&next);
    while (next.cpu_us == first.cpu_us);
    assert_true(next.cpu_us > first.cpu_us);
}

static void it_started_once_and_not_long_ago(void **state)
{
    int64_t started = process_started_wall_ms();

    (void)state;
    assert_in_range(clock_wall_ms() - started, 0, 60000);
    assert_int_equal(process_started_wall_ms(), started);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opened_descriptors_are_counted_and_closed_ones_not),
        cmocka_unit_test(the_heap_shows_what_is_allocated),
        cmocka_unit_test(limits_are_told),
        cmocka_unit_test(spent_time_only_grows),
        cmocka_unit_test(it_started_once_and_not_long_ago),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
