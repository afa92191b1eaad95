/*
 * OpenSSL itself, from the other side: the code under test is no tool for its
 * own test.
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "must.h"
#include "tls_place.h"

const char *tls_place_path(const struct tls_place *t, const char *file)
{
    static char paths[64][SCRATCH_SIZE + 64];
    static unsigned next;
    char *path = paths[next++ % 64];
    snprintf(path, sizeof paths[0], "%s/%s", t->dir, file);
    return path;
}

static void write_cert(struct tls_place *t, const char *file, X509 *x)
{
    FILE *f = fopen(tls_place_path(t, file), "w");
    MUST(f != NULL && PEM_write_X509(f, x) == 1);
    fclose(f);
}

static void add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    MUST(e != NULL && X509_add_ext(x, e, -1) == 1);
    X509_EXTENSION_free(e);
}

static X509 *make(EVP_PKEY *key, const char *name, X509 *issuer, EVP_PKEY *by,
                  const struct tls_wanted *w)
{
    static long serial = 1;
    const long day = 86400;
    X509 *x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
    X509_gmtime_adj(X509_getm_notBefore(x), w->from_days * day - 60);
    X509_gmtime_adj(X509_getm_notAfter(x),
                    (w->to_days != 0 ? w->to_days : 365) * day);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(issuer != NULL ? issuer : x));
    X509_set_pubkey(x, key);
    if (w->names != NULL)
        add_extension(x, issuer != NULL ? issuer : x, NID_subject_alt_name,
                      w->names);
    else
        add_extension(x, x, NID_basic_constraints, "critical,CA:TRUE");
    MUST(X509_sign(x, by, EVP_sha256()) > 0);
    return x;
}

void tls_place_make(struct tls_place *t)
{
    const struct tls_wanted ca = { .names = NULL };
    scratch_dir(t->dir);
    t->ca_key = EVP_EC_gen("P-256");
    t->other_key = EVP_EC_gen("P-256");
    t->ca = make(t->ca_key, "Test CA", NULL, t->ca_key, &ca);
    t->other = make(t->other_key, "Other CA", NULL, t->other_key, &ca);
    write_cert(t, "ca.pem", t->ca);
    write_cert(t, "other.pem", t->other);
}

void tls_place_clear(struct tls_place *t)
{
    char command[SCRATCH_SIZE + 16];
    snprintf(command, sizeof command, "rm -rf '%s'", t->dir);
    MUST(system(command) == 0);
    X509_free(t->ca);
    X509_free(t->other);
    EVP_PKEY_free(t->ca_key);
    EVP_PKEY_free(t->other_key);
}

void tls_place_cert(struct tls_place *t, const struct tls_wanted *w)
{
    char file[64];
    EVP_PKEY *key = w->rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    X509 *x = w->self_signed ? make(key, w->file, NULL, key, w)
              : w->by_other  ? make(key, w->file, t->other, t->other_key, w)
                             : make(key, w->file, t->ca, t->ca_key, w);
    snprintf(file, sizeof file, "%s.pem", w->file);
    write_cert(t, file, x);
    snprintf(file, sizeof file, "%s.key", w->file);
    FILE *f = fopen(tls_place_path(t, file), "w");
    MUST(f != NULL);
    MUST(PEM_write_PrivateKey(
             f, key, w->passphrase != NULL ? EVP_aes_128_cbc() : NULL, NULL, 0,
             NULL, (char *)(uintptr_t)w->passphrase) == 1);
    fclose(f);
    MUST(chmod(tls_place_path(t, file), 0600) == 0);
    X509_free(x);
    EVP_PKEY_free(key);
}

SSL_CTX *tls_place_server(struct tls_place *t, const char *file, bool client_ca)
{
    char name[64];
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    snprintf(name, sizeof name, "%s.pem", file);
    MUST(SSL_CTX_use_certificate_chain_file(ctx, tls_place_path(t, name)) == 1);
    snprintf(name, sizeof name, "%s.key", file);
    MUST(SSL_CTX_use_PrivateKey_file(ctx, tls_place_path(t, name),
                                     SSL_FILETYPE_PEM) == 1);
    SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"test", 4);
    if (client_ca) {
        SSL_CTX_load_verify_file(ctx, tls_place_path(t, "ca.pem"));
        SSL_CTX_set_verify(
            ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    return ctx;
}

void tls_server_open(struct tls_server *s, SSL_CTX *ctx)
{
    s->ssl = SSL_new(ctx);
    SSL_set_bio(s->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_accept_state(s->ssl);
}

void tls_server_close(struct tls_server *s)
{
    SSL_free(s->ssl);
}

void tls_server_take(struct tls_server *s, const char *bytes, size_t len)
{
    size_t n;
    MUST(len == 0 ||
         (BIO_write_ex(SSL_get_rbio(s->ssl), bytes, len, &n) == 1 && n == len));
    if (!SSL_is_init_finished(s->ssl))
        (void)SSL_do_handshake(s->ssl);
}

char *tls_server_output(struct tls_server *s, size_t *len)
{
    *len = BIO_ctrl_pending(SSL_get_wbio(s->ssl));
    char *bytes = malloc(*len + 1);
    size_t n;
    MUST(*len == 0 || BIO_read_ex(SSL_get_wbio(s->ssl), bytes, *len, &n) == 1);
    return bytes;
}
