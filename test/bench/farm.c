/*
 * A farm of thousands of fake Redis instances in one thread, lean enough not
 * to be what is measured.
 *
 *     farm [healthy|hung|dropped]...
 *
 * Each word opens one port for all addresses of this machine (address.h), and
 * is answered with a line "WORD PORT".  healthy: answers.  hung: accepts, and
 * never answers.  dropped: its backlog is full, so that SYNs are dropped.
 *
 * Lines on the standard input are commands, each answered with a line:
 *
 *     reset      forget what was counted
 *     stats      "stats PINGS MAX_GAP_US P50_GAP_US": PINGs since the reset,
 *                and the longest time between two of one instance, the worst
 *                and the median over the instances
 *     loading    from now on PING is answered with -LOADING
 *     serving    and with +PONG again
 *     hang up    closes all connections of healthy instances
 *
 * It ends with its standard input.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../must.h"
#include "address.h"

#define INSTANCES 65536 /* at most */
#define FDS       131072
#define EVENTS    512
#define REQUEST   4096
#define BACKLOG   4096
#define FILLERS   16 /* of a backlog of none */

enum kind { KIND_NONE, KIND_INPUT, KIND_LISTEN, KIND_HUNG, KIND_CLIENT };

static struct {
    enum kind kind;
    unsigned instance;
} fds[FDS];

static struct {
    uint64_t last_us; /* of the last PING; 0: none */
    uint64_t gap_us;  /* the longest since the reset */
} instances[INSTANCES];

static int epoll;
static uint64_t pings;
static bool loading;

static const char PING[] = "*1\r\n$4\r\nPING\r\n";
static const char PONG[] = "+PONG\r\n";
static const char LOADING[] = "-LOADING Redis is loading the dataset\r\n";
static const char OK[] = "+OK\r\n";
static const char ONE[] = ":1\r\n";
static const char SUBSCRIBED[] =
    "*3\r\n$9\r\nsubscribe\r\n$18\r\n__sentinel__:hello\r\n:1\r\n";
static const char SERVER[] =
    "# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\n"
    "os:Linux 6.1.0 x86_64\r\narch_bits:64\r\n"
    "run_id:2a7e9c1f0b6d4e8a9c3b5d7f1e2a4c6b8d0f1a3c\r\n"
    "tcp_port:6379\r\nuptime_in_seconds:4711\r\n";
static const char REPLICATION[] =
    "# Replication\r\nrole:master\r\nconnected_slaves:0\r\n"
    "master_failover_state:no-failover\r\n"
    "master_replid:8c5d3f2e1a0b9c8d7e6f5a4b3c2d1e0f9a8b7c6d\r\n"
    "master_replid2:0000000000000000000000000000000000000000\r\n"
    "master_repl_offset:0\r\nsecond_repl_offset:-1\r\n"
    "repl_backlog_active:0\r\nrepl_backlog_size:1048576\r\n"
    "repl_backlog_first_byte_offset:0\r\nrepl_backlog_histlen:0\r\n";

static uint64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void watch(int fd, enum kind kind, unsigned instance)
{
    struct epoll_event e = { .events = EPOLLIN, .data.fd = fd };

    MUST(fd < FDS);
    fds[fd].kind = kind;
    fds[fd].instance = instance;
    MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) == 0);
}

/* --------------------------------------------------------------- answers */

static size_t text(char *out, const char *words)
{
    size_t n = strlen(words);

    memcpy(out, words, n);
    return n;
}

static size_t bulk(char *out, const char *a, const char *b)
{
    size_t len = strlen(a) + strlen(b);

    return (size_t)sprintf(out, "$%zu\r\n%s%s\r\n", len, a, b);
}

static void count_ping(unsigned instance)
{
    uint64_t now = now_us();
    uint64_t gap = now - instances[instance].last_us;

    if (instances[instance].last_us != 0 && gap > instances[instance].gap_us)
        instances[instance].gap_us = gap;
    instances[instance].last_us = now;
    pings++;
}

static size_t answer_ping(char *out, unsigned instance)
{
    count_ping(instance);
    return text(out, loading ? LOADING : PONG);
}

/* To the request at IN, of which WORD and what follows are known. */
static size_t answer(char *out, const char *word, size_t len, const char *next,
                     unsigned instance)
{
    if (len == 4 && strncasecmp(word, "PING", 4) == 0)
        return answer_ping(out, instance);
    if (len == 4 && strncasecmp(word, "INFO", 4) == 0) {
        if (strncasecmp(next, "$6\r\nserver", 10) == 0)
            return bulk(out, SERVER, "");
        if (strncasecmp(next, "$11\r\nreplication", 16) == 0)
            return bulk(out, REPLICATION, "");
        return bulk(out, SERVER, REPLICATION);
    }
    if (len == 7 && strncasecmp(word, "PUBLISH", 7) == 0)
        return text(out, ONE);
    if (len == 9 && strncasecmp(word, "SUBSCRIBE", 9) == 0)
        return text(out, SUBSCRIBED);
    return text(out, OK);
}

/* Skips one "$LEN\r\n…\r\n" at IN; NULL if it is not all there. */
static const char *skip_bulk(const char *in, const char *end)
{
    const char *line = memchr(in, '\n', (size_t)(end - in));
    size_t len;

    if (line == NULL)
        return NULL;
    len = (size_t)strtoul(in + 1, NULL, 10);
    return (size_t)(end - line - 1) < len + 2 ? NULL : line + 1 + len + 2;
}

