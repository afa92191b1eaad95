/*
 * The PID file is a lock before it is a number: who holds it, who is refused,
 * and what happens when the file is removed, replaced or no file at all.
 * Within one process a second lock is refused like a stranger's, so others
 * are forked only where a lock must outlive its process, or where two race.
 */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/daemon.h"

#include "children.h"
#include "scratch.h"

static char dir[SCRATCH_SIZE];
static char file[224];

static int make_dir(void **state)
{
    (void)state;
    scratch_dir(dir);
    snprintf(file, sizeof file, "%s/pid", dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    unlink(file);
    return rmdir(dir);
}

static long pid_in_file(void)
{
    long pid = 0;
    FILE *f = fopen(file, "r");
    assert_non_null(f);
    if (fscanf(f, "%ld", &pid) != 1)
        pid = 0;
    fclose(f);
    return pid;
}

static int lock_or_fail(void)
{
    struct err e = { "" };
    int fd = daemon_pid_lock(file, 0, &e);
    if (fd < 0)
        fail_msg("%s", e.text);
    return fd;
}

static void the_pid_file_holds_our_pid_and_goes_away(void **state)
{
    (void)state;
    struct err e;
    int fd = lock_or_fail();
    assert_int_equal(daemon_pid_write(fd, &e), 0);
    assert_int_equal(pid_in_file(), getpid());
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    daemon_pid_release(fd, file);
    assert_int_equal(access(file, F_OK), -1);
}

static void a_second_start_is_refused_with_the_pid(void **state)
{
    (void)state;
    struct err e = { "" };
    char wanted[512];
    int fd = lock_or_fail();
    assert_int_equal(daemon_pid_lock(file, 0, &e), -1);
    assert_non_null(strstr(e.text, "already running"));
    assert_int_equal(daemon_pid_write(fd, &e), 0);
    assert_int_equal(daemon_pid_lock(file, 0, &e), -1);
    snprintf(wanted, sizeof wanted, "%s: already running (pid %ld)", file,
             (long)getpid());
    assert_string_equal(e.text, wanted);
    daemon_pid_release(fd, file);
}

static void a_stale_pid_file_is_no_obstacle(void **state)
{
    (void)state;
    pid_t child = fork_child();
    if (child == 0) {
        struct err e;
        int fd = daemon_pid_lock(file, 0, &e);
        _exit(fd >= 0 && daemon_pid_write(fd, &e) == 0 ? 0 : 1);
    }
    assert_int_equal(exit_code(child), 0);
    assert_int_equal(pid_in_file(), child);
    int fd = lock_or_fail();
    assert_int_equal(pid_in_file(), 0);
    daemon_pid_release(fd, file);
}

static void garbage_in_the_pid_file_is_survived(void **state)
{
    (void)state;
    struct err e = { "" };
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    fputs("-17 and no number at all, but rather long for a pid\n", f);
    fclose(f);
    int other = open(file, O_RDONLY | O_CLOEXEC);
    assert_int_equal(flock(other, LOCK_EX), 0);
    assert_int_equal(daemon_pid_lock(file, 0, &e), -1);
    assert_null(strstr(e.text, "(pid"));
    close(other);
    int fd = lock_or_fail();
    assert_int_equal(daemon_pid_write(fd, &e), 0);
    assert_int_equal(pid_in_file(), getpid());
    daemon_pid_release(fd, file);
}

/* Whoever opened the file before it was removed must not think it has it. */
static void a_lock_on_a_removed_file_counts_for_nothing(void **state)
{
    (void)state;
    pid_t child = fork_child();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) {
            int fd = daemon_pid_lock(file, 0, NULL);
            if (fd >= 0)
                daemon_pid_release(fd, file);
        }
    }
    int got = 0;
    for (int i = 0; i < 3000; i++) {
        struct stat ours, there;
        int fd = daemon_pid_lock(file, 0, NULL);
        if (fd < 0)
            continue;
        got++;
        assert_int_equal(fstat(fd, &ours), 0);
        assert_int_equal(lstat(file, &there), 0);
        assert_int_equal(ours.st_ino, there.st_ino);
        daemon_pid_release(fd, file);
    }
    kill(child, SIGKILL);
    wait_for(child);
    assert_true(got > 0);
}

