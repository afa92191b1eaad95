#ifndef AGENT_STORE_H
#define AGENT_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The seam below the publisher: a tree of nodes with versions and owners,
 * spoken to asynchronously.  Nothing here ever waits.  One thread (the
 * publisher's) calls everything but where noted.  src/zk is the real
 * one, test/fake_store.c one in memory with faults.
 */
enum store_verb {
    STORE_GET,       /* data, version, owner, mtime */
    STORE_SET,       /* data; version -1: whatever it is */
    STORE_CREATE,    /* data; ephemeral or persistent */
    STORE_DELETE,    /* version */
    STORE_TAKE_OVER, /* delete(version) and create ephemeral, as one */
    STORE_LIST,      /* the names of the children */
    STORE_EXISTS,    /* whether it is there */
};

enum store_code {
    STORE_OK,
    STORE_NO_NODE, /* or, of a create, its parent is missing */
    STORE_NODE_EXISTS,
    STORE_BAD_VERSION,
    STORE_NO_AUTH,      /* our rights do not suffice: a configuration error */
    STORE_UNCERTAIN,    /* connection lost, deadline over, handle dropped: it
                           may have been done or not */
    STORE_SESSION_GONE, /* not done: the session is over */
    STORE_BUSY,         /* not done: the server asks to slow down */
    STORE_FAILED,       /* not done, for another reason: raw says which */
};
const char *store_code_name(enum store_code c);

struct store_request {
    enum store_verb verb;
    uint64_t token;   /* comes back with the reply */
    const char *path; /* absolute; copied */
    const char *data; /* copied; at most 16 KiB */
    size_t len;
    int32_t version;
    bool ephemeral;
    bool watch; /* EXISTS, GET, LIST: see store_ops.changed */
    bool large; /* up to STORE_LARGE_MAX bytes are written, or read */
};

/* Below what a server takes for one request (jute.maxbuffer, 1 MB). */
#define STORE_LARGE_MAX ((size_t)1000 * 1024)

struct store_reply {
    enum store_verb verb;
    uint64_t token;
    enum store_code code;
    int raw;               /* the library's code */
    const char *words;     /* what RAW means, for people; static; or NULL */
    const char *advice;    /* what is to be done about it; static; or NULL */
    int32_t version;       /* after a GET, SET or CREATE; -1: not said */
    int64_t owner;         /* GET, SET: ephemeralOwner, 0: a persistent node */
    int64_t mtime_wall_ms; /* GET, SET: of the last change, by the clock of the
                              ensemble's leader */
    uint64_t sent_mono_ms; /* when the request was handed on … */
    uint64_t done_mono_ms; /* … and when it was answered; 0: it was not */
    /* GET: at most 16 KiB of it, unless asked for as large.  LIST: every name
     * with a NUL behind it, of any length.  Until the next collect. */
    const char *data;
    size_t len;
};

/* "set: the quota is exceeded (-125): raise it (setquota), …" into OUT.
 * Pure. */
void store_reply_say(const struct store_reply *r, char *out, size_t size);

enum store_state {
    STORE_OFFLINE, /* no handle: resolving, or backing off */
    STORE_CONNECTING,
    STORE_CONNECTED,
    STORE_BROKEN, /* may not go on: too many handles could not be closed;
                     the process should end itself */
};
const char *store_state_name(enum store_state s);

struct store_status {
    enum store_state state;
    bool outage; /* no useful answer came since, or only a moment ago */
    uint64_t since_mono_ms; /* outage: of the last useful answer before it, or
                               the start; else since when it is connected */
    int64_t session;        /* 0: none yet */
    uint64_t sessions;      /* sessions so far: grows by one each time that
                               nothing is known any more of what is there */
    uint64_t handles;       /* connections' owners so far: with each new one
                               all watches are gone */
    bool resumed;           /* the session began in an earlier process */
    unsigned timeout_ms;    /* of the session, as the server granted it; 0: not
                               yet */
    uint64_t losses;        /* connections that were lost after they served */
    unsigned reapers;       /* handles being closed */
    uint64_t log_lines_dropped;
    char why[320];   /* outage: what each server did, for people; else "" */
    char server[80]; /* host:port, while connected; else the last one, or "" */
};

/* How a store ended, from best to worst. */
enum store_end {
    STORE_CLOSED, /* all is over and freed */
    STORE_KEPT,   /* as it should: the session lives on, in the hands of
                     threads of the library, until the process ends, which it
                     should soon, by _exit; nothing of ours is used by them */
    STORE_LEFT,   /* a thread had to be left behind: _exit */
};

struct store;

struct store_ops {
    /*
     * Returns 0 when under way: exactly one reply will be collected, at the
     * latest when the deadline of the store is over.  -1: not accepted now
     * (not connected, window full); try again after the next wake.
     */
    int (*submit)(struct store *s, const struct store_request *r);
    /* Fills OUT with up to MAX replies; returns how many. */
    size_t (*collect)(struct store *s, struct store_reply *out, size_t max);
    /*
     * Moves to PATH (SIZE bytes) the path of a node that has changed since a
     * request for it asked to watch: its data after a GET, its children after
     * a LIST, and that it came or went.  "": any of them may have.  False:
     * none has.  It is told once; then the watch is over.  What was answered
     * before it changed may only be collected afterwards.  NULL: it cannot
     * watch.
     */
    bool (*changed)(struct store *s, char *path, size_t size);
    /*
     * Does what is due (deadlines, the ladder); returns when to be called
     * next, in monotonic ms: within half a second, which is also how often
     * the publisher's thread gives a sign of life.  Also to be called after
     * each wake.
     */
    uint64_t (*tick)(struct store *s, uint64_t now_mono_ms);
    void (*status)(struct store *s, struct store_status *out);
    /*
     * Ends the session, or leaves it to a later process if the store was
     * made so, waiting at most BUDGET_MS, and frees everything that can be.
     */
    enum store_end (*close)(struct store *s, unsigned budget_ms);
};

struct store {
    const struct store_ops *ops;
    /* Set by the publisher before the first call: something can be
     * collected or ticked.  Called on any thread; must not wait. */
    void (*wake)(void *arg);
    void *wake_arg;
};

#endif
