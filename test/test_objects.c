/* What the counters tell, also while others count. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <pthread.h>

#include <cmocka.h>

#include "agent/objects.h"

#define THREADS 4
#define TIMES   100000

static struct object_count count_of(enum object_kind k)
{
    struct object_count c;

    objects_read(k, &c);
    return c;
}

static void what_was_made_and_is_not_gone_lives(void **state)
{
    struct object_count c;

    (void)state;
    object_made(OBJECT_DOCUMENT);
    object_made(OBJECT_DOCUMENT);
    object_made(OBJECT_DOCUMENT);
    object_gone(OBJECT_DOCUMENT);
    c = count_of(OBJECT_DOCUMENT);
    assert_int_equal(c.allocated, 3);
    assert_int_equal(c.freed, 1);
    assert_int_equal(c.live, 2);
}

static void one_kind_is_not_counted_as_another(void **state)
{
    (void)state;
    object_made(OBJECT_ZK_SLOT);
    assert_int_equal(count_of(OBJECT_ZK_SLOT).live, 1);
    assert_int_equal(count_of(OBJECT_ZK_REQUEST).allocated, 0);
    assert_int_equal(count_of(OBJECT_ZK_HANDLE).allocated, 0);
}

static void every_kind_has_a_name_of_its_own_and_a_sentence(void **state)
{
    (void)state;
    for (int k = 0; k < OBJECT_KINDS; k++) {
        const char *name = object_kind_name((enum object_kind)k);

        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_"),
                         strlen(name));
        assert_true(strlen(object_kind_help((enum object_kind)k)) > 0);
        for (int other = 0; other < k; other++)
            assert_string_not_equal(name,
                                    object_kind_name((enum object_kind)other));
    }
}

static void *come_and_go(void *arg)
{
    (void)arg;
    for (int i = 0; i < TIMES; i++) {
        object_made(OBJECT_CONNECTION);
        object_gone(OBJECT_CONNECTION);
    }
    return NULL;
}

static void no_count_is_lost_and_none_is_freed_before_it_was_made(void **state)
{
    pthread_t threads[THREADS];
    struct object_count c;

    (void)state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, NULL),
                         0);
    do {
        c = count_of(OBJECT_CONNECTION);
        assert_true(c.live <= c.allocated);
    } while (c.freed < THREADS * TIMES);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    c = count_of(OBJECT_CONNECTION);
    assert_int_equal(c.allocated, THREADS * TIMES);
    assert_int_equal(c.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_made_and_is_not_gone_lives),
        cmocka_unit_test(one_kind_is_not_counted_as_another),
        cmocka_unit_test(every_kind_has_a_name_of_its_own_and_a_sentence),
        cmocka_unit_test(no_count_is_lost_and_none_is_freed_before_it_was_made),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
