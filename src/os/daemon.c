/*
 * The start of a long-running process.  One fork and setsid: the process that
 * started us waits in the parent for a word from the child, over a socket pair
 * that carries text for people and, when all is well, one NUL.  A pair of
 * sockets and no pipe, because send can be told not to raise SIGPIPE when the
 * parent was killed meanwhile; the child is then no worse off.
 *
 * The daemon keeps nothing of its caller's open, or an ssh or a CI job that
 * started it would wait for it: the standard descriptors go to /dev/null, and
 * inherited ones are closed.  Those are told from ours by close-on-exec: all
 * of ours have it, and one that came through exec cannot.
 *
 * Once nobody waits any more, words go to syslog: by a process of their own,
 * since syslog(3) waits for a syslogd that hangs, and nothing here may.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <paths.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "agent/daemon.h"

#define PASSWD_BUF_MAX (1024 * 1024)

/* After so long a syslogd that hangs is left alone. */
#define SYSLOG_S 5

/* The child's end of the pair; -1 when nobody waits for us. */
static int parent_fd = -1;
/* Somebody did, and is gone. */
static bool detached;

static void close_inherited(void)
{
    DIR *d = opendir("/proc/self/fd");
    if (d == NULL)
        return;
    const struct dirent *entry;
    while ((entry = readdir(d))) {
        int fd = atoi(entry->d_name);
        int flags = fcntl(fd, F_GETFD);
        if (fd > STDERR_FILENO && flags >= 0 && !(flags & FD_CLOEXEC))
            close(fd);
    }
    closedir(d);
}

static int become_daemon(struct err *e)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0) {
        err_set(e, "/dev/null: open: %s", strerror(errno));
        return -1;
    }
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        /* Where a standard descriptor was closed, NULL may be that one. */
        if (fd == null)
            fcntl(fd, F_SETFD, 0);
        else if (dup2(null, fd) < 0) {
            err_set(e, "/dev/null: dup2: %s", strerror(errno));
            return -1;
        }
    }
    if (null > STDERR_FILENO)
        close(null);
    close_inherited();
    if (setsid() < 0 || chdir("/") < 0) {
        err_set(e, "setsid, chdir: %s", strerror(errno));
        return -1;
    }
    umask(027);
    return 0;
}

static void write_stderr(const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = write(STDERR_FILENO, text, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        text += n;
        len -= (size_t)n;
    }
}

/* Passes on what the child says; true if it said that it is ready. */
static bool hear_child(int fd)
{
    char buf[512];
    for (;;) {
        ssize_t n = read(fd, buf, sizeof buf);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        const char *nul = memchr(buf, '\0', (size_t)n);
        write_stderr(buf, nul ? (size_t)(nul - buf) : (size_t)n);
        if (nul)
            return true;
    }
}

static int exit_code_of(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return EXIT_FAILURE;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}

/* Moved off 0..2, which are to become /dev/null. */
static int make_pair(int pair[2], struct err *e)
{
    int raw[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, raw) < 0) {
        err_set(e, "socketpair: %s", strerror(errno));
        return -1;
    }
    for (int i = 0; i < 2; i++)
        pair[i] = fcntl(raw[i], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    int error = errno;
    close(raw[0]);
    close(raw[1]);
    if (pair[0] >= 0 && pair[1] >= 0)
        return 0;
    err_set(e, "socketpair: fcntl: %s", strerror(error));
    if (pair[0] >= 0)
        close(pair[0]);
    return -1;
}

int daemon_fork(int *exit_code, struct err *e)
{
    int pair[2];
    if (make_pair(pair, e) < 0)
        return -1;
    /* A caller that ignores SIGCHLD would take the exit code from us. */
    signal(SIGCHLD, SIG_DFL);
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) {
        err_set(e, "fork: %s", strerror(errno));
        close(pair[0]);
        close(pair[1]);
        return -1;
    }
    if (pid == 0) {
        close(pair[0]);
        parent_fd = pair[1];
        struct err why;
        if (become_daemon(&why) < 0) {
            daemon_complain(why.text);
            _exit(EXIT_FAILURE);
        }
        return 0;
    }
    close(pair[1]);
    *exit_code = hear_child(pair[0]) ? EXIT_SUCCESS : exit_code_of(pid);
    close(pair[0]);
    return 1;
}

/* To the parent; that it is gone is no concern of ours. */
static void tell_parent(const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = send(parent_fd, text, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        text += n;
        len -= (size_t)n;
    }
}

void daemon_ready(void)
{
    if (parent_fd < 0)
        return;
    tell_parent("", 1);
    daemon_let_go();
}

