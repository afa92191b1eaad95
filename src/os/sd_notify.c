/*
 * The protocol of sd_notify(3): one datagram of lines KEY=value to the UNIX
 * socket in $NOTIFY_SOCKET, whose path or (after @) abstract name that is.
 *
 * Not by libsystemd: its own page says that the protocol is stable and easy to
 * speak without it, and on Debian 12 the library would bring libcap,
 * libgcrypt, liblz4, liblzma and libzstd into a process that is to be small.
 *
 * The address is kept and not connected to, so that a manager that makes its
 * socket anew is found again.  It is never waited for; a state that it had no
 * room for is owed, and comes before whatever is said next.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/clock.h"
#include "agent/log.h"

#include "agent/sd_notify.h"

#define MESSAGE_SIZE (SD_NOTIFY_STATUS_SIZE + 16)

/* Set before the first thread. */
static int fd = -1;
static struct sockaddr_un address;
static socklen_t address_len;
static uint64_t watchdog_ms;

/* The loop's. */
static char owed[64]; /* a state that could not be sent; "": none */
static char last_status[SD_NOTIFY_STATUS_SIZE];

/* A positive number and nothing else; 0 otherwise. */
static uint64_t take_number(const char *name)
{
    uint64_t value = 0;
    const char *text = getenv(name);
    if (text != NULL && text[0] >= '0' && text[0] <= '9') {
        char *end;
        errno = 0;
        value = strtoull(text, &end, 10);
        if (errno != 0 || *end != '\0')
            value = 0;
    }
    return value;
}

/* Zero if somebody else is meant. */
static void take_watchdog(void)
{
    uint64_t us = take_number("WATCHDOG_USEC");
    bool everyone = getenv("WATCHDOG_PID") == NULL;
    if (!everyone && take_number("WATCHDOG_PID") != (uint64_t)getpid())
        us = 0;
    watchdog_ms = us / 1000;
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

static bool take_address(const char *name)
{
    size_t len = strlen(name);
    if ((name[0] != '/' && name[0] != '@') || name[1] == '\0' ||
        len >= sizeof address.sun_path)
        return false;
    address = (struct sockaddr_un){ .sun_family = AF_UNIX };
    memcpy(address.sun_path, name, len);
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len +
                              (name[0] == '/'));
    return true;
}

void sd_notify_open(void)
{
    const char *name = getenv("NOTIFY_SOCKET");
    if (name == NULL)
        return;
    take_watchdog();
    bool good = take_address(name);
    if (good)
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        LOG_EVENT(LOG_LEVEL_WARN, "notify_failed", LOG_STR("socket", name),
                  LOG_STR("detail", good ? strerror(errno)
                                         : "neither a path nor abstract"));
    if (fd < 0)
        watchdog_ms = 0;
    unsetenv("NOTIFY_SOCKET");
}

/* False only when it may be sent later. */
static bool send_now(const char *text)
{
    ssize_t n;
    if (fd < 0)
        return true;
    do {
        n = sendto(fd, text, strlen(text), MSG_NOSIGNAL,
                   (const struct sockaddr *)&address, address_len);
    } while (n < 0 && errno == EINTR);
    return n >= 0 || (errno != EAGAIN && errno != ENOBUFS);
}

static bool pay(void)
{
    if (owed[0] != '\0' && send_now(owed))
        owed[0] = '\0';
    return owed[0] == '\0';
}

/* Takes the place of a state that is still owed: the last one counts. */
static void state(const char *text)
{
    snprintf(owed, sizeof owed, "%s", text);
    pay();
}

void sd_notify_ready(void)
{
    state("READY=1");
}

void sd_notify_reloading(void)
{
    char text[sizeof owed];
    snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
             clock_mono_us());
    state(text);
}

void sd_notify_stopping(void)
{
    state("STOPPING=1");
}

void sd_notify_status(const char *text)
{
    char message[MESSAGE_SIZE];
    if (!pay() || strcmp(text, last_status) == 0)
        return;
    snprintf(message, sizeof message, "STATUS=%.*s", SD_NOTIFY_STATUS_SIZE - 1,
             text);
    if (send_now(message))
        snprintf(last_status, sizeof last_status, "%s", text);
}

uint64_t sd_notify_watchdog_interval_ms(void)
{
    return watchdog_ms;
}

void sd_notify_watchdog(void)
{
    (void)send_now("WATCHDOG=1");
}
