/*
 * From an instance's address to a connection.  A name is asked for anew, as it
 * may have moved; the worker calls again when the answer is here.
 * A name service that does not answer for a part of the time is not waited
 * for: then the last good list is used.  Addresses are tried one after another,
 * the one that worked last first; each gets its share of the time that is left,
 * so that a dead one cannot eat the whole deadline.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <uv.h>

#include "agent/clock.h"
#include "agent/escape.h"
#include "agent/net_allow.h"
#include "agent/resolver.h"

#include "dial.h"
#include "env.h"
#include "remote.h"

/* The part of the time in which a fresh answer to a name is waited for. */
#define LOOKUP_PARTS 3

/* No answer is fresh that is older. */
#define FRESH_MS 1000

static void next_address(struct dial *d);

static uint64_t left_ms(const struct dial *d, uint64_t now_us)
{
    if (now_us + 1000 >= d->end_us)
        return 1;
    return (d->end_us - now_us + 999) / 1000;
}

void dial_stop(struct dial *d)
{
    if (d->looking_up)
        LIST_REMOVE(d, waiting);
    d->looking_up = false;
    deadline_clear(&d->to->env->deadlines, &d->deadline);
}

static void good_one_first(struct dial *d, const struct net_addr *good)
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

/* A name is allowed only where all that it leads to is: whoever has it could
 * else choose by its order what is connected to. */
static bool is_allowed(const struct dial *d, struct verdict *v)
{
    const struct net_allow *allow = d->to->config->allow;
    char addr[NET_ADDR_TEXT];

    if (allow != NULL && d->to->config->path != NULL) {
        verdict_set(v, REASON_SETTINGS, "a socket file is no target");
        return false;
    }
    for (size_t i = 0; allow != NULL && i < d->naddrs; i++) {
        if (net_allow_has(allow, &d->addrs[i]))
            continue;
        verdict_set(v, REASON_SETTINGS, "%s is not within targets_allow",
                    net_addr_format(&d->addrs[i], addr));
        return false;
    }
    return true;
}

static void connect_first(struct dial *d)
{
    struct verdict v;

    if (!is_allowed(d, &v)) {
        d->events->failed(d->socket, &v);
        return;
    }
    d->next_addr = 0;
    d->failed = false;
    d->events->found(d->socket);
    next_address(d);
}

/* Many instances may share a name, and it is asked for once for all. */
static uint64_t max_age_ms(const struct remote *to)
{
    unsigned retry_ms = to->config->retry_interval_ms;

    return retry_ms < FRESH_MS ? retry_ms : FRESH_MS;
}

static void look_up(struct dial *d)
{
    const struct remote *to = d->to;
    struct verdict v;
    struct err why;
    size_t n = 0;

    if (!d->old_will_do && !resolver_is_fresh(to->name, max_age_ms(to)))
        return;
    switch (resolver_addrs(to->name, to->config->port, d->addrs, &n, &why)) {
    case RESOLVER_PENDING:
        return;
    case RESOLVER_FAILED:
        v.reason = REASON_DNS;
        v.ours = false;
        v.detail[0] = '\0';
        escape_add(v.detail, sizeof v.detail, why.text, strlen(why.text));
        dial_stop(d);
        d->events->failed(d->socket, &v);
        return;
    case RESOLVER_OK:
        dial_stop(d);
        d->naddrs = (uint8_t)n;
        good_one_first(d, &to->addr);
        connect_first(d);
        return;
    }
}

void dial_resolved(struct probe_env *env)
{
    struct dial *d, *next;

    for (d = LIST_FIRST(&env->waiting); d != NULL; d = next) {
        next = LIST_NEXT(d, waiting);
        look_up(d);
    }
}

/* That a server does not answer says more than that we could not ask. */
static bool weightier(const struct dial *d, enum reason r)
{
    return !d->failed || reason_status(r) == STATUS_DOWN ||
           reason_status(d->failure.reason) != STATUS_DOWN;
}