void daemon_let_go(void)
{
    if (parent_fd < 0)
        return;
    close(parent_fd);
    parent_fd = -1;
    detached = true;
}

static void tell_syslog(const char *text)
{
    sigset_t none;
    /* None of our locks and sockets may live as long as it waits. */
    close_range(STDERR_FILENO + 1, ~0U, 0);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGALRM, SIG_DFL);
    alarm(SYSLOG_S);
    openlog("sentinel-agent", LOG_PID, LOG_DAEMON);
    syslog(LOG_ERR, "%s", text);
}

void daemon_last_words(const char *text)
{
    if (fork() != 0)
        return;
    tell_syslog(text);
    _exit(EXIT_SUCCESS);
}

/* As syslog(3) does it: a stream where datagrams are not taken. */
int daemon_find_syslog(struct err *e)
{
    static const int types[] = { SOCK_DGRAM, SOCK_STREAM };
    const struct sockaddr_un to = { .sun_family = AF_UNIX,
                                    .sun_path = _PATH_LOG };
    int error = 0;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        int fd = socket(AF_UNIX, types[i] | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        bool found = fd >= 0 &&
                     connect(fd, (const struct sockaddr *)&to, sizeof to) == 0;
        error = errno;
        if (fd >= 0)
            close(fd);
        if (found || error == EAGAIN)
            return 0;
        if (error != EPROTOTYPE)
            break;
    }
    err_set(e, "%s: %s", _PATH_LOG, strerror(error));
    return -1;
}

void daemon_complain(const char *text)
{
    if (detached) {
        daemon_last_words(text);
        return;
    }
    if (parent_fd < 0) {
        fprintf(stderr, "%s\n", text);
        return;
    }
    tell_parent(text, strlen(text));
    tell_parent("\n", 1);
}

/* The entry of USER; *BUF is freed by the caller, in any case. */
static int find_user(const char *user, struct passwd *pw, char **buf,
                     struct err *e)
{
    struct passwd *found = NULL;
    int rc = ERANGE;
    *buf = NULL;
    for (size_t n = 16 * 1024; rc == ERANGE && n <= PASSWD_BUF_MAX; n *= 2) {
        free(*buf);
        *buf = malloc(n);
        rc = *buf ? getpwnam_r(user, pw, *buf, n, &found) : ENOMEM;
    }
    if (found)
        return 0;
    err_set(e, "user %s: %s", user, rc == 0 ? "no such user" : strerror(rc));
    return -1;
}

static int become(const struct passwd *pw, struct err *e)
{
    const char *step = NULL;
    if (initgroups(pw->pw_name, pw->pw_gid) < 0)
        step = "initgroups";
    else if (setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) < 0)
        step = "setresgid";
    else if (setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) < 0)
        step = "setresuid";
    if (step) {
        err_set(e, "user %s: %s: %s", pw->pw_name, step, strerror(errno));
        return -1;
    }
    /* Capabilities kept over setuid, as some containers do, lead back. */
    if (pw->pw_uid != 0 && (setuid(0) == 0 || seteuid(0) == 0)) {
        err_set(e, "user %s: root can be had back", pw->pw_name);
        return -1;
    }
    return 0;
}

int daemon_drop_privileges(const char *user, struct err *e)
{
    struct passwd pw;
    char *buf;
    int rc = find_user(user, &pw, &buf, e);
    if (rc == 0 && geteuid() == 0) {
        rc = become(&pw, e);
    } else if (rc == 0 && (getuid() != pw.pw_uid || geteuid() != pw.pw_uid)) {
        err_set(e, "user %s: only root can become another user (uid is %ld)",
                user, (long)geteuid());
        rc = -1;
    }
    free(buf);
    return rc;
}

void daemon_hide_memory(void)
{
    /* prctl(2): it fails for other values than 0 and 1 only. */
    prctl(PR_SET_DUMPABLE, 0);
}

int daemon_need_fds(unsigned long count, struct err *e)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
        err_set(e, "getrlimit: %s", strerror(errno));
        return -1;
    }
    if (limit.rlim_cur >= count)
        return 0;
    struct rlimit wanted = { .rlim_cur = count, .rlim_max = limit.rlim_max };
    if (wanted.rlim_max < count)
        wanted.rlim_max = count;
    if (setrlimit(RLIMIT_NOFILE, &wanted) == 0)
        return 0;
    err_set(e,
            "%lu file descriptors are needed, the limit is %ju (hard %ju): "
            "%s",
            count, (uintmax_t)limit.rlim_cur, (uintmax_t)limit.rlim_max,
            strerror(errno));
    return -1;
}
