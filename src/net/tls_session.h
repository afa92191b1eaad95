#ifndef NET_TLS_SESSION_H
#define NET_TLS_SESSION_H

#include <openssl/ssl.h>

/*
 * A session to be resumed, without the server's certificate, which is some 5
 * KB that no resumption looks at: the reference of S is taken over, and one is
 * returned.  S itself where there is none, or that cannot be done.
 */
SSL_SESSION *tls_session_slim(SSL_SESSION *s);

#endif
