/*
 * The socket of a probe.  It knows libuv and errnos, and neither Redis nor
 * deadlines.  Two things are less obvious: a write tries the plain system
 * call first, so that a steady probe costs one write and one read; and a
 * connect to a free port of this very machine may meet itself (the kernel
 * picks a local port, and picks that one: RFC 9293, section 3.5, simultaneous
 * open), which looks connected and is nobody.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <uv.h>

#include "agent/objects.h"

#include "socket.h"

static bool met_itself(const struct probe_net *n)
{
    struct sockaddr_storage mine = { .ss_family = 0 };
    struct sockaddr_storage theirs = { .ss_family = 0 };
    int mine_len = sizeof mine, theirs_len = sizeof theirs;

    if (n->u.handle.type != UV_TCP)
        return false;
    return uv_tcp_getsockname(&n->u.tcp, (struct sockaddr *)&mine, &mine_len) ==
               0 &&
           uv_tcp_getpeername(&n->u.tcp, (struct sockaddr *)&theirs,
                              &theirs_len) == 0 &&
           mine_len == theirs_len &&
           memcmp(&mine, &theirs, (size_t)mine_len) == 0;
}

static void on_closed(uv_handle_t *h)
{
    struct probe_net *n = h->data;

    n->state = NET_CLOSED;
    object_gone(OBJECT_CONNECTION);
    n->events->closed(n);
}

static void lend_buffer(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
    const struct probe_net *n = h->data;

    (void)suggested;
    *buf = n->buffer;
}

static void on_read(uv_stream_t *s, ssize_t nread, const uv_buf_t *buf)
{
    struct probe_net *n = s->data;

    if (nread > 0)
        n->events->bytes(n, buf->base, (size_t)nread);
    else if (nread < 0)
        n->events->broken(n, (int)nread);
}

static void on_connect(uv_connect_t *req, int status)
{
    struct probe_net *n = req->handle->data;

    if (n->state != NET_CONNECTING)
        return; /* cancelled by close */
    if (status == 0 && met_itself(n))
        status = UV_ECONNREFUSED;
    if (status == 0)
        status = uv_read_start(&n->u.stream, lend_buffer, on_read);
    if (status != 0) {
        n->events->broken(n, status);
        return;
    }
    n->state = NET_OPEN;
    n->events->opened(n);
}

static void net_opened(struct probe_net *n)
{
    n->u.handle.data = n;
    n->state = NET_CONNECTING;
    object_made(OBJECT_CONNECTION);
}

int probe_net_open_tcp(struct probe_net *n, uv_loop_t *loop,
                       const struct sockaddr *sa, uv_connect_t *req)
{
    int r;

    assert(n->state == NET_CLOSED);
    r = uv_tcp_init(loop, &n->u.tcp);
    assert(r == 0); /* it opens no socket yet: nothing can fail */
    net_opened(n);
    /* Remembered by libuv until there is a socket. */
    uv_tcp_nodelay(&n->u.tcp, 1);
    r = uv_tcp_connect(req, &n->u.tcp, sa, on_connect);
    if (r != 0)
        probe_net_close(n);
    return r;
}

void probe_net_open_unix(struct probe_net *n, uv_loop_t *loop, const char *path,
                         uv_connect_t *req)
{
    int r;

    assert(n->state == NET_CLOSED);
    r = uv_pipe_init(loop, &n->u.pipe, 0);
    assert(r == 0);
    (void)r;
    net_opened(n);
    uv_pipe_connect(req, &n->u.pipe, path, on_connect);
}

static void on_written(uv_write_t *req, int status)
{
    (void)status;
    free(req);
}

/* Hardly ever: a probe waits for its answers, so the kernel has room for the
 * next requests.  Without memory they stay unanswered. */
static void write_rest(struct probe_net *n, const uv_buf_t *bufs,
                       unsigned nbufs)
{
    uv_write_t *req = malloc(sizeof *req);

    if (req != NULL &&
        uv_write(req, &n->u.stream, bufs, nbufs, on_written) != 0)
        free(req);
}

void probe_net_write(struct probe_net *n, uv_buf_t *bufs, unsigned nbufs)
{
    size_t done;
    int r;

    assert(n->state == NET_OPEN);
    r = uv_try_write(&n->u.stream, bufs, nbufs);
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
    write_rest(n, bufs, nbufs);
}

void probe_net_close(struct probe_net *n)
{
    if (n->state == NET_CLOSED || n->state == NET_CLOSING)
        return;
    n->state = NET_CLOSING;
    uv_close(&n->u.handle, on_closed);
}

enum reason probe_net_read_reason(int error)
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
    /* No descriptors, memory or ports left, no IPv6: nobody's fault but
     * this machine's. */
    return REASON_DOUBT;
}

enum reason probe_net_connect_reason(int error, bool unix_socket)
{
    if (error == UV_ETIMEDOUT)
        return REASON_CONNECT_TIMEOUT;
    if (unix_socket && (error == UV_ENOENT || error == UV_ENOTDIR))
        return REASON_REFUSED;
    /* unix(7): the queue of a server that does not accept is full. */
    if (unix_socket && error == UV_EAGAIN)
        return REASON_CONNECT_TIMEOUT;
    return probe_net_read_reason(error);
}
