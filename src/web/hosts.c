/*
 * See hosts.h.  Names are compared without regard to case and to one dot at
 * their end, as resolvers do; a name that only begins or ends like one of
 * ours is another's: anybody can have web-1.example.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "agent/config.h"

#include "hosts.h"

/* LEN bytes at NAME. */
struct name {
    const char *at;
    size_t len;
};

static bool equal(struct name a, const char *b, size_t len)
{
    return a.len == len && strncasecmp(a.at, b, len) == 0;
}

static bool is_loopback(const char *address)
{
    struct in_addr v4;
    struct in6_addr v6;

    if (inet_pton(AF_INET, address, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET;
    return inet_pton(AF_INET6, address, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

int hosts_init(struct hosts *h, const struct config *c, struct err *e)
{
    const char *allowed = c->http.allow_hosts;

    *h = (struct hosts){ 0 };
    h->all =
        allowed == NULL && c->http.path == NULL && !is_loopback(c->http.host);
    if (gethostname(h->own, sizeof h->own - 1) != 0) {
        err_set(e, "[http]: gethostname: %s", strerror(errno));
        return -1;
    }
    if (allowed == NULL)
        return 0;
    h->allowed = strdup(allowed);
    if (h->allowed != NULL)
        return 0;
    err_set(e, "out of memory for the names of [http] allow_hosts");
    return -1;
}

static bool is_v4(struct name n)
{
    char text[INET_ADDRSTRLEN];
    struct in_addr address;

    if (n.len >= sizeof text)
        return false;
    memcpy(text, n.at, n.len);
    text[n.len] = '\0';
    return inet_pton(AF_INET, text, &address) == 1;
}

static bool is_allowed(const char *list, struct name n)
{
    while (list != NULL && *list != '\0') {
        size_t len;

        list += strspn(list, ", \t");
        len = strcspn(list, ", \t");
        if (len > 0 && equal(n, list, len))
            return true;
        list += len;
    }
    return false;
}

/* The whole of it, or its first part where it has a domain. */
static bool is_own(const char *own, struct name n)
{
    return own[0] != '\0' &&
           (equal(n, own, strlen(own)) || equal(n, own, strcspn(own, ".")));
}

bool hosts_answer(const struct hosts *h, const char *host)
{
    struct name n = { host, 0 };

    if (h->all || host == NULL || host[0] == '\0')
        return true;
    /* No name can look like a v6 address. */
    if (host[0] == '[')
        return true;
    n.len = strcspn(host, ":");
    if (n.len > 1 && host[n.len - 1] == '.')
        n.len--;
    return is_v4(n) || equal(n, "localhost", strlen("localhost")) ||
           is_own(h->own, n) || is_allowed(h->allowed, n);
}

void hosts_clear(struct hosts *h)
{
    free(h->allowed);
    h->allowed = NULL;
}