/* One request; returns where it ends, or NULL when it is not all there. */
static const char *request(const char *in, const char *end, char *out,
                           size_t *used, unsigned instance)
{
    const char *line = memchr(in, '\n', (size_t)(end - in));
    unsigned long argc = strtoul(in + 1, NULL, 10);
    const char *word, *at, *next = "";

    if (line == NULL)
        return NULL;
    at = word = line + 1;
    for (unsigned long i = 0; i < argc; i++) {
        if (i == 1)
            next = at;
        at = at < end ? skip_bulk(at, end) : NULL;
        if (at == NULL)
            return NULL;
    }
    line = memchr(word, '\n', (size_t)(end - word));
    *used += answer(out + *used, line + 1, strtoul(word + 1, NULL, 10), next,
                    instance);
    return at;
}

/* Requests come whole here: the clients write each round in one piece. */
static void serve(int fd)
{
    static char in[REQUEST + 1], out[64 * REQUEST];
    const size_t ping = sizeof PING - 1;
    ssize_t n = read(fd, in, REQUEST);
    const char *at = in;
    size_t used = 0;

    if (n <= 0) {
        close(fd);
        fds[fd].kind = KIND_NONE;
        return;
    }
    in[n] = '\0';
    if ((size_t)n == ping && memcmp(in, PING, ping) == 0) {
        used = answer_ping(out, fds[fd].instance);
        at = NULL;
    }
    while (at != NULL && at < in + n)
        at = request(at, in + n, out, &used, fds[fd].instance);
    if (write(fd, out, used) < 0 && errno != EPIPE && errno != ECONNRESET)
        perror("farm: write");
}

/* ------------------------------------------------------------- listening */

static void accept_all(int listener, enum kind kind)
{
    struct sockaddr_in own;
    socklen_t len = sizeof own;
    int fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        MUST(getsockname(fd, (struct sockaddr *)&own, &len) == 0);
        if (kind == KIND_LISTEN)
            watch(fd, KIND_CLIENT, farm_index(&own) % INSTANCES);
    }
}

static void fill_backlog(const struct sockaddr_in *a)
{
    for (int i = 0; i < FILLERS; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

        MUST(fd >= 0);
        connect(fd, (const struct sockaddr *)a, sizeof *a);
    }
}

static void open_port(const char *word)
{
    bool dropped = strcmp(word, "dropped") == 0;
    struct sockaddr_in a = { .sin_family = AF_INET };
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    MUST(fd >= 0 && bind(fd, (struct sockaddr *)&a, len) == 0 &&
         listen(fd, dropped ? 0 : BACKLOG) == 0 &&
         getsockname(fd, (struct sockaddr *)&a, &len) == 0);
    if (dropped)
        fill_backlog(&a);
    else
        watch(fd, strcmp(word, "hung") == 0 ? KIND_HUNG : KIND_LISTEN, 0);
    printf("%s %u\n", word, ntohs(a.sin_port));
}

/* -------------------------------------------------------------- commands */

static int by_gap(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static void print_stats(void)
{
    static uint64_t gaps[INSTANCES];
    size_t n = 0;

    for (size_t i = 0; i < INSTANCES; i++)
        if (instances[i].gap_us > 0)
            gaps[n++] = instances[i].gap_us;
    qsort(gaps, n, sizeof gaps[0], by_gap);
    printf("stats %llu %llu %llu\n", (unsigned long long)pings,
           (unsigned long long)(n > 0 ? gaps[n - 1] : 0),
           (unsigned long long)(n > 0 ? gaps[n / 2] : 0));
}

static void hang_up(void)
{
    for (int fd = 0; fd < FDS; fd++) {
        if (fds[fd].kind != KIND_CLIENT)
            continue;
        close(fd);
        fds[fd].kind = KIND_NONE;
    }
}

static void command(void)
{
    char line[64];

    if (fgets(line, sizeof line, stdin) == NULL)
        exit(0);
    if (strcmp(line, "stats\n") == 0) {
        print_stats();
        return;
    }
    if (strcmp(line, "reset\n") == 0) {
        memset(instances, 0, sizeof instances);
        pings = 0;
    } else if (strcmp(line, "hang up\n") == 0) {
        hang_up();
    } else {
        loading = strcmp(line, "loading\n") == 0;
    }
    printf("done\n");
}

static void handle(int fd)
{
    switch (fds[fd].kind) {
    case KIND_NONE:
        break;
    case KIND_INPUT:
        command();
        break;
    case KIND_LISTEN:
    case KIND_HUNG:
        accept_all(fd, fds[fd].kind);
        break;
    case KIND_CLIENT:
        serve(fd);
        break;
    }
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS];
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    setvbuf(stdin, NULL, _IONBF, 0);
    setvbuf(stdout, NULL, _IOLBF, 0);
    epoll = epoll_create1(0);
    MUST(epoll >= 0);
    watch(0, KIND_INPUT, 0);
    for (int i = 1; i < argc; i++)
        open_port(argv[i]);
    for (;;) {
        int n = epoll_wait(epoll, events, EVENTS, -1);

        for (int i = 0; i < n; i++)
            handle(events[i].data.fd);
    }
}
