/*
 * Connections that fail, break or come late, and names.  What the resolver
 * knows is said by the tests: the linker wraps its two functions (--wrap in
 * meson.build).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench.h"
#include "fake_redis.h"
#include "scratch.h"

#define TIMEOUT "timeout = 300ms\n"

static struct {
    enum resolver_state state;
    const char *hosts[RESOLVER_ADDRS];
    size_t nhosts;
    unsigned refreshed;
    unsigned asked; /* whether it is fresh */
    bool stale;     /* the lookup is under way */
    uint32_t version;
} names;

static struct fake_redis *fake;

enum resolver_state __wrap_resolver_addrs(struct resolver_name *n,
                                          uint16_t port,
                                          struct net_addr out[RESOLVER_ADDRS],
                                          size_t *count, struct err *why);
void __wrap_resolver_refresh(struct resolver_name *n);
bool __wrap_resolver_is_fresh(struct resolver_name *n, uint64_t max_age_ms);
uint32_t __wrap_resolver_version(const struct resolver_name *n);

enum resolver_state __wrap_resolver_addrs(struct resolver_name *n,
                                          uint16_t port,
                                          struct net_addr out[RESOLVER_ADDRS],
                                          size_t *count, struct err *why)
{
    (void)n;
    for (size_t i = 0; i < names.nhosts; i++)
        assert_true(net_addr_parse(names.hosts[i], port, &out[i]));
    *count = names.nhosts;
    if (names.state == RESOLVER_FAILED)
        err_set(why, "no.such.test: Name or service not known");
    return names.state;
}

void __wrap_resolver_refresh(struct resolver_name *n)
{
    (void)n;
    names.refreshed++;
}

bool __wrap_resolver_is_fresh(struct resolver_name *n, uint64_t max_age_ms)
{
    (void)n;
    assert_true(max_age_ms <= 1000);
    names.asked++;
    return !names.stale;
}

uint32_t __wrap_resolver_version(const struct resolver_name *n)
{
    (void)n;
    return names.version;
}

/* The name of the tests is known under one or two addresses. */
static void name_is(const char *first, const char *second)
{
    uint32_t version = names.version + 1;

    memset(&names, 0, sizeof names);
    names.version = version;
    names.state = RESOLVER_OK;
    names.hosts[0] = first;
    names.hosts[1] = second;
    names.nhosts = second == NULL ? 1 : 2;
}

static struct bench *bench_at(const char *host, unsigned port)
{
    char address[160];

    snprintf(address, sizeof address, "%s:%u", host, port);
    return bench_open(address, TIMEOUT);
}

static int start_fake(void **state)
{
    (void)state;
    fake = fake_redis_start("127.0.0.1");
    return 0;
}

/* At all of 127.0.0.0/8: whom a probe asks is seen, wherever it goes. */
static int start_fake_everywhere(void **state)
{
    (void)state;
    fake = fake_redis_start("0.0.0.0");
    return 0;
}

static int stop_fake(void **state)
{
    (void)state;
    fake_redis_stop(fake);
    return 0;
}

/* Our end of the only connection to the fake; it serves in this process. */
static int our_end(void)
{
    int found = -1;

    for (int fd = 0; fd < 256; fd++) {
        struct sockaddr_in peer;
        socklen_t len = sizeof peer;
        if (getpeername(fd, (struct sockaddr *)&peer, &len) == 0 &&
            peer.sin_family == AF_INET &&
            ntohs(peer.sin_port) == fake_redis_port(fake)) {
            assert_int_equal(found, -1);
            found = fd;
        }
    }
    assert_int_not_equal(found, -1);
    return found;
}

static int option_of(int fd, int level, int name)
{
    int value = 0;
    socklen_t len = sizeof value;

    assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
    return value;
}

/* A host that is gone sends nothing: only our kernel can find it out. */
static void the_kernel_looks_after_a_connection_that_is_waited_on(void **state)
{
    struct bench *b = bench_open(fake_redis_address(fake), TIMEOUT);
    int fd;

    (void)state;
    fake_redis_answer(fake, "accept", FAKE_HANG, NULL);
    assert_int_equal(bench_probe(b)->reason, REASON_REPLY_TIMEOUT);
    fd = our_end();
    assert_int_not_equal(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 0);
    assert_true(option_of(fd, IPPROTO_TCP, TCP_KEEPIDLE) +
                    option_of(fd, IPPROTO_TCP, TCP_KEEPINTVL) *
                        option_of(fd, IPPROTO_TCP, TCP_KEEPCNT) <=
                20);
    bench_close(b);
}

