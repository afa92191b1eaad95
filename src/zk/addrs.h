#ifndef ZK_ADDRS_H
#define ZK_ADDRS_H

#include "agent/config.h"
#include "agent/err.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * The servers as numeric addresses.  Thread: publisher.
 */
struct zk_addrs;
struct resolver;

/* SERVERS are copied, R is borrowed.  NULL and E: out of memory. */
struct zk_addrs *zk_addrs_new(const struct config_server *servers, size_t n,
                              struct resolver *r, struct err *e) MUST_USE;
void zk_addrs_free(struct zk_addrs *a); /* NULL is a no-op */
/* All known addresses as the library wants them; valid until the next call.
 * NULL and WHY when not one is known, or (ASKING) a name was never asked for:
 * the resolver then wakes its subscribers. */
const char *zk_addrs_list(struct zk_addrs *a, bool *asking, struct err *why);
/* Nothing there answers: names are asked for anew. */
void zk_addrs_refresh(struct zk_addrs *a);

#endif
