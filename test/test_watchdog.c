/*
 * The watchdog over threads that are none: a pulse that beats when it is
 * nudged, or not.  What ends the process is seen from outside, in a child.
 */
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/watchdog.h"

#include "children.h"

/* The shortest that there is. */
#define TIMEOUT_MS 1000

/* As soon named, and far from its end. */
#define LONG_MS 4000

/* What TIMEOUT_MS comes to: a thread is nudged after this. */
#define REST_MS 250

static struct pulse pulse;
static sem_t changes;
static sem_t turns; /* on which all was well */

static void post(void *arg)
{
    sem_post(arg);
}

static void beat(void *arg)
{
    pulse_beat(arg);
}

static void ignore(void *arg)
{
    (void)arg;
}

/* One that takes a lock which the wedged thread holds. */
static void hang(void *arg)
{
    (void)arg;
    for (;;)
        pause();
}

static struct watchdog *watch_over(unsigned timeout_ms, const struct watch *t)
{
    struct err e;
    const struct watchdog_options o = {
        .wedge_timeout_ms = timeout_ms,
        .changed = post,
        .changed_arg = &changes,
        .alive = post,
        .alive_arg = &turns,
        .alive_ms = 250,
    };
    sem_init(&changes, 0, 0);
    sem_init(&turns, 0, 0);
    memset(&pulse, 0, sizeof pulse);
    struct watchdog *w = watchdog_new(&o, &e);
    assert_non_null(w);
    watchdog_watch(w, t);
    assert_int_equal(watchdog_start(w, &e), 0);
    return w;
}

static void wait_turns(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        while (sem_wait(&turns) != 0)
            continue;
}

/* Watches T in a child, whose stderr goes to OUT once it has ended. */
static int end_of_child(const struct watch *t, const char *task, char *out,
                        size_t size)
{
    int ends[2];
    make_pipe(ends);
    pid_t pid = fork_child();
    if (pid == 0) {
        dup2(ends[1], STDERR_FILENO);
        (void)watch_over(TIMEOUT_MS, t);
        if (task != NULL)
            pulse_task(&pulse, task);
        for (;;)
            pause();
    }
    close(ends[1]);
    int code = exit_code(pid);
    read_all(ends[0], out, size);
    close(ends[0]);
    return code;
}

/* The silent_ms of the line about EVENT of THREAD; 0 if there is none. */
static unsigned long silence_of(const char *out, const char *thread,
                                const char *event)
{
    char head[64];
    snprintf(head, sizeof head, "thread=%s event=%s silent_ms=", thread, event);
    const char *at = strstr(out, head);
    return at == NULL ? 0 : strtoul(at + strlen(head), NULL, 10);
}

static void a_thread_silent_for_good_is_named_and_ends_the_process(void **state)
{
    (void)state;
    char out[4096];
    const struct watch t = { .thread = "mute",
                             .pulse = &pulse,
                             .nudge = ignore };
    assert_int_equal(end_of_child(&t, NULL, out, sizeof out), 1);
    assert_true(silence_of(out, "mute", "wedged") >= 1000);
    assert_true(silence_of(out, "mute", "wedged_exit") >= TIMEOUT_MS);
    assert_non_null(strstr(out, "since="));
}

static void a_task_may_take_as_long_as_is_lawful(void **state)
{
    (void)state;
    char out[4096];
    const struct watch t = { .thread = "slow",
                             .pulse = &pulse,
                             .task_named_ms = 2000,
                             .task_lawful_ms = 2000 };
    assert_int_equal(end_of_child(&t, "a.name", out, sizeof out), 1);
    /* That a beat was heard may be seen a turn or two late. */
    assert_true(silence_of(out, "slow", "wedged") >= 2000 - 2 * REST_MS);
    assert_true(silence_of(out, "slow", "wedged_exit") >=
                TIMEOUT_MS + 2000 - REST_MS);
    assert_non_null(strstr(out, "task=a.name"));
}

/* Until the kernel says that PID is stopped, and then for MS. */
static void keep_stopped(pid_t pid, unsigned ms)
{
    int status;
    const struct timespec length = {
        .tv_sec = ms / 1000,
        .tv_nsec = (long)(ms % 1000) * 1000000,
    };
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFSTOPPED(status));
    nanosleep(&length, NULL);
    kill(pid, SIGCONT);
}