static void a_port_without_a_listener_is_refused(void **state)
{
    int fd;
    struct bench *b = bench_at("127.0.0.1", scratch_port(&fd));
    const struct result *r = bench_probe(b);

    (void)state;
    assert_saw(r, REASON_REFUSED, "");
    assert_string_equal(r->detail, "connect: connection refused");
    assert_int_equal(r->rtt_us, -1);
    assert_saw(bench_probe(b), REASON_REFUSED, "");
    bench_close(b);
    close(fd);
}

/* Connects to FD's port until a connect has to wait. */
static size_t fill_backlog(int fd, int *fds, size_t max)
{
    struct sockaddr_in in;
    socklen_t len = sizeof in;

    assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
    for (size_t n = 0; n < max; n++) {
        struct pollfd p = { .events = POLLOUT };

        fds[n] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        p.fd = fds[n];
        connect(fds[n], (struct sockaddr *)&in, len);
        if (poll(&p, 1, 100) == 0)
            return n + 1;
    }
    fail_msg("the backlog has no end");
    return 0;
}

static void a_full_backlog_is_connect_timeout(void **state)
{
    int fd, fds[16];
    unsigned port = scratch_port(&fd);
    struct bench *b = bench_at("127.0.0.1", port);
    size_t n;

    (void)state;
    assert_int_equal(listen(fd, 0), 0);
    n = fill_backlog(fd, fds, 16);
    assert_saw(bench_probe(b), REASON_CONNECT_TIMEOUT,
               "connect: no answer within 300 ms");
    bench_close(b);
    while (n > 0)
        close(fds[--n]);
    close(fd);
}

static void a_server_that_never_answers_is_reply_timeout(void **state)
{
    struct bench *b = bench_at("127.0.0.1", fake_redis_port(fake));

    (void)state;
    fake_redis_answer(fake, "accept", FAKE_HANG, NULL);
    assert_saw(bench_probe(b), REASON_REPLY_TIMEOUT,
               "no reply within 300 ms (in CLIENT SETNAME)");
    bench_close(b);
}

static void a_reset_is_reset_and_a_close_is_closed(void **state)
{
    struct bench *b = bench_at("127.0.0.1", fake_redis_port(fake));

    (void)state;
    fake_redis_answer(fake, "CLIENT", FAKE_RESET, NULL);
    fake_redis_answer(fake, "PING", FAKE_RESET, NULL);
    assert_saw(bench_probe(b), REASON_RESET,
               "read: connection reset by peer (in PING)");
    fake_redis_answer(fake, "CLIENT", FAKE_KEEP, "+OK\r\n");
    fake_redis_answer(fake, "PING", FAKE_CLOSE, "+PO");
    assert_saw(bench_probe(b), REASON_CLOSED, "closed by the server (in PING)");
    bench_close(b);
}

static void a_connection_lost_since_the_last_round_does_not_count(void **state)
{
    struct bench *b = bench_at("127.0.0.1", fake_redis_port(fake));

    (void)state;
    assert_saw(bench_probe(b), REASON_OK, "");
    fake_redis_drop(fake);
    assert_saw(bench_probe(b), REASON_OK, "");
    assert_int_equal(fake_redis_accepted(fake), 2);
    bench_close(b);
}

struct idle {
    struct bench *b;
    size_t fds;
};

static bool has_so_many_fds(void *arg)
{
    const struct idle *i = arg;

    bench_turn(i->b);
    return bench_fds() == i->fds;
}

static void a_close_while_idle_is_noticed_and_does_not_count(void **state)
{
    struct idle i = { bench_at("127.0.0.1", fake_redis_port(fake)), 0 };

    (void)state;
    assert_saw(bench_probe(i.b), REASON_OK, "");
    i.fds = bench_fds() - 2; /* without both ends of the connection */
    fake_redis_drop(fake);
    assert_true(bench_until(has_so_many_fds, &i));
    assert_saw(bench_probe(i.b), REASON_OK, "");
    bench_close(i.b);
}

