#ifndef NET_TLS_CERTIFICATE_H
#define NET_TLS_CERTIFICATE_H

#include "agent/tls.h"

#include <openssl/types.h>
#include <stddef.h>

/* What the server of SSL has shown: its certificate and those sent with it.
 * False when there is none. */
bool tls_certificate_of(SSL *ssl, struct tls_certificate *out);

/*
 * Why a certificate that is being verified is not accepted: OpenSSL's verdict
 * in STORE on a server that is to be NAME, in words, printable ASCII, into
 * OUT.  HAS_CA: certificates that we trust are named in the settings.
 */
void tls_certificate_words(X509_STORE_CTX *store, const char *name, bool has_ca,
                           char *out, size_t size);

#endif
