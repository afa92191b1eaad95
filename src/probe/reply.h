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
 * RESP bytes in, what the server said out.  Knows no sockets.  hiredis'
 * reader does the parsing; our object functions copy the little that a probe
 * needs into a struct reply, so that a reply costs no allocation.  Bytes of
 * the server are hostile: everything is bounded, nothing is asserted.
 */

/* A reply to a probe may not be larger (the contract); more is `protocol`. */
#define REPLY_MAX 65536

/* What INFO said; fields it did not mention keep their "unknown" value. */
struct reply_info {
    enum role role;  /* ROLE_ANY: not said */
    bool link_known; /* master_link_status was there */
    bool link_up;
    int64_t link_down_s;        /* master_link_down_since_seconds, or -1 */
    int64_t master_offset;      /* master_repl_offset, or -1 */
    int64_t replica_offset;     /* slave_repl_offset, or -1 */
    int64_t read_offset;        /* slave_read_repl_offset (Redis 7), or -1 */
    char replid[REPLID_SIZE];   /* master_replid, or "" */
    char version[VERSION_SIZE]; /* redis_version, or "" */
};

/* The text of INFO, LEN bytes, not NUL-terminated.  Total: never fails. */
void reply_parse_info(const char *text, size_t len, struct reply_info *out);

enum reply_kind {
    REPLY_STATUS,  /* +text */
    REPLY_ERROR,   /* -text */
    REPLY_INTEGER, /* :n, and nil: never an answer to a probe's request */
    REPLY_BULK,    /* $…: text holds its start, info what INFO would say */
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
 * NOAUTH, WRONGPASS, NOPERM, "ERR max number of clients", …  DENIED
 * (protected mode) and an unknown command are noperm; AUTH errors of Redis
 * before 6 ("ERR invalid password") are wrongpass; anything else: protocol.
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
 * Adds bytes; they are copied.  Returns -1 and E on lack of memory, or if the
 * reader is bad already.  Callers bound the sum of bytes for a probe by
 * REPLY_MAX themselves: a line that never ends is REPLY_MORE for ever.
 */
int reply_reader_feed(struct reply_reader *r, const char *bytes, size_t len,
                      struct err *e) MUST_USE;

/*
 * The next complete reply; E may be NULL, and its text is printable ASCII
 * with the server's bytes escaped as in struct reply's text.  A bulk header
 * that announces more than REPLY_MAX is REPLY_BAD at once, without waiting for
 * the bytes; so is an array, which no request of a probe is answered with.
 */
enum reply_next reply_reader_next(struct reply_reader *r, struct reply *out,
                                  struct err *e) MUST_USE;

/* True when no byte of an unfinished reply is held: fit for another use. */
bool reply_reader_empty(const struct reply_reader *r);

#endif
