/*
 * One thread, poll(2), one mutex over everything but the waiting.  A request
 * is taken for complete when its last line is: what comes in is written by
 * the code under test and never in odd pieces, but several requests may come
 * in one read.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "must.h"
#include "fake_redis.h"

#define PEERS    256
#define DRIP_MS  20
#define REQUESTS 6

static const char INFO_SERVER[] = "# Server\r\nredis_version:7.0.15\r\n";
static const char INFO_REPLICATION[] =
    "# Replication\r\nrole:master\r\nconnected_slaves:0\r\n"
    "master_replid:0123456789abcdef0123456789abcdef01234567\r\n"
    "master_repl_offset:1000\r\n";

struct answer {
    const char *request;
    char *bytes; /* owned */
    enum fake_then then;
    unsigned asked;
};

struct peer {
    int fd;       /* -1: unused */
    bool hanging; /* nothing more is read */
    char in[1024];
    size_t len;
    char *drip; /* owned; what is still to be sent of it */
    size_t dripped;
};

struct fake_redis {
    int listener;
    int wake[2]; /* a pipe; a byte means: look at the flags */
    pthread_t thread;
    char address[160];
    unsigned port;
    pthread_mutex_t mutex;
    /* Guarded by mutex. */
    struct answer answers[REQUESTS];
    struct peer peers[PEERS];
    unsigned accepted;
    bool stopping;
    bool paused;
};

static struct answer *find(struct fake_redis *f, const char *request)
{
    for (size_t i = 0; i < REQUESTS; i++)
        if (strcmp(f->answers[i].request, request) == 0)
            return &f->answers[i];
    abort();
}

static void forget(struct peer *p)
{
    close(p->fd);
    free(p->drip);
    *p = (struct peer){ .fd = -1 };
}

static void reset(struct peer *p)
{
    struct linger none = { .l_onoff = 1, .l_linger = 0 };

    setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    forget(p);
}

static void say(struct peer *p, const struct answer *a)
{
    size_t len = a->bytes == NULL ? 0 : strlen(a->bytes);

    if (a->then == FAKE_DRIP) {
        p->hanging = true;
        p->drip = strdup(a->bytes);
        return;
    }
    for (size_t n = 0; n < len;) {
        ssize_t r = send(p->fd, a->bytes + n, len - n, MSG_NOSIGNAL);

        if (r <= 0)
            break;
        n += (size_t)r;
    }
    if (a->then == FAKE_HANG)
        p->hanging = true;
    else if (a->then == FAKE_CLOSE)
        forget(p);
    else if (a->then == FAKE_RESET)
        reset(p);
}

/* The length of the first complete request in IN, its words in OUT; or 0. */
static size_t cut(const char *in, size_t len, char out[2][32])
{
    const char *at = in, *end = in + len;
    long words = strtol(at + 1, NULL, 10);

    out[0][0] = out[1][0] = '\0';
    for (long i = 0; i <= words * 2; i++) {
        const char *eol = memmem(at, (size_t)(end - at), "\r\n", 2);

        if (eol == NULL)
            return 0;
        if (i > 0 && i % 2 == 0 && i <= 4)
            snprintf(out[i / 2 - 1], 32, "%.*s", (int)(eol - at), at);
        at = eol + 2;
    }
    return (size_t)(at - in);
}

static void answer_request(struct fake_redis *f, struct peer *p,
                           char words[2][32])
{
    char name[80];
    struct answer *a;

    if (strcmp(words[0], "INFO") == 0)
        snprintf(name, sizeof name, "%s %s", words[0], words[1]);
    else
        snprintf(name, sizeof name, "%s", words[0]);
    a = find(f, name);
    a->asked++;
    say(p, a);
}

static void receive(struct fake_redis *f, struct peer *p)
{
    ssize_t r = recv(p->fd, p->in + p->len, sizeof p->in - p->len, 0);
    char words[2][32];
    size_t n;

    if (r <= 0) {
        forget(p);
        return;
    }
    p->len += (size_t)r;
    while (p->fd >= 0 && !p->hanging && p->len > 0 &&
           (n = cut(p->in, p->len, words)) > 0) {
        memmove(p->in, p->in + n, p->len - n);
        p->len -= n;
        answer_request(f, p, words);
    }
}