static void after_a_stop_all_waiting_begins_anew(void **state)
{
    (void)state;
    char out[4096];
    const unsigned stop_ms = 1600;
    const struct watch t = { .thread = "mute",
                             .pulse = &pulse,
                             .nudge = ignore };
    int ends[2];
    make_pipe(ends);
    pid_t pid = fork_child();
    if (pid == 0) {
        dup2(ends[1], STDERR_FILENO);
        (void)watch_over(TIMEOUT_MS, &t);
        wait_turns(1);
        kill(getpid(), SIGSTOP);
        for (;;)
            pause();
    }
    close(ends[1]);
    keep_stopped(pid, stop_ms);
    assert_int_equal(exit_code(pid), 1);
    read_all(ends[0], out, sizeof out);
    close(ends[0]);
    assert_true(silence_of(out, "mute", "wedged") >=
                stop_ms + REST_MS + TIMEOUT_MS);
}

static void a_watchdog_that_hangs_itself_ends_the_process(void **state)
{
    (void)state;
    char out[4096];
    const struct watch t = { .thread = "trap", .pulse = &pulse, .nudge = hang };
    assert_int_equal(end_of_child(&t, NULL, out, sizeof out), 1);
    assert_string_equal(out, "");
}

static void a_thread_that_answers_is_never_named(void **state)
{
    (void)state;
    const struct watch t = {
        .thread = "good", .pulse = &pulse, .nudge = beat, .arg = &pulse
    };
    struct watchdog *w = watch_over(TIMEOUT_MS, &t);
    wait_turns(3 * TIMEOUT_MS / REST_MS);
    assert_true(watchdog_well(w));
    watchdog_stop(w);
    assert_int_not_equal(sem_trywait(&changes), 0);
}

static void a_thread_that_answers_again_is_well_again(void **state)
{
    (void)state;
    const struct watch t = { .thread = "late",
                             .pulse = &pulse,
                             .nudge = ignore };
    struct watchdog *w = watch_over(LONG_MS, &t);
    wait_turns(1);
    while (sem_wait(&changes) != 0)
        continue;
    assert_true(pulse_wedged(&pulse));
    assert_false(watchdog_well(w));
    while (sem_trywait(&turns) == 0)
        continue;
    pulse_beat(&pulse);
    while (sem_wait(&changes) != 0)
        continue;
    assert_false(pulse_wedged(&pulse));
    wait_turns(1);
    assert_true(watchdog_well(w));
    watchdog_stop(w);
}

/* Else what it does meanwhile would be taken for a hung thread's. */
static void a_sign_of_life_counts_before_the_watchdog_heard_it(void **state)
{
    (void)state;
    const struct watch t = { .thread = "late",
                             .pulse = &pulse,
                             .nudge = ignore };
    struct watchdog *w = watch_over(LONG_MS, &t);
    while (sem_wait(&changes) != 0)
        continue;
    assert_true(pulse_wedged(&pulse));
    watchdog_stop(w);
    pulse_beat(&pulse);
    assert_false(pulse_wedged(&pulse));
}

static void a_long_task_is_cut(void **state)
{
    (void)state;
    char what[2 * PULSE_TASK_SIZE];
    memset(what, 'x', sizeof what - 1);
    what[sizeof what - 1] = '\0';
    memset(&pulse, 0, sizeof pulse);
    pulse_task(&pulse, what);
    assert_int_equal(pulse.task[PULSE_TASK_SIZE - 2], 'x');
    assert_int_equal(pulse.task[PULSE_TASK_SIZE - 1], '\0');
}

int main(void)
{
    /* Children first: they are made of a process with one thread. */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_thread_silent_for_good_is_named_and_ends_the_process),
        cmocka_unit_test(a_task_may_take_as_long_as_is_lawful),
        cmocka_unit_test(after_a_stop_all_waiting_begins_anew),
        cmocka_unit_test(a_watchdog_that_hangs_itself_ends_the_process),
        cmocka_unit_test(a_thread_that_answers_is_never_named),
        cmocka_unit_test(a_thread_that_answers_again_is_well_again),
        cmocka_unit_test(a_sign_of_life_counts_before_the_watchdog_heard_it),
        cmocka_unit_test(a_long_task_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
