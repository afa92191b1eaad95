/*
 * What -d does where the agent itself is a body of these tests, which can die
 * when a real one hardly would.
 */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../src/background.h"
#include "agent/config.h"

#include "caught_syslog.h"
#include "children.h"
#include "must.h"
#include "scratch.h"

static char dir[SCRATCH_SIZE];
static char log_dir[SCRATCH_SIZE + 16];
static char pid_file[SCRATCH_SIZE + 16];
static char syslog_file[SCRATCH_SIZE + 16];
static char config_file[SCRATCH_SIZE + 16];

static int make_dir(void **state)
{
    (void)state;
    scratch_dir(dir);
    snprintf(log_dir, sizeof log_dir, "%s/logs", dir);
    MUST(mkdir(log_dir, 0700) == 0);
    snprintf(pid_file, sizeof pid_file, "%s/pid", dir);
    snprintf(syslog_file, sizeof syslog_file, "%s/syslog", dir);
    caught_syslog_to(syslog_file);
    snprintf(config_file, sizeof config_file, "%s/config.ini", dir);
    FILE *f = fopen(config_file, "w");
    MUST(f != NULL);
    fprintf(f,
            "[agent]\nid = a\npid_file = %s\nlog = %s/logs/log\n"
            "[redis:r]\naddress = 127.0.0.1:1\n",
            pid_file, dir);
    MUST(fclose(f) == 0);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    unlink(config_file);
    unlink(syslog_file);
    rmdir(log_dir);
    return rmdir(dir);
}

typedef int (*body)(void *arg, const char *file, struct config *c,
                    bool *must_exit);

/* The exit code that the caller of -d gets, and what it reads. */
static int start(body b, char *said, size_t size)
{
    int out[2];
    make_pipe(out);
    become_subreaper();
    pid_t pid = fork_child();
    if (pid == 0) {
        struct config_faults faults;
        struct background_options o = { .file = config_file, .run = b };
        bool must_exit = false;
        dup2(out[1], STDERR_FILENO);
        close(out[1]);
        o.config = config_load(config_file, &faults);
        MUST(o.config != NULL);
        config_faults_free(&faults);
        _exit(background_run(&o, &must_exit));
    }
    close(out[1]);
    read_all(out[0], said, size);
    close(out[0]);
    return exit_code(pid);
}

static int die(void *arg, const char *file, struct config *c, bool *must_exit)
{
    (void)arg;
    (void)file;
    (void)c;
    (void)must_exit;
    raise(SIGKILL);
    return 0;
}

static void a_start_killed_by_a_signal_says_so(void **state)
{
    (void)state;
    char said[512];
    assert_int_equal(start(die, said, sizeof said), 1);
    reap_all();
    assert_string_equal(said,
                        "sentinel-agent: failed to start: killed by SIGKILL\n");
    assert_int_equal(access(pid_file, F_OK), -1);
}

/* The next life finds a config with a fault, and no log. */
static int crash_and_break(void *arg, const char *file, struct config *c,
                           bool *must_exit)
{
    (void)arg;
    (void)must_exit;
    BACKGROUND_HOOKS.in_force(c);
    BACKGROUND_HOOKS.ready();
    FILE *f = fopen(file, "w");
    MUST(f != NULL);
    fprintf(f, "[nonsense]\n");
    MUST(fclose(f) == 0);
    MUST(rmdir(log_dir) == 0);
    config_free(c);
    return 1;
}

static void what_no_log_takes_goes_to_syslog(void **state)
{
    (void)state;
    char said[512];
    char words[4096] = "";
    long pid = 0;
    assert_int_equal(start(crash_and_break, said, sizeof said), 0);
    while (strstr(words, "config.ini: ") == NULL ||
           strstr(words, "logs/log: open: ") == NULL) {
        poll(NULL, 0, 1);
        caught_syslog(words, sizeof words);
    }
    FILE *f = fopen(pid_file, "r");
    MUST(f != NULL && fscanf(f, "%ld", &pid) == 1 && pid > 1);
    fclose(f);
    kill((pid_t)pid, SIGTERM);
    reap_all();
    assert_string_equal(said, "");
    assert_int_equal(access(pid_file, F_OK), -1);
}

/* Sent by whoever sees our pid; 0: nobody does. */
static int sent_at_once;

int __real_daemon_pid_write(int fd, struct err *e);
int __wrap_daemon_pid_write(int fd, struct err *e);

int __wrap_daemon_pid_write(int fd, struct err *e)
{
    int rc = __real_daemon_pid_write(fd, e);
    if (sent_at_once != 0)
        raise(sent_at_once);
    return rc;
}

static int hear(void *arg, const char *file, struct config *c, bool *must_exit)
{
    const struct timespec patience = { .tv_sec = PATIENCE_MS / 1000 };
    sigset_t signals;
    (void)arg;
    (void)file;
    (void)must_exit;
    sigemptyset(&signals);
    sigaddset(&signals, sent_at_once);
    config_free(c);
    return sigtimedwait(&signals, NULL, &patience) == sent_at_once ? 0 : 7;
}

static void a_signal_right_after_the_pid_file_is_heard(void **state)
{
    static const int SIGNALS[] = { SIGHUP, SIGUSR1, SIGTERM };
    char said[512];
    (void)state;
    for (size_t i = 0; i < sizeof SIGNALS / sizeof SIGNALS[0]; i++) {
        sent_at_once = SIGNALS[i];
        assert_int_equal(start(hear, said, sizeof said), 0);
        assert_string_equal(said, "");
        reap_all();
        assert_int_equal(access(pid_file, F_OK), -1);
    }
    sent_at_once = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_start_killed_by_a_signal_says_so,
                                        make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(
            a_signal_right_after_the_pid_file_is_heard, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(what_no_log_takes_goes_to_syslog,
                                        make_dir, remove_dir),
    };
    alarm(8 * PATIENCE_MS / 1000);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
