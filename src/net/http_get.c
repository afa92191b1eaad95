/*
 * A client for one question: non-blocking, one poll(2) at a time, one
 * deadline over connect, send and receive, so that neither a stopped agent
 * nor one that drips can hold us.  It asks for the connection to be closed,
 * reads until the announced length or the end, and takes what libmicrohttpd
 * sends: a body with a Content-Length or up to the end.  Everything else,
 * chunks and redirections too, is told and refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/clock.h"
#include "agent/escape.h"
#include "agent/resolver.h"

#include "agent/http_get.h"

#define HEADER_MAX 16384
#define READ_SIZE  65536

/* Not announced: the body ends with the connection. */
#define UNTIL_END SIZE_MAX

struct exchange {
    const struct http_get *request;
    uint64_t end_mono_ms;
    int fd;
    char *bytes; /* owned; a NUL follows */
    size_t len;
    size_t size;
    size_t header; /* its length with the empty line; 0: not all is here */
    size_t body;   /* announced, or UNTIL_END */
};

static enum http_end fail(const struct exchange *x, struct err *e,
                          const char *what, const char *why)
{
    err_set(e, "%s: %s%s%s", x->request->address, what, *what ? ": " : "", why);
    return HTTP_FAILED;
}

/* -------------------------------------------------------------- connecting */

union address {
    struct sockaddr any;
    struct sockaddr_un un;
    struct net_addr net;
};

static socklen_t address_of(const struct http_get *r, union address *out)
{
    memset(out, 0, sizeof *out);
    if (r->host != NULL) {
        if (!net_addr_parse(r->host, r->port, &out->net))
            return 0;
        return out->any.sa_family == AF_INET ? sizeof out->net.u.in
                                             : sizeof out->net.u.in6;
    }
    out->un.sun_family = AF_UNIX;
    if (strlen(r->path) >= sizeof out->un.sun_path)
        return 0;
    strcpy(out->un.sun_path, r->path);
    return sizeof out->un;
}

/* Waits for EVENTS within the deadline; HTTP_OK: they came. */
static enum http_end await(struct exchange *x, short events, const char *what,
                           struct err *e)
{
    struct pollfd p[] = { { .fd = x->fd, .events = events },
                          { .fd = x->request->cancel_fd, .events = POLLIN } };

    for (;;) {
        uint64_t now = clock_mono_ms();
        uint64_t left = now < x->end_mono_ms ? x->end_mono_ms - now : 0;
        int n = poll(p, 2, (int)left);

        if (n < 0 && errno != EINTR)
            return fail(x, e, "poll", strerror(errno));
        if (n > 0 && p[1].revents != 0)
            return HTTP_CANCELLED;
        /* Also when there is more: it may never end. */
        if (left == 0)
            break;
        if (n > 0)
            return HTTP_OK;
    }
    err_set(e, "%s: %s: no answer within %u ms", x->request->address, what,
            x->request->timeout_ms);
    return HTTP_FAILED;
}

static enum http_end open_connection(struct exchange *x, struct err *e)
{
    union address to;
    socklen_t size = address_of(x->request, &to);
    int error = 0;
    socklen_t len = sizeof error;
    enum http_end end;

