/*
 * Every case runs in processes of its own: the caller, who has stderr on a
 * pipe of ours, and the daemon, which becomes our child when its parent ends
 * (we are a subreaper) and lives until we close the pipe it reads.  What the
 * daemon gives up or takes at its start, rights and limits, is tried in a
 * child as well, since it cannot be undone.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/daemon.h"

#include "caught_syslog.h"
#include "children.h"
#include "scratch.h"

/* What a caller saw. */
struct run {
    char said[4096];   /* on its stderr, to the end of it */
    char report[4096]; /* what the daemon told us */
    int exit_code;
};

/*
 * A caller forks a daemon, which runs BODY; BODY may write to REPORT, and
 * reads HOLD, whose end comes when the test is done with it.
 */
static void run_daemon(void (*body)(int report, int hold), struct run *out)
{
    int said[2], report[2], hold[2];
    make_pipe(said);
    make_pipe(report);
    make_pipe(hold);
    become_subreaper();
    pid_t caller = fork_child();
    if (caller == 0) {
        int code = 77;
        struct err e;
        close(hold[1]);
        dup2(said[1], STDOUT_FILENO);
        dup2(said[1], STDERR_FILENO);
        dup2(said[1], 40); /* not close-on-exec: as inherited */
        close(said[1]);
        if (daemon_fork(&code, &e) != 0)
            _exit(code);
        body(report[1], hold[0]);
        _exit(99);
    }
    close(said[1]);
    close(report[1]);
    close(hold[0]);
    /* The end of it: even while the daemon lives. */
    read_all(said[0], out->said, sizeof out->said);
    out->exit_code = exit_code(caller);
    close(hold[1]);
    read_all(report[0], out->report, sizeof out->report);
    reap_all();
    close(said[0]);
    close(report[0]);
}

static void live_and_describe(int report, int hold)
{
    char cwd[64], in[64] = "", err[64] = "";
    daemon_ready();
    hold_on(hold);
    ssize_t n = readlink("/proc/self/fd/0", in, sizeof in - 1);
    ssize_t m = readlink("/proc/self/fd/2", err, sizeof err - 1);
    dprintf(report, "%s %s %s session=%d pipe=%d umask=%o", getcwd(cwd, 64),
            n > 0 ? in : "-", m > 0 ? err : "-", getsid(0) == getpid(),
            fcntl(40, F_GETFD) >= 0, (unsigned)umask(0));
    _exit(0);
}

static void a_daemon_leaves_its_caller_alone(void **state)
{
    (void)state;
    struct run r;
    run_daemon(live_and_describe, &r);
    assert_int_equal(r.exit_code, 0);
    assert_string_equal(r.said, "");
    assert_string_equal(r.report,
                        "/ /dev/null /dev/null session=1 pipe=0 umask=27");
}

static void complain_and_fail(int report, int hold)
{
    (void)report;
    (void)hold;
    daemon_complain("agent.ini:7: rise must be 1..100, got 0");
    daemon_complain("agent.ini:9: unknown key");
    _exit(2);
}

static void a_failed_start_shows_its_words_and_code(void **state)
{
    (void)state;
    struct run r;
    run_daemon(complain_and_fail, &r);
    assert_int_equal(r.exit_code, 2);
    assert_string_equal(r.said, "agent.ini:7: rise must be 1..100, got 0\n"
                                "agent.ini:9: unknown key\n");
}

static void die(int report, int hold)
{
    (void)report;
    (void)hold;
    signal(SIGTERM, SIG_DFL);
    raise(SIGTERM);
}

static void a_start_killed_by_a_signal_is_a_failure(void **state)
{
    (void)state;
    struct run r;
    run_daemon(die, &r);
    assert_int_equal(r.exit_code, 1);
}

static void warn_then_live(int report, int hold)
{
    char line[2001];
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = '\0';
    daemon_complain("mind the gap");
    daemon_complain(line);
    daemon_ready();
    daemon_ready();
    daemon_complain("too late");
    hold_on(hold);
    dprintf(report, "lived");
    _exit(3);
}

