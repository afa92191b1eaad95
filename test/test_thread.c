/* Threads take no signals, and wait for a moment that has passed not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/clock.h"
#include "agent/thread.h"

static void *note_mask(void *arg)
{
    pthread_sigmask(SIG_SETMASK, NULL, arg);
    return NULL;
}

static void a_thread_starts_with_all_signals_blocked(void **state)
{
    sigset_t mask, before, after;
    pthread_t thread;
    struct err e;

    (void)state;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    sigemptyset(&mask);
    assert_int_equal(thread_start(&thread, note_mask, &mask, "test", &e), 0);
    pthread_join(thread, NULL);
    assert_true(sigismember(&mask, SIGTERM));
    assert_true(sigismember(&mask, SIGPIPE));
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    assert_int_equal(sigismember(&after, SIGTERM),
                     sigismember(&before, SIGTERM));
    assert_false(sigismember(&after, SIGPIPE));
}

static void a_span_becomes_seconds_and_nanoseconds(void **state)
{
    struct timespec t = thread_timespec(61234);

    (void)state;
    assert_int_equal(t.tv_sec, 61);
    assert_int_equal(t.tv_nsec, 234000000);
}

static void a_wait_ends_at_its_moment(void **state)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
    uint64_t until = clock_mono_ms() + 20;

    (void)state;
    pthread_mutex_lock(&lock);
    assert_false(thread_wait(&cond, &lock, until - 20));
    while (thread_wait(&cond, &lock, until))
        continue;
    pthread_mutex_unlock(&lock);
    assert_true(clock_mono_ms() >= until);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_starts_with_all_signals_blocked),
        cmocka_unit_test(a_span_becomes_seconds_and_nanoseconds),
        cmocka_unit_test(a_wait_ends_at_its_moment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
