#ifndef AGENT_RESOLVER_H
#define AGENT_RESOLVER_H

#include "agent/err.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Names to numeric addresses, off every loop.  getaddrinfo can take tens of
 * seconds and cannot be cancelled, so helper threads of our own call it, and
 * no caller ever waits for them: it reads the last good list at once, and
 * is woken when something new is known.  A name's last good list is kept
 * while the resolver is ill (EAI_AGAIN, EAI_FAIL, no answer in time); only a
 * definite "no such name" empties it.
 */
#define RESOLVER_ADDRS       8
#define RESOLVER_DEADLINE_MS 5000  /* no answer for so long: failed */
#define RESOLVER_REFRESH_MS  30000 /* a list older than this is asked anew */

struct net_addr {
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } u;
};

/* "127.0.0.1", "::1", "fe80::1%eth0": false if HOST is a name.  Pure. */
bool net_addr_parse(const char *host, uint16_t port, struct net_addr *out);

/* "127.0.0.1:6379", "[::1]:6379".  OUT: at least NET_ADDR_TEXT.  Pure. */
#define NET_ADDR_TEXT 72
const char *net_addr_format(const struct net_addr *a, char *out);

/* The same address, whatever the port.  Pure. */
bool net_addr_same_host(const struct net_addr *a, const struct net_addr *b);

struct addrinfo;
struct resolver;
struct watchdog;
struct resolver_name; /* one name under watch; counted */

struct resolver *resolver_start(struct err *e) MUST_USE;

/*
 * Does not wait for a lookup under way: its thread is left to end by itself
 * and frees what it holds.  All names must have been put back.  No wake is
 * called after this returned.  NULL is a no-op and true.  False when a
 * thread was left behind: the process should then _exit.
 */
bool resolver_stop(struct resolver *r);

/* Puts its threads under watch; before the watchdog starts.  Thread: any. */
void resolver_watch(struct resolver *r, struct watchdog *watchdog);

/*
 * For tests: with LOOKUP in the place of getaddrinfo (freeaddrinfo frees what
 * it gives), and another clock.  Both are called from any thread.
 */
typedef int (*resolver_lookup)(const char *host, const char *service,
                               const struct addrinfo *hints,
                               struct addrinfo **out);
struct resolver *resolver_start_with(resolver_lookup lookup,
                                     uint64_t (*now_mono_ms)(void),
                                     struct err *e) MUST_USE;

/*
 * WAKE(ARG) is called on a resolver thread after every lookup that ended;
 * it must not wait (uv_async_send, or a condition).  No wake tells that
 * RESOLVER_DEADLINE_MS passed: a caller that waits has a deadline of its own.
 * At most 80 subscribers; before anyone looks up.  Unsubscribe: no call after
 * it returned.  Neither may be called under a lock that WAKE takes; everything
 * else here may.
 */
int resolver_subscribe(struct resolver *r, void (*wake)(void *), void *arg,
                       struct err *e) MUST_USE;
void resolver_unsubscribe(struct resolver *r, void (*wake)(void *), void *arg);

/* The same name twice shares one entry.  HOST is copied.  Thread: any. */
struct resolver_name *resolver_name_get(struct resolver *r, const char *host,
                                        struct err *e) MUST_USE;
void resolver_name_put(struct resolver_name *n); /* NULL is a no-op */

enum resolver_state {
    RESOLVER_PENDING, /* being asked for the first time: wait for the wake */
    RESOLVER_OK,      /* OUT has 1..RESOLVER_ADDRS addresses with PORT */
    RESOLVER_FAILED,  /* WHY says so; it is being asked again by and by */
};

/*
 * What is known of the name, at once; asks for it when it was never asked
 * for, or the list is older than RESOLVER_REFRESH_MS, or the last attempt
 * failed more than a second ago.  Thread: any; never waits.
 */
enum resolver_state resolver_addrs(struct resolver_name *n, uint16_t port,
                                   struct net_addr out[RESOLVER_ADDRS],
                                   size_t *count, struct err *why);

/*
 * True when the last lookup has ended, however, within the last MAX_AGE_MS; if
 * not, the name is asked for, and the wake tells when that has ended.  Thread:
 * any; never waits.
 */
bool resolver_is_fresh(struct resolver_name *n, uint64_t max_age_ms);

/* Differs from what it was as soon as the list is another.  Thread: any; takes
 * no lock. */
uint32_t resolver_version(const struct resolver_name *n);

/* Ask anew although the list is young: nothing at it answers.  Within a
 * second of the last answer it does nothing. */
void resolver_refresh(struct resolver_name *n);

#endif
