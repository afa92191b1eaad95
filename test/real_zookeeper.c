/*
 * A session is ended by taking it over and closing it, in the raw protocol:
 * the client library has no call for it, and waiting for the server's own
 * time-out would take seconds.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/clock.h"

#include "await.h"
#include "must.h"
#include "real_zookeeper.h"
#include "scratch.h"

struct real_zookeeper {
    pid_t pid; /* 0: not running */
    uint16_t port;
    char dir[SCRATCH_SIZE];
};

static int dial(const struct real_zookeeper *z)
{
    struct sockaddr_in in = { .sin_family = AF_INET,
                              .sin_port = htons(z->port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct timeval patience = { .tv_sec = 3 };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    MUST(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&in, sizeof in) == 0)
        return fd;
    close(fd);
    return -1;
}

static bool answers(const struct real_zookeeper *z)
{
    char word[8] = "";
    int fd = dial(z);

    if (fd < 0)
        return false;
    if (write(fd, "ruok", 4) == 4)
        (void)!read(fd, word, sizeof word - 1);
    close(fd);
    return strcmp(word, "imok") == 0;
}

static void exec_server(const struct real_zookeeper *z)
{
    char path[SCRATCH_SIZE + 8];
    sigset_t none;
    int fd;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    snprintf(path, sizeof path, "%s/log", z->dir);
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(fd, 1);
    dup2(fd, 2);
    snprintf(path, sizeof path, "%s/cfg", z->dir);
    execlp("java", "java", "-Xmx64m", "-XX:+UseSerialGC", "-cp",
           "/usr/share/java/zookeeper.jar",
           "org.apache.zookeeper.server.quorum.QuorumPeerMain", path,
           (char *)NULL);
    _exit(127);
}

/* Afterwards it answers, or it has ended: the port was taken. */
static void spawn(struct real_zookeeper *z)
{
    uint64_t until = clock_mono_ms() + PATIENCE_MS;

    z->pid = fork();
    MUST(z->pid >= 0);
    if (z->pid == 0)
        exec_server(z);
    while (!answers(z)) {
        if (waitpid(z->pid, NULL, WNOHANG) == z->pid) {
            z->pid = 0;
            return;
        }
        MUST(clock_mono_ms() < until);
        await_nap();
    }
}

static void write_config(const struct real_zookeeper *z)
{
    char path[SCRATCH_SIZE + 8];
    FILE *f;

    snprintf(path, sizeof path, "%s/cfg", z->dir);
    f = fopen(path, "w");
    MUST(f != NULL);
    fprintf(f,
            "dataDir=%s/data\nclientPort=%u\nclientPortAddress=127.0.0.1\n"
            "admin.enableServer=false\ntickTime=500\n"
            "4lw.commands.whitelist=*\n",
            z->dir, z->port);
    MUST(fclose(f) == 0);
}

struct real_zookeeper *real_zookeeper_start(void)
{
    struct real_zookeeper *z = calloc(1, sizeof *z);

    MUST(z != NULL);
    scratch_dir(z->dir);
    /* A free port may be taken before the server has it. */
    for (int i = 0; i < 3 && z->pid == 0; i++) {
        int fd;

        z->port = (uint16_t)scratch_port(&fd);
        close(fd);
        write_config(z);
        spawn(z);
    }
    MUST(z->pid != 0);
    return z;
}

static void remove_tree(const char *path)
{
    pid_t pid = fork();

    MUST(pid >= 0);
    if (pid == 0) {
        execlp("rm", "rm", "-rf", path, (char *)NULL);
        _exit(127);
    }
    MUST(waitpid(pid, NULL, 0) == pid);
}

void real_zookeeper_stop(struct real_zookeeper *z)
{
    real_zookeeper_kill(z);
    remove_tree(z->dir);
    free(z);
}

void real_zookeeper_kill(struct real_zookeeper *z)
{
    if (z->pid == 0)
        return;
    real_zookeeper_signal(z, SIGKILL);
    MUST(waitpid(z->pid, NULL, 0) == z->pid);
    z->pid = 0;
}

void real_zookeeper_revive(struct real_zookeeper *z)
{
    spawn(z);
    MUST(z->pid != 0);
}

void real_zookeeper_forget(struct real_zookeeper *z)
{
    char path[SCRATCH_SIZE + 8];

    snprintf(path, sizeof path, "%s/data", z->dir);
    remove_tree(path);
}

void real_zookeeper_signal(struct real_zookeeper *z, int signal)
{
    MUST(kill(z->pid, signal) == 0);
    /* Threads on other processors may run on for a moment. */
    if (signal == SIGSTOP)
        MUST(waitpid(z->pid, NULL, WUNTRACED) == z->pid);
}

uint16_t real_zookeeper_port(const struct real_zookeeper *z)
{
    return z->port;
}

static bool read_all(int fd, char *out, size_t len)
{
    while (len > 0) {
        ssize_t n = read(fd, out, len);

        if (n <= 0)
            return false;
        out += n;
        len -= (size_t)n;
    }
    return true;
}

bool real_zookeeper_expire(struct real_zookeeper *z, int64_t session,
                           const char password[16])
{
    /* The request to connect with the session, then the one to close it. */
    unsigned char m[4 + 45 + 4 + 8] = { 0 };
    char reply[41];
    uint64_t id = htobe64((uint64_t)session);
    int64_t got = -1;
    int fd = dial(z);

    MUST(fd >= 0);
    m[3] = 45;
    m[4 + 14] = 0x0f; /* a timeout of 4000 ms: 0x0fa0 at 4 + 4 + 8 + 2 */
    m[4 + 15] = 0xa0;
    memcpy(m + 4 + 16, &id, 8);
    m[4 + 27] = 16;
    memcpy(m + 4 + 28, password, 16);
    m[49 + 3] = 8;
    m[53 + 3] = 1;
    memset(m + 57, 0xff, 4);
    m[60] = 0xf5; /* -11: close the session */
    if (write(fd, m, sizeof m) == (ssize_t)sizeof m &&
        read_all(fd, reply, 4 + 16))
        memcpy(&got, reply + 4 + 8, 8);
    while (got != 0 && read(fd, reply, sizeof reply) > 0)
        continue;
    close(fd);
    return got == 0;
}
