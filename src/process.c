/*
 * Figures of this process from /proc/self/status (proc(5)), by their names,
 * since the order of its lines is not promised; whether another process is
 * one of us, from its /proc/PID/stat; and which boot this is.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static long status_field(const char *name)
{
    char text[4096];
    if (read_text("/proc/self/status", text, sizeof text) != 0)
        return -1;
    const char *line = strstr(text, name);
    return line == NULL ? -1 : strtol(line + strlen(name), NULL, 10);
}

long process_threads(void)
{
    return status_field("\nThreads:");
}

long process_rss_kb(void)
{
    return status_field("\nVmRSS:");
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
