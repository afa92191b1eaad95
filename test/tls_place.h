#ifndef TEST_TLS_PLACE_H
#define TEST_TLS_PLACE_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "scratch.h"

/*
 * Certificates made for one test, in a folder of its own, and a server that
 * shows them, without a socket.
 */
struct tls_place {
    char dir[SCRATCH_SIZE];
    EVP_PKEY *ca_key;
    X509 *ca;
    EVP_PKEY *other_key; /* of a CA that nobody trusts */
    X509 *other;
};

void tls_place_make(struct tls_place *t); /* also DIR/ca.pem, DIR/other.pem */
void tls_place_clear(struct tls_place *t);

/* Days from now; NAMES as in openssl's subjectAltName. */
struct tls_wanted {
    const char *file; /* writes DIR/FILE.pem and DIR/FILE.key */
    const char *names;
    int from_days;
    int to_days; /* 0: 365 */
    bool by_other;
    bool self_signed;
    bool rsa;
    const char *passphrase; /* of the key; NULL: none */
};
void tls_place_cert(struct tls_place *t, const struct tls_wanted *w);

/* DIR/FILE, in a buffer that the next 63 calls leave alone. */
const char *tls_place_path(const struct tls_place *t, const char *file);

/* A server with FILE.pem and FILE.key; CLIENT_CA: it wants certificates. */
SSL_CTX *tls_place_server(struct tls_place *t, const char *file,
                          bool client_ca);

/* Moves what the server would send to OUT, and what it was sent into it. */
struct tls_server {
    SSL *ssl;
};
void tls_server_open(struct tls_server *s, SSL_CTX *ctx);
void tls_server_close(struct tls_server *s);
void tls_server_take(struct tls_server *s, const char *bytes, size_t len);
/* Goes on; returns how many bytes are to be sent, owned by the caller. */
char *tls_server_output(struct tls_server *s, size_t *len);

#endif
