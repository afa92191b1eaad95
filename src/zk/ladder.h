#ifndef ZK_LADDER_H
#define ZK_LADDER_H

#include "agent/config.h"
#include "agent/err.h"
#include "agent/store.h"

#include "backoff.h"
#include "closing.h"
#include "cycle.h"
#include "outage.h"
#include "session.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store_zk_options;
struct zk_addrs;
struct zk_answers;
struct zk_handle;

/*
 * From a lost connection back to a session: which address is tried, for how
 * long, what came of it, and when it is tried again.  Thread: publisher.
 */
struct zk_ladder {
    /* Set once. */
    unsigned asked_ms;  /* the session timeout that we ask for */
    unsigned within_ms; /* all addresses are to have had a turn; 0: no hurry */
    enum config_acl acl;
    char *digest;               /* owned; secret; or NULL */
    char *digest_file;          /* owned; or NULL */
    struct zk_addrs *addrs;     /* owned */
    struct zk_answers *answers; /* borrowed */
    void (*wake)(void *);
    void *wake_arg;

    /* The way to a connection. */
    struct zk_cycle cycle;
    char addr[80];   /* whose turn it is, or was last; for people */
    bool hosts_told; /* that no address is known */
    struct zk_outage outage;
    struct zk_backoff anew; /* of sessions, and of handles */
    uint64_t random;

    /* The attempt, or the connection. */
    struct zk_handle *handle; /* owned; NULL: none */
    unsigned changes;         /* of the handle, as far as looked at */
    uint64_t failures;        /* of the library's log, when it was opened */
    unsigned turn_ms;
    uint64_t opened_mono_ms;
    size_t largest; /* bytes of the largest request on this connection */
    bool up;        /* connected, and proved by a useful answer */
    bool up_told;   /* and the log knows */
    bool settled;   /* and that for a while */
    bool fresh;     /* its session had not been seen before */
    uint64_t up_mono_ms;
    uint64_t answered_mono_ms; /* the last useful answer; 0: none yet */

    struct zk_session session;
    bool resumed;        /* the session was granted, an earlier process's */
    int64_t counted;     /* the session that status.sessions counted last */
    unsigned granted_ms; /* the session timeout; 0: none was ever granted */
    bool auth_told;
    struct zk_closing closing;
    struct store_status status;
};

/* O's strings are copied; ANSWERS is where those of dropped handles go.  -1
 * and E: out of memory; L is then to be freed all the same. */
int zk_ladder_init(struct zk_ladder *l, const struct store_zk_options *o,
                   struct zk_answers *answers, struct err *e) MUST_USE;
/* After zk_ladder_end, or without a single step. */
void zk_ladder_free(struct zk_ladder *l);
/* Does what is due; returns when to be called next, in monotonic ms. */
uint64_t zk_ladder_step(struct zk_ladder *l, uint64_t now_mono_ms);
/* Moves what is answered to the answers. */
void zk_ladder_harvest(struct zk_ladder *l, uint64_t now_mono_ms);
/* How long a request may take, in ms. */
unsigned zk_ladder_patience_ms(const struct zk_ladder *l);
/* Ends the session or leaves it to a later process, within BUDGET_MS. */
enum store_end zk_ladder_end(struct zk_ladder *l, unsigned budget_ms);

#endif
