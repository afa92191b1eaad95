/*
 * The supervisor, with children that are bodies of these tests; all of it in
 * a process of its own, since there is one supervisor a process.
 */
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/supervisor.h"

#include "caught_syslog.h"
#include "children.h"
#include "scratch.h"

#define STOP_MS 100

static char syslog_file[SCRATCH_SIZE];

/* A life of the child: the LIFE-th; writes to REPORT; its exit code. */
typedef int (*body)(unsigned life, int report);

struct run {
    char report[4096];
    char syslog[256];
    int exit_code;
};

static pid_t start(body b, int report[2])
{
    make_pipe(report);
    assert_int_equal(truncate(syslog_file, 0), 0);
    become_subreaper();
    pid_t pid = fork_child();
    if (pid != 0) {
        close(report[1]);
        return pid;
    }
    struct err e;
    int code = 77;
    unsigned life = 0;
    if (supervisor_begin(STOP_MS, &e) != 0)
        _exit(78);
    do {
        if (supervisor_fork(&e) == 1)
            _exit(b(life, report[1]));
        life++;
    } while (supervisor_wait(&code));
    _exit(code);
}

static void finish(pid_t pid, const int report[2], struct run *out)
{
    read_all(report[0], out->report, sizeof out->report);
    out->exit_code = exit_code(pid);
    reap_all();
    caught_syslog(out->syslog, sizeof out->syslog);
    close(report[0]);
}

static void run(body b, struct run *out)
{
    int report[2];
    finish(start(b, report), report, out);
}

/* Waits for the first WORD of a child. */
static void hear(const int report[2], const char *word)
{
    char text[64];
    ssize_t n = read(report[0], text, sizeof text - 1);
    assert_true(n > 0);
    text[n] = '\0';
    assert_string_equal(text, word);
}

/* Listens as the agent does. */
static void listen_to_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void the_pause_doubles_up_to_a_bound_and_starts_anew(void **state)
{
    (void)state;
    unsigned ms = 0;
    static const unsigned EXPECTED[] = { 200,  400,   800,   1600,  3200,
                                         6400, 12800, 25600, 30000, 30000 };
    for (size_t i = 0; i < sizeof EXPECTED / sizeof EXPECTED[0]; i++) {
        ms = supervisor_backoff_ms(ms, 59999);
        assert_int_equal(ms, EXPECTED[i]);
    }
    assert_int_equal(supervisor_backoff_ms(ms, 60000), 200);
    assert_int_equal(supervisor_backoff_ms(UINT_MAX, 0), 30000);
}

static void an_end_is_put_into_words(void **state)
{
    (void)state;
    char out[64];
    assert_string_equal(supervisor_describe(SIGSEGV, out, sizeof out),
                        "killed by SIGSEGV");
    assert_string_equal(supervisor_describe(SIGABRT | 0x80, out, sizeof out),
                        "killed by SIGABRT, core dumped");
    assert_string_equal(supervisor_describe(SIGRTMIN + 1, out, sizeof out),
                        "killed by SIG?");
    assert_string_equal(supervisor_describe(3 << 8, out, sizeof out), "exit 3");
}

static int end_well(unsigned life, int report)
{
    supervisor_ready(STOP_MS);
    dprintf(report, "%u ", life);
    return 0;
}

static void a_clean_end_is_the_end(void **state)
{
    (void)state;
    struct run r;
    run(end_well, &r);
    assert_int_equal(r.exit_code, 0);
    assert_string_equal(r.report, "0 ");
    assert_string_equal(r.syslog, "");
}

static int fail_unready(unsigned life, int report)
{
    dprintf(report, "%u ", life);
    return 2;
}

static void a_first_child_that_was_never_ready_is_not_restarted(void **state)
{
    (void)state;
    struct run r;
    run(fail_unready, &r);
    assert_int_equal(r.exit_code, 2);
    assert_string_equal(r.report, "0 ");
}

static int die_unready(unsigned life, int report)
{
    dprintf(report, "%u ", life);
    raise(SIGKILL);
    return 0;
}

static void one_that_was_killed_before_is_a_failure(void **state)
{
    (void)state;
    struct run r;
    run(die_unready, &r);
    assert_int_equal(r.exit_code, 1);
    assert_string_equal(r.report, "0 ");
}

/* Says what is known of the end before. */
static void report_end(int report)
{
    const struct supervisor_end *end = supervisor_last_end();
    char how[64];
    if (end == NULL)
        dprintf(report, "none; ");
    else
        dprintf(report, "%s, restarts=%u; ",
                supervisor_describe(end->status, how, sizeof how),
                end->restarts);
}

static int crash_twice(unsigned life, int report)
{
    report_end(report);
    supervisor_told();
    supervisor_ready(STOP_MS);
    if (life == 0)
        raise(SIGKILL);
    return life == 1 ? 3 : 0;
}

