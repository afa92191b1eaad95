#ifndef AGENT_DOCUMENT_H
#define AGENT_DOCUMENT_H

#include "agent/err.h"
#include "agent/health.h"
#include "agent/result.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The JSON that others read from ZooKeeper.  Pure.  Strings may hold any
 * bytes: what is not valid UTF-8 is escaped first.
 */

/* `seq` goes up to here, as JSON's numbers are exact to others up to here; then
 * it begins anew at 1. */
#define DOCUMENT_SEQ_MAX ((UINT64_C(1) << 53) - 1)

/* No document is larger; longer strings are cut before that. */
#define DOCUMENT_MAX 4096

struct document_status {
    const char *instance;
    const char *address;
    enum status status;
    enum reason reason;
    const char *detail;
    int64_t since_wall_ms;
    int64_t checked_wall_ms; /* 0: never, rendered null */
    int64_t rtt_us;          /* -1: null */
    const char *role;        /* "": null; also of those that follow */
    const char *server;
    const char *version;
    int64_t started_wall_ms; /* 0: null */
    bool maintenance;
    /* Under maintenance only: whose decision it is, why, and until when; NULL
     * or "", and 0: not said. */
    const char *maintenance_owner;
    const char *maintenance_reason;
    int64_t maintenance_until_wall_ms;
    const char *agent;
    const char *fleet; /* whose target it is; NULL: the agent's own instance */
    uint64_t round;
};

struct text;

/* The members of D into an open object, without seq. */
void document_members(const struct document_status *d, struct text *t);

/* The same of a single run, which has no round and no since. */
void document_members_once(const struct document_status *d, struct text *t);

/*
 * The status document without its last member: `{"schema":1,…,"round":1207`.
 * Whoever writes it counts the writes: document_seal adds seq.  Returns the
 * length (without NUL), 0 if it does not fit.  Allocates nothing.
 */
size_t document_status(const struct document_status *d, char *out,
                       size_t size) MUST_USE;

/*
 * Copies OPEN, as above, to OUT and closes it with `,"seq":SEQ}`.  Returns
 * the length, 0 if it does not fit.  Allocates nothing.
 */
size_t document_seal(const char *open, size_t len, uint64_t seq, char *out,
                     size_t size) MUST_USE;

#define DOCUMENT_EXCEPT 50

struct document_heartbeat {
    const char *agent;
    const char *host;
    long pid;
    int64_t started_wall_ms;
    uint64_t round;
    unsigned interval_ms;
    int64_t time_wall_ms; /* valid_until is this + 3 intervals */
    size_t instances;
    size_t by_status[STATUS_COUNT];
    const char (*except)[64]; /* borrowed: names of instances that it does not
                                 vouch for, at most DOCUMENT_EXCEPT */
    size_t nexcept;
    const char *fleet; /* NULL: none */
    uint32_t basis;    /* with a fleet: a hash of what its shares follow from */
};

/* Return the length, 0 if it does not fit. */
size_t document_heartbeat(const struct document_heartbeat *d, char *out,
                          size_t size) MUST_USE;
size_t document_presence(const char *host, uint16_t port, const char *name,
                         const char *agent, char *out, size_t size) MUST_USE;

/* What an existing node says; a member it lacks keeps "", 0 or unknown. */
struct document_seen {
    bool valid; /* JSON with "schema":1 or nerve's keys, and "agent" */
    char agent[256];
    char host[256];
    enum status status;    /* STATUS_UNKNOWN if not said */
    enum reason reason;    /* REASON_PENDING if not said */
    int64_t since_wall_ms; /* 0: not said */
    uint64_t seq;
    int64_t valid_until_wall_ms; /* 0: not said */
    /* Of a heartbeat: 0 if not said. */
    long pid;
    /* Of a status: whose document it is to go on with. */
    char fleet[64]; /* of a target; "" of an agent's own instance */
    char address[512];
    int64_t checked_wall_ms; /* 0: not said */
    char role[WORD_SIZE];    /* "" if not said, as those that follow */
    char server[WORD_SIZE];
    char version[VERSION_SIZE];
    int64_t started_wall_ms; /* 0: not said */
};

/* Total: whatever the bytes, *OUT is filled. */
void document_read(const char *bytes, size_t len, struct document_seen *out);

#endif