static void a_lost_connection_is_opened_anew_only_once_a_probe(void **state)
{
    struct bench *b = bench_at("127.0.0.1", fake_redis_port(fake));

    (void)state;
    assert_saw(bench_probe(b), REASON_OK, "");
    fake_redis_answer(fake, "PING", FAKE_CLOSE, NULL);
    assert_saw(bench_probe(b), REASON_CLOSED, "(in PING)");
    /* And once more with PING alone. */
    assert_int_equal(fake_redis_accepted(fake), 3);
    bench_close(b);
}

static void a_server_gone_between_rounds_is_refused(void **state)
{
    struct fake_redis *f = fake_redis_start("127.0.0.1");
    struct bench *b = bench_at("127.0.0.1", fake_redis_port(f));

    (void)state;
    assert_saw(bench_probe(b), REASON_OK, "");
    fake_redis_stop(f);
    assert_saw(bench_probe(b), REASON_REFUSED, "connection refused");
    bench_close(b);
}

static void unix_sockets_are_served(void **state)
{
    char dir[SCRATCH_SIZE];
    char address[SCRATCH_SIZE + 8];
    struct fake_redis *f;
    struct bench *b;

    (void)state;
    scratch_dir(dir);
    snprintf(address, sizeof address, "unix:%s/s", dir);
    b = bench_open(address, TIMEOUT);
    assert_saw(bench_probe(b), REASON_REFUSED,
               "connect: no such file or directory");
    f = fake_redis_start(address);
    assert_saw(bench_probe(b), REASON_OK, "");
    assert_saw(bench_probe(b), REASON_OK, "");
    assert_int_equal(fake_redis_accepted(f), 1);
    fake_redis_stop(f);
    assert_saw(bench_probe(b), REASON_REFUSED, "connect: connection refused");
    unlink(address + strlen("unix:"));
    rmdir(dir);
    bench_close(b);
}

static void ipv6_is_served(void **state)
{
    struct fake_redis *f = fake_redis_start("::1");
    struct bench *b = bench_at("[::1]", fake_redis_port(f));

    (void)state;
    assert_saw(bench_probe(b), REASON_OK, "");
    bench_close(b);
    fake_redis_stop(f);
}

static void a_refusing_address_gives_way_to_the_next(void **state)
{
    struct bench *b = bench_at("two.test", fake_redis_port(fake));

    (void)state;
    name_is("127.0.0.2", "127.0.0.1");
    assert_saw(bench_probe(b), REASON_OK, "");
    assert_int_equal(names.refreshed, 0);
    bench_close(b);
}

static void a_silent_address_gives_way_to_the_next_in_time(void **state)
{
    int fd, fds[16];
    struct sockaddr_in in = { .sin_family = AF_INET };
    struct bench *b = bench_at("two.test", fake_redis_port(fake));
    const struct result *r;
    size_t n;

    (void)state;
    name_is("127.0.0.2", "127.0.0.1");
    fd = socket(AF_INET, SOCK_STREAM, 0);
    in.sin_port = htons((uint16_t)fake_redis_port(fake));
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof in), 0);
    assert_int_equal(listen(fd, 0), 0);
    n = fill_backlog(fd, fds, 16);
    assert_saw(bench_probe(b), REASON_OK, "");
    /* The one that worked is the first to be tried the next time. */
    fake_redis_answer(fake, "PING", FAKE_CLOSE, NULL);
    bench_probe(b);
    fake_redis_answer(fake, "PING", FAKE_KEEP, "+PONG\r\n");
    r = bench_probe(b);
    assert_saw(r, REASON_OK, "");
    assert_true(r->connect_us < 100 * 1000);
    bench_close(b);
    while (n > 0)
        close(fds[--n]);
    close(fd);
}

static void a_name_all_of_whose_addresses_fail_is_asked_for_anew(void **state)
{
    int fd;
    unsigned port = scratch_port(&fd);
    struct bench *b = bench_at("two.test", port);
    char last[64];

    (void)state;
    name_is("127.0.0.2", "127.0.0.1");
    snprintf(last, sizeof last, "connect: connection refused (127.0.0.1:%u)",
             port);
    assert_saw(bench_probe(b), REASON_REFUSED, last);
    assert_int_equal(names.asked, 1);
    bench_close(b);
    close(fd);
}

