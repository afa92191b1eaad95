/*
 * The start of a long-running process.  One fork and setsid: whoever started
 * us waits in the parent for a word from the child, over a socket pair that
 * carries text for people and, when all is well, one NUL.  A pair of sockets
 * and no pipe, because send can be told not to raise SIGPIPE when the parent
 * was killed meanwhile; the child is then no worse off.
 *
 * The daemon keeps nothing of its caller's open, or an ssh or a CI job that
 * started it would wait for it: the standard descriptors go to /dev/null, and
 * inherited ones are closed.  Those are told from ours by close-on-exec: all
 * of ours have it, and one that came through exec cannot.
 *
 * The pid file is held by flock, so that neither a crash nor a recycled pid
 * leaves a lie behind; the pid in it is for people and init scripts.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/daemon.h"

/* How often the pid file may be exchanged under us before we give up. */
#define LOCK_ATTEMPTS 10

#define PASSWD_BUF_MAX (1024 * 1024)

/* The child's end of the pair; -1 when nobody waits for us. */
static int parent_fd = -1;

/* The pid in the file, or 0. */
static long read_pid(int fd)
{
    char text[32];
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    long pid = strtol(text, NULL, 10);
    return pid > 0 ? pid : 0;
}

/* Whether FILE still is what FD has open: its last owner may have removed it
 * between our open and our lock. */
static bool is_still(int fd, const char *file)
{
    struct stat ours, there;
    return fstat(fd, &ours) == 0 && lstat(file, &there) == 0 &&
           ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

static void explain_lock(int fd, const char *file, int error, struct err *e)
{
    long pid = read_pid(fd);
    if (error != EWOULDBLOCK)
        err_set(e, "%s: flock: %s", file, strerror(error));
    else if (pid > 0)
        err_set(e, "%s: already running (pid %ld)", file, pid);
    else
        err_set(e, "%s: already running", file);
}

static int open_and_lock(const char *file, struct err *e)
{
    /* O_NONBLOCK for what is no regular file after all. */
    int fd = open(
        file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK,
        0644);
    if (fd < 0) {
        err_set(e, "%s: open: %s", file, strerror(errno));
        return -1;
    }
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        err_set(e, "%s: not a regular file", file);
        goto fail_kind;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        explain_lock(fd, file, errno, e);
        goto fail_lock;
    }
    /* Until we write ours, better no pid than that of the dead. */
    if (ftruncate(fd, 0) < 0) {
        err_set(e, "%s: ftruncate: %s", file, strerror(errno));
        goto fail_truncate;
    }
    return fd;

fail_truncate:
fail_lock:
fail_kind:
    close(fd);
    return -1;
}

int daemon_pid_lock(const char *file, struct err *e)
{
    for (int i = 0; i < LOCK_ATTEMPTS; i++) {
        int fd = open_and_lock(file, e);
        if (fd < 0 || is_still(fd, file))
            return fd;
        close(fd);
    }
    err_set(e, "%s: keeps being removed while we lock it", file);
    return -1;
}

int daemon_pid_write(int fd, struct err *e)
{
    char text[32];
    int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) < 0) {
        err_set(e, "pid file: ftruncate: %s", strerror(errno));
        return -1;
    }
    ssize_t n = pwrite(fd, text, (size_t)len, 0);
    if (n != len) {
        err_set(e, "pid file: write: %s",
                n < 0 ? strerror(errno) : "cut short");
        return -1;
    }
    return 0;
}

void daemon_pid_release(int fd, const char *file)
{
    /* Neither can be mended here: privileges may be gone, and an empty or a
     * stale file is no obstacle to the next start. */
    if (ftruncate(fd, 0) == 0 && is_still(fd, file))
        unlink(file);
    close(fd);
}

static void close_inherited(void)
{
    DIR *d = opendir("/proc/self/fd");
    if (!d)
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
    close(parent_fd);
    parent_fd = -1;
}

void daemon_complain(const char *text)
{
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
