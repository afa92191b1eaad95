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

static void catch (const char *format, va_list args)
    __attribute__((format(printf, 1, 0)));

static void catch (const char *format, va_list args)
{
    int fd = open(caught_file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

    vdprintf(fd, format, args);
    dprintf(fd, "\n");
    close(fd);
}

void __wrap_syslog(int priority, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* What the first becomes with _FORTIFY_SOURCE. */
void __wrap___syslog_chk(int priority, int flag, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void __wrap_syslog(int priority, const char *format, ...)
{
    va_list args;

    (void)priority;
    va_start(args, format);
    catch (format, args);
    va_end(args);
}

void __wrap___syslog_chk(int priority, int flag, const char *format, ...)
{
    va_list args;

    (void)priority;
    (void)flag;
    va_start(args, format);
    catch (format, args);
    va_end(args);
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
