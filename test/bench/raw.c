/*
 * The limit: one thread that on N kept connections writes what a probe writes
 * and reads what is answered, once every PERIOD_MS, and does nothing else.
 *
 *     raw PORT N PERIOD_MS SPREAD_PERCENT INFO_EVERY START_MS
 *
 * INFO_EVERY: in each such round INFO replication goes out in the same write.
 * START_MS: of the monotonic clock; the first round.  It says "ready" when it
 * is connected, and runs until it is killed.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <netinet/tcp.h>

#include "../must.h"
#include "address.h"

#define EVENTS 1024

static char PING[] = "*1\r\n$4\r\nPING\r\n";
static char INFO[] = "*2\r\n$4\r\nINFO\r\n$11\r\nreplication\r\n";

static uint64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void sleep_until(uint64_t ms)
{
    struct timespec t = { .tv_sec = (time_t)(ms / 1000),
                          .tv_nsec = (long)(ms % 1000) * 1000000 };

    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static int connect_one(unsigned i, uint16_t port)
{
    struct sockaddr_in a = farm_address(i, port);
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    MUST(fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static void ask(int fd, bool info)
{
    struct iovec iov[] = { { PING, sizeof PING - 1 },
                           { INFO, sizeof INFO - 1 } };

    if (info)
        MUST(writev(fd, iov, 2) > 0);
    else
        MUST(write(fd, PING, sizeof PING - 1) > 0);
}

/* Reads whatever is there, waiting TIMEOUT_MS for it. */
static unsigned collect(int epoll, int timeout_ms)
{
    struct epoll_event events[EVENTS];
    char buffer[65536];
    int n = epoll_wait(epoll, events, EVENTS, timeout_ms);

    for (int i = 0; i < n; i++)
        MUST(read(events[i].data.fd, buffer, sizeof buffer) > 0);
    return n > 0 ? (unsigned)n : 0;
}

/* Connection I is asked at its part of SPREAD_MS. */
static void burst(int epoll, const int *fds, unsigned n, uint64_t begin_ms,
                  uint64_t spread_ms, bool info)
{
    unsigned asked = 0, answered = 0;

    while (answered < n) {
        uint64_t now = now_ms();

        while (asked < n && begin_ms + spread_ms * asked / n <= now)
            ask(fds[asked++], info);
        answered += collect(epoll, asked < n ? 1 : -1);
    }
}

static void allow_descriptors(void)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* Returns the connections, and an epoll on all of them. */
static int *connect_all(unsigned n, uint16_t port, int *epoll)
{
    int *fds = calloc(n, sizeof *fds);

    *epoll = epoll_create1(0);
    MUST(fds != NULL && *epoll >= 0);
    for (unsigned i = 0; i < n; i++) {
        struct epoll_event e = { .events = EPOLLIN };

        e.data.fd = fds[i] = connect_one(i, port);
        MUST(epoll_ctl(*epoll, EPOLL_CTL_ADD, fds[i], &e) == 0);
    }
    return fds;
}

int main(int argc, char **argv)
{
    unsigned n, info_every;
    uint64_t period_ms, spread_ms, next_ms;
    int *fds, epoll;

    MUST(argc == 7);
    n = (unsigned)atoi(argv[2]);
    period_ms = strtoull(argv[3], NULL, 10);
    spread_ms = period_ms * strtoull(argv[4], NULL, 10) / 100;
    info_every = (unsigned)atoi(argv[5]);
    next_ms = strtoull(argv[6], NULL, 10);
    allow_descriptors();
    fds = connect_all(n, (uint16_t)atoi(argv[1]), &epoll);
    puts("ready");
    fflush(stdout);
    while (next_ms < now_ms())
        next_ms += period_ms;
    for (unsigned round = 1;; round++, next_ms += period_ms) {
        sleep_until(next_ms);
        burst(epoll, fds, n, next_ms, spread_ms, round % info_every == 0);
    }
}
