#ifndef AGENT_TLS_STREAM_H
#define AGENT_TLS_STREAM_H

#include "agent/err.h"
#include "agent/tls.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * TLS on one connection.  It knows no socket: bytes that were received go in,
 * bytes that are to be sent come out, and nothing here waits.  One thread at
 * a time.
 */
struct tls_stream;

/*
 * What is remembered of a server between its connections: a session to resume
 * and its certificate.
 */
struct tls_peer;

/* NAME (copied) is asked for (SNI), and must stand in the certificate; it may
 * be a numeric address.  Takes a reference to C.  NULL and E on lack of
 * memory. */
struct tls_peer *tls_peer_new(struct tls_context *c, const char *name,
                              struct err *e) MUST_USE;
void tls_peer_free(struct tls_peer *p); /* NULL is a no-op */

/* The certificate of the last full handshake; false: there was none.  Thread:
 * any. */
bool tls_peer_certificate(struct tls_peer *p, struct tls_certificate *out);

enum tls_next {
    TLS_MORE,    /* nothing to tell yet */
    TLS_OPEN,    /* the handshake is done */
    TLS_CLOSED,  /* the server ended the connection in order */
    TLS_REFUSED, /* we, the server or our settings do not agree: tls_words */
    TLS_PLAIN,   /* what the server sends is no TLS */
};

/* A connection to P, which it borrows, with its first bytes to send.
 * NOW_MONO_MS decides whether a session is resumed.  NULL on lack of memory. */
struct tls_stream *tls_stream_new(struct tls_peer *p,
                                  uint64_t now_mono_ms) MUST_USE;
/* NULL is a no-op. */
void tls_stream_free(struct tls_stream *s);

/* LEN bytes that were received; all of them must then be read by
 * tls_stream_read before any more come. */
enum tls_next tls_stream_shake(struct tls_stream *s, const char *bytes,
                               size_t len) MUST_USE;

/* After the handshake: the same, without one. */
void tls_stream_take(struct tls_stream *s, const char *bytes, size_t len);

/* What is in those bytes, SIZE of it at most: how many bytes are in BUF, 0 when
 * there are no more, and then *NEXT says whether any can come. */
size_t tls_stream_read(struct tls_stream *s, char *buf, size_t size,
                       enum tls_next *next) MUST_USE;

/* Encrypts LEN bytes.  -1: the connection is of no use any more. */
int tls_stream_write(struct tls_stream *s, const char *bytes,
                     size_t len) MUST_USE;

/* Says that nothing more will be sent.  No-op before the handshake is done. */
void tls_stream_end(struct tls_stream *s);

/* Hands over what is to be sent, owned by the caller (free); NULL: nothing. */
char *tls_stream_output(struct tls_stream *s, size_t *len);

/* Why it was refused, printable ASCII; "" otherwise. */
const char *tls_words(const struct tls_stream *s);

/* It was refused over our own certificate, or for want of one, as far as the
 * server says so. */
bool tls_stream_disowned(const struct tls_stream *s);

/* The handshake has failed: true when a session was offered in it, so that one
 * in full may succeed.  None is offered to that peer for an hour. */
bool tls_stream_try_in_full(struct tls_stream *s);

/* Any byte was received. */
bool tls_stream_heard(const struct tls_stream *s);

/* The handshake resumed a session, and verified no certificate. */
bool tls_stream_resumed(const struct tls_stream *s);

#endif