static void drip(struct peer *p)
{
    if (p->fd < 0 || p->drip == NULL || p->drip[p->dripped] == '\0')
        return;
    if (send(p->fd, p->drip + p->dripped, 1, MSG_NOSIGNAL) == 1)
        p->dripped++;
}

static void greet(struct fake_redis *f)
{
    int fd = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);
    int on = 1;

    if (fd < 0)
        return;
    /* A second answer would wait 40 ms for the first one's ACK (no matter
     * for a UNIX socket, which does not know the option). */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    for (size_t i = 0; i < PEERS; i++) {
        struct peer *p = &f->peers[i];

        if (p->fd >= 0)
            continue;
        *p = (struct peer){ .fd = fd };
        f->accepted++;
        say(p, find(f, "accept"));
        return;
    }
    abort();
}

static nfds_t watch(struct fake_redis *f, struct pollfd *fds, size_t *who)
{
    nfds_t n = 2;

    fds[0] = (struct pollfd){ .fd = f->wake[0], .events = POLLIN };
    fds[1] = (struct pollfd){ .fd = f->listener, .events = POLLIN };
    for (size_t i = 0; i < PEERS; i++) {
        struct peer *p = &f->peers[i];

        if (p->fd < 0)
            continue;
        who[n] = i;
        fds[n++] = (struct pollfd){
            .fd = p->fd, .events = (short)(p->hanging ? POLLRDHUP : POLLIN)
        };
    }
    return n;
}

static void serve(struct fake_redis *f, const struct pollfd *fds, nfds_t n,
                  const size_t *who)
{
    char byte[64];

    if ((fds[0].revents & POLLIN) != 0)
        MUST(read(f->wake[0], byte, sizeof byte) > 0);
    for (nfds_t i = 2; i < n; i++) {
        struct peer *p = &f->peers[who[i]];

        if (p->hanging && fds[i].revents != 0)
            forget(p);
        else if (fds[i].revents != 0)
            receive(f, p);
        else
            drip(p);
    }
    if ((fds[1].revents & POLLIN) != 0)
        greet(f);
}

static void *fake_main(void *arg)
{
    struct fake_redis *f = arg;
    struct pollfd fds[PEERS + 2];
    size_t who[PEERS + 2];

    pthread_mutex_lock(&f->mutex);
    while (!f->stopping) {
        nfds_t n = f->paused ? 0 : watch(f, fds, who);

        pthread_mutex_unlock(&f->mutex);
        poll(fds, n, DRIP_MS);
        pthread_mutex_lock(&f->mutex);
        if (n > 0)
            serve(f, fds, n, who);
    }
    pthread_mutex_unlock(&f->mutex);
    return NULL;
}

static void listen_unix(struct fake_redis *f, const char *path)
{
    struct sockaddr_un sun = { .sun_family = AF_UNIX };

    MUST(strlen(path) < sizeof sun.sun_path);
    memcpy(sun.sun_path, path, strlen(path) + 1);
    f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MUST(f->listener >= 0);
    MUST(bind(f->listener, (struct sockaddr *)&sun, sizeof sun) == 0);
    snprintf(f->address, sizeof f->address, "unix:%s", path);
}

static void listen_tcp(struct fake_redis *f, const char *host)
{
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } u = { .in6 = { .sin6_family = AF_INET6 } };
    socklen_t len = sizeof u;

    if (inet_pton(AF_INET6, host, &u.in6.sin6_addr) != 1) {
        u.in = (struct sockaddr_in){ .sin_family = AF_INET };
        MUST(inet_pton(AF_INET, host, &u.in.sin_addr) == 1);
    }
    f->listener = socket(u.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MUST(f->listener >= 0);
    MUST(bind(f->listener, &u.sa, len) == 0);
    MUST(getsockname(f->listener, &u.sa, &len) == 0);
    f->port = ntohs(u.in.sin_port); /* the same place in both */
    snprintf(f->address, sizeof f->address,
             u.sa.sa_family == AF_INET ? "%s:%u" : "[%s]:%u", host, f->port);
}

static void answer(struct fake_redis *f, const char *request,
                   enum fake_then then, char *owned)
{
    struct answer *a;

    pthread_mutex_lock(&f->mutex);
    a = find(f, request);
    free(a->bytes);
    a->bytes = owned;
    a->then = then;
    pthread_mutex_unlock(&f->mutex);
}

