#ifndef ZK_STATE_H
#define ZK_STATE_H

#include "agent/config.h"
#include "agent/store.h"

#include "backoff.h"
#include "closing.h"
#include "cycle.h"
#include "failure.h"
#include "outage.h"
#include "session.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct zk_addrs;
struct zk_answers;
struct zk_handle;

/*
 * The state of the ladder, and what all its steps do alike.  Thread:
 * publisher, all.
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

/* The session timeout in ms: what was granted; before that, what we ask for. */
unsigned zk_timeout_ms(const struct zk_ladder *l);
/* How long a request may take, in ms. */
unsigned zk_patience_ms(const struct zk_ladder *l);

/* The one function that sets the state. */
void zk_set_state(struct zk_ladder *l, enum store_state state);
/* ADDR ("": none) did what WORDS say. */
void zk_note(struct zk_ladder *l, const char *addr, const char *words);
/* An outage begins, if none is under way; SINCE: the last useful answer. */
void zk_outage_starts(struct zk_ladder *l, uint64_t since_mono_ms);
/* Once an outage, however long it lasts, and not of one that is over in a
 * moment: no server is of use. */
void zk_tell_outage(struct zk_ladder *l, uint64_t now_mono_ms);
/* Once, until a server serves us: it wants another authentication, by the
 * library's code RC. */
void zk_tell_auth(struct zk_ladder *l, int rc);

/* Moves what is answered to the answers. */
void zk_harvest(struct zk_ladder *l, uint64_t now_mono_ms);
/* Gives the handle up; what was under way is uncertain. */
void zk_drop_handle(struct zk_ladder *l, uint64_t now_mono_ms);
/* The same, of a handle that came to nothing: the next address has its turn.
 * GRANTED: it had a connection, of no use.  Does nothing when it is connected
 * after all: its next change says so. */
void zk_turn_over(struct zk_ladder *l, uint64_t now_mono_ms, bool granted);
/* The same, of one that may be connected, and whose session may end. */
void zk_turn_spoilt(struct zk_ladder *l, uint64_t now_mono_ms, bool granted);
/* Whether the library's log tells how this handle's connection failed. */
bool zk_failure_told(const struct zk_ladder *l, struct zk_failure *out);

/* The session may have nodes that are to stay. */
bool zk_worth_keeping(const struct zk_ladder *l);
void zk_forget_session(struct zk_ladder *l, const char *why);

#endif
