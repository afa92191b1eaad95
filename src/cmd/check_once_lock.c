/*
 * One publishing --check-once of an agent's id at a time: a file that is
 * locked until the process ends (flock), whichever way that is.  It stays
 * where it is, so that nobody can lock one that was just removed.
 *
 * Only a file of this user's that nobody else can open counts: otherwise any
 * local user could stop all of cron's runs by holding its lock.  Where no
 * such file can be made, the run goes on without: what two runs at once
 * write is the same.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/config.h"

#include "agent/check_once.h"

/* A descriptor of a file that is ours alone; -1 where there can be none. */
static int open_ours(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
                  S_IRUSR | S_IWUSR);
    if (fd < 0)
        return -1;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
        (st.st_mode & (S_IRWXG | S_IRWXO)) == 0)
        return fd;
    close(fd);
    return -1;
}

/* In the first LEN bytes of FOLDER. */
static int open_in(const char *folder, size_t len, const char *prefix,
                   const char *id)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%.*s/%s%s.check-once", (int)len,
                     folder, prefix, id);
    return n < (int)sizeof path ? open_ours(path) : -1;
}

/* The first place where there can be one, or -1. */
static int open_somewhere(const struct config *c)
{
    const char *pid_file = c->agent.pid_file;
    size_t folder = (size_t)(strrchr(pid_file, '/') - pid_file);
    int fd = -1;
    if (c->agent.state_dir != NULL)
        fd = open_in(c->agent.state_dir, strlen(c->agent.state_dir), "",
                     c->agent.id);
    if (fd < 0)
        fd = open_in(pid_file, folder, "sentinel-agent-", c->agent.id);
    if (fd < 0)
        fd = open_in("/run", strlen("/run"), "sentinel-agent-", c->agent.id);
    return fd;
}

int check_once_lock(const struct config *c, struct err *e)
{
    int fd = open_somewhere(c);
    if (fd < 0)
        return 0;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno == EWOULDBLOCK) {
        err_set(e, "another --check-once of agent %s is still running",
                c->agent.id);
        close(fd);
        return -1;
    }
    /* A file system without locks. */
    close(fd);
    return 0;
}
