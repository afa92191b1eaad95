/*
 * An answer is a good list, a definite "there is none", or no answer at all.
 * Only the first two change the list: a name service that is ill takes no
 * address away.  Nothing here knows of threads, queues or a clock.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <string.h>

#include "resolver_known.h"

/* Between two lookups of a name that fails, or whose addresses do not answer.
 */
#define RETRY_MS 1000

/* In getaddrinfo's order, which is the order to try them in (RFC 6724). */
static void collect(const struct addrinfo *list, struct answer *out)
{
    for (const struct addrinfo *ai = list; ai != NULL; ai = ai->ai_next) {
        struct net_addr a;
        memset(&a, 0, sizeof a);
        if (ai->ai_family == AF_INET)
            memcpy(&a.u.in, ai->ai_addr, sizeof a.u.in);
        else if (ai->ai_family == AF_INET6)
            memcpy(&a.u.in6, ai->ai_addr, sizeof a.u.in6);
        else
            continue;
        bool known = false;
        for (size_t i = 0; i < out->naddrs; i++)
            known = known || net_addr_same_host(&out->addrs[i], &a);
        if (!known && out->naddrs < RESOLVER_ADDRS)
            out->addrs[out->naddrs++] = a;
    }
}

/* Without AI_ADDRCONFIG: it hides ::1 on a machine without IPv6 otherwise. */
void answer_ask(struct answer *a, resolver_lookup lookup, const char *host)
{
    const struct addrinfo hints = { .ai_family = AF_UNSPEC,
                                    .ai_socktype = SOCK_STREAM };
    struct addrinfo *list = NULL;
    memset(a, 0, sizeof *a);
    int rc = lookup(host, NULL, &hints, &list);
    int sys = errno;
    if (rc == 0) {
        collect(list, a);
        freeaddrinfo(list);
        a->definite = a->naddrs == 0;
        err_set(&a->why, "%s: no IP address", host);
        return;
    }
    a->definite = rc == EAI_NONAME || rc == EAI_NODATA;
    err_set(&a->why, "%s: %s", host,
            rc == EAI_SYSTEM ? strerror(sys) : gai_strerror(rc));
}

bool known_learn(struct known *k, const struct answer *a, uint64_t now_mono_ms)
{
    bool other;

    k->answered = true;
    k->ended_mono_ms = now_mono_ms;
    k->failed = a->naddrs == 0;
    if (k->failed)
        k->why = a->why;
    if (k->failed && !a->definite)
        return false;
    other = k->naddrs != a->naddrs ||
            memcmp(k->addrs, a->addrs, a->naddrs * sizeof *a->addrs) != 0;
    memcpy(k->addrs, a->addrs, sizeof k->addrs);
    k->naddrs = a->naddrs;
    return other;
}

bool known_is_older(const struct known *k, uint64_t now_mono_ms,
                    uint64_t age_ms)
{
    return !k->answered || now_mono_ms - k->ended_mono_ms > age_ms;
}

bool known_is_due(const struct known *k, uint64_t now_mono_ms)
{
    return known_is_older(k, now_mono_ms,
                          k->failed ? RETRY_MS : RESOLVER_REFRESH_MS);
}

bool known_may_be_refreshed(const struct known *k, uint64_t now_mono_ms)
{
    return known_is_older(k, now_mono_ms, RETRY_MS);
}

size_t known_addrs(const struct known *k, uint16_t port,
                   struct net_addr out[RESOLVER_ADDRS])
{
    memcpy(out, k->addrs, k->naddrs * sizeof *out);
    for (size_t i = 0; i < k->naddrs; i++) {
        if (out[i].u.sa.sa_family == AF_INET)
            out[i].u.in.sin_port = htons(port);
        else
            out[i].u.in6.sin6_port = htons(port);
    }
    return k->naddrs;
}
