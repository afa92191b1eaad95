#ifndef FAKE_LOOKUP_H
#define FAKE_LOOKUP_H

#include "agent/resolver.h"

/*
 * A scripted getaddrinfo, a clock set by hand, and the resolver that has them
 * in the place of the real ones.  Strings given to a script are borrowed.
 */
#define SCRIPT_ADDRS 12

/* The one under test; between the set-up and the tear-down. */
extern struct resolver *resolver;

int fake_lookup_set_up(void **state);
/* Stops the resolver, if there is one, and waits for what still hangs. */
int fake_lookup_tear_down(void **state);
#define STARTED(f)                                         \
    cmocka_unit_test_setup_teardown(f, fake_lookup_set_up, \
                                    fake_lookup_tear_down)

/* Subscribes fake_lookup_wake, which counts, to RESOLVER; no wakes so far. */
int count_wakes(struct err *e);
void fake_lookup_wake(void *arg);

/* HOST, known from now on, gives ADDR (NULL: none), or fails with RC. */
void script(const char *host, int rc, const char *addr);
/* HOST gives these, up to the first NULL. */
void script_list(const char *host, const char *const addrs[SCRIPT_ADDRS]);
/* Lookups of HOST, under way and to come, do not end while HANG. */
void script_hang(const char *host, bool hang);
/* By the fake clock. */
void script_takes(const char *host, unsigned takes_ms);

void pass_ms(uint64_t ms);

/* Lookups of HOST that began. */
unsigned asked(const char *host);
/* Lookups under way, and wakes so far. */
unsigned hanging(void);
unsigned woken(void);
/* Fail the test unless there are N in time. */
void await_hanging(unsigned n);
void await_woken(unsigned n);

/* Fails the test rather than returning NULL. */
struct resolver_name *name(const char *host);

/* What is known: "ok 127.0.0.1:1 [::1]:1", "pending", "failed: why".  Lives
 * until the next look. */
const char *look(struct resolver_name *n);
/* The same after the next answer of any name. */
const char *look_after_wake(struct resolver_name *n);

#endif
