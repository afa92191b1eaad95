/*
 * Any bytes as what a TLS server sends: instead of a handshake, over a part of
 * a true one, and after it.  What is said in order arrives as it was said;
 * words are printable; nothing of it is left afterwards.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "agent/tls.h"
#include "agent/tls_stream.h"

#include "fuzz.h"

static SSL_CTX *server_context;
static struct tls_context *client_context;

static void make_contexts(void)
{
    const struct tls_settings s = { .verify = false };
    enum tls_file which;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    X509_set_pubkey(x, key);
    X509_sign(x, key, EVP_sha256());
    server_context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(server_context, x);
    SSL_CTX_use_PrivateKey(server_context, key);
    X509_free(x);
    EVP_PKEY_free(key);
    client_context = tls_context_get(&s, &which, NULL);
    HOLDS(client_context != NULL);
}

static SSL *new_server(void)
{
    SSL *ssl = SSL_new(server_context);
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_accept_state(ssl);
    return ssl;
}

static void to_server(struct tls_stream *s, SSL *server)
{
    size_t len;
    char *out = tls_stream_output(s, &len);
    if (out != NULL)
        BIO_write(SSL_get_rbio(server), out, (int)len);
    free(out);
    if (!SSL_is_init_finished(server))
        (void)SSL_do_handshake(server);
}

static char *from_server(SSL *server, size_t *len)
{
    *len = BIO_ctrl_pending(SSL_get_wbio(server));
    char *bytes = malloc(*len + 1);
    BIO_read(SSL_get_wbio(server), bytes, (int)*len);
    return bytes;
}

/* All that can be read; compared with WANTED where there is such. */
static enum tls_next read_all(struct tls_stream *s, const uint8_t *wanted,
                              size_t len)
{
    char got[1024];
    enum tls_next next;
    size_t n, at = 0;
    while ((n = tls_stream_read(s, got, sizeof got, &next)) > 0) {
        HOLDS(wanted == NULL ||
              (n <= len - at && memcmp(got, wanted + at, n) == 0));
        at += n;
    }
    HOLDS(wanted == NULL || at == len);
    return next;
}

/* A handshake in which the server's first flight has BYTES at AT. */
static bool shake(struct tls_stream *s, SSL *server, size_t at,
                  const uint8_t *bytes, size_t len)
{
    enum tls_next next = TLS_MORE;
    for (int turn = 0; turn < 4 && next == TLS_MORE; turn++) {
        size_t n;
        to_server(s, server);
        char *flight = from_server(server, &n);
        for (size_t i = 0; turn == 0 && i < len && at + i < n; i++)
            flight[at + i] = (char)bytes[i];
        if (n > 0)
            next = tls_stream_shake(s, flight, n);
        if (next == TLS_OPEN)
            read_all(s, NULL, 0);
        free(flight);
    }
    to_server(s, server);
    return next == TLS_OPEN;
}

static void after_handshake(struct tls_stream *s, SSL *server, bool in_order,
                            const uint8_t *bytes, size_t len)
{
    size_t n;
    HOLDS(shake(s, server, 0, NULL, 0));
    if (!in_order) {
        tls_stream_take(s, (const char *)bytes, len);
        read_all(s, NULL, 0);
        return;
    }
    if (len > 0)
        HOLDS(SSL_write(server, bytes, (int)len) == (int)len);
    char *out = from_server(server, &n); /* tickets before it */
    tls_stream_take(s, out, n);
    HOLDS(read_all(s, bytes, len) == TLS_MORE);
    free(out);
}

static void check_words(const struct tls_stream *s)
{
    for (const char *w = tls_words(s); *w != '\0'; w++)
        HOLDS(*w >= ' ' && *w <= '~');
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct err e;
    if (client_context == NULL)
        make_contexts();
    if (len < 3)
        return 0;
    struct tls_peer *peer = tls_peer_new(client_context, "r", &e);
    struct tls_stream *s = tls_stream_new(peer, 1000000);
    SSL *server = new_server();
    size_t at = (size_t)bytes[1] << 8 | bytes[2];
    switch (bytes[0] % 4) {
    case 0:
        if (tls_stream_shake(s, (const char *)bytes + 3, len - 3) == TLS_OPEN)
            read_all(s, NULL, 0);
        break;
    case 1:
        shake(s, server, at % 1024, bytes + 3, len - 3);
        break;
    case 2:
        after_handshake(s, server, false, bytes + 3, len - 3);
        break;
    case 3:
        after_handshake(s, server, true, bytes + 3, len - 3);
        break;
    }
    check_words(s);
    tls_stream_end(s);
    tls_stream_free(s);
    tls_peer_free(peer);
    SSL_free(server);
    return 0;
}
