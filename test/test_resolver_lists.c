/*
 * What is known of a name, and when it is asked for anew: by the answers of a
 * scripted getaddrinfo and a clock set by hand.
 */
#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/resolver.h"

#include "fake_lookup.h"

static void the_first_answer_is_waited_for_with_a_wake(void **state)
{
    (void)state;
    static const char *const ADDRS[SCRIPT_ADDRS] = { "10.0.0.1", "fd00::1" };
    script_list("a", ADDRS);
    script_hang("a", true);
    struct resolver_name *n = name("a");
    assert_string_equal(look(n), "pending");
    assert_string_equal(look(n), "pending");
    script_hang("a", false);
    await_woken(1);
    assert_string_equal(look(n), "ok 10.0.0.1:1 [fd00::1]:1");
    assert_int_equal(asked("a"), 1);
    resolver_name_put(n);
}

static void order_is_kept_and_duplicates_go(void **state)
{
    (void)state;
    static const char *const ADDRS[SCRIPT_ADDRS] = { "10.0.0.9", "10.0.0.1",
                                                     "10.0.0.9", "fd00::1",
                                                     "10.0.0.2", "fd00::1" };
    script_list("a", ADDRS);
    struct resolver_name *n = name("a");
    assert_string_equal(look_after_wake(n),
                        "ok 10.0.0.9:1 10.0.0.1:1 [fd00::1]:1 10.0.0.2:1");
    resolver_name_put(n);
}

static void more_addresses_than_there_is_room_for_are_left_out(void **state)
{
    (void)state;
    static const char *const ADDRS[SCRIPT_ADDRS] = {
        "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5",
        "10.0.0.6", "10.0.0.7", "10.0.0.8", "10.0.0.9"
    };
    script_list("a", ADDRS);
    struct resolver_name *n = name("a");
    const char *line = look_after_wake(n);
    assert_non_null(strstr(line, "10.0.0.8:1"));
    assert_null(strstr(line, "10.0.0.9:1"));
    resolver_name_put(n);
}

static void a_list_is_asked_for_anew_when_it_is_old(void **state)
{
    (void)state;
    script("a", 0, "10.0.0.1");
    struct resolver_name *n = name("a");
    look_after_wake(n);
    pass_ms(RESOLVER_REFRESH_MS);
    script("a", 0, "10.0.0.2");
    assert_string_equal(look(n), "ok 10.0.0.1:1");
    assert_int_equal(asked("a"), 1);
    pass_ms(1);
    script_hang("a", true);
    assert_string_equal(look(n), "ok 10.0.0.1:1");
    script_hang("a", false);
    await_woken(2);
    assert_string_equal(look(n), "ok 10.0.0.2:1");
    resolver_name_put(n);
}

static void a_failure_is_asked_anew_after_a_second(void **state)
{
    (void)state;
    script("a", EAI_AGAIN, NULL);
    struct resolver_name *n = name("a");
    const char *line = look_after_wake(n);
    assert_non_null(strstr(line, "failed: a: "));
    assert_non_null(strstr(line, gai_strerror(EAI_AGAIN)));
    pass_ms(1000);
    look(n);
    assert_int_equal(asked("a"), 1);
    script("a", 0, "10.0.0.1");
    pass_ms(1);
    assert_string_equal(look_after_wake(n), "ok 10.0.0.1:1");
    resolver_name_put(n);
}

static void an_ill_resolver_keeps_the_last_good_list(void **state)
{
    (void)state;
    static const int ILL[] = { EAI_AGAIN, EAI_FAIL, EAI_SYSTEM, EAI_MEMORY };
    script("a", 0, "10.0.0.1");
    struct resolver_name *n = name("a");
    look_after_wake(n);
    for (size_t i = 0; i < 4; i++) {
        script("a", ILL[i], NULL);
        pass_ms(RESOLVER_REFRESH_MS + 1);
        assert_string_equal(look_after_wake(n), "ok 10.0.0.1:1");
        assert_int_equal(asked("a"), i + 2);
    }
    resolver_name_put(n);
}

static void no_such_name_empties_the_list(void **state)
{
    (void)state;
    static const int DEFINITE[] = { EAI_NONAME, EAI_NODATA, 0 };
    struct resolver_name *n = name("a");
    for (size_t i = 0; i < 3; i++) {
        script("a", 0, "10.0.0.1");
        pass_ms(RESOLVER_REFRESH_MS + 1);
        assert_string_equal(look_after_wake(n), "ok 10.0.0.1:1");
        script("a", DEFINITE[i], NULL);
        pass_ms(RESOLVER_REFRESH_MS + 1);
        assert_non_null(strstr(look_after_wake(n), "failed: a: "));
    }
    resolver_name_put(n);
}

static void refresh_asks_for_a_young_list_once_a_second(void **state)
{
    (void)state;
    script("a", 0, "10.0.0.1");
    struct resolver_name *n = name("a");
    look_after_wake(n);
    resolver_refresh(n);
    look(n);
    assert_int_equal(asked("a"), 1);
    script("a", 0, "10.0.0.2");
    pass_ms(1001);
    resolver_refresh(n);
    await_woken(2);
    assert_string_equal(look(n), "ok 10.0.0.2:1");
    resolver_name_put(n);
}

static void no_answer_in_time_is_a_failure_until_it_comes(void **state)
{
    (void)state;
    script("a", 0, "10.0.0.1");
    script_hang("a", true);
    struct resolver_name *n = name("a");
    look(n);
    await_hanging(1);
    pass_ms(RESOLVER_DEADLINE_MS);
    assert_string_equal(look(n), "pending");
    pass_ms(1);
    assert_non_null(strstr(look(n), "failed: a: no answer"));
    script_hang("a", false);
    await_woken(1);
    assert_string_equal(look(n), "ok 10.0.0.1:1");
    assert_int_equal(asked("a"), 1);
    resolver_name_put(n);
}

static void no_answer_in_time_keeps_the_last_good_list(void **state)
{
    (void)state;
    script("a", 0, "10.0.0.1");
    struct resolver_name *n = name("a");
    look_after_wake(n);
    script_hang("a", true);
    pass_ms(RESOLVER_REFRESH_MS + 1);
    look(n);
    await_hanging(1);
    pass_ms(10 * RESOLVER_DEADLINE_MS);
    assert_string_equal(look(n), "ok 10.0.0.1:1");
    resolver_name_put(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STARTED(the_first_answer_is_waited_for_with_a_wake),
        STARTED(order_is_kept_and_duplicates_go),
        STARTED(more_addresses_than_there_is_room_for_are_left_out),
        STARTED(a_list_is_asked_for_anew_when_it_is_old),
        STARTED(a_failure_is_asked_anew_after_a_second),
        STARTED(an_ill_resolver_keeps_the_last_good_list),
        STARTED(no_such_name_empties_the_list),
        STARTED(refresh_asks_for_a_young_list_once_a_second),
        STARTED(no_answer_in_time_is_a_failure_until_it_comes),
        STARTED(no_answer_in_time_keeps_the_last_good_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
