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
#include "agent/escape.h"
#include "agent/resolver.h"

#include "private.h"

void dial_done(struct probe *p)
{
    if (p->dial == NULL || p->net.state == NET_CONNECTING ||
        p->net.state == NET_CLOSING)
        return;
    probe_env_dial_done(p->env, p->dial);
    p->dial = NULL;
}

static void good_one_first(struct probe_dial *d, const struct net_addr *good)
{
    for (size_t i = 1; i < d->naddrs; i++) {
        struct net_addr a = d->addrs[i];

        if (!net_addr_same_host(&a, good))
            continue;
        memmove(&d->addrs[1], &d->addrs[0], i * sizeof a);
        d->addrs[0] = a;
        return;
    }
}

static void connect_first(struct probe *p)
{
    probe_enter(p, PROBE_CONNECT, clock_mono_us());
    p->dial->next_addr = 0;
    p->dial->failed = false;
    dial_next(p);
}

void dial_resolved(struct probe *p)
{
    struct probe_dial *d = p->dial;
    struct verdict v;
    struct err why;
    size_t n = 0;

    switch (resolver_addrs(p->name, p->config->port, d->addrs, &n, &why)) {
    case RESOLVER_PENDING:
        return;
    case RESOLVER_FAILED:
        v.reason = REASON_DNS;
        v.detail[0] = '\0';
        escape_add(v.detail, sizeof v.detail, why.text, strlen(why.text));
        probe_finish(p, v.reason, v.detail, false);
        return;
    case RESOLVER_OK:
        d->naddrs = (uint8_t)n;
        good_one_first(d, &p->addr);
        connect_first(p);
        return;
    }
}

void dial_start(struct probe *p)
{
    uint64_t now_us = clock_mono_us();

    probe_arm(p, now_us, probe_left_ms(p, now_us));
    if (p->dial == NULL)
        p->dial = probe_env_dial(p->env);
    if (p->dial == NULL) {
        probe_finish(p, REASON_DOUBT, "no memory to connect", false);
        return;
    }
    if (p->name == NULL) {
        p->dial->addrs[0] = p->addr;
        p->dial->naddrs = 1;
        connect_first(p);
        return;
    }
    probe_enter(p, PROBE_LOOKUP, now_us);
    dial_resolved(p);
}

void dial_next(struct probe *p)
{
    struct probe_dial *d = p->dial;
    const struct net_addr *a = &d->addrs[d->next_addr];
    uint64_t now_us = clock_mono_us();
    uint64_t share_ms;
    int r = 0;

    if (p->net.state != NET_CLOSED)
        return; /* its closed event calls again */
    share_ms = probe_left_ms(p, now_us) / (unsigned)(d->naddrs - d->next_addr);
    probe_arm(p, now_us, share_ms > 0 ? share_ms : 1);
    d->next_addr++;
    if (p->config->path != NULL)
        probe_net_open_unix(&p->net, p->env->loop, p->config->path, &d->req);
    else
        r = probe_net_open_tcp(&p->net, p->env->loop, &a->u.sa, &d->req);
    if (r != 0)
        dial_failed(p, r);
}

/* That a server does not answer says more than that we could not ask. */
static bool weightier(const struct probe_dial *d, enum reason r)
{
    return !d->failed || reason_status(r) == STATUS_DOWN ||
           reason_status(d->failure.reason) != STATUS_DOWN;
}

/* It may have moved.  That is asked at the pace of rounds: the one of retries
 * may go on for as long as nobody listens. */
static void look_anew(struct probe *p)
{
    uint64_t interval_us = (uint64_t)p->config->interval_ms * 1000;

    if (p->name == NULL || (p->looked_anew_us != 0 &&
                            p->started_us - p->looked_anew_us < interval_us))
        return;
    p->looked_anew_us = p->started_us;
    resolver_refresh(p->name);
}

static void address_failed(struct probe *p, enum reason reason,
                           const char *what)
{
    struct probe_dial *d = p->dial;
    char addr[NET_ADDR_TEXT];

    if (weightier(d, reason)) {
        if (d->naddrs > 1)
            verdict_set(&d->failure, reason, "connect: %s (%s)", what,
                        net_addr_format(&d->addrs[d->next_addr - 1], addr));
        else
            verdict_set(&d->failure, reason, "connect: %s", what);
        d->failed = true;
    }
    probe_hang_up(p);
    if (d->next_addr < d->naddrs)
        return; /* the closed event goes on */
    look_anew(p);
    probe_finish(p, d->failure.reason, d->failure.detail, false);
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
             p->config->timeout_ms / p->dial->naddrs);
    address_failed(p, REASON_CONNECT_TIMEOUT, what);
}

void dial_succeeded(struct probe *p)
{
    uint64_t now_us = clock_mono_us();

    if (p->name != NULL)
        p->addr = p->dial->addrs[p->dial->next_addr - 1];
    dial_done(p);
    probe_arm(p, now_us, probe_left_ms(p, now_us));
    talk_start(p, true, now_us);
}
