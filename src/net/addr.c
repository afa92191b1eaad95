/*
 * Numeric addresses and their text.  Strict on purpose: "127.1" and other
 * leftovers of inet_aton are names here, and a scope ("%eth0", "%2") goes with
 * link-local addresses only, as in RFC 4007.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/resolver.h"

/* The scope's index, 0 if it is none. */
static uint32_t scope_parse(const char *text)
{
    unsigned index = if_nametoindex(text);
    if (index > 0)
        return index;
    if (*text == '\0' || strspn(text, "0123456789") != strlen(text))
        return 0;
    errno = 0;
    unsigned long n = strtoul(text, NULL, 10);
    return errno == 0 && n <= UINT32_MAX ? (uint32_t)n : 0;
}

bool net_addr_parse(const char *host, uint16_t port, struct net_addr *out)
{
    struct net_addr a;
    memset(&a, 0, sizeof a);
    if (inet_pton(AF_INET, host, &a.u.in.sin_addr) == 1) {
        a.u.in.sin_family = AF_INET;
        a.u.in.sin_port = htons(port);
        *out = a;
        return true;
    }

    char bare[INET6_ADDRSTRLEN];
    size_t n = strcspn(host, "%");
    if (n >= sizeof bare)
        return false;
    memcpy(bare, host, n);
    bare[n] = '\0';
    if (inet_pton(AF_INET6, bare, &a.u.in6.sin6_addr) != 1)
        return false;
    if (host[n] == '%') {
        if (!IN6_IS_ADDR_LINKLOCAL(&a.u.in6.sin6_addr))
            return false;
        a.u.in6.sin6_scope_id = scope_parse(host + n + 1);
        if (a.u.in6.sin6_scope_id == 0)
            return false;
    }
    a.u.in6.sin6_family = AF_INET6;
    a.u.in6.sin6_port = htons(port);
    *out = a;
    return true;
}

const char *net_addr_format(const struct net_addr *a, char *out)
{
    char host[INET6_ADDRSTRLEN];
    if (a->u.sa.sa_family == AF_INET) {
        inet_ntop(AF_INET, &a->u.in.sin_addr, host, sizeof host);
        snprintf(out, NET_ADDR_TEXT, "%s:%u", host, ntohs(a->u.in.sin_port));
        return out;
    }
    char scope[1 + IF_NAMESIZE] = "";
    uint32_t index = a->u.in6.sin6_scope_id;
    if (index > 0) {
        scope[0] = '%';
        if (if_indextoname(index, scope + 1) == NULL)
            snprintf(scope + 1, sizeof scope - 1, "%u", index);
    }
    inet_ntop(AF_INET6, &a->u.in6.sin6_addr, host, sizeof host);
    snprintf(out, NET_ADDR_TEXT, "[%s%s]:%u", host, scope,
             ntohs(a->u.in6.sin6_port));
    return out;
}

bool net_addr_same_host(const struct net_addr *a, const struct net_addr *b)
{
    if (a->u.sa.sa_family != b->u.sa.sa_family)
        return false;
    if (a->u.sa.sa_family == AF_INET)
        return a->u.in.sin_addr.s_addr == b->u.in.sin_addr.s_addr;
    return IN6_ARE_ADDR_EQUAL(&a->u.in6.sin6_addr, &b->u.in6.sin6_addr) &&
           a->u.in6.sin6_scope_id == b->u.in6.sin6_scope_id;
}
