/*
 * The pid file is held by flock, so that neither a crash nor a recycled pid
 * leaves a lie behind; the pid in it is for people and init scripts.
 *
 * It names the supervisor, and the lock is its worker's too.  Where only the
 * supervisor was killed, the worker ends by itself but a little later, and
 * whoever starts next waits for that: two agents of one id would take the
 * nodes from each other.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/clock.h"
#include "agent/thread.h"

#include "agent/daemon.h"

/* How often the pid file may be exchanged under us before we give up. */
#define LOCK_ATTEMPTS 10

#define ORPHAN_PAUSE_MS 20L

/* The pid in the file, or 0. */
static long read_pid(int fd)
{
    char text[32];
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    long pid = strtol(text, NULL, 10);
    return pid > 0 && pid <= INT_MAX ? pid : 0;
}

/* Whether FILE still is what FD has open: its last owner may have removed it
 * between our open and our lock. */
static bool is_still(int fd, const char *file)
{
    struct stat ours, there;
    return fstat(fd, &ours) == 0 && lstat(file, &there) == 0 &&
           ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

/* A zombie too: in some containers nobody ever reaps those. */
static bool is_dead(long pid)
{
    char text[512];
    snprintf(text, sizeof text, "/proc/%ld/stat", pid);
    int fd = open(text, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return kill((pid_t)pid, 0) < 0 && errno == ESRCH;
    text[n] = '\0';
    /* The state comes after the name, which may hold anything: proc(5). */
    const char *name_end = strrchr(text, ')');
    return name_end != NULL && strchr("ZXx", name_end[2]) != NULL;
}

/* *ORPHAN: whom the file names is dead, so that a child of its holds it. */
static void explain_lock(int fd, const char *file, int error, bool *orphan,
                         struct err *e)
{
    long pid = read_pid(fd);
    if (error != EWOULDBLOCK)
        err_set(e, "%s: flock: %s", file, strerror(error));
    else if (pid > 0)
        err_set(e, "%s: already running (pid %ld)", file, pid);
    else
        err_set(e, "%s: already running", file);
    *orphan = error == EWOULDBLOCK && pid > 0 && is_dead(pid);
}

static int open_and_lock(const char *file, bool *orphan, struct err *e)
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
        explain_lock(fd, file, errno, orphan, e);
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

static int lock_now(const char *file, bool *orphan, struct err *e)
{
    *orphan = false;
    for (int i = 0; i < LOCK_ATTEMPTS; i++) {
        int fd = open_and_lock(file, orphan, e);
        if (fd < 0 || is_still(fd, file))
            return fd;
        close(fd);
    }
    err_set(e, "%s: keeps being removed while we lock it", file);
    return -1;
}

int daemon_pid_lock(const char *file, unsigned orphan_ms, struct err *e)
{
    const struct timespec pause = thread_timespec(ORPHAN_PAUSE_MS);
    uint64_t until_mono_ms = clock_mono_ms() + orphan_ms;
    bool orphan;
    int fd;
    while ((fd = lock_now(file, &orphan, e)) < 0 && orphan &&
           clock_mono_ms() < until_mono_ms)
        nanosleep(&pause, NULL);
    return fd;
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
