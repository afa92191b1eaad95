/*
 * Certificates and keys are read as a whole and then parsed, so that a key's
 * bytes lie in one place that is wiped, and its mode is asked of the file that
 * was read.  A key that needs a passphrase is refused: nobody is there to type
 * one.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tls_files.h"
#include "tls_library.h"

#define FILE_MAX (4 << 20)
/* Bytes of a record: a first flight in one piece, which some proxies want. */
#define SEND_MAX 2048

struct bytes {
    char *at; /* owned */
    size_t len;
};

static void wipe(struct bytes *b)
{
    if (b->at != NULL)
        explicit_bzero(b->at, b->len);
    free(b->at);
    b->at = NULL;
}

/* Of the same strictness as a password_file's. */
static int check_mode(mode_t mode, struct err *e)
{
    if ((mode & (S_IROTH | S_IWOTH)) == 0)
        return 0;
    err_set(e, "mode %04o lets others %s it (chmod o-rwx)",
            (unsigned)mode & 07777,
            (mode & S_IROTH) == 0   ? "write"
            : (mode & S_IWOTH) == 0 ? "read"
                                    : "read and write");
    return -1;
}

static int read_all(int fd, struct bytes *b, struct err *e)
{
    size_t size = b->len;
    b->len = 0;
    while (b->len < size) {
        ssize_t n = read(fd, b->at + b->len, size - b->len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            err_set(e, "cannot read: %s", strerror(errno));
            return -1;
        }
        if (n == 0)
            break;
        b->len += (size_t)n;
    }
    return 0;
}

static int slurp(const char *path, bool secret, struct bytes *b, struct err *e)
{
    struct stat st;
    int rc = -1;
    *b = (struct bytes){ NULL, 0 };
    /* Not to wait for the other end of a FIFO. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        err_set(e, "cannot open: %s", strerror(errno));
        return -1;
    }
    if (fstat(fd, &st) != 0)
        err_set(e, "cannot read: %s", strerror(errno));
    else if (!S_ISREG(st.st_mode))
        err_set(e, "is no regular file");
    else if (st.st_size > FILE_MAX)
        err_set(e, "larger than %d bytes", FILE_MAX);
    else if (!secret || check_mode(st.st_mode, e) == 0) {
        b->len = (size_t)st.st_size;
        b->at = malloc(b->len + 1);
        if (b->at == NULL)
            err_set(e, "out of memory for its bytes");
        else
            rc = read_all(fd, b, e);
    }
    close(fd);
    if (rc != 0)
        wipe(b);
    return rc;
}

static BIO *bio_of(const struct bytes *b)
{
    return BIO_new_mem_buf(b->at, (int)b->len);
}

/* OpenSSL's own words for its last error. */
static void set_openssl(struct err *e, const char *what)
{
    const char *why = ERR_reason_error_string(ERR_peek_last_error());
    err_set(e, "%s: %s", what, why != NULL ? why : "unknown error");
}

/* Certificates that we trust. */
static int load_ca_file(SSL_CTX *ctx, const struct bytes *b, struct err *e)
{
    BIO *bio = bio_of(b);
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    size_t n = 0;
    X509 *x;
    while (bio != NULL &&
           (x = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL)) != NULL) {
        int rc = X509_STORE_add_cert(store, x);
        X509_free(x);
        if (rc != 1)
            break;
        n++;
    }
    unsigned long last = ERR_peek_last_error();
    bool at_end = ERR_GET_LIB(last) == ERR_LIB_PEM &&
                  ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
    BIO_free(bio);
    if (n > 0 && at_end)
        return 0;
    if (n == 0 && at_end)
        err_set(e, "no certificate is in it (PEM)");
    else
        set_openssl(e, "certificate");
    return -1;
}

/* OpenSSL finds a certificate there by a hash of its name: 12ab34cd.0. */
static int load_ca_dir(SSL_CTX *ctx, const char *path, struct err *e)
{
    DIR *d = opendir(path);
    if (d == NULL) {
        err_set(e, "cannot open: %s", strerror(errno));
        return -1;
    }
    bool any = false;
    for (struct dirent *f; !any && (f = readdir(d)) != NULL;)
        any = strspn(f->d_name, "0123456789abcdef") == 8 && f->d_name[8] == '.';
    closedir(d);
    if (!any) {
        err_set(e, "no certificate has a hash for a name in it "
                   "(openssl rehash)");
        return -1;
    }
    if (SSL_CTX_load_verify_dir(ctx, path) == 1)
        return 0;
    set_openssl(e, "folder");
    return -1;
}

