/*
 * Where the HTTP server listens.  The socket is made here, since
 * libmicrohttpd itself knows no UNIX sockets and gives no error that says
 * more than that it failed.
 *
 * A UNIX socket's file outlives a process that was killed.  It is removed when
 * nobody listens on it any more, and only then.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uv.h>

#include "agent/config.h"

#include "listen.h"

/* The most that one turn of the loop copies for one client, and the kernel
 * keeps; connections inherit it. */
#define SEND_BUFFER (128 * 1024)
/* Whatever the umask: the group may ask, a proxy for example. */
#define SOCKET_MODE 0660

static int fail(const struct config *c, const char *what, int error,
                struct err *e)
{
    err_set(e, "[http] listen = %s: %s: %s", c->http.listen, what,
            strerror(error));
    return -1;
}

/* The config's check has seen that it is an address. */
static socklen_t address_of(const struct config *c, union httpd_address *a)
{
    memset(a, 0, sizeof *a);
    if (c->http.path != NULL) {
        a->local.sun_family = AF_UNIX;
        strncpy(a->local.sun_path, c->http.path, sizeof a->local.sun_path - 1);
        return sizeof a->local;
    }
    if (uv_ip4_addr(c->http.host, c->http.port, &a->v4) == 0)
        return sizeof a->v4;
    if (uv_ip6_addr(c->http.host, c->http.port, &a->v6) == 0)
        return sizeof a->v6;
    return 0;
}

/* Nobody listens on the file of a UNIX socket that is there. */
static bool is_left_over(const union httpd_address *a)
{
    struct stat st;

    if (lstat(a->local.sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    bool refused =
        connect(fd, &a->sa, sizeof a->local) != 0 && errno == ECONNREFUSED;
    close(fd);
    return refused;
}

static int bind_to(int fd, const union httpd_address *a, socklen_t len)
{
    static const int on = 1;
    static const int send_buffer = SEND_BUFFER;

    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
    /* Connections of an earlier run may still linger; and a v6 address
     * stands for itself. */
    if (a->sa.sa_family != AF_UNIX)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (a->sa.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, &a->sa, len) == 0)
        return 0;
    if (errno != EADDRINUSE || a->sa.sa_family != AF_UNIX)
        return -1;
    if (!is_left_over(a)) {
        errno = EADDRINUSE;
        return -1;
    }
    unlink(a->local.sun_path);
    return bind(fd, &a->sa, len);
}

static int own_file(struct httpd_listener *l, const char *path)
{
    struct stat st;

    if (path == NULL)
        return 0;
    l->path = strdup(path);
    if (l->path == NULL || chmod(path, SOCKET_MODE) != 0 ||
        lstat(path, &st) != 0)
        return -1;
    l->dev = st.st_dev;
    l->ino = st.st_ino;
    return 0;
}

int httpd_listen(struct httpd_listener *l, const struct config *c,
                 struct err *e)
{
    union httpd_address a;
    socklen_t len = address_of(c, &a);
    int error;

    *l = (struct httpd_listener){ .fd = -1 };
    if (len == 0)
        return fail(c, "address", EINVAL, e);
    const char *what = "socket";
    l->fd =
        socket(a.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (l->fd < 0)
        return fail(c, what, errno, e);
    what = "bind";
    if (bind_to(l->fd, &a, len) != 0)
        goto close_it;
    what = "listen";
    if (own_file(l, c->http.path) != 0 || listen(l->fd, SOMAXCONN) != 0)
        goto close_it;
    return 0;
close_it:
    error = errno;
    httpd_unlisten(l);
    close(l->fd);
    l->fd = -1;
    return fail(c, what, error, e);
}

void httpd_unlisten(struct httpd_listener *l)
{
    struct stat st;

    if (l->path == NULL)
        return;
    if (lstat(l->path, &st) == 0 && st.st_dev == l->dev && st.st_ino == l->ino)
        unlink(l->path);
    free(l->path);
    l->path = NULL;
}
