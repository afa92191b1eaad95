/*
 * The socket of a probe.  It knows libuv and errnos, and neither Redis nor
 * deadlines.  Less obvious things: a write tries the plain system call first,
 * so that a steady probe costs one write and one read; TCP_NODELAY is not set,
 * as nothing is written while an earlier write waits for its answer; and a
 * connect to a free port of this very machine may meet itself (the kernel
 * picks a local port, and picks that one: RFC 9293, section 3.5, simultaneous
 * open), which looks connected though no server is there.
 */
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <uv.h>

#include "agent/objects.h"

#include "socket.h"

static in_port_t port_of(const struct sockaddr *a)
{
    return a->sa_family == AF_INET
               ? ((const struct sockaddr_in *)a)->sin_port
               : ((const struct sockaddr_in6 *)a)->sin6_port;
}

/* To another port than the kernel gave us we did not come to ourselves: that
 * spares most connections the second look. */
static bool met_itself(const struct socket *s)
{
    struct sockaddr_storage mine = { .ss_family = 0 };
    struct sockaddr_storage theirs = { .ss_family = 0 };
    int mine_len = sizeof mine, theirs_len = sizeof theirs;

    if (s->u.handle.type != UV_TCP ||
        uv_tcp_getsockname(&s->u.tcp, (struct sockaddr *)&mine, &mine_len) != 0)
        return false;
    return port_of((struct sockaddr *)&mine) == s->port &&
           uv_tcp_getpeername(&s->u.tcp, (struct sockaddr *)&theirs,
                              &theirs_len) == 0 &&
           mine_len == theirs_len &&
           memcmp(&mine, &theirs, (size_t)mine_len) == 0;
}

static void on_closed(uv_handle_t *h)
{
    struct socket *s = h->data;

    s->state = SOCKET_CLOSED;
    object_gone(OBJECT_CONNECTION);
    s->events->closed(s);
}

static void lend_buffer(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
    const struct socket *s = h->data;

    (void)suggested;
    *buf = uv_buf_init(s->buffer, s->buffer_size);
}

static void on_read(uv_stream_t *stream, ssize_t nread, const uv_buf_t *buf)
{
    struct socket *s = stream->data;

    if (nread > 0)
        s->events->bytes(s, buf->base, (size_t)nread);
    else if (nread < 0)
        s->events->broken(s, (int)nread);
}

static void on_connect(uv_connect_t *req, int status)
{
    struct socket *s = req->handle->data;

    if (s->state != SOCKET_CONNECTING)
        return; /* cancelled by close */
    if (status == 0 && met_itself(s))
        status = UV_ECONNREFUSED;
    if (status == 0)
        status = uv_read_start(&s->u.stream, lend_buffer, on_read);
    if (status != 0) {
        s->events->broken(s, status);
        return;
    }
    s->state = SOCKET_OPEN;
    s->events->opened(s);
}

static void net_opened(struct socket *s)
{
    s->u.handle.data = s;
    s->state = SOCKET_CONNECTING;
    s->said_end = false;
    object_made(OBJECT_CONNECTION);
}

int socket_open_tcp(struct socket *s, uv_loop_t *loop,
                    const struct sockaddr *sa, uv_connect_t *req)
{
    int r;

    assert(s->state == SOCKET_CLOSED);
    r = uv_tcp_init(loop, &s->u.tcp);
    assert(r == 0); /* it opens no socket yet: nothing can fail */
    net_opened(s);
    s->port = port_of(sa);
    r = uv_tcp_connect(req, &s->u.tcp, sa, on_connect);
    if (r != 0)
        socket_close(s);
    return r;
}

void socket_open_unix(struct socket *s, uv_loop_t *loop, const char *path,
                      uv_connect_t *req)
{
    int r;

    assert(s->state == SOCKET_CLOSED);
    r = uv_pipe_init(loop, &s->u.pipe, 0);
    assert(r == 0);
    (void)r;
    net_opened(s);
    uv_pipe_connect(req, &s->u.pipe, path, on_connect);
}

static void on_written(uv_write_t *req, int status)
{
    (void)status;
    free(req);
}

/* Hardly ever: a probe waits for its answers, so the kernel has room for the
 * next requests.  Without memory they stay unanswered. */
static void write_rest(struct socket *s, const uv_buf_t *bufs, unsigned nbufs)
{
    uv_write_t *req = malloc(sizeof *req);

    if (req != NULL &&
        uv_write(req, &s->u.stream, bufs, nbufs, on_written) != 0)
        free(req);
}

