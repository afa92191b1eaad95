/* Blocks for OpenSSL: what it asks for it gets, whatever the size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "../src/net/tls_memory.h"

#define RECORD 16709
#define MANY   300 /* more than a range has */
#define PAGE   4096

static char *take(size_t size)
{
    char *p = tls_memory_take(size, __FILE__, __LINE__);
    assert_non_null(p);
    memset(p, (int)size, size);
    return p;
}

static void give(void *p)
{
    tls_memory_give(p, __FILE__, __LINE__);
}

static void *resize(void *p, size_t size)
{
    return tls_memory_resize(p, size, __FILE__, __LINE__);
}

static void nothing_is_nothing(void **state)
{
    (void)state;
    assert_null(tls_memory_take(0, __FILE__, __LINE__));
    give(NULL);
    assert_null(resize(take(10), 0));
    assert_null(resize(take(RECORD), 0));
}

static void many_buffers_are_apart(void **state)
{
    char *p[MANY];
    (void)state;
    for (int i = 0; i < MANY; i++) {
        p[i] = take(RECORD);
        memset(p[i], i, RECORD);
    }
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(p[i][0], (char)i);
        assert_int_equal(p[i][RECORD - 1], (char)i);
        give(p[i]);
    }
}

static void the_last_that_was_given_is_taken_first(void **state)
{
    char *p = take(RECORD);
    (void)state;
    give(p);
    assert_ptr_equal(take(RECORD + 1), p);
    give(p);
}

static bool is_resident(char *p)
{
    unsigned char there = 0;
    assert_int_equal(mincore(p, PAGE, &there), 0);
    return (there & 1) != 0;
}

static void the_memory_of_most_free_ones_goes_back(void **state)
{
    char *p[MANY];
    int resident = 0;
    (void)state;
    for (int i = 0; i < MANY; i++)
        p[i] = take(RECORD);
    for (int i = 0; i < MANY; i++)
        give(p[i]);
    for (int i = 0; i < MANY; i++)
        resident += is_resident(p[i]);
    assert_in_range(resident, 1, 16);
}

static void contents_stay_when_a_size_changes(void **state)
{
    static const size_t SIZES[] = { 10, 5000, RECORD, 20000, 100000, 24576, 7 };
    char *p = NULL;
    size_t had = 0;
    (void)state;
    for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
        p = resize(p, SIZES[i]);
        assert_non_null(p);
        for (size_t at = 0; at < had && at < SIZES[i]; at++)
            assert_int_equal(p[at], 'x');
        memset(p, 'x', SIZES[i]);
        had = SIZES[i];
    }
    give(p);
    /* Out of a block, into what is larger than one. */
    p = take(RECORD);
    memset(p, 'y', RECORD);
    p = resize(p, 100000);
    for (size_t at = 0; at < RECORD; at++)
        assert_int_equal(p[at], 'y');
    give(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_nothing),
        cmocka_unit_test(many_buffers_are_apart),
        cmocka_unit_test(the_last_that_was_given_is_taken_first),
        cmocka_unit_test(the_memory_of_most_free_ones_goes_back),
        cmocka_unit_test(contents_stay_when_a_size_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