    if (size == 0)
        return fail(x, e, "", "no address to connect to");
    x->fd =
        socket(to.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (x->fd < 0)
        return fail(x, e, "socket", strerror(errno));
    if (connect(x->fd, &to.any, size) == 0)
        return HTTP_OK;
    if (errno != EINPROGRESS) {
        fail(x, e, "connect", strerror(errno));
        return HTTP_ABSENT;
    }
    end = await(x, POLLOUT, "connect", e);
    if (end != HTTP_OK)
        return end;
    if (getsockopt(x->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        error = errno;
    if (error == 0)
        return HTTP_OK;
    fail(x, e, "connect", strerror(error));
    return HTTP_ABSENT;
}

/* ------------------------------------------------------------------ sending */

static enum http_end send_request(struct exchange *x, struct err *e)
{
    char text[1024];
    size_t sent = 0;
    int len =
        snprintf(text, sizeof text,
                 "GET %s HTTP/1.1\r\n"
                 "Host: %s\r\n"
                 "User-Agent: sentinel-agent/" AGENT_VERSION "\r\n"
                 "Accept: application/json\r\n"
                 "Connection: close\r\n\r\n",
                 x->request->target,
                 x->request->host != NULL ? x->request->address : "localhost");

    if (len < 0 || (size_t)len >= sizeof text)
        return fail(x, e, "", "the request is too long");
    while (sent < (size_t)len) {
        enum http_end end = await(x, POLLOUT, "send", e);
        ssize_t n;

        if (end != HTTP_OK)
            return end;
        n = send(x->fd, text + sent, (size_t)len - sent, MSG_NOSIGNAL);
        if (n >= 0)
            sent += (size_t)n;
        else if (errno != EAGAIN && errno != EINTR)
            return fail(x, e, "send", strerror(errno));
    }
    return HTTP_OK;
}

/* ---------------------------------------------------------------- receiving */

/* The value of the header field NAME, up to its line's end; NULL: none. */
static const char *field(const struct exchange *x, const char *name)
{
    const char *line = strstr(x->bytes, "\r\n");
    size_t len = strlen(name);

    while (line != NULL && line < x->bytes + x->header - 4) {
        line += 2;
        if (strncasecmp(line, name, len) == 0 && line[len] == ':')
            return line + len + 1 + strspn(line + len + 1, " \t");
        line = strstr(line, "\r\n");
    }
    return NULL;
}

/* The first line of the answer, for people. */
static enum http_end refuse(const struct exchange *x, const char *what,
                            struct err *e)
{
    char line[80] = "";

    escape_add(line, sizeof line, x->bytes, strcspn(x->bytes, "\r\n"));
    return fail(x, e, what, line);
}

static bool parse_length(const char *text, size_t *out)
{
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *out = strtoull(text, &end, 10);
    end += strspn(end, " \t");
    return errno == 0 && *end == '\r' && *out != UNTIL_END;
}

static enum http_end too_long(const struct exchange *x, struct err *e)
{
    err_set(e, "%s: the answer is longer than %zu bytes", x->request->address,
            x->request->body_max);
    return HTTP_FAILED;
}

static enum http_end read_header(struct exchange *x, struct err *e)
{
    const char *length;

    if (strncmp(x->bytes, "HTTP/1.", 7) != 0 || x->bytes[7] == '\r' ||
        x->bytes[8] != ' ')
        return refuse(x, "what answers is no HTTP server", e);
    if (strncmp(x->bytes + 9, "200", 3) != 0)
        return refuse(x, "the answer is", e);
    if (field(x, "Transfer-Encoding") != NULL ||
        field(x, "Content-Encoding") != NULL)
        return refuse(x, "the answer is encoded", e);
    length = field(x, "Content-Length");
    x->body = UNTIL_END;
    if (length != NULL && !parse_length(length, &x->body))
        return refuse(x, "the answer has no valid length", e);
    if (x->body != UNTIL_END && x->body > x->request->body_max)
        return too_long(x, e);
    return HTTP_OK;
}

/* Looks at what came; HTTP_OK: so far so good. */
static enum http_end look(struct exchange *x, struct err *e)
{
    const char *empty;

    if (x->header == 0) {
        empty = strstr(x->bytes, "\r\n\r\n");
        if (empty == NULL)
            return x->len <= HEADER_MAX && strlen(x->bytes) == x->len
                       ? HTTP_OK
                       : refuse(x, "what answers is no HTTP server", e);
        x->header = (size_t)(empty - x->bytes) + 4;
        return read_header(x, e);
    }
    return HTTP_OK;
}

static bool complete(const struct exchange *x)
{
    return x->header > 0 && x->body != UNTIL_END &&
           x->len - x->header >= x->body;
}

static bool grow(struct exchange *x)
{
    size_t size = x->size == 0 ? 2 * READ_SIZE : x->size * 2;
    char *grown;

    if (x->size - x->len > READ_SIZE)
        return true;
    grown = realloc(x->bytes, size);
    if (grown == NULL)
        return false;
    x->bytes = grown;
    x->size = size;
    return true;
}

static enum http_end at_end(const struct exchange *x, struct err *e)
{
    if (x->header > 0 && x->body == UNTIL_END)
        return HTTP_OK;
    if (x->len == 0)
        return fail(x, e, "", "closed without an answer");
    err_set(e, "%s: closed after %zu bytes of the answer", x->request->address,
            x->len);
    return HTTP_FAILED;
}

static enum http_end receive(struct exchange *x, struct err *e)
{
    while (!complete(x)) {
        enum http_end end = await(x, POLLIN, "receive", e);
        ssize_t n;

        if (end != HTTP_OK)
            return end;
        if (!grow(x))
            return fail(x, e, "", "out of memory for the answer");
        n = recv(x->fd, x->bytes + x->len, READ_SIZE, 0);
        if (n == 0)
            return at_end(x, e);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (n < 0)
            return fail(x, e, "receive", strerror(errno));
        x->len += (size_t)n;
        x->bytes[x->len] = '\0';
        end = look(x, e);
        if (end != HTTP_OK)
            return end;
        if (x->header > 0 && x->len - x->header > x->request->body_max)
            return too_long(x, e);
    }
    return HTTP_OK;
}

enum http_end http_get(const struct http_get *r, struct http_body *out,
                       struct err *e)
{
    struct exchange x = { .request = r,
                          .end_mono_ms = clock_mono_ms() + r->timeout_ms,
                          .fd = -1 };
    enum http_end end = open_connection(&x, e);

    if (end == HTTP_OK)
        end = send_request(&x, e);
    if (end == HTTP_OK)
        end = receive(&x, e);
    if (x.fd >= 0)
        close(x.fd);
    if (end != HTTP_OK) {
        free(x.bytes);
        return end;
    }
    out->len = x.body == UNTIL_END ? x.len - x.header : x.body;
    memmove(x.bytes, x.bytes + x.header, out->len);
    x.bytes[out->len] = '\0';
    out->bytes = x.bytes;
    return HTTP_OK;
}
