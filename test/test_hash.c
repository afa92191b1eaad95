/* The published values of FNV-1a,
 * http://www.isthe.com/chongo/src/fnv/test_fnv.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/hash.h"

static void texts_have_the_published_values(void **state)
{
    (void)state;
    assert_int_equal(hash32(""), 0x811c9dc5);
    assert_int_equal(hash32("a"), 0xe40c292c);
    assert_int_equal(hash32("foobar"), 0xbf9cf968);
}

static void bytes_have_the_published_values(void **state)
{
    (void)state;
    assert_true(hash64(HASH64_START, "", 0) == UINT64_C(0xcbf29ce484222325));
    assert_true(hash64(HASH64_START, "a", 1) == UINT64_C(0xaf63dc4c8601ec8c));
    assert_true(hash64(HASH64_START, "foobar", 6) ==
                UINT64_C(0x85944171f73967e8));
}

static void parts_make_the_whole(void **state)
{
    uint64_t hash = hash64(HASH64_START, "foo", 3);

    (void)state;
    assert_true(hash64(hash, "bar", 3) == hash64(HASH64_START, "foobar", 6));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_have_the_published_values),
        cmocka_unit_test(bytes_have_the_published_values),
        cmocka_unit_test(parts_make_the_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
