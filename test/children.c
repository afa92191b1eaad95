/*
 * Processes are kept in step by pipes and never by time: one waits for the
 * end of a pipe, which comes when the other closes it or dies.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "children.h"

void make_pipe(int ends[2])
{
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
}

void read_all(int fd, char *out, size_t size)
{
    size_t n = 0;
    for (;;) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
        ssize_t got = read(fd, out + n, size - 1 - n);
        assert_true(got >= 0);
        if (got == 0)
            break;
        n += (size_t)got;
    }
    out[n] = '\0';
}

pid_t fork_child(void)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    return pid;
}

void become_subreaper(void)
{
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
}

int wait_for(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    return status;
}

int exit_code(pid_t pid)
{
    int status = wait_for(pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

void reap_all(void)
{
    while (waitpid(-1, NULL, 0) > 0)
        continue;
}

void hold_on(int hold)
{
    char c;
    while (read(hold, &c, 1) < 0 && errno == EINTR)
        continue;
}