static void note_failure(struct dial *d, enum reason reason, const char *what)
{
    char addr[NET_ADDR_TEXT];

    if (!weightier(d, reason))
        return;
    if (d->naddrs > 1)
        verdict_set(&d->failure, reason, "connect: %s (%s)", what,
                    net_addr_format(&d->addrs[d->next_addr - 1], addr));
    else
        verdict_set(&d->failure, reason, "connect: %s", what);
    d->failed = true;
}

static void note_timeout(struct dial *d)
{
    char what[64];

    snprintf(what, sizeof what, "no answer within %u ms",
             d->to->config->timeout_ms / d->naddrs);
    d->ran_out = true;
    note_failure(d, REASON_CONNECT_TIMEOUT, what);
}

/* The failure of this address is noted. */
static void give_up_address(struct dial *d)
{
    dial_stop(d);
    socket_close(d->socket);
    if (d->next_addr < d->naddrs)
        return; /* the closed event goes on */
    d->events->failed(d->socket, &d->failure);
}

void dial_broken(struct dial *d, int error)
{
    char what[64];

    uv_strerror_r(error, what, sizeof what);
    note_failure(d, socket_connect_reason(error, d->to->config->path != NULL),
                 what);
    give_up_address(d);
}

static void share_expired(struct deadline *deadline)
{
    struct dial *d =
        (struct dial *)((char *)deadline - offsetof(struct dial, deadline));

    if (d->looking_up) {
        d->old_will_do = true;
        look_up(d);
        return;
    }
    if (!d->grace) {
        d->grace = true;
        deadline_set(&d->to->env->deadlines, deadline, clock_mono_ms(), 1);
        return;
    }
    note_timeout(d);
    give_up_address(d);
}

/* The last address may use all that is left of the probe's own deadline. */
static void arm_share(struct dial *d)
{
    uint64_t now_us = clock_mono_us();
    uint64_t share_ms =
        left_ms(d, now_us) / (unsigned)(d->naddrs - d->next_addr);

    if (d->next_addr + 1 == d->naddrs)
        return;
    d->grace = false;
    deadline_set(&d->to->env->deadlines, &d->deadline, now_us / 1000,
                 share_ms > 0 ? share_ms : 1);
}

static void next_address(struct dial *d)
{
    const struct config_instance *config = d->to->config;
    uv_loop_t *loop = d->to->env->loop;
    const struct net_addr *a = &d->addrs[d->next_addr];
    int r = 0;

    arm_share(d);
    d->next_addr++;
    if (config->path != NULL)
        socket_open_unix(d->socket, loop, config->path, &d->req);
    else
        r = socket_open_tcp(d->socket, loop, &a->u.sa, &d->req);
    if (r != 0)
        dial_broken(d, r);
}

void dial_closed(struct dial *d)
{
    next_address(d);
}

void dial_opened(struct dial *d)
{
    dial_stop(d);
    if (d->to->name != NULL)
        d->to->addr = d->addrs[d->next_addr - 1];
    d->events->connected(d->socket);
}

const struct net_addr *dial_addr(const struct dial *d)
{
    return &d->addrs[d->next_addr - 1];
}

void dial_expired(struct dial *d, struct verdict *v)
{
    if (d->looking_up) {
        verdict_set(v, REASON_DNS, "lookup: no answer within %u ms",
                    d->to->config->timeout_ms);
    } else {
        note_timeout(d);
        *v = d->failure;
    }
    dial_stop(d);
}

void dial_start(struct dial *d, const struct dial_events *events,
                struct socket *s, struct remote *to,
                const struct dial_order *order)
{
    d->events = events;
    d->socket = s;
    d->to = to;
    d->end_us = order->end_us;
    d->deadline = (struct deadline){ .expired = share_expired };
    d->ran_out = false;
    d->old_will_do = !order->anew;
    d->looking_up = to->name != NULL;
    if (d->looking_up) {
        uint64_t now_us = clock_mono_us();

        LIST_INSERT_HEAD(&to->env->waiting, d, waiting);
        deadline_set(&to->env->deadlines, &d->deadline, now_us / 1000,
                     left_ms(d, now_us) / LOOKUP_PARTS + 1);
        look_up(d);
        return;
    }
    d->addrs[0] = to->addr;
    d->naddrs = 1;
    connect_first(d);
}
