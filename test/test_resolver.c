/*
 * The helpers of the resolver and those who share it: which lookups hold up
 * which, who is woken, and what outlives whom.  getaddrinfo is scripted, so
 * that a lookup hangs for as long as the test wants.
 */
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/clock.h"
#include "agent/resolver.h"
#include "agent/watchdog.h"

#include "fake_lookup.h"

#define PATIENCE_MS 20000

static void localhost_is_found_by_the_real_resolver(void **state)
{
    (void)state;
    struct err e = { "" };
    resolver = resolver_start(&e);
    assert_non_null(resolver);
    assert_int_equal(count_wakes(&e), 0);
    struct resolver_name *n = name("localhost");
    const char *line = look_after_wake(n);
    assert_true(strstr(line, "127.0.0.1:1") || strstr(line, "[::1]:1"));
    resolver_name_put(n);
    resolver_stop(resolver);
    resolver = NULL;
}

static void nothing_is_needed_to_stop_nothing(void **state)
{
    (void)state;
    resolver_stop(NULL);
    resolver_name_put(NULL);
}

static void a_mute_name_does_not_hold_up_the_others(void **state)
{
    (void)state;
    script("mute", 0, NULL);
    script_hang("mute", true);
    script("a", 0, "10.0.0.1");
    script("b", 0, "10.0.0.2");
    struct resolver_name *mute = name("mute");
    struct resolver_name *a = name("a");
    struct resolver_name *b = name("b");
    look(mute);
    await_hanging(1);
    assert_string_equal(look_after_wake(a), "ok 10.0.0.1:1");
    assert_string_equal(look_after_wake(b), "ok 10.0.0.2:1");
    resolver_name_put(mute);
    resolver_name_put(a);
    resolver_name_put(b);
}

/* Each was slow once: from then on they share one helper. */
static void many_slow_names_do_not_hold_up_the_others(void **state)
{
    (void)state;
    static const char *const SLOW[] = { "s1", "s2", "s3" };
    struct resolver_name *slow[3];
    for (size_t i = 0; i < 3; i++) {
        script(SLOW[i], EAI_AGAIN, NULL);
        script_takes(SLOW[i], 1001);
        slow[i] = name(SLOW[i]);
        look_after_wake(slow[i]);
    }
    pass_ms(2000);
    for (size_t i = 0; i < 3; i++) {
        script_hang(SLOW[i], true);
        look(slow[i]);
    }
    await_hanging(1);
    script("a", 0, "10.0.0.1");
    struct resolver_name *a = name("a");
    assert_string_equal(look_after_wake(a), "ok 10.0.0.1:1");
    assert_int_equal(hanging(), 1);
    for (size_t i = 0; i < 3; i++)
        resolver_name_put(slow[i]);
    resolver_name_put(a);
}

static void stopping_does_not_wait_for_lookups(void **state)
{
    script("a", 0, "10.0.0.1");
    script("b", 0, "10.0.0.1");
    script_hang("a", true);
    script_hang("b", true);
    struct resolver_name *a = name("a");
    struct resolver_name *b = name("b");
    look(a);
    look(b);
    await_hanging(2);
    resolver_name_put(a);
    resolver_name_put(b);
    uint64_t before_ms = clock_mono_ms();
    resolver_stop(resolver);
    resolver = NULL;
    assert_true(clock_mono_ms() - before_ms < 5000);
    assert_int_equal(hanging(), 2);

    /* Both come back into a resolver that nobody holds any more. */
    fake_lookup_tear_down(state);
    for (int i = 0; i < 1000; i++)
        sched_yield();
    assert_int_equal(woken(), 0);
}

static void the_same_name_shares_one_entry(void **state)
{
    (void)state;
    script("a", 0, "10.0.0.1");
    struct resolver_name *one = name("a");
    struct resolver_name *two = name("a");
    assert_ptr_equal(one, two);
    look_after_wake(one);
    resolver_name_put(one);
    assert_string_equal(look(two), "ok 10.0.0.1:1");
    assert_int_equal(asked("a"), 1);
    resolver_name_put(two);
}

static void a_name_put_back_in_mid_lookup_can_be_got_again(void **state)
{
    (void)state;
    script("a", 0, "10.0.0.1");
    script_hang("a", true);
    struct resolver_name *n = name("a");
    look(n);
    await_hanging(1);
    resolver_name_put(n);
    n = name("a");
    script_hang("a", false);
    await_woken(1);
    assert_string_equal(look(n), "ok 10.0.0.1:1");
    assert_int_equal(asked("a"), 1);
    resolver_name_put(n);
}

static void a_name_put_back_while_it_is_queued_is_forgotten(void **state)
{
    (void)state;
    static const char *const HOSTS[] = { "a", "b", "c" };
    struct resolver_name *names[3];
    for (size_t i = 0; i < 3; i++) {
        script(HOSTS[i], 0, "10.0.0.1");
        script_hang(HOSTS[i], true);
        names[i] = name(HOSTS[i]);
        look(names[i]);
        await_hanging(i < 2 ? (unsigned)i + 1 : 2);
    }
    resolver_name_put(names[2]);
    script_hang("a", false);
    script_hang("b", false);
    await_woken(2);
    assert_int_equal(asked("c"), 0);
    resolver_name_put(names[0]);
    resolver_name_put(names[1]);
}

