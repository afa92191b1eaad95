#ifndef PROBE_REPLY_H
#define PROBE_REPLY_H

#include "agent/err.h"
#include "agent/escape.h"
#include "agent/reason.h"
#include "agent/result.h"
#include "agent/role.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * RESP bytes in, what the server said out.  Knows no sockets, allocates nothing
 * while it reads, and keeps nothing of a reply but the little that a probe
 * needs: a master with a thousand replicas sends an INFO of 100 KiB.  Bytes of
 * the server are hostile: everything is bounded, nothing is asserted.
 */

/* A reply to a probe may not be larger, … */
#define REPLY_MAX 65536
/* … but for a bulk: INFO (the contract).  More is `protocol`. */
#define REPLY_INFO_MAX (4 << 20)

/* What INFO, or CLUSTER INFO, said; fields it did not mention keep their
 * "unknown" value. */
struct reply_info {
    enum role role;             /* ROLE_ANY: not said */
    char role_word[WORD_SIZE];  /* "replica" for slave, else as said; or "" */
    char server[WORD_SIZE];     /* "redis", or its own name; "": no version */
    char version[VERSION_SIZE]; /* its own, or "" */
    bool names_itself;          /* … and redis_version is what it imitates */
    uint64_t run_id;            /* a hash of it, or 0 */
    int64_t uptime_s;           /* or -1 */
    bool is_cluster;            /* by its mode */
    bool is_sentinel;
    bool link_known;        /* of the link, or the links, to its masters */
    bool link_up;           /* all of them */
    bool syncing;           /* master_sync_in_progress */
    int64_t link_down_s;    /* master_link_down_since_seconds, or -1: not said,
                               never up, or what cannot be */
    int64_t master_offset;  /* master_repl_offset, or -1 */
    int64_t replica_offset; /* slave_repl_offset, or -1 */
    int64_t read_offset;    /* slave_read_repl_offset (Redis 7), or -1 */
    int64_t good_replicas;  /* min_slaves_good_slaves, or -1 */
    char replid[REPLID_SIZE];      /* master_replid, or "" */
    char cluster_state[WORD_SIZE]; /* "ok", "fail", or "" */
};

/* The text of INFO, LEN bytes, not NUL-terminated.  Total: never fails. */
void reply_parse_info(const char *text, size_t len, struct reply_info *out);

enum reply_kind {
    REPLY_STATUS,  /* +text */
    REPLY_ERROR,   /* -text */
    REPLY_INTEGER, /* :n, and nil */
    REPLY_BULK,    /* $…: text holds its start, info what INFO would say */
    REPLY_ARRAY,   /* *…: text is "array" */
};

struct reply {
    enum reply_kind kind;
    char text[ESCAPED_SIZE]; /* escaped start of what was said */
    enum reason error;       /* by its text, as reply_error_reason says */
    bool pong;               /* exactly +PONG */
    bool ok;                 /* exactly +OK */
    struct reply_info info;  /* valid for REPLY_BULK only */
};

/*
 * What an error reply means for the instance, by its first word (and, where
 * Redis gives only ERR, by its sentence): LOADING, BUSY, MISCONF, MASTERDOWN,
 * NOAUTH, WRONGPASS, NOPERM, CLUSTERDOWN, "ERR max number of clients", …
 * DENIED (protected mode) and an unknown command are noperm; AUTH errors of
 * Redis before 6 ("ERR invalid password") are wrongpass; a proxy that says that
 * it has no server is backend; anything else: protocol.
 */
enum reason reply_error_reason(const char *text);

/* A parser for the replies of one connection. */
struct reply_reader;

enum reply_next {
    REPLY_MORE,  /* no complete reply yet */
    REPLY_READY, /* *OUT is filled */
    REPLY_BAD,   /* not RESP, or too large: E says what; reader is unusable */
};

struct reply_reader *reply_reader_new(struct err *e) MUST_USE;
void reply_reader_free(struct reply_reader *r); /* NULL is a no-op */

/*
 * From now on no text and no version that R gives repeats SECRET (borrowed;
 * NULL: none), nor a part of it that gives it away.  Redis itself repeats a
 * password: to AUTH where that was renamed.
 */
void reply_reader_guard(struct reply_reader *r, const char *secret);

/*
 * Lends bytes: they must stay until reply_reader_next says MORE, which takes
 * them all, or BAD.  -1 and E if the reader is bad already.
 */
int reply_reader_feed(struct reply_reader *r, const char *bytes, size_t len,
                      struct err *e) MUST_USE;

/*
 * The next complete reply; E may be NULL, and its text is printable ASCII
 * with the server's bytes escaped as in struct reply's text.  What grows too
 * large is REPLY_BAD as soon as that is seen, for a bulk at its header.
 */
enum reply_next reply_reader_next(struct reply_reader *r, struct reply *out,
                                  struct err *e) MUST_USE;

/* Whether the next reply may be INFO's: a bulk of up to REPLY_INFO_MAX bytes,
 * or an array, as some servers answer with.  Else a bulk may have REPLY_MAX,
 * and an array is bad.  At first it may. */
void reply_reader_allow_info(struct reply_reader *r, bool allowed);

/* True when no byte of an unfinished reply is held: fit for another use. */
bool reply_reader_empty(const struct reply_reader *r);

#endif
