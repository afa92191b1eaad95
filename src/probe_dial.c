/*
 * From an instance's address to a connection.  A name is never waited for
 * here: what the resolver knows is used, and if it knows nothing yet the
 * worker calls again.  A name's addresses are tried one after another, the
 * one that worked last first; each gets its share of the time that is left,
 * so that a dead one cannot eat the whole deadline.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <uv.h>

#include "agent/clock.h"
#include "agent/resolver.h"

#include "probe_private.h"

static void good_one_first(struct probe *p)
{
    for (size_t i = 1; i < p->naddrs; i++) {
        struct net_addr a = p->addrs[i];

        if (!net_addr_same_host(&a, &p->good))
            continue;
        memmove(&p->addrs[1], &p->addrs[0], i * sizeof a);
        p->addrs[0] = a;
        return;
    }
}

static void connect_first(struct probe *p)
{
    probe_enter(p, PROBE_CONNECT, clock_mono_us());
    p->next_addr = 0;
    p->failed = false;
    dial_next(p);
}

void dial_resolved(struct probe *p)
{
    struct verdict v;
    struct err why;
    size_t n = 0;

    switch (resolver_addrs(p->name, p->config->port, p->addrs, &n, &why)) {
    case RESOLVER_PENDING:
        return;
    case RESOLVER_FAILED:
        v.reason = REASON_DNS;
        v.detail[0] = '\0';
        reply_escape(v.detail, sizeof v.detail, why.text, strlen(why.text));
        probe_finish(p, &v, false);
        return;
    case RESOLVER_OK:
        p->naddrs = (uint8_t)n;
        good_one_first(p);
        connect_first(p);
        return;
    }
}

void dial_start(struct probe *p)
{
    uint64_t now_us = clock_mono_us();

    probe_arm(p, now_us, probe_left_ms(p, now_us));
    if (p->name == NULL) {
        connect_first(p);
        return;
    }
    probe_enter(p, PROBE_LOOKUP, now_us);
    dial_resolved(p);
}

void dial_next(struct probe *p)
{
    const struct net_addr *a = &p->addrs[p->next_addr];
    uint64_t now_us = clock_mono_us();
    uint64_t share_ms;
    int r = 0;

    if (p->net.state != NET_CLOSED)
        return; /* its closed event calls again */
    share_ms = probe_left_ms(p, now_us) / (unsigned)(p->naddrs - p->next_addr);
    probe_arm(p, now_us, share_ms > 0 ? share_ms : 1);
    p->next_addr++;
    if (p->config->path != NULL)
        probe_net_open_unix(&p->net, p->env->loop, p->config->path);
    else
        r = probe_net_open_tcp(&p->net, p->env->loop, &a->u.sa);
    if (r != 0)
        dial_failed(p, r);
}

/* That a server does not answer says more than that we could not ask. */
static bool weightier(const struct probe *p, enum reason r)
{
    return !p->failed || reason_status(r) == STATUS_DOWN ||
           reason_status(p->failure.reason) != STATUS_DOWN;
}

static void address_failed(struct probe *p, enum reason reason,
                           const char *what)
{
    char addr[NET_ADDR_TEXT];

    if (weightier(p, reason)) {
        if (p->naddrs > 1)
            verdict_set(&p->failure, reason, "connect: %s (%s)", what,
                        net_addr_format(&p->addrs[p->next_addr - 1], addr));
        else
            verdict_set(&p->failure, reason, "connect: %s", what);
        p->failed = true;
    }
    probe_hang_up(p);
    if (p->next_addr < p->naddrs)
        return; /* the closed event goes on */
    if (p->name != NULL)
        resolver_refresh(p->name);
    probe_finish(p, &p->failure, false);
}

void dial_failed(struct probe *p, int error)
{
    char what[64];

    uv_strerror_r(error, what, sizeof what);
    address_failed(p, probe_net_connect_reason(error, p->config->path != NULL),
                   what);
}

void dial_expired(struct probe *p)
{
    char what[64];

    snprintf(what, sizeof what, "no answer within %u ms",
             p->config->timeout_ms / p->naddrs);
    address_failed(p, REASON_CONNECT_TIMEOUT, what);
}

void dial_succeeded(struct probe *p)
{
    uint64_t now_us = clock_mono_us();

    p->good = p->addrs[p->next_addr - 1];
    probe_arm(p, now_us, probe_left_ms(p, now_us));
    talk_start(p, true, now_us);
}
