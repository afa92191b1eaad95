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

/* "ffff:…:255.255.255.255%eth0:65535," */
#define ADDR_TEXT 80

struct server {
    struct resolver_name *name; /* NULL: numeric */
    struct net_addr addr;
    uint16_t port;
};

struct zk_addrs {
    char *text;
    size_t size;
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
    a->size = n * RESOLVER_ADDRS * ADDR_TEXT + 1;
    a->text = malloc(a->size);
    if (a->text == NULL)
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
    free(a->text);
    free(a);
}

/* IPv6 without brackets: the library takes what follows the last colon as
 * the port, and hands brackets on to getaddrinfo. */
static size_t append(char *at, size_t room, const struct net_addr *addr)
{
    char host[64];
    char port[8];
    socklen_t len = addr->u.sa.sa_family == AF_INET6 ? sizeof addr->u.in6
                                                     : sizeof addr->u.in;
    int n;

    if (getnameinfo(&addr->u.sa, len, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return 0;
    n = snprintf(at, room, "%s:%s,", host, port);
    return n > 0 && (size_t)n < room ? (size_t)n : 0;
}

/* Appends what is known of one server; false: that is being asked for. */
static bool append_server(struct zk_addrs *a, struct server *s, size_t *used,
                          struct err *why)
{
    struct net_addr found[RESOLVER_ADDRS] = { s->addr };
    enum resolver_state state = RESOLVER_OK;
    size_t n = 1;

    if (s->name != NULL)
        state = resolver_addrs(s->name, s->port, found, &n, why);
    if (state == RESOLVER_OK)
        for (size_t i = 0; i < n; i++)
            *used += append(a->text + *used, a->size - *used, &found[i]);
    return state != RESOLVER_PENDING;
}

const char *zk_addrs_list(struct zk_addrs *a, bool *asking, struct err *why)
{
    size_t used = 0;
    bool all = true;

    err_set(why, "no address of a server is known");
    for (size_t i = 0; i < a->count; i++)
        all = append_server(a, &a->servers[i], &used, why) && all;
    *asking = !all;
    if (!all)
        err_set(why, "looking up the names of the servers");
    if (!all || used == 0)
        return NULL;
    a->text[used - 1] = '\0';
    return a->text;
}

void zk_addrs_refresh(struct zk_addrs *a)
{
    for (size_t i = 0; i < a->count; i++)
        if (a->servers[i].name != NULL)
            resolver_refresh(a->servers[i].name);
}
