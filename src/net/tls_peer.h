#ifndef NET_TLS_PEER_H
#define NET_TLS_PEER_H

#include "agent/tls_stream.h"

#include <openssl/ssl.h>

/* What tls_stream.c asks of a peer.  Thread: the one that connects. */

struct tls_context *tls_peer_context(const struct tls_peer *p);

/* What must stand in its certificate. */
const char *tls_peer_name(const struct tls_peer *p);
/* … and is an address, in numbers. */
bool tls_peer_is_address(const struct tls_peer *p);

/* The session to be resumed by a connection of the context's GENERATION,
 * borrowed until the next call here; NULL: none may be, and none is left. */
SSL_SESSION *tls_peer_session(struct tls_peer *p, unsigned generation,
                              uint64_t now_mono_ms);

/* S, whose reference is taken over, replaces the one before. */
void tls_peer_keep_session(struct tls_peer *p, SSL_SESSION *s,
                           unsigned generation);

/* For an hour none is offered. */
void tls_peer_refuse_sessions(struct tls_peer *p, uint64_t now_mono_ms);

/* A handshake in full has shown C, and it was good. */
void tls_peer_verified(struct tls_peer *p, const struct tls_certificate *c,
                       uint64_t now_mono_ms);

#endif