static void a_name_that_does_not_exist_is_dns(void **state)
{
    struct bench *b = bench_at("no.such.test", 6379);

    (void)state;
    name_is("127.0.0.1", NULL);
    names.state = RESOLVER_FAILED;
    assert_saw(bench_probe(b), REASON_DNS, "Name or service not known");
    bench_close(b);
}

static struct bench *target_at(const char *host, const char *keys,
                               const char *allow)
{
    char address[160];

    snprintf(address, sizeof address, "%s:%u", host, fake_redis_port(fake));
    struct bench *b = bench_open(address, keys);
    bench_allow(b, allow);
    return b;
}

static void assert_not_allowed(const struct result *r, const char *host)
{
    char words[120];

    snprintf(words, sizeof words, "%s:%u is not within targets_allow", host,
             fake_redis_port(fake));
    assert_saw(r, REASON_SETTINGS, words);
}

static void a_target_elsewhere_is_not_connected_to(void **state)
{
    struct bench *b = target_at("127.0.0.1", TIMEOUT, "127.0.0.2");

    (void)state;
    assert_not_allowed(bench_probe(b), "127.0.0.1");
    bench_close(b);
    b = target_at("one.test", TIMEOUT, "127.0.0.2, fd00::/8");
    name_is("127.0.0.1", NULL);
    assert_not_allowed(bench_probe(b), "127.0.0.1");
    /* Not the allowed one either: the order is the name server's. */
    name_is("127.0.0.2", "127.0.0.1");
    assert_not_allowed(bench_probe(b), "127.0.0.1");
    assert_int_equal(fake_redis_accepted(fake), 0);
    bench_close(b);
}

/* Where the name leads is asked at each connection, and not at the first. */
static void a_target_whose_name_moves_elsewhere_is_not_followed(void **state)
{
    struct bench *b = target_at("one.test", TIMEOUT, "127.0.0.0/31");

    (void)state;
    name_is("127.0.0.1", NULL);
    assert_saw(bench_probe(b), REASON_OK, "");
    assert_int_equal(fake_redis_accepted(fake), 1);
    /* The kept one is gone. */
    fake_redis_drop(fake);
    name_is("127.0.0.3", NULL);
    assert_not_allowed(bench_probe(b), "127.0.0.3");
    name_is("127.0.0.1", NULL);
    assert_saw(bench_probe(b), REASON_OK, "");
    assert_int_equal(fake_redis_accepted(fake), 2);
    /* It stands, and is mute: another one is tried beside it. */
    fake_redis_answer(fake, "PING", FAKE_HANG, NULL);
    name_is("127.0.0.3", NULL);
    assert_not_allowed(bench_probe(b), "127.0.0.3");
    /* And where the result contradicts what is held, as well. */
    fake_redis_answer(fake, "PING", FAKE_KEEP, "+PONG\r\n");
    bench_holds(b, STATUS_DOWN);
    assert_not_allowed(bench_probe(b), "127.0.0.3");
    assert_int_equal(fake_redis_accepted(fake), 2);
    bench_close(b);
}

static void a_socket_file_is_no_target(void **state)
{
    struct bench *b = bench_open("unix:/run/no-such.sock", TIMEOUT);

    (void)state;
    bench_allow(b, "0.0.0.0/0");
    assert_saw(bench_probe(b), REASON_SETTINGS, "a socket file is no target");
    bench_close(b);
}

static void a_name_that_is_being_looked_up_is_waited_for(void **state)
{
    struct bench *b = bench_at("one.test", fake_redis_port(fake));

    (void)state;
    name_is("127.0.0.1", NULL);
    names.state = RESOLVER_PENDING;
    bench_start(b);
    bench_turn(b);
    assert_int_equal(bench_phase(b), PROBE_LOOKUP);
    bench_resolved(b); /* another name's news */
    assert_int_equal(bench_phase(b), PROBE_LOOKUP);
    names.state = RESOLVER_OK;
    bench_resolved(b);
    assert_int_equal(bench_phase(b), PROBE_CONNECT);
    assert_saw(bench_finish(b), REASON_OK, "");
    assert_true(bench_finish(b)->lookup_us > 0);
    bench_close(b);
}