static void a_warning_before_ready_is_passed_on(void **state)
{
    (void)state;
    struct run r;
    run_daemon(warn_then_live, &r);
    assert_int_equal(r.exit_code, 0);
    assert_int_equal(strncmp(r.said, "mind the gap\nxxx", 16), 0);
    assert_int_equal(strlen(r.said), strlen("mind the gap\n") + 2001);
    assert_string_equal(r.report, "lived");
}

static void complain_too_late(int report, int hold)
{
    (void)report;
    daemon_ready();
    daemon_complain("the disk is gone");
    hold_on(hold);
    _exit(0);
}

static void words_that_come_too_late_for_the_caller_go_to_syslog(void **state)
{
    (void)state;
    struct run r;
    char file[SCRATCH_SIZE];
    char words[256];
    scratch_file(file, "");
    caught_syslog_to(file);
    run_daemon(complain_too_late, &r);
    caught_syslog(words, sizeof words);
    unlink(file);
    assert_int_equal(r.exit_code, 0);
    assert_string_equal(r.said, "");
    assert_string_equal(words, "the disk is gone\n");
}

static void a_caller_that_ignores_sigchld_still_gets_the_code(void **state)
{
    (void)state;
    pid_t outer = fork_child();
    if (outer == 0) {
        signal(SIGCHLD, SIG_IGN);
        int code = 77;
        if (daemon_fork(&code, NULL) == 0)
            _exit(5);
        _exit(code);
    }
    assert_int_equal(exit_code(outer), 5);
}

/* The parent is killed while it waits; the child finds out by writing. */
static void a_daemon_survives_the_death_of_its_caller(void **state)
{
    (void)state;
    int report[2], hold[2];
    make_pipe(report);
    make_pipe(hold);
    become_subreaper();
    pid_t caller = fork_child();
    if (caller == 0) {
        int code = 77;
        close(hold[1]);
        signal(SIGPIPE, SIG_DFL);
        if (daemon_fork(&code, NULL) != 0)
            _exit(code);
        dprintf(report[1], "forked ");
        hold_on(hold[0]);
        daemon_complain("nobody hears this");
        daemon_ready();
        dprintf(report[1], "lives");
        _exit(0);
    }
    close(report[1]);
    close(hold[0]);
    char text[64];
    assert_int_equal(read(report[0], text, 7), 7);
    kill(caller, SIGKILL);
    wait_for(caller);
    close(hold[1]);
    read_all(report[0], text, sizeof text);
    assert_string_equal(text, "lives");
    reap_all();
    close(report[0]);
}

static void a_daemon_may_start_with_closed_stdio(void **state)
{
    (void)state;
    pid_t caller = fork_child();
    if (caller == 0) {
        int code = 77;
        close(STDIN_FILENO);
        close(STDOUT_FILENO);
        close(STDERR_FILENO);
        if (daemon_fork(&code, NULL) != 0)
            _exit(code);
        for (int fd = 0; fd < 3; fd++) {
            int flags = fcntl(fd, F_GETFD);
            if (flags < 0 || (flags & FD_CLOEXEC))
                _exit(41);
        }
        daemon_ready();
        _exit(42);
    }
    assert_int_equal(exit_code(caller), 0);
}

