#ifndef ZK_ADDRS_H
#define ZK_ADDRS_H

#include "agent/config.h"
#include "agent/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The servers as numeric addresses.  Thread: publisher.
 */
struct zk_addrs;
struct resolver;

/* SERVERS are copied, R is borrowed.  NULL and E: out of memory. */
struct zk_addrs *zk_addrs_new(const struct config_server *servers, size_t n,
                              struct resolver *r, struct err *e) MUST_USE;
void zk_addrs_free(struct zk_addrs *a); /* NULL is a no-op */
/*
 * Takes all known addresses, in a new order by RANDOM: each is to have its
 * turn, and agents are to spread over the servers.  LAST (as zk_addrs_text,
 * or "") comes last.  Returns how many; 0 and WHY when not one is known, or
 * (ASKING) a name was never asked for: the resolver then wakes its
 * subscribers.
 */
size_t zk_addrs_load(struct zk_addrs *a, uint64_t *random, const char *last,
                     bool *asking, struct err *why);
/* The I'th of those: as the library wants it, and for people.  Valid until
 * the next load. */
const char *zk_addrs_host(const struct zk_addrs *a, size_t i);
const char *zk_addrs_text(const struct zk_addrs *a, size_t i);
/* Nothing there answers: names are asked for anew. */
void zk_addrs_refresh(struct zk_addrs *a);

#endif