static atomic_bool subscribed;
static atomic_uint late_wakes;
static atomic_bool in_wake;

/* Slow, so that an unsubscribing that does not wait for it is seen. */
static void on_wake_if_subscribed(void *arg)
{
    (void)arg;
    atomic_store(&in_wake, true);
    for (int i = 0; i < 50; i++)
        sched_yield();
    if (!atomic_load(&subscribed))
        atomic_fetch_add(&late_wakes, 1);
    atomic_store(&in_wake, false);
}

static bool wake_has_begun(void)
{
    return atomic_load(&in_wake);
}

static unsigned wanted_wakes;

static bool enough_wakes(void)
{
    return woken() >= wanted_wakes;
}

/* Asks for N again and again until HOLDS. */
static void look_until(struct resolver_name *n, bool (*holds)(void))
{
    uint64_t until_ms = clock_mono_ms() + PATIENCE_MS;
    while (!holds() && clock_mono_ms() < until_ms) {
        pass_ms(2000);
        look(n);
    }
    assert_true(clock_mono_ms() < until_ms);
}

static void no_wake_comes_after_unsubscribe(void **state)
{
    (void)state;
    struct err e;
    int arg = 0;
    script("a", EAI_AGAIN, NULL);
    struct resolver_name *n = name("a");
    for (int i = 0; i < 300; i++) {
        atomic_store(&subscribed, true);
        assert_int_equal(
            resolver_subscribe(resolver, on_wake_if_subscribed, &arg, &e), 0);
        pass_ms(2000);
        look(n);
        if (i % 2 == 0)
            look_until(n, wake_has_begun);
        resolver_unsubscribe(resolver, on_wake_if_subscribed, &arg);
        atomic_store(&subscribed, false);
        assert_false(in_wake);
    }
    /* The wakes follow one another: after two more the last one is over. */
    wanted_wakes = woken() + 2;
    look_until(n, enough_wakes);
    assert_int_equal(late_wakes, 0);
    resolver_name_put(n);
}

static void too_many_subscribers_are_refused(void **state)
{
    (void)state;
    struct err e = { "" };
    int args[80];
    for (int i = 1; i < 80; i++) {
        int rc = resolver_subscribe(resolver, fake_lookup_wake, &args[i], &e);
        assert_int_equal(rc, 0);
    }
    int rc = resolver_subscribe(resolver, fake_lookup_wake, &args[0], &e);
    assert_int_equal(rc, -1);
    assert_non_null(strstr(e.text, "80"));
}

static atomic_uint changes;

static void on_change(void *arg)
{
    (void)arg;
    atomic_fetch_add(&changes, 1);
}

static void on_turn(void *arg)
{
    sem_post(arg);
}

/* One helper hangs in a lookup, the other has nothing to do. */
static void neither_a_long_lookup_nor_idleness_is_a_wedge(void **state)
{
    (void)state;
    struct err e;
    sem_t turns;
    sem_init(&turns, 0, 0);
    const struct watchdog_options o = {
        .wedge_timeout_ms = 1000,
        .changed = on_change,
        .alive = on_turn,
        .alive_arg = &turns,
        .alive_ms = 250,
    };
    struct watchdog *w = watchdog_new(&o, &e);
    assert_non_null(w);
    resolver_watch(resolver, w);
    assert_int_equal(watchdog_start(w, &e), 0);
    script("mute", 0, NULL);
    script_hang("mute", true);
    struct resolver_name *mute = name("mute");
    look(mute);
    await_hanging(1);
    /* Silent for so long, whoever should have answered is named. */
    for (unsigned i = 0; i < 3000 / watchdog_rest_ms(w); i++)
        while (sem_wait(&turns) != 0)
            continue;
    assert_int_equal(atomic_load(&changes), 0);
    watchdog_stop(w);
    sem_destroy(&turns);
    resolver_name_put(mute);
}

static void *reader(void *arg)
{
    struct resolver_name *n = name("a");
    for (int i = 0; i < 2000; i++) {
        struct net_addr addrs[RESOLVER_ADDRS];
        size_t count;
        resolver_addrs(n, 1, addrs, &count, NULL);
        resolver_refresh(n);
        pass_ms(100);
    }
    resolver_name_put(n);
    return arg;
}

static void many_threads_may_ask_at_once(void **state)
{
    (void)state;
    script("a", 0, "10.0.0.1");
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, reader, NULL), 0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(localhost_is_found_by_the_real_resolver),
        cmocka_unit_test(nothing_is_needed_to_stop_nothing),
        STARTED(a_mute_name_does_not_hold_up_the_others),
        STARTED(many_slow_names_do_not_hold_up_the_others),
        STARTED(stopping_does_not_wait_for_lookups),
        STARTED(the_same_name_shares_one_entry),
        STARTED(a_name_put_back_in_mid_lookup_can_be_got_again),
        STARTED(a_name_put_back_while_it_is_queued_is_forgotten),
        STARTED(no_wake_comes_after_unsubscribe),
        STARTED(too_many_subscribers_are_refused),
        STARTED(neither_a_long_lookup_nor_idleness_is_a_wedge),
        STARTED(many_threads_may_ask_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