void fake_redis_pause(struct fake_redis *f, bool yes)
{
    pthread_mutex_lock(&f->mutex);
    f->paused = yes;
    pthread_mutex_unlock(&f->mutex);
}

static void be_healthy(struct fake_redis *f)
{
    static const char *const names[REQUESTS] = { "accept", "AUTH",
                                                 "CLIENT", "INFO server",
                                                 "PING",   "INFO replication" };

    for (size_t i = 0; i < REQUESTS; i++)
        f->answers[i].request = names[i];
    fake_redis_answer(f, "AUTH", FAKE_KEEP, "+OK\r\n");
    fake_redis_answer(f, "CLIENT", FAKE_KEEP, "+OK\r\n");
    fake_redis_answer(f, "PING", FAKE_KEEP, "+PONG\r\n");
    fake_redis_answer_bulk(f, "INFO server", INFO_SERVER);
    fake_redis_answer_bulk(f, "INFO replication", INFO_REPLICATION);
}

struct fake_redis *fake_redis_start(const char *host)
{
    struct fake_redis *f = calloc(1, sizeof *f);
    sigset_t all, old;

    MUST(f != NULL);
    pthread_mutex_init(&f->mutex, NULL);
    for (size_t i = 0; i < PEERS; i++)
        f->peers[i].fd = -1;
    be_healthy(f);
    MUST(pipe2(f->wake, O_CLOEXEC) == 0);
    if (strncmp(host, "unix:", 5) == 0)
        listen_unix(f, host + 5);
    else
        listen_tcp(f, host);
    MUST(listen(f->listener, 128) == 0);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    MUST(pthread_create(&f->thread, NULL, fake_main, f) == 0);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return f;
}

static void wake(struct fake_redis *f)
{
    MUST(write(f->wake[1], "!", 1) == 1);
}

void fake_redis_stop(struct fake_redis *f)
{
    pthread_mutex_lock(&f->mutex);
    f->stopping = true;
    pthread_mutex_unlock(&f->mutex);
    wake(f);
    pthread_join(f->thread, NULL);
    for (size_t i = 0; i < PEERS; i++)
        if (f->peers[i].fd >= 0)
            forget(&f->peers[i]);
    for (size_t i = 0; i < REQUESTS; i++)
        free(f->answers[i].bytes);
    close(f->listener);
    close(f->wake[0]);
    close(f->wake[1]);
    pthread_mutex_destroy(&f->mutex);
    free(f);
}

void fake_redis_answer(struct fake_redis *f, const char *request,
                       enum fake_then then, const char *bytes)
{
    char *copy = bytes == NULL ? NULL : strdup(bytes);

    MUST(bytes == NULL || copy != NULL);
    answer(f, request, then, copy);
}

void fake_redis_answer_bulk(struct fake_redis *f, const char *request,
                            const char *text)
{
    char *bytes;

    MUST(asprintf(&bytes, "$%zu\r\n%s\r\n", strlen(text), text) > 0);
    answer(f, request, FAKE_KEEP, bytes);
}

void fake_redis_drop(struct fake_redis *f)
{
    pthread_mutex_lock(&f->mutex);
    /* The thread may be polling it: closing it is left to that. */
    for (size_t i = 0; i < PEERS; i++)
        if (f->peers[i].fd >= 0)
            shutdown(f->peers[i].fd, SHUT_RDWR);
    pthread_mutex_unlock(&f->mutex);
}

const char *fake_redis_address(const struct fake_redis *f)
{
    return f->address;
}

unsigned fake_redis_port(const struct fake_redis *f)
{
    return f->port;
}

unsigned fake_redis_accepted(struct fake_redis *f)
{
    unsigned n;

    pthread_mutex_lock(&f->mutex);
    n = f->accepted;
    pthread_mutex_unlock(&f->mutex);
    return n;
}

unsigned fake_redis_open(struct fake_redis *f)
{
    unsigned n = 0;

    pthread_mutex_lock(&f->mutex);
    for (size_t i = 0; i < PEERS; i++)
        n += f->peers[i].fd >= 0;
    pthread_mutex_unlock(&f->mutex);
    return n;
}

unsigned fake_redis_asked(struct fake_redis *f, const char *request)
{
    unsigned n;

    pthread_mutex_lock(&f->mutex);
    n = find(f, request)->asked;
    pthread_mutex_unlock(&f->mutex);
    return n;
}