static void release_leaves_a_file_that_is_not_ours(void **state)
{
    (void)state;
    int first = lock_or_fail();
    assert_int_equal(unlink(file), 0);
    int second = lock_or_fail();
    daemon_pid_release(first, file);
    assert_int_equal(access(file, F_OK), 0);
    daemon_pid_release(second, file);
    assert_int_equal(access(file, F_OK), -1);
}

static void a_pid_file_that_is_a_link_or_no_file_is_refused(void **state)
{
    (void)state;
    struct err e = { "" };
    assert_int_equal(symlink("elsewhere", file), 0);
    assert_int_equal(daemon_pid_lock(file, 0, &e), -1);
    assert_non_null(strstr(e.text, file));
    unlink(file);
    assert_int_equal(mkfifo(file, 0600), 0);
    assert_int_equal(daemon_pid_lock(file, 0, &e), -1);
    assert_non_null(strstr(e.text, "regular"));
    assert_int_equal(daemon_pid_lock("/nonexistent/pid", 0, &e), -1);
    assert_non_null(strstr(e.text, "/nonexistent/pid"));
}

static void the_lock_outlives_the_parent_of_a_daemon(void **state)
{
    (void)state;
    int hold[2];
    make_pipe(hold);
    become_subreaper();
    pid_t caller = fork_child();
    if (caller == 0) {
        int code = 77;
        struct err e;
        close(hold[1]);
        int fd = daemon_pid_lock(file, 0, &e);
        if (fd < 0 || daemon_fork(&code, &e) != 0)
            _exit(code);
        if (daemon_pid_write(fd, &e) < 0)
            _exit(1);
        daemon_ready();
        hold_on(hold[0]);
        daemon_pid_release(fd, file);
        _exit(0);
    }
    close(hold[0]);
    assert_int_equal(exit_code(caller), 0);
    struct err e = { "" };
    assert_int_equal(daemon_pid_lock(file, 0, &e), -1);
    assert_non_null(strstr(e.text, "already running (pid "));
    assert_int_not_equal(pid_in_file(), caller);
    close(hold[1]);
    reap_all();
    assert_int_equal(access(file, F_OK), -1);
}

#define IN_DIR(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

/* A process that locks the file dies, and its child ends a little later. */
static void leave_an_orphan(int hold)
{
    struct err e;
    int lock = lock_or_fail();
    if (daemon_pid_write(lock, &e) != 0)
        _exit(1);
    if (fork() != 0)
        _exit(0);
    struct pollfd p = { .fd = hold };
    poll(&p, 1, 100);
    _exit(0);
}

/* REAPED: else whom the file names is dead, and still there as a zombie. */
static void wait_for_an_orphan(bool reaped)
{
    struct err e = { "" };
    siginfo_t info;
    int hold[2];
    make_pipe(hold);
    become_subreaper();
    pid_t owner = fork_child();
    if (owner == 0)
        leave_an_orphan(hold[0]);
    assert_int_equal(
        waitid(P_PID, (id_t)owner, &info, WEXITED | (reaped ? 0 : WNOWAIT)), 0);
    int fd = daemon_pid_lock(file, PATIENCE_MS, &e);
    if (fd < 0)
        fail_msg("%s", e.text);
    daemon_pid_release(fd, file);
    close(hold[0]);
    close(hold[1]);
    reap_all();
}

static void an_orphan_that_holds_the_lock_is_waited_for(void **state)
{
    (void)state;
    wait_for_an_orphan(true);
}

static void a_zombie_counts_as_dead(void **state)
{
    (void)state;
    wait_for_an_orphan(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIR(the_pid_file_holds_our_pid_and_goes_away),
        IN_DIR(a_second_start_is_refused_with_the_pid),
        IN_DIR(a_stale_pid_file_is_no_obstacle),
        IN_DIR(garbage_in_the_pid_file_is_survived),
        IN_DIR(a_lock_on_a_removed_file_counts_for_nothing),
        IN_DIR(release_leaves_a_file_that_is_not_ours),
        IN_DIR(a_pid_file_that_is_a_link_or_no_file_is_refused),
        IN_DIR(the_lock_outlives_the_parent_of_a_daemon),
        IN_DIR(an_orphan_that_holds_the_lock_is_waited_for),
        IN_DIR(a_zombie_counts_as_dead),
    };
    /* After a failure a daemon may be left, and another case wait for it. */
    alarm(4 * PATIENCE_MS / 1000);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
