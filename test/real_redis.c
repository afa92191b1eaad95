/*
 * $REDIS_SERVER is run in place of redis-server, if it is set.
 *
 * Commands are sent as inline commands over a plain socket: the code under
 * test is no tool for its own test.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "must.h"
#include "scratch.h"
#include "real_redis.h"

struct real_redis {
    pid_t pid; /* 0: not running */
    unsigned port;
    char dir[SCRATCH_SIZE];
    char options[256];
    char address[32];
    char unix_address[SCRATCH_SIZE + 8];
};

static void exec_server(const struct real_redis *r)
{
    char command[1024];
    sigset_t none;

    snprintf(command, sizeof command,
             "exec ${REDIS_SERVER:-redis-server} --port %u --bind 127.0.0.1 "
             "--save '' "
             "--dir %s --unixsocket %s/s --logfile %s/log %s",
             r->port, r->dir, r->dir, r->dir, r->options);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

static int dial(const struct real_redis *r)
{
    struct sockaddr_in in = { .sin_family = AF_INET };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    MUST(fd >= 0);
    in.sin_port = htons((uint16_t)r->port);
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&in, sizeof in) == 0)
        return fd;
    close(fd);
    return -1;
}

/* Or it has ended: the port was taken. */
static bool accepts(void *arg)
{
    struct real_redis *r = arg;
    int fd;

    if (waitpid(r->pid, NULL, WNOHANG) == r->pid) {
        r->pid = 0;
        return true;
    }
    fd = dial(r);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static void spawn(struct real_redis *r)
{
    r->pid = fork();
    MUST(r->pid >= 0);
    if (r->pid == 0)
        exec_server(r);
    MUST(bench_until(accepts, r));
}

struct real_redis *real_redis_start(const char *options)
{
    struct real_redis *r = calloc(1, sizeof *r);

    MUST(r != NULL);
    scratch_dir(r->dir);
    snprintf(r->options, sizeof r->options, "%s", options);
    snprintf(r->unix_address, sizeof r->unix_address, "unix:%s/s", r->dir);
    /* A free port may be taken before the server has it. */
    for (int i = 0; i < 10 && r->pid == 0; i++) {
        int fd;

        r->port = scratch_port(&fd);
        close(fd);
        spawn(r);
    }
    MUST(r->pid != 0);
    snprintf(r->address, sizeof r->address, "127.0.0.1:%u", r->port);
    return r;
}

void real_redis_signal(struct real_redis *r, int signal)
{
    MUST(kill(r->pid, signal) == 0);
    /* Its threads on other processors may run on for a moment. */
    if (signal == SIGSTOP)
        MUST(waitpid(r->pid, NULL, WUNTRACED) == r->pid);
}

void real_redis_kill(struct real_redis *r)
{
    if (r->pid == 0)
        return;
    real_redis_signal(r, SIGKILL);
    MUST(waitpid(r->pid, NULL, 0) == r->pid);
    r->pid = 0;
}

void real_redis_revive(struct real_redis *r)
{
    spawn(r);
    MUST(r->pid != 0);
}

void real_redis_stop(struct real_redis *r)
{
    static const char *const files[] = { "s", "log", "dump.rdb" };
    char path[SCRATCH_SIZE + 16];

    real_redis_kill(r);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", r->dir, files[i]);
        unlink(path);
    }
    MUST(rmdir(r->dir) == 0);
    free(r);
}

const char *real_redis_address(const struct real_redis *r)
{
    return r->address;
}

const char *real_redis_unix(const struct real_redis *r)
{
    return r->unix_address;
}

unsigned real_redis_port(const struct real_redis *r)
{
    return r->port;
}

int real_redis_send(struct real_redis *r, const char *line)
{
    int fd = dial(r);

    MUST(fd >= 0);
    MUST(dprintf(fd, "%s\r\n", line) > 0);
    return fd;
}

void real_redis_do(struct real_redis *r, const char *line)
{
    int fd = real_redis_send(r, line);
    struct pollfd p = { .fd = fd, .events = POLLIN };
    char reply[64] = "";

    MUST(poll(&p, 1, 10000) == 1);
    MUST(read(fd, reply, sizeof reply - 1) > 0);
    if (strcmp(reply, "+OK\r\n") != 0) {
        fprintf(stderr, "%s: %s", line, reply);
        abort();
    }
    close(fd);
}
