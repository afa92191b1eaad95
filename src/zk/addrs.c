/*
 * The servers as numeric addresses.  A name given to the library is looked
 * up by its I/O thread at every turn of its loop, and a resolver that fails
 * then costs the session or a whole processor; so the names are ours to look
 * up.  A name is waited for when it is asked for the first time (the resolver
 * has a deadline); one that is not known then is left out as long as there is
 * another.
 */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/resolver.h"

#include "addrs.h"
#include "backoff.h"

/* "ffff:…:255.255.255.255%eth0:65535" */
#define HOST_SIZE 80

struct address {
    char host[HOST_SIZE];
    char text[NET_ADDR_TEXT];
};

struct server {
    struct resolver_name *name; /* NULL: numeric */
    struct net_addr addr;
    uint16_t port;
};

struct zk_addrs {
    struct address *list; /* room for all that can be known */
    size_t nlist;
    size_t count;
    struct server servers[];
};

static int server_set(struct server *s, const struct config_server *c,
                      struct resolver *r, struct err *e)
{
    s->port = c->port;
    if (net_addr_parse(c->host, c->port, &s->addr))
        return 0;
    s->name = resolver_name_get(r, c->host, e);
    return s->name != NULL ? 0 : -1;
}

struct zk_addrs *zk_addrs_new(const struct config_server *servers, size_t n,
                              struct resolver *r, struct err *e)
{
    struct zk_addrs *a = calloc(1, sizeof *a + n * sizeof a->servers[0]);

    if (a == NULL)
        goto no_memory;
    a->list = calloc(n * RESOLVER_ADDRS, sizeof a->list[0]);
    if (a->list == NULL)
        goto no_memory;
    for (; a->count < n; a->count++)
        if (server_set(&a->servers[a->count], &servers[a->count], r, e) != 0) {
            zk_addrs_free(a);
            return NULL;
        }
    return a;

no_memory:
    zk_addrs_free(a);
    err_set(e, "out of memory for %zu ZooKeeper servers", n);
    return NULL;
}

void zk_addrs_free(struct zk_addrs *a)
{
    if (a == NULL)
        return;
    for (size_t i = 0; i < a->count; i++)
        resolver_name_put(a->servers[i].name);
    free(a->list);
    free(a);
}

/* IPv6 without brackets: the library takes what follows the last colon as
 * the port, and hands brackets on to getaddrinfo. */
static void append(struct zk_addrs *a, const struct net_addr *addr)
{
    struct address *at = &a->list[a->nlist];
    char host[64];
    char port[8];
    socklen_t len = addr->u.sa.sa_family == AF_INET6 ? sizeof addr->u.in6
                                                     : sizeof addr->u.in;

    if (getnameinfo(&addr->u.sa, len, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return;
    snprintf(at->host, sizeof at->host, "%s:%s", host, port);
    net_addr_format(addr, at->text);
    a->nlist++;
}

/* Appends what is known of one server; false: that is being asked for. */
static bool append_server(struct zk_addrs *a, struct server *s, struct err *why)
{
    struct net_addr found[RESOLVER_ADDRS] = { s->addr };
    enum resolver_state state = RESOLVER_OK;
    size_t n = 1;

    if (s->name != NULL)
        state = resolver_addrs(s->name, s->port, found, &n, why);
    if (state == RESOLVER_OK)
        for (size_t i = 0; i < n; i++)
            append(a, &found[i]);
    return state != RESOLVER_PENDING;
}

static void swap(struct zk_addrs *a, size_t i, size_t k)
{
    struct address kept = a->list[i];

    a->list[i] = a->list[k];
    a->list[k] = kept;
}

/* Fisher and Yates; then LAST to the end. */
static void shuffle(struct zk_addrs *a, uint64_t *random, const char *last)
{
    for (size_t i = a->nlist; i > 1; i--)
        swap(a, i - 1, (size_t)(zk_random_next(random) % i));
    for (size_t i = 0; i + 1 < a->nlist; i++)
        if (strcmp(a->list[i].text, last) == 0)
            swap(a, i, a->nlist - 1);
}

size_t zk_addrs_load(struct zk_addrs *a, uint64_t *random, const char *last,
                     bool *asking, struct err *why)
{
    bool all = true;

    a->nlist = 0;
    err_set(why, "no address of a server is known");
    for (size_t i = 0; i < a->count; i++)
        all = append_server(a, &a->servers[i], why) && all;
    *asking = !all;
    if (!all) {
        err_set(why, "looking up the names of the servers");
        a->nlist = 0;
    }
    shuffle(a, random, last);
    return a->nlist;
}

const char *zk_addrs_host(const struct zk_addrs *a, size_t i)
{
    return a->list[i].host;
}

const char *zk_addrs_text(const struct zk_addrs *a, size_t i)
{
    return a->list[i].text;
}

void zk_addrs_refresh(struct zk_addrs *a)
{
    for (size_t i = 0; i < a->count; i++)
        if (a->servers[i].name != NULL)
            resolver_refresh(a->servers[i].name);
}
