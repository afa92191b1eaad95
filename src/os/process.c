/*
 * Figures of this process from /proc/self/status (proc(5)), by their names,
 * since the order of its lines is not promised; whether another process is
 * one of us, from its /proc/PID/stat; and which boot this is.
 *
 * Descriptors are counted by poll(2), which says of each number whether it is
 * one: to list /proc/self/fd costs a lookup and an entry in the kernel's caches
 * for each of them, and five thousand would take the loop milliseconds.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/clock.h"

#include "agent/process.h"

/* -1 when there is nothing to read. */
static int read_text(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t n = read(fd, text, size - 1);
    close(fd);
    if (n <= 0)
        return -1;
    text[n] = '\0';
    return 0;
}

struct status {
    char text[4096];
};

static void read_status(struct status *s)
{
    if (read_text("/proc/self/status", s->text, sizeof s->text) != 0)
        s->text[0] = '\0';
}

static long field(const struct status *s, const char *name)
{
    const char *line = strstr(s->text, name);
    return line == NULL ? -1 : strtol(line + strlen(name), NULL, 10);
}

static uint64_t field_or_0(const struct status *s, const char *name)
{
    long n = field(s, name);
    return n < 0 ? 0 : (uint64_t)n;
}

/* Asked every round: the folder of threads has a link for each of them, which
 * costs a tenth of having the kernel write a page of text. */
long process_threads(void)
{
    struct stat st;
    if (stat("/proc/self/task", &st) != 0 || st.st_nlink < 3)
        return -1;
    return (long)st.st_nlink - 2;
}

long process_rss_kb(void)
{
    struct status s;
    read_status(&s);
    return field(&s, "\nVmRSS:");
}

static uint64_t limit(__rlimit_resource_t of)
{
    struct rlimit l;
    if (getrlimit(of, &l) != 0)
        return 0;
    return l.rlim_cur == RLIM_INFINITY ? UINT64_MAX : l.rlim_cur;
}

static void memory_from(const struct status *s, struct process_memory *out)
{
    struct mallinfo2 heap = mallinfo2();
    *out = (struct process_memory){
        .heap_in_use = heap.uordblks + heap.hblkhd,
        .heap_free = heap.fordblks,
        .heap_mapped = heap.hblkhd,
        .heap_arena = heap.arena,
        .resident = field_or_0(s, "\nVmRSS:") * 1024,
        .virtual_size = field_or_0(s, "\nVmSize:") * 1024,
        .virtual_max = limit(RLIMIT_AS),
    };
}

void process_memory(struct process_memory *out)
{
    struct status s;
    read_status(&s);
    memory_from(&s, out);
}

/* Of those below N. */
static uint64_t count_fds(uint64_t n)
{
    struct pollfd some[256];
    uint64_t open_fds = 0;
    for (uint64_t first = 0; first < n; first += 256) {
        nfds_t count = n - first < 256 ? (nfds_t)(n - first) : 256;
        for (nfds_t i = 0; i < count; i++)
            some[i] = (struct pollfd){ .fd = (int)(first + i) };
        if (poll(some, count, 0) < 0)
            return 0;
        for (nfds_t i = 0; i < count; i++)
            open_fds += (some[i].revents & POLLNVAL) == 0;
    }
    return open_fds;
}

void process_figures(struct process_figures *out)
{
    struct timespec cpu = { 0, 0 };
    struct status s;
    read_status(&s);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    *out = (struct process_figures){
        .cpu_us = (uint64_t)cpu.tv_sec * 1000000 + (uint64_t)cpu.tv_nsec / 1000,
        .open_fds = count_fds(field_or_0(&s, "\nFDSize:")),
        .max_fds = limit(RLIMIT_NOFILE),
        .threads = field_or_0(&s, "\nThreads:"),
    };
    memory_from(&s, &out->memory);
}

/* The 22nd field of stat: ticks from the boot to the start; -1: unknown. */
static int64_t start_after_boot_ms(void)
{
    char text[1024];
    if (read_text("/proc/self/stat", text, sizeof text) != 0)
        return -1;
    const char *at = strrchr(text, ')');
    for (int n = 2; n < 22 && at != NULL; n++)
        at = strchr(at + 1, ' ');
    if (at == NULL)
        return -1;
    return (int64_t)(strtoull(at, NULL, 10) * 1000 /
                     (unsigned long long)sysconf(_SC_CLK_TCK));
}

static int64_t started_by_now(void)
{
    struct timespec up;
    int64_t start_ms = start_after_boot_ms();
    if (start_ms < 0 || clock_gettime(CLOCK_BOOTTIME, &up) != 0)
        return clock_wall_ms();
    return clock_wall_ms() -
           ((int64_t)up.tv_sec * 1000 + up.tv_nsec / 1000000 - start_ms);
}

int64_t process_started_wall_ms(void)
{
    static _Atomic int64_t started;
    int64_t none = 0;
    if (atomic_load(&started) == 0)
        atomic_compare_exchange_strong(&started, &none, started_by_now());
    return atomic_load(&started);
}

void process_boot(char out[PROCESS_BOOT_SIZE])
{
    if (read_text("/proc/sys/kernel/random/boot_id", out, PROCESS_BOOT_SIZE) !=
        0)
        out[0] = '\0';
}

/* "PID (NAME) STATE …"; the name may hold anything, parentheses too. */
static int read_name(const char *path, char *name, size_t size, char *state)
{
    char text[512];
    if (read_text(path, text, sizeof text) != 0)
        return -1;
    const char *open_at = strchr(text, '(');
    const char *close_at = strrchr(text, ')');
    if (open_at == NULL || close_at == NULL || close_at[1] != ' ')
        return -1;
    snprintf(name, size, "%.*s", (int)(close_at - open_at - 1), open_at + 1);
    *state = close_at[2];
    return 0;
}

bool process_is_kin(long pid)
{
    char path[40];
    char own[64];
    char other[64];
    char state;

    if (pid <= 0 || pid == (long)getpid() ||
        (kill((pid_t)pid, 0) != 0 && errno == ESRCH))
        return false;
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    if (read_name("/proc/self/stat", own, sizeof own, &state) != 0 ||
        read_name(path, other, sizeof other, &state) != 0)
        return true;
    return state != 'Z' && state != 'X' && strcmp(own, other) == 0;
}
