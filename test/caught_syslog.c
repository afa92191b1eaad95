/*
 * A syslog that a test can read: there may be none on this machine, and the
 * real one would not tell what it got.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "caught_syslog.h"

static const char *caught_file = "/dev/null";

void __wrap_syslog(int priority, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void __wrap_syslog(int priority, const char *format, ...)
{
    va_list args;
    int fd = open(caught_file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    (void)priority;
    va_start(args, format);
    vdprintf(fd, format, args);
    va_end(args);
    dprintf(fd, "\n");
    close(fd);
}

void caught_syslog_to(const char *file)
{
    caught_file = file;
}

void caught_syslog(char *out, size_t size)
{
    int fd = open(caught_file, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, out, size - 1);
    out[n < 0 ? 0 : n] = '\0';
    if (fd >= 0)
        close(fd);
}
