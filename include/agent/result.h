#ifndef AGENT_RESULT_H
#define AGENT_RESULT_H

#include "agent/escape.h"
#include "agent/reason.h"
#include "agent/role.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * What the loop asks of a worker, and what it is told.  Values that cross
 * threads by copy; nothing in them is owned.
 */
#define VERSION_SIZE 16 /* "7.0.15", with its NUL */
#define REPLID_SIZE  41 /* 40 hex digits, NUL */
#define WORD_SIZE    16 /* of a role or a kind of server, with its NUL */
#define REFUSAL_SIZE 48 /* of the words in which INFO was refused */

/* What is asked of one probe. */
struct job {
    uint64_t id; /* the instance, as the loop numbers it */
    uint64_t round;
    bool want_info; /* INFO replication although info_interval is not over */
    bool retry;     /* the last result contradicts the status */
    /* What the loop holds so far: an answer that speaks for another status is
     * confirmed on a new connection. */
    enum status status;
};

/* Which connection a result speaks of. */
enum answered_by {
    ANSWERED_BY_NONE, /* no answer */
    ANSWERED_BY_KEPT, /* one that stood already when the probe began */
    ANSWERED_BY_NEW,
};

/* What one probe saw.  Crosses threads by value. */
struct result {
    uint64_t id;
    /* No probe: the connection that was kept has ended between two of them,
     * or an answer came that was waited for no longer.  All but id says nothing
     * then. */
    bool lost;
    bool late;
    /* Whether a bad result may be due to our not having listened: an answer
     * that was missing or came too late for the server; and for how much of
     * the probe's time this thread did not run. */
    bool timed;
    /* The last new connection could not log in, while the kept one answers. */
    bool credentials_rejected;
    enum reason reason;
    uint64_t stalled_ms;
    uint64_t round;
    uint64_t started_mono_us;
    int64_t ended_wall_ms;
    /* Time in each phase; 0 where it was not passed through. */
    uint32_t lookup_us;
    uint32_t connect_us;
    uint32_t tls_us;
    uint32_t auth_us;
    uint32_t reply_us;
    enum answered_by answered_by;
    int64_t rtt_us; /* first byte sent to last reply; -1: no reply */
    uint64_t connection_age_ms; /* at the end, if answered; else 0 */
    /* Last known, also from earlier probes; 0: not said. */
    uint64_t run_id;         /* a hash of the process's run_id */
    int64_t started_wall_ms; /* when the process began, by its uptime */
    int64_t started_mono_ms; /* the same; may be before this machine began */
    enum role role;
    bool follows; /* a replica, or what says so of itself */
    /* From INFO of this very probe, if fresh_info; offsets -1: not said. */
    bool fresh_info;
    int64_t offset; /* replication offset: a master's, or how far a
                       replica has applied */
    int64_t behind; /* by a replica's own view, in bytes; -1: it has none */
    /* Words, from here to the end: outbox.c shortens them on the way, and what
     * follows a NUL is not copied.  Last known, as above; "": not said. */
    char role_word[WORD_SIZE]; /* as shown: "replica", or the server's own */
    char server[WORD_SIZE];    /* "redis", or what a relative calls itself */
    char version[VERSION_SIZE];
    char refusal[REFUSAL_SIZE]; /* how INFO was refused; "": it was not */
    char replid[REPLID_SIZE];   /* as offset */
    char detail[ESCAPED_SIZE];  /* the server's words or the failed call; "" */
};

#endif
