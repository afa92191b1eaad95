#ifndef NET_RESOLVER_KNOWN_H
#define NET_RESOLVER_KNOWN_H

#include "agent/resolver.h"

/*
 * What one lookup brought, and what is known of a name after all of them.
 * The resolver's lock guards what is known.
 */
struct answer {
    struct net_addr addrs[RESOLVER_ADDRS];
    size_t naddrs;
    bool definite; /* there is no such name, or it has no address */
    struct err why;
};

/* Calls LOOKUP, for as long as it takes. */
void answer_ask(struct answer *a, resolver_lookup lookup, const char *host);

/* Starts as zeroes. */
struct known {
    bool answered;          /* a lookup ended, however */
    bool failed;            /* the last one brought no list */
    uint64_t ended_mono_ms; /* when it did */
    struct net_addr addrs[RESOLVER_ADDRS];
    size_t naddrs;  /* the last good list */
    struct err why; /* when failed */
};

/* True when the list is another one now. */
bool known_learn(struct known *k, const struct answer *a, uint64_t now_mono_ms);

/* It is time to ask anew. */
bool known_is_due(const struct known *k, uint64_t now_mono_ms);

/* No lookup has ended within the last AGE_MS. */
bool known_is_older(const struct known *k, uint64_t now_mono_ms,
                    uint64_t age_ms);

/* To ask anew is no flood. */
bool known_may_be_refreshed(const struct known *k, uint64_t now_mono_ms);

/* Copies the last good list; returns its length. */
size_t known_addrs(const struct known *k, uint16_t port,
                   struct net_addr out[RESOLVER_ADDRS]);

#endif