/* Our own, and those between it and its CA. */
static int load_cert(SSL_CTX *ctx, const struct bytes *b, struct err *e)
{
    BIO *bio = bio_of(b);
    X509 *x = bio == NULL ? NULL : PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL);
    int rc = -1;
    if (x == NULL)
        err_set(e, "no certificate is in it (PEM)");
    else if (SSL_CTX_use_certificate(ctx, x) != 1)
        set_openssl(e, "certificate");
    else
        rc = 0;
    X509_free(x);
    while (rc == 0 && (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        if (SSL_CTX_add0_chain_cert(ctx, x) != 1) {
            set_openssl(e, "chain");
            X509_free(x);
            rc = -1;
        }
    }
    BIO_free(bio);
    ERR_clear_error();
    return rc;
}

static int no_passphrase(char *buf, int size, int writing, void *asked)
{
    (void)buf;
    (void)size;
    (void)writing;
    *(bool *)asked = true;
    return -1;
}

static int load_key(SSL_CTX *ctx, const struct bytes *b, struct err *e)
{
    BIO *bio = bio_of(b);
    bool asked = false;
    EVP_PKEY *key =
        bio == NULL ? NULL
                    : PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &asked);
    int rc = -1;
    if (asked)
        err_set(e, "is encrypted: there is nobody to ask for its passphrase");
    else if (key == NULL)
        err_set(e, "no private key is in it (PEM)");
    else if (SSL_CTX_use_PrivateKey(ctx, key) != 1 ||
             SSL_CTX_check_private_key(ctx) != 1)
        err_set(e, "does not fit the certificate of tls_cert_file");
    else
        rc = 0;
    EVP_PKEY_free(key);
    BIO_free(bio);
    ERR_clear_error();
    return rc;
}

static int load_one(SSL_CTX *ctx, enum tls_file which, const char *path,
                    struct err *e)
{
    struct bytes b;
    int rc = -1;
    ERR_clear_error();
    if (which == TLS_CA_DIR)
        return load_ca_dir(ctx, path, e);
    if (slurp(path, which == TLS_KEY_FILE, &b, e) != 0)
        return -1;
    switch (which) {
    case TLS_CA_FILE:
        rc = load_ca_file(ctx, &b, e);
        break;
    case TLS_CERT_FILE:
        rc = load_cert(ctx, &b, e);
        break;
    case TLS_KEY_FILE:
        rc = load_key(ctx, &b, e);
        break;
    case TLS_CA_DIR:
    case TLS_NO_FILE:
        break;
    }
    wipe(&b);
    return rc;
}

/* With TLS 1.3 after the handshake, and several of them. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_keeper *k = SSL_get_app_data(ssl);
    k->session(k, session);
    return 1; /* it is kept */
}

/* Sessions are kept by those who connect, and what is idle keeps no buffers. */
static SSL_CTX *new_context(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (ctx == NULL)
        return NULL;
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_DONT_INSERT_EMPTY_FRAGMENTS);
    /* What was received is all there is: one call gets it. */
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_max_send_fragment(ctx, SEND_MAX);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT |
                                            SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, on_session);
    return ctx;
}

SSL_CTX *tls_files_load(const struct tls_settings *s, enum tls_file *which,
                        struct err *e)
{
    SSL_CTX *ctx = new_context();
    *which = TLS_NO_FILE;
    if (ctx == NULL) {
        err_set(e, "out of memory for a TLS context");
        return NULL;
    }
    for (int f = 0; f < TLS_FILES; f++) {
        *which = (enum tls_file)f;
        if (s->files[f] != NULL &&
            load_one(ctx, (enum tls_file)f, s->files[f], e) != 0) {
            SSL_CTX_free(ctx);
            return NULL;
        }
    }
    if (s->files[TLS_CA_FILE] == NULL && s->files[TLS_CA_DIR] == NULL)
        SSL_CTX_set_default_verify_paths(ctx);
    ERR_clear_error();
    return ctx;
}

void tls_files_stamp(const struct tls_settings *s,
                     struct tls_stamp out[TLS_FILES])
{
    for (int f = 0; f < TLS_FILES; f++) {
        struct stat st;
        memset(&out[f], 0, sizeof out[f]);
        if (s->files[f] == NULL || stat(s->files[f], &st) != 0)
            continue;
        out[f].dev = st.st_dev;
        out[f].ino = st.st_ino;
        out[f].size = st.st_size;
        out[f].changed = st.st_ctim; /* mode and owner count, too */
    }
}