static void each_end_is_told_by_the_next(void **state)
{
    (void)state;
    struct run r;
    run(crash_twice, &r);
    assert_int_equal(r.exit_code, 0);
    assert_string_equal(r.report, "none; killed by SIGKILL, restarts=1; "
                                  "exit 3, restarts=2; ");
}

static int fail_to_tell(unsigned life, int report)
{
    report_end(report);
    if (life == 0) {
        supervisor_ready(STOP_MS);
        raise(SIGKILL);
    }
    return life == 1 ? 2 : 0;
}

static void an_end_of_which_nobody_could_tell_is_kept(void **state)
{
    (void)state;
    struct run r;
    run(fail_to_tell, &r);
    assert_string_equal(r.report, "none; killed by SIGKILL, restarts=1; "
                                  "killed by SIGKILL, restarts=2; ");
}

static int ignore_stop(unsigned life, int report)
{
    (void)life;
    signal(SIGTERM, SIG_IGN);
    listen_to_signals();
    supervisor_ready(STOP_MS);
    dprintf(report, "here");
    while (pause() < 0)
        continue;
    return 0;
}

static void a_child_that_does_not_stop_is_killed_and_syslog_knows(void **state)
{
    (void)state;
    struct run r;
    int report[2];
    pid_t pid = start(ignore_stop, report);
    hear(report, "here");
    kill(pid, SIGTERM);
    finish(pid, report, &r);
    assert_int_equal(r.exit_code, 1);
    assert_string_equal(r.report, "");
    assert_non_null(strstr(r.syslog, "was to stop: killed by SIGKILL"));
}

/* SIGTERM came before it listened. */
static int listen_late(unsigned life, int report)
{
    (void)life;
    sigset_t term;
    int number = 0;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    kill(getppid(), SIGTERM);
    dprintf(report, "%d ", sigwait(&term, &number));
    dprintf(report, "%s ", sigabbrev_np(number));
    return 0;
}

static void a_signal_before_the_child_listens_waits_for_it(void **state)
{
    (void)state;
    struct run r;
    run(listen_late, &r);
    assert_int_equal(r.exit_code, 0);
    assert_string_equal(r.report, "0 TERM ");
}

/* Only the first crashes; a second one ends well, but only when asked to. */
static int crash_once(unsigned life, int report)
{
    sigset_t term;
    int number;
    supervisor_ready(STOP_MS);
    dprintf(report, "%d", (int)getpid());
    if (life == 0)
        return 1;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    return sigwait(&term, &number);
}

static void a_stop_in_a_pause_ends_it_with_0(void **state)
{
    (void)state;
    struct run r;
    char text[64] = "";
    int report[2];
    pid_t pid = start(crash_once, report);
    assert_true(read(report[0], text, sizeof text - 1) > 0);
    /* Until it is buried, and a little longer the pause lasts. */
    while (kill((pid_t)atol(text), 0) == 0)
        poll(NULL, 0, 1);
    kill(pid, SIGHUP);
    kill(pid, SIGTERM);
    finish(pid, report, &r);
    assert_int_equal(r.exit_code, 0);
}

static int outlive(unsigned life, int report)
{
    (void)life;
    sigset_t term;
    int number = 0;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    dprintf(report, "here");
    sigwait(&term, &number);
    dprintf(report, "%s", sigabbrev_np(number));
    return 0;
}

static void a_killed_supervisor_takes_its_child_along(void **state)
{
    (void)state;
    char text[64];
    int report[2];
    pid_t pid = start(outlive, report);
    hear(report, "here");
    kill(pid, SIGKILL);
    wait_for(pid);
    read_all(report[0], text, sizeof text);
    assert_string_equal(text, "TERM");
    reap_all();
    close(report[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_pause_doubles_up_to_a_bound_and_starts_anew),
        cmocka_unit_test(an_end_is_put_into_words),
        cmocka_unit_test(a_clean_end_is_the_end),
        cmocka_unit_test(a_first_child_that_was_never_ready_is_not_restarted),
        cmocka_unit_test(one_that_was_killed_before_is_a_failure),
        cmocka_unit_test(each_end_is_told_by_the_next),
        cmocka_unit_test(an_end_of_which_nobody_could_tell_is_kept),
        cmocka_unit_test(a_child_that_does_not_stop_is_killed_and_syslog_knows),
        cmocka_unit_test(a_signal_before_the_child_listens_waits_for_it),
        cmocka_unit_test(a_stop_in_a_pause_ends_it_with_0),
        cmocka_unit_test(a_killed_supervisor_takes_its_child_along),
    };
    alarm(8 * PATIENCE_MS / 1000);
    scratch_file(syslog_file, "");
    caught_syslog_to(syslog_file);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(syslog_file);
    return failed;
}
