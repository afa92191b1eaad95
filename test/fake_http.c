#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "must.h"
#include "fake_http.h"

#define DRIP_MS 20

struct fake_http {
    const char *bytes;
    enum fake_http_then then;
    int listener;
    int stop[2]; /* a pipe; closed to end the thread */
    pthread_t thread;
    unsigned short port;
    pthread_mutex_t lock;
    char request[FAKE_HTTP_REQUEST]; /* lock */
};

/* False: to be stopped. */
static bool wait_for(struct fake_http *f, int fd, short events, int ms)
{
    struct pollfd p[] = { { .fd = fd, .events = events },
                          { .fd = f->stop[0], .events = POLLIN } };

    MUST(poll(p, 2, ms) >= 0);
    return p[1].revents == 0;
}

/* False: the client is gone, or we are to stop. */
static bool read_request(struct fake_http *f, int fd)
{
    char text[FAKE_HTTP_REQUEST] = "";
    size_t len = 0;

    while (strstr(text, "\r\n\r\n") == NULL) {
        if (!wait_for(f, fd, POLLIN, -1))
            return false;
        ssize_t n = read(fd, text + len, sizeof text - 1 - len);
        if (n <= 0)
            return false;
        len += (size_t)n;
        text[len] = '\0';
    }
    pthread_mutex_lock(&f->lock);
    strcpy(f->request, text);
    pthread_mutex_unlock(&f->lock);
    return true;
}

static bool gone(int fd)
{
    char byte;
    ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);

    return n == 0 || (n < 0 && errno != EAGAIN);
}

static void go_on(struct fake_http *f, int fd)
{
    char last[4096];
    size_t n = f->then == FAKE_HTTP_FLOOD ? sizeof last : 1;

    memset(last, f->bytes[strlen(f->bytes) - 1], sizeof last);
    while (wait_for(f, fd, f->then == FAKE_HTTP_FLOOD ? POLLOUT : 0,
                    f->then == FAKE_HTTP_FLOOD ? -1 : DRIP_MS) &&
           !gone(fd) && send(fd, last, n, MSG_NOSIGNAL) > 0) {
    }
}

static void finish(struct fake_http *f, int fd)
{
    const struct linger at_once = { .l_onoff = 1 };

    switch (f->then) {
    case FAKE_HTTP_CLOSE:
        break;
    case FAKE_HTTP_RESET:
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        break;
    case FAKE_HTTP_HOLD:
        while (!gone(fd) && wait_for(f, fd, POLLIN, -1)) {
        }
        break;
    case FAKE_HTTP_DRIP:
    case FAKE_HTTP_FLOOD:
        go_on(f, fd);
        break;
    }
}

static void *serve(void *arg)
{
    struct fake_http *f = arg;

    while (wait_for(f, f->listener, POLLIN, -1)) {
        int fd = accept(f->listener, NULL, NULL);

        MUST(fd >= 0);
        if (read_request(f, fd) &&
            send(fd, f->bytes, strlen(f->bytes), MSG_NOSIGNAL) >= 0)
            finish(f, fd);
        close(fd);
    }
    return NULL;
}

static void bind_to(struct fake_http *f, const char *host)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
    } a;
    socklen_t size = sizeof a.un;

    memset(&a, 0, sizeof a);
    if (strncmp(host, "unix:", 5) == 0) {
        a.un.sun_family = AF_UNIX;
        strncpy(a.un.sun_path, host + 5, sizeof a.un.sun_path - 1);
    } else if (strchr(host, ':') != NULL) {
        a.in6.sin6_family = AF_INET6;
        MUST(inet_pton(AF_INET6, host, &a.in6.sin6_addr) == 1);
        size = sizeof a.in6;
    } else {
        a.in.sin_family = AF_INET;
        MUST(inet_pton(AF_INET, host, &a.in.sin_addr) == 1);
        size = sizeof a.in;
    }
    f->listener = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MUST(f->listener >= 0);
    MUST(bind(f->listener, &a.any, size) == 0);
    MUST(listen(f->listener, 8) == 0);
    MUST(getsockname(f->listener, &a.any, &size) == 0);
    f->port =
        ntohs(a.any.sa_family == AF_INET6 ? a.in6.sin6_port : a.in.sin_port);
}

struct fake_http *fake_http_start(const char *host, const char *bytes,
                                  enum fake_http_then then)
{
    struct fake_http *f = calloc(1, sizeof *f);

    MUST(f != NULL);
    f->bytes = bytes;
    f->then = then;
    bind_to(f, host);
    MUST(pipe(f->stop) == 0);
    pthread_mutex_init(&f->lock, NULL);
    MUST(pthread_create(&f->thread, NULL, serve, f) == 0);
    return f;
}

void fake_http_stop(struct fake_http *f)
{
    close(f->stop[1]);
    pthread_join(f->thread, NULL);
    close(f->stop[0]);
    close(f->listener);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

unsigned short fake_http_port(const struct fake_http *f)
{
    return f->port;
}

void fake_http_request(struct fake_http *f, char out[FAKE_HTTP_REQUEST])
{
    pthread_mutex_lock(&f->lock);
    strcpy(out, f->request);
    pthread_mutex_unlock(&f->lock);
}
