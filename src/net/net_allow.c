#include <arpa/inet.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "agent/resolver.h"

#include "agent/net_allow.h"

#define SPACES " \t"

/* An IPv4 network as the IPv6 one that its addresses are mapped to. */
struct block {
    unsigned char bytes[16];
    unsigned bits;
};

struct net_allow {
    atomic_uint references;
    size_t n;
    struct block blocks[];
};

static const unsigned char MAPPED[12] = { [10] = 0xff, [11] = 0xff };

static void to_bytes(const struct net_addr *a, unsigned char out[16])
{
    if (a->u.sa.sa_family == AF_INET6) {
        memcpy(out, &a->u.in6.sin6_addr, 16);
        return;
    }
    memcpy(out, MAPPED, sizeof MAPPED);
    memcpy(out + sizeof MAPPED, &a->u.in.sin_addr, 4);
}

static bool bit(const unsigned char bytes[16], unsigned at)
{
    return (bytes[at / 8] >> (7 - at % 8) & 1) != 0;
}

/* "8" of at most MOST. */
static bool parse_bits(const char *text, unsigned most, unsigned *out)
{
    char *end;

    if (text[0] < '0' || text[0] > '9')
        return false;
    unsigned long n = strtoul(text, &end, 10);
    *out = (unsigned)n;
    return *end == '\0' && n <= most;
}

static int parse_block(char *text, struct block *out, struct err *e)
{
    char *slash = strchr(text, '/');
    struct net_addr addr;

    if (slash != NULL)
        *slash++ = '\0';
    if (!net_addr_parse(text, 0, &addr) || strchr(text, '%') != NULL) {
        err_set(e, "must be networks like 10.0.0.0/8, got %.60s", text);
        return -1;
    }
    bool is_v4 = addr.u.sa.sa_family == AF_INET;
    unsigned most = is_v4 ? 32 : 128;
    out->bits = most;
    if (slash != NULL && !parse_bits(slash, most, &out->bits)) {
        err_set(e, "must have prefixes of 0 to %u bits, got %.60s/%.20s", most,
                text, slash);
        return -1;
    }
    out->bits += is_v4 ? 96 : 0;
    to_bytes(&addr, out->bytes);
    for (unsigned i = out->bits; i < 128; i++)
        if (bit(out->bytes, i)) {
            err_set(e, "has bits beyond the prefix in %.60s/%u", text,
                    out->bits - (is_v4 ? 96 : 0));
            return -1;
        }
    return 0;
}

static size_t count_items(const char *text)
{
    size_t n = 1;

    for (; *text != '\0'; text++)
        n += *text == ',';
    return n;
}

struct net_allow *net_allow_new(const char *text, struct err *e)
{
    size_t most = count_items(text);
    struct net_allow *a = calloc(1, sizeof *a + most * sizeof a->blocks[0]);
    char *copy = strdup(text);
    char *rest = copy;
    char *item;

    if (a == NULL || copy == NULL) {
        err_set(e, "out of memory for networks");
        goto fail;
    }
    atomic_init(&a->references, 1);
    while ((item = strsep(&rest, ",")) != NULL) {
        item += strspn(item, SPACES);
        size_t len = strlen(item);
        while (len > 0 && strchr(SPACES, item[len - 1]) != NULL)
            item[--len] = '\0';
        if (parse_block(item, &a->blocks[a->n++], e) != 0)
            goto fail;
    }
    free(copy);
    return a;
fail:
    free(copy);
    free(a);
    return NULL;
}

struct net_allow *net_allow_ref(struct net_allow *a)
{
    if (a != NULL)
        atomic_fetch_add_explicit(&a->references, 1, memory_order_relaxed);
    return a;
}

void net_allow_unref(struct net_allow *a)
{
    if (a != NULL &&
        atomic_fetch_sub_explicit(&a->references, 1, memory_order_acq_rel) == 1)
        free(a);
}

static bool in_block(const struct block *b, const unsigned char bytes[16])
{
    /* Who writes ::/0 means all of IPv6. */
    if (b->bits < 96 && memcmp(bytes, MAPPED, sizeof MAPPED) == 0)
        return false;
    for (unsigned i = 0; i < b->bits; i++)
        if (bit(b->bytes, i) != bit(bytes, i))
            return false;
    return true;
}

bool net_allow_has(const struct net_allow *a, const struct net_addr *addr)
{
    unsigned char bytes[16];

    to_bytes(addr, bytes);
    for (size_t i = 0; i < a->n; i++)
        if (in_block(&a->blocks[i], bytes))
            return true;
    return false;
}