void socket_write(struct socket *s, uv_buf_t *bufs, unsigned nbufs)
{
    size_t done;
    int r;

    assert(s->state == SOCKET_OPEN);
    r = uv_try_write(&s->u.stream, bufs, nbufs);
    done = r > 0 ? (size_t)r : 0;
    if (r < 0 && r != UV_EAGAIN)
        return;
    while (nbufs > 0 && done >= bufs->len) {
        done -= bufs->len;
        bufs++;
        nbufs--;
    }
    if (nbufs == 0)
        return;
    bufs->base += done;
    bufs->len -= done;
    write_rest(s, bufs, nbufs);
}

struct owned_write {
    uv_write_t req; /* first */
    char *bytes;
};

static void on_owned_written(uv_write_t *req, int status)
{
    struct owned_write *w = (struct owned_write *)req;

    (void)status;
    free(w->bytes);
    free(w);
}

void socket_write_owned(struct socket *s, char *bytes, size_t len)
{
    uv_buf_t buf = uv_buf_init(bytes, (unsigned)len);

    assert(s->state == SOCKET_OPEN);
    int r = uv_try_write(&s->u.stream, &buf, 1);
    if (r == (int)len || (r < 0 && r != UV_EAGAIN)) {
        free(bytes);
        return;
    }
    struct owned_write *w = malloc(sizeof *w);
    if (w == NULL) {
        free(bytes);
        return;
    }
    w->bytes = bytes;
    if (r > 0) {
        buf.base += r;
        buf.len -= (size_t)r;
    }
    if (uv_write(&w->req, &s->u.stream, &buf, 1, on_owned_written) != 0)
        on_owned_written(&w->req, 0);
}

enum socket_ack socket_ack(const struct socket *s)
{
    struct tcp_info info;
    socklen_t len = sizeof info;
    uv_os_fd_t fd;

    if (s->u.handle.type != UV_TCP || uv_fileno(&s->u.handle, &fd) != 0 ||
        getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
        return SOCKET_ACK_UNKNOWN;
    return info.tcpi_unacked == 0 ? SOCKET_ACK_ALL : SOCKET_ACK_MISSING;
}

void socket_keep_alive(struct socket *s)
{
    static const int idle_s = 5, every_s = 5, times = 3;
    uv_os_fd_t fd;

    if (s->u.handle.type != UV_TCP || uv_fileno(&s->u.handle, &fd) != 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every_s, sizeof every_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &times, sizeof times);
    uv_tcp_keepalive(&s->u.tcp, 1, (unsigned)idle_s);
}

void socket_say_end(struct socket *s)
{
    uv_os_fd_t fd;

    if (!s->said_end && uv_fileno(&s->u.handle, &fd) == 0)
        shutdown(fd, SHUT_WR);
    s->said_end = true;
}

void socket_close(struct socket *s)
{
    if (s->state == SOCKET_CLOSED || s->state == SOCKET_CLOSING)
        return;
    s->state = SOCKET_CLOSING;
    uv_close(&s->u.handle, on_closed);
}

enum reason socket_read_reason(int error)
{
    switch (error) {
    case UV_EOF:
        return REASON_CLOSED;
    case UV_ECONNRESET:
    case UV_ECONNABORTED:
    case UV_EPIPE:
        return REASON_RESET;
    case UV_ETIMEDOUT:
        return REASON_REPLY_TIMEOUT;
    case UV_ECONNREFUSED:
        return REASON_REFUSED;
    case UV_EHOSTUNREACH:
    case UV_ENETUNREACH:
    case UV_EHOSTDOWN:
    case -ENETDOWN:
    case -ENONET:
    case UV_ENOPROTOOPT:
        return REASON_UNREACHABLE;
    case UV_EACCES:
    case UV_EPERM:
        return REASON_NOPERM;
    }
    /* No descriptors, memory or ports left, no IPv6: the fault of this
     * machine. */
    return REASON_DOUBT;
}

enum reason socket_connect_reason(int error, bool unix_socket)
{
    if (error == UV_ETIMEDOUT)
        return REASON_CONNECT_TIMEOUT;
    if (unix_socket && (error == UV_ENOENT || error == UV_ENOTDIR))
        return REASON_REFUSED;
    /* unix(7): the queue of a server that does not accept is full. */
    if (unix_socket && error == UV_EAGAIN)
        return REASON_CONNECT_TIMEOUT;
    return socket_read_reason(error);
}
