/*
 * The ring of changes: numbered without a gap, the last thousand of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/history.h"

static struct history *history;

static int set_up(void **state)
{
    struct err e;

    (void)state;
    history = history_new(&e);
    return history == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    history_free(history);
    return 0;
}

/* The words are gone when it returns, as those of an instance may be. */
static void add(unsigned n)
{
    char name[32];
    struct history_event e = {
        .time_wall_ms = n,
        .from = STATUS_UP,
        .to = STATUS_DOWN,
        .reason = REASON_REFUSED,
        .instance = name,
        .address = "127.0.0.1:1",
        .detail = "connect: connection refused",
        .cause = "3 results in a row",
    };

    snprintf(name, sizeof name, "cache-%u", n);
    history_add(history, &e);
    memset(name, 'x', sizeof name);
}

static void an_empty_history_has_no_events(void **state)
{
    (void)state;
    assert_int_equal(history_newest(history), 0);
    assert_int_equal(history_oldest(history), 0);
    assert_null(history_at(history, 0));
    assert_null(history_at(history, 1));
}

static void events_are_numbered_from_one(void **state)
{
    (void)state;
    add(7);
    add(8);
    assert_int_equal(history_newest(history), 2);
    assert_int_equal(history_oldest(history), 1);
    assert_string_equal(history_at(history, 1)->instance, "cache-7");
    assert_string_equal(history_at(history, 2)->instance, "cache-8");
    assert_int_equal(history_at(history, 2)->seq, 2);
    assert_string_equal(history_at(history, 1)->detail,
                        "connect: connection refused");
    assert_null(history_at(history, 3));
}

static void the_last_thousand_are_kept(void **state)
{
    char name[32];

    (void)state;
    for (unsigned n = 1; n <= 2 * HISTORY_MAX + 5; n++)
        add(n);
    assert_int_equal(history_newest(history), 2005);
    assert_int_equal(history_oldest(history), 1006);
    assert_null(history_at(history, 1005));
    for (uint64_t seq = 1006; seq <= 2005; seq++) {
        snprintf(name, sizeof name, "cache-%u", (unsigned)seq);
        assert_int_equal(history_at(history, seq)->seq, seq);
        assert_string_equal(history_at(history, seq)->instance, name);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(an_empty_history_has_no_events),
        T(events_are_numbered_from_one),
        T(the_last_thousand_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