static void a_resolver_that_never_answers_is_dns_by_the_deadline(void **state)
{
    struct bench *b = bench_at("one.test", 6379);

    (void)state;
    name_is("127.0.0.1", NULL);
    names.state = RESOLVER_PENDING;
    assert_saw(bench_probe(b), REASON_DNS, "lookup: no answer within 300 ms");
    bench_start(b);
    assert_int_equal(bench_phase(b), PROBE_LOOKUP);
    bench_close(b); /* in the middle of it */
}

static void a_probe_can_be_closed_in_any_phase(void **state)
{
    struct bench *b = bench_at("127.0.0.1", fake_redis_port(fake));

    (void)state;
    bench_start(b);
    assert_int_equal(bench_phase(b), PROBE_CONNECT);
    bench_close(b);
    fake_redis_answer(fake, "PING", FAKE_HANG, "+PO");
    b = bench_at("127.0.0.1", fake_redis_port(fake));
    bench_start(b);
    while (bench_phase(b) != PROBE_REPLY)
        bench_turn(b);
    bench_close(b);
}

static void without_a_descriptor_left_the_agent_doubts_itself(void **state)
{
    struct bench *b = bench_at("127.0.0.1", fake_redis_port(fake));
    struct rlimit old, none = { .rlim_cur = 3 };

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    none.rlim_max = old.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    bench_start(b);
    bench_finish(b);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_saw(bench_finish(b), REASON_DOUBT, "too many open files");
    assert_saw(bench_probe(b), REASON_OK, "");
    bench_close(b);
}

static bool nobody_left(void *arg)
{
    (void)arg;
    return fake_redis_open(fake) == 0;
}

static void probes_of_all_kinds_leak_no_descriptor(void **state)
{
    static const enum fake_then thens[] = { FAKE_KEEP, FAKE_HANG, FAKE_CLOSE,
                                            FAKE_RESET };
    size_t before = bench_fds();

    (void)state;
    for (int i = 0; i < 4; i++) {
        struct bench *b = bench_at("127.0.0.1", fake_redis_port(fake));

        fake_redis_answer(fake, "PING", thens[i], "+PONG\r\n");
        bench_probe(b);
        bench_probe(b);
        bench_close(b);
    }
    assert_true(bench_until(nobody_left, NULL));
    assert_int_equal(bench_fds(), before);
}

#define with_fake(f) cmocka_unit_test_setup_teardown(f, start_fake, stop_fake)
#define with_fake_everywhere(f) \
    cmocka_unit_test_setup_teardown(f, start_fake_everywhere, stop_fake)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_port_without_a_listener_is_refused),
        cmocka_unit_test(a_full_backlog_is_connect_timeout),
        with_fake(a_server_that_never_answers_is_reply_timeout),
        with_fake(the_kernel_looks_after_a_connection_that_is_waited_on),
        with_fake(a_reset_is_reset_and_a_close_is_closed),
        with_fake(a_connection_lost_since_the_last_round_does_not_count),
        with_fake(a_close_while_idle_is_noticed_and_does_not_count),
        with_fake(a_lost_connection_is_opened_anew_only_once_a_probe),
        cmocka_unit_test(a_server_gone_between_rounds_is_refused),
        cmocka_unit_test(unix_sockets_are_served),
        cmocka_unit_test(ipv6_is_served),
        with_fake(a_refusing_address_gives_way_to_the_next),
        with_fake(a_silent_address_gives_way_to_the_next_in_time),
        cmocka_unit_test(a_name_all_of_whose_addresses_fail_is_asked_for_anew),
        cmocka_unit_test(a_name_that_does_not_exist_is_dns),
        with_fake_everywhere(a_target_elsewhere_is_not_connected_to),
        with_fake_everywhere(
            a_target_whose_name_moves_elsewhere_is_not_followed),
        cmocka_unit_test(a_socket_file_is_no_target),
        with_fake(a_name_that_is_being_looked_up_is_waited_for),
        cmocka_unit_test(a_resolver_that_never_answers_is_dns_by_the_deadline),
        with_fake(a_probe_can_be_closed_in_any_phase),
        with_fake(without_a_descriptor_left_the_agent_doubts_itself),
        with_fake(probes_of_all_kinds_leak_no_descriptor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
