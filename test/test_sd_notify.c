/*
 * What a service manager gets to read.  Each case has a process of its own,
 * because the room reads the environment once in a life.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/sd_notify.h"

#include "children.h"
#include "must.h"
#include "scratch.h"

static char dir[SCRATCH_SIZE];
static char path[SCRATCH_SIZE + 16];

static int make_dir(void **state)
{
    (void)state;
    scratch_dir(dir);
    snprintf(path, sizeof path, "%s/notify", dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(dir);
}

/* A manager's socket; NAME as in $NOTIFY_SOCKET. */
static int listen_at(const char *name)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    size_t len = strlen(name);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    MUST(fd >= 0 && len < sizeof a.sun_path);
    memcpy(a.sun_path, name, len);
    if (name[0] == '@')
        a.sun_path[0] = '\0';
    MUST(bind(fd, (struct sockaddr *)&a,
              (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) == 0);
    return fd;
}

/* The next message; "" when there is none. */
static const char *next(int fd)
{
    static char text[512];
    ssize_t n = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);
    text[n < 0 ? 0 : n] = '\0';
    return text;
}

static void open_with(const char *name, const char *usec, const char *pid)
{
    setenv("NOTIFY_SOCKET", name, 1);
    if (usec != NULL)
        setenv("WATCHDOG_USEC", usec, 1);
    if (pid != NULL)
        setenv("WATCHDOG_PID", pid, 1);
    sd_notify_open();
}

/* Runs BODY in a process of its own; it dies where something is not so. */
static void apart(void (*body)(void))
{
    pid_t pid = fork_child();
    if (pid == 0) {
        body();
        _exit(0);
    }
    assert_int_equal(exit_code(pid), 0);
}

static void tell_all(void)
{
    int fd = listen_at(path);
    unsigned long long us;
    open_with(path, NULL, NULL);
    MUST(getenv("NOTIFY_SOCKET") == NULL);
    sd_notify_ready();
    sd_notify_status("1 up");
    sd_notify_reloading();
    sd_notify_stopping();
    sd_notify_watchdog();
    MUST(strcmp(next(fd), "READY=1") == 0);
    MUST(strcmp(next(fd), "STATUS=1 up") == 0);
    MUST(sscanf(next(fd), "RELOADING=1\nMONOTONIC_USEC=%llu", &us) == 1 &&
         us > 0);
    MUST(strcmp(next(fd), "STOPPING=1") == 0);
    MUST(strcmp(next(fd), "WATCHDOG=1") == 0);
    MUST(strcmp(next(fd), "") == 0);
}

static void a_manager_hears_of_every_state(void **state)
{
    (void)state;
    apart(tell_all);
}

static void tell_an_abstract_one(void)
{
    char name[64];
    snprintf(name, sizeof name, "@sentinel-agent-test-%ld", (long)getpid());
    int fd = listen_at(name);
    open_with(name, NULL, NULL);
    sd_notify_ready();
    MUST(strcmp(next(fd), "READY=1") == 0);
}

static void an_abstract_socket_is_reached(void **state)
{
    (void)state;
    apart(tell_an_abstract_one);
}

static void repeat_status(void)
{
    int fd = listen_at(path);
    open_with(path, NULL, NULL);
    sd_notify_status("1 up");
    sd_notify_status("1 up");
    sd_notify_status("1 down");
    MUST(strcmp(next(fd), "STATUS=1 up") == 0);
    MUST(strcmp(next(fd), "STATUS=1 down") == 0);
    MUST(strcmp(next(fd), "") == 0);
}

static void a_status_is_sent_when_it_changed(void **state)
{
    (void)state;
    apart(repeat_status);
}

static void be_mute(void)
{
    unsetenv("NOTIFY_SOCKET");
    setenv("WATCHDOG_USEC", "2000000", 1);
    sd_notify_open();
    sd_notify_ready();
    sd_notify_status("1 up");
    sd_notify_watchdog();
    MUST(sd_notify_watchdog_interval_ms() == 0);
}

static void without_a_manager_nothing_happens(void **state)
{
    (void)state;
    apart(be_mute);
}

static void survive_nonsense(void)
{
    static const char *const NAMES[] = { "", "@", "/", "relative/path",
                                         "vsock:2:1234" };
    char longest[300];
    memset(longest, 'x', sizeof longest - 1);
    longest[0] = '/';
    longest[sizeof longest - 1] = '\0';
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        open_with(NAMES[i], "2000000", NULL);
        sd_notify_ready();
        MUST(sd_notify_watchdog_interval_ms() == 0);
    }
    open_with(longest, NULL, NULL);
    sd_notify_ready();
}

static void a_socket_that_is_none_is_survived(void **state)
{
    (void)state;
    apart(survive_nonsense);
}

static void fill_it(void)
{
    int fd = listen_at(path);
    open_with(path, NULL, NULL);
    /* As many as it takes: the call does not wait. */
    for (int i = 0; i < 100000; i++)
        sd_notify_watchdog();
    sd_notify_reloading();
    sd_notify_ready();
    sd_notify_status("1 up");
    while (strcmp(next(fd), "WATCHDOG=1") == 0)
        continue;
    MUST(strcmp(next(fd), "") == 0);
    sd_notify_status("1 up");
    MUST(strcmp(next(fd), "READY=1") == 0);
    MUST(strcmp(next(fd), "STATUS=1 up") == 0);
}

static void a_manager_that_does_not_read_hears_the_last_state_later(
    void **state)
{
    (void)state;
    apart(fill_it);
}

static void exchange_it(void)
{
    open_with(path, NULL, NULL);
    sd_notify_ready(); /* nobody is there */
    close(listen_at(path));
    unlink(path);
    int fd = listen_at(path);
    sd_notify_stopping();
    MUST(strcmp(next(fd), "STOPPING=1") == 0);
}

static void a_socket_that_was_made_anew_is_found(void **state)
{
    (void)state;
    apart(exchange_it);
}

static void read_intervals(void)
{
    static const struct {
        const char *usec;
        const char *pid; /* NULL: ours */
        uint64_t ms;
    } CASES[] = {
        { "2000000", NULL, 2000 }, { "2000000", "1", 0 },
        { "2000000", "", 0 },      { "2000000", "nobody", 0 },
        { "-1", NULL, 0 },         { "12x", NULL, 0 },
        { "", NULL, 0 },           { "99999999999999999999", NULL, 0 },
    };
    char own[32];
    snprintf(own, sizeof own, "%ld", (long)getpid());
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        open_with(path, CASES[i].usec,
                  CASES[i].pid == NULL ? own : CASES[i].pid);
        MUST(sd_notify_watchdog_interval_ms() == CASES[i].ms);
        MUST(getenv("WATCHDOG_USEC") == NULL);
        MUST(getenv("WATCHDOG_PID") == NULL);
    }
    open_with(path, "3000", NULL);
    MUST(sd_notify_watchdog_interval_ms() == 3);
}

static void the_watchdogs_interval_is_ours_only_if_we_are_meant(void **state)
{
    (void)state;
    apart(read_intervals);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
        CASE(a_manager_hears_of_every_state),
        CASE(an_abstract_socket_is_reached),
        CASE(a_status_is_sent_when_it_changed),
        CASE(without_a_manager_nothing_happens),
        CASE(a_socket_that_is_none_is_survived),
        CASE(a_manager_that_does_not_read_hears_the_last_state_later),
        CASE(a_socket_that_was_made_anew_is_found),
        CASE(the_watchdogs_interval_is_ours_only_if_we_are_meant),
#undef CASE
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
