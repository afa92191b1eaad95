#ifndef AGENT_NET_ALLOW_H
#define AGENT_NET_ALLOW_H

#include "agent/err.h"

#include <stdbool.h>

/*
 * The networks that may be connected to, where the addresses come from
 * somebody else.  Counted references, from any thread; immutable.
 */
struct net_addr;
struct net_allow;

/*
 * TEXT is comma-separated: 10.0.0.0/8, fd00::/8, 192.0.2.1.  No bit may be set
 * beyond a prefix: it would be a network that nobody meant.  NULL and E, which
 * continues the name of the key.
 */
struct net_allow *net_allow_new(const char *text, struct err *e) MUST_USE;
/* NULL is a no-op. */
struct net_allow *net_allow_ref(struct net_allow *a);
void net_allow_unref(struct net_allow *a);

/* An IPv4 address that is written as an IPv6 one (::ffff:0:0/96) is the IPv4
 * one. */
bool net_allow_has(const struct net_allow *a, const struct net_addr *addr);

#endif
