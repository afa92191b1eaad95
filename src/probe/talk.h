#ifndef PROBE_TALK_H
#define PROBE_TALK_H

#include "judge.h"
#include "request.h"
#include "socket.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

/*
 * What is asked on one connection and what the answers make of it.  Knows no
 * socket: bytes to send come out of it, bytes that were received go in.  What
 * the server says about itself goes to the remote.  Thread: worker.
 */
struct remote;
struct reply_reader;

/* Starts as zeroes. */
struct talk {
    uint8_t asks[ASKS]; /* in order, … */
    uint8_t nasks;
    uint8_t nanswers; /* … and how many of them are answered */
    bool fresh;       /* the first questions on this connection */
    bool heard;       /* anything, since it was asked */
    uint64_t asked_us;
    uint64_t logged_in_us;       /* 0: not yet, or long ago */
    struct reply_reader *reader; /* lent by env; NULL between replies */
    struct kept_verdict ping;
};

/* talk_clear is due in the end. */
void talk_init(struct talk *t);
/* Also forgets a reply that has begun. */
void talk_clear(struct talk *t, struct remote *to);

/* Something was asked, and is not answered. */
bool talk_is_asking(const struct talk *t);

/* FRESH: the first time on this connection; WANT_INFO: INFO, due or not.
 * Returns how many of BUFS are filled: borrowed from TO and its env. */
struct talk_ask {
    bool fresh;
    bool want_info;
    uint64_t now_us; /* of the monotonic clock */
};
unsigned talk_ask(struct talk *t, struct remote *to, const struct talk_ask *a,
                  uv_buf_t bufs[ASKS]);

enum talk_next {
    TALK_MORE,       /* not all answers are here */
    TALK_ASK_MORE,   /* what was answered leads to further requests */
    TALK_ANSWERED,   /* all of them; the connection may be asked again */
    TALK_LAST_WORDS, /* an answer; the connection is of no use any more */
    TALK_BAD,        /* no answer of a Redis, or out of memory */
};

/* After TALK_ASK_MORE: as talk_ask. */
unsigned talk_ask_more(struct talk *t, struct remote *to, uv_buf_t bufs[ASKS]);

/* The server ended the connection: true when that may be its answer to what is
 * not PING.  Then TO is plain from now on, and to be asked anew. */
bool talk_was_courteous(const struct talk *t, struct remote *to);

/* V says what it means, unless TALK_MORE or TALK_ASK_MORE.  While nothing is
 * asked every byte is TALK_BAD. */
enum talk_next talk_bytes(struct talk *t, struct remote *to, const char *bytes,
                          size_t len, struct verdict *v);

/* What it means that the connection broke (libuv's ERROR), or that nothing
 * came in time, while something is asked.  ACK: what became of the request on
 * its way. */
void talk_broken(const struct talk *t, const struct remote *to, int error,
                 struct verdict *v);
void talk_expired(const struct talk *t, const struct remote *to,
                  enum socket_ack ack, struct verdict *v);

#endif
