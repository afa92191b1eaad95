/*
 * The helpers of the resolver come into fake_lookup; what it does there is in
 * the script of the host, under the lock.  A host that hangs waits for the
 * same condition as the test does for it.  Addresses are made by the true
 * getaddrinfo, since the resolver frees them with the true freeaddrinfo.
 */
#include <netdb.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "fake_lookup.h"

#define PATIENCE_S 20
#define NHOSTS     8

struct script {
    const char *host;
    int rc;
    const char *addrs[SCRIPT_ADDRS]; /* up to the first NULL */
    bool hang;
    unsigned takes_ms;
    unsigned asked;
};

struct resolver *resolver;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
/* Under the lock. */
static struct script scripts[NHOSTS];
static unsigned nhanging;
static unsigned nwakes;

static atomic_uint_fast64_t now_ms;

static uint64_t fake_now_mono_ms(void)
{
    return atomic_load(&now_ms);
}

static struct script *script_of(const char *host)
{
    for (size_t i = 0; i < NHOSTS; i++) {
        if (scripts[i].host && strcmp(scripts[i].host, host) == 0)
            return &scripts[i];
    }
    return NULL;
}

static struct addrinfo *numeric(const char *text)
{
    const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST,
                                    .ai_socktype = SOCK_STREAM };
    struct addrinfo *ai = NULL;
    if (getaddrinfo(text, NULL, &hints, &ai) != 0)
        abort();
    return ai;
}

static int fake_lookup(const char *host, const char *service,
                       const struct addrinfo *hints, struct addrinfo **out)
{
    (void)service;
    (void)hints;
    pthread_mutex_lock(&lock);
    struct script *s = script_of(host);
    if (!s)
        abort();
    s->asked++;
    nhanging++;
    pthread_cond_broadcast(&changed);
    while (s->hang)
        pthread_cond_wait(&changed, &lock);
    nhanging--;
    pthread_cond_broadcast(&changed);
    pass_ms(s->takes_ms);
    int rc = s->rc;
    for (size_t i = 0; rc == 0 && i < SCRIPT_ADDRS && s->addrs[i]; i++) {
        *out = numeric(s->addrs[i]);
        out = &(*out)->ai_next;
    }
    pthread_mutex_unlock(&lock);
    return rc;
}

void fake_lookup_wake(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&lock);
    nwakes++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

int count_wakes(struct err *e)
{
    pthread_mutex_lock(&lock);
    nwakes = 0;
    pthread_mutex_unlock(&lock);
    return resolver_subscribe(resolver, fake_lookup_wake, NULL, e);
}

int fake_lookup_set_up(void **state)
{
    (void)state;
    struct err e;
    memset(scripts, 0, sizeof scripts);
    atomic_store(&now_ms, 1000000);
    resolver = resolver_start_with(fake_lookup, fake_now_mono_ms, &e);
    return resolver ? count_wakes(&e) : -1;
}

int fake_lookup_tear_down(void **state)
{
    (void)state;
    resolver_stop(resolver);
    resolver = NULL;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < NHOSTS; i++)
        scripts[i].hang = false;
    pthread_cond_broadcast(&changed);
    while (nhanging > 0)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    return 0;
}

static void set_script(const char *host, int rc,
                       const char *const addrs[SCRIPT_ADDRS])
{
    pthread_mutex_lock(&lock);
    struct script *s = script_of(host);
    for (size_t i = 0; !s && i < NHOSTS; i++) {
        if (!scripts[i].host)
            s = &scripts[i];
    }
    assert_non_null(s);
    s->host = host;
    s->rc = rc;
    memcpy(s->addrs, addrs, sizeof s->addrs);
    pthread_mutex_unlock(&lock);
}

void script(const char *host, int rc, const char *addr)
{
    const char *const addrs[SCRIPT_ADDRS] = { addr };
    set_script(host, rc, addrs);
}

void script_list(const char *host, const char *const addrs[SCRIPT_ADDRS])
{
    set_script(host, 0, addrs);
}

void script_hang(const char *host, bool hang)
{
    pthread_mutex_lock(&lock);
    script_of(host)->hang = hang;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

void script_takes(const char *host, unsigned takes_ms)
{
    pthread_mutex_lock(&lock);
    script_of(host)->takes_ms = takes_ms;
    pthread_mutex_unlock(&lock);
}

void pass_ms(uint64_t ms)
{
    atomic_fetch_add(&now_ms, ms);
}

static unsigned read_locked(const unsigned *counter)
{
    pthread_mutex_lock(&lock);
    unsigned n = *counter;
    pthread_mutex_unlock(&lock);
    return n;
}

unsigned asked(const char *host)
{
    pthread_mutex_lock(&lock);
    unsigned n = script_of(host)->asked;
    pthread_mutex_unlock(&lock);
    return n;
}

unsigned hanging(void)
{
    return read_locked(&nhanging);
}

unsigned woken(void)
{
    return read_locked(&nwakes);
}

static void await(const unsigned *counter, unsigned n)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&lock);
    int rc = 0;
    while (*counter < n && rc == 0)
        rc = pthread_cond_clockwait(&changed, &lock, CLOCK_MONOTONIC, &t);
    unsigned got = *counter;
    pthread_mutex_unlock(&lock);
    assert_true(got >= n);
}

void await_hanging(unsigned n)
{
    await(&nhanging, n);
}

void await_woken(unsigned n)
{
    await(&nwakes, n);
}

struct resolver_name *name(const char *host)
{
    struct err e = { "" };
    struct resolver_name *n = resolver_name_get(resolver, host, &e);
    if (!n)
        fail_msg("%s", e.text);
    return n;
}

const char *look(struct resolver_name *n)
{
    static char line[1024];
    struct net_addr addrs[RESOLVER_ADDRS];
    size_t count;
    struct err why = { "" };
    switch (resolver_addrs(n, 1, addrs, &count, &why)) {
    case RESOLVER_PENDING:
        assert_int_equal(count, 0);
        return "pending";
    case RESOLVER_FAILED:
        assert_int_equal(count, 0);
        snprintf(line, sizeof line, "failed: %s", why.text);
        return line;
    case RESOLVER_OK:
        break;
    }
    assert_in_range(count, 1, RESOLVER_ADDRS);
    strcpy(line, "ok");
    for (size_t i = 0; i < count; i++) {
        char text[NET_ADDR_TEXT];
        strcat(line, " ");
        strcat(line, net_addr_format(&addrs[i], text));
    }
    return line;
}

const char *look_after_wake(struct resolver_name *n)
{
    unsigned before = woken();
    look(n);
    await_woken(before + 1);
    return look(n);
}