/* In the child; each step that goes wrong has a code of its own. */
static void become_nobody(const struct passwd *pw)
{
    struct err e;
    uid_t r, ef, s;
    gid_t groups[64];
    if (daemon_drop_privileges("nobody", &e) < 0)
        _exit(10);
    if (getresuid(&r, &ef, &s) < 0 || r != pw->pw_uid || ef != pw->pw_uid ||
        s != pw->pw_uid)
        _exit(11);
    if (getresgid(&r, &ef, &s) < 0 || r != pw->pw_gid || ef != pw->pw_gid ||
        s != pw->pw_gid)
        _exit(12);
    int n = getgroups(64, groups);
    for (int i = 0; i < n; i++) {
        if (groups[i] == 0)
            _exit(13);
    }
    if (setuid(0) == 0 || seteuid(0) == 0 || setgid(0) == 0)
        _exit(14);
    if (open("/etc/shadow", O_RDONLY | O_CLOEXEC) >= 0)
        _exit(15);
    if (daemon_drop_privileges("nobody", &e) < 0)
        _exit(16);
    if (daemon_drop_privileges("root", &e) == 0 || !strstr(e.text, "root"))
        _exit(17);
    _exit(0);
}

static void privileges_are_dropped_for_good(void **state)
{
    (void)state;
    const struct passwd *pw = getpwnam("nobody");
    if (geteuid() != 0 || !pw) {
        print_message("not root, or no user nobody: skipped\n");
        skip();
    }
    struct passwd nobody = *pw;
    pid_t child = fork_child();
    if (child == 0) {
        const gid_t root = 0;
        if (setgroups(1, &root) < 0)
            _exit(9);
        become_nobody(&nobody);
    }
    assert_int_equal(exit_code(child), 0);
}

static void an_unknown_user_is_an_error(void **state)
{
    (void)state;
    struct err e = { "" };
    assert_int_equal(daemon_drop_privileges("no-such-user", &e), -1);
    assert_string_equal(e.text, "user no-such-user: no such user");
}

static void the_soft_limit_of_descriptors_is_raised(void **state)
{
    (void)state;
    pid_t child = fork_child();
    if (child == 0) {
        struct err e;
        struct rlimit small = { .rlim_cur = 64, .rlim_max = 100 };
        struct rlimit now;
        if (setrlimit(RLIMIT_NOFILE, &small) < 0)
            _exit(9);
        if (daemon_need_fds(50, &e) < 0 || getrlimit(RLIMIT_NOFILE, &now) < 0 ||
            now.rlim_cur != 64)
            _exit(10);
        if (daemon_need_fds(100, &e) < 0 ||
            getrlimit(RLIMIT_NOFILE, &now) < 0 || now.rlim_cur != 100)
            _exit(11);
        /* A root without CAP_SYS_RESOURCE may not, like anyone else. */
        const struct rlimit more = { .rlim_cur = 200, .rlim_max = 200 };
        if (daemon_need_fds(200, &e) < 0 &&
            setrlimit(RLIMIT_NOFILE, &more) == 0)
            _exit(12);
        const struct passwd *pw = getpwnam("nobody");
        if (geteuid() == 0 && pw && setuid(pw->pw_uid) < 0)
            _exit(13);
        if (daemon_need_fds(100000, &e) == 0 || !strstr(e.text, "100000"))
            _exit(14);
        _exit(0);
    }
    int code = exit_code(child);
    if (code == 9) {
        print_message("limits cannot be lowered here: skipped\n");
        skip();
    }
    assert_int_equal(code, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_daemon_leaves_its_caller_alone),
        cmocka_unit_test(a_failed_start_shows_its_words_and_code),
        cmocka_unit_test(a_start_killed_by_a_signal_is_a_failure),
        cmocka_unit_test(a_warning_before_ready_is_passed_on),
        cmocka_unit_test(words_that_come_too_late_for_the_caller_go_to_syslog),
        cmocka_unit_test(a_caller_that_ignores_sigchld_still_gets_the_code),
        cmocka_unit_test(a_daemon_survives_the_death_of_its_caller),
        cmocka_unit_test(a_daemon_may_start_with_closed_stdio),
        cmocka_unit_test(privileges_are_dropped_for_good),
        cmocka_unit_test(an_unknown_user_is_an_error),
        cmocka_unit_test(the_soft_limit_of_descriptors_is_raised),
    };
    /* After a failure a daemon may be left, and another case wait for it. */
    alarm(4 * PATIENCE_MS / 1000);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
