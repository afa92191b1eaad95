#ifndef ZK_CYCLE_H
#define ZK_CYCLE_H

#include "backoff.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Whose turn it is, for how long, and when a new cycle may begin: every
 * address has one turn in a cycle.  Pure; thread: publisher.
 */
struct zk_cycle {
    size_t next;     /* whose turn is next */
    size_t count;    /* addresses in this cycle; 0: none was begun */
    unsigned failed; /* cycles in a row that came to nothing */
    bool granted;    /* a server of this cycle gave us a connection */
    uint64_t retry_mono_ms;
    struct zk_backoff pace;  /* after cycles without any connection */
    struct zk_backoff storm; /* after those with connections of no use */
};

void zk_cycle_init(struct zk_cycle *c, unsigned session_timeout_ms);
/* A connection served for a while. */
void zk_cycle_success(struct zk_cycle *c);
/* … and ended: a new cycle may begin at once. */
void zk_cycle_restart(struct zk_cycle *c, uint64_t now_mono_ms);
/* All had their turn, or none was begun. */
bool zk_cycle_over(const struct zk_cycle *c);
void zk_cycle_begin(struct zk_cycle *c, size_t count);
/* The address whose turn it is. */
size_t zk_cycle_take(struct zk_cycle *c);
/* How long a turn may last, in ms.  WITHIN_MS: all are to have had one. */
unsigned zk_cycle_turn_ms(const struct zk_cycle *c, unsigned session_timeout_ms,
                          unsigned within_ms);
/* A turn came to nothing.  GRANTED: the server gave us a connection that was
 * of no use.  True when that ended the cycle. */
bool zk_cycle_turn_failed(struct zk_cycle *c, bool granted,
                          uint64_t now_mono_ms, uint64_t *random);

#endif
