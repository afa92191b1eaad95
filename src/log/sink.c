/*
 * The outlets of the log.  A line is one write(2), shorter than PIPE_BUF, and
 * before it comes a poll: a stderr that is a pipe is shared with others, so
 * that setting O_NONBLOCK there is not our right, and a writer in poll can
 * still be told to give up.
 *
 * With syslog the line is the same, its ts included, because syslog's own
 * stamp has whole seconds only.  A line that syslogd does not take is lost
 * unnoticed, for syslog(3) does not tell.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "sink.h"

/* How long to wait for a full pipe before GIVE_UP is asked again. */
#define WAIT_SLICE_MS 50

static const int PRIORITIES[] = {
    [LOG_LEVEL_ERROR] = LOG_ERR,
    [LOG_LEVEL_WARN] = LOG_WARNING,
    [LOG_LEVEL_INFO] = LOG_INFO,
    [LOG_LEVEL_DEBUG] = LOG_DEBUG,
};

int sink_open(const char *target, struct sink *out, struct err *e)
{
    *out = (struct sink){ .kind = SINK_STDERR, .fd = STDERR_FILENO };
    if (strcmp(target, "stderr") == 0)
        return 0;
    if (strcmp(target, "syslog") == 0) {
        *out = (struct sink){ .kind = SINK_SYSLOG, .fd = -1 };
        return 0;
    }
    /* Without O_NONBLOCK a FIFO that nobody reads would hold us here. */
    int fd =
        open(target,
             O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
             0640);
    if (fd < 0) {
        err_set(e, "log %s: open: %s%s", target, strerror(errno),
                errno == EACCES ? " (--test-config tells the remedy)" : "");
        return -1;
    }
    *out = (struct sink){ .kind = SINK_FILE, .fd = fd };
    return 0;
}

void sink_start(const struct sink *s)
{
    if (s->kind == SINK_SYSLOG)
        openlog("sentinel-agent", LOG_PID, LOG_DAEMON);
}

/* Errors count as writable: the write will say what is wrong. */
static bool wait_writable(int fd, bool (*give_up)(void *), void *arg)
{
    struct pollfd p = { .fd = fd, .events = POLLOUT };
    int n = poll(&p, 1, 0);
    while (n == 0 || (n < 0 && errno == EINTR)) {
        if (give_up(arg))
            return false;
        n = poll(&p, 1, WAIT_SLICE_MS);
    }
    return true;
}

static bool write_fd(struct sink *s, const char *line, size_t len,
                     bool (*give_up)(void *), void *arg)
{
    const char *at = line;
    const char *end = line + len;
    while (at < end && wait_writable(s->fd, give_up, arg)) {
        ssize_t n = write(s->fd, at, (size_t)(end - at));
        if (n > 0)
            at += n;
        else if (n == 0 || (errno != EINTR && errno != EAGAIN))
            break;
    }
    if (at > line)
        s->torn = at[-1] != '\n';
    return at == end;
}

bool sink_write(struct sink *s, enum log_level level, char *buf, size_t len,
                bool (*give_up)(void *), void *arg)
{
    if (s->kind == SINK_SYSLOG) {
        buf[len] = '\0';
        syslog(PRIORITIES[level], "%s", buf + 1);
        return true;
    }
    if (!s->torn)
        return write_fd(s, buf + 1, len, give_up, arg);
    /* Ends the torn line, so that this one starts a line of its own. */
    buf[0] = '\n';
    return write_fd(s, buf, len + 1, give_up, arg);
}

void sink_close(const struct sink *s)
{
    switch (s->kind) {
    case SINK_STDERR:
        break;
    case SINK_SYSLOG:
        closelog();
        break;
    case SINK_FILE:
        close(s->fd);
        break;
    }
}
