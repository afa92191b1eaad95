/*
 * Figures of this process from /proc/self/status (proc(5)), by their names,
 * since the order of its lines is not promised.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/process.h"

static long status_field(const char *name)
{
    char text[4096];
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0)
        return -1;
    text[n] = '\0';
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
