/*
 * OpenSSL over a BIO of our own: it reads the bytes that are lent for the
 * length of a call, and writes into a text that the caller takes, so that a
 * connection that is idle keeps no buffer.
 *
 * A handshake with verification costs a millisecond of public-key work on both
 * sides.  The session of the last one is resumed instead, for an hour at most:
 * then the certificate is looked at in full again.  A certificate that has
 * ended meanwhile, or files that were read anew, end that earlier.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include "agent/clock.h"
#include "agent/objects.h"
#include "tls_certificate.h"
#include "tls_context.h"
#include "tls_files.h"
#include "tls_library.h"

#include "agent/tls_stream.h"

#define VERIFIED_MS 3600000

struct tls_peer {
    struct tls_context *context; /* a reference */
    char *name;                  /* owned */
    bool is_address;
    /* Of the one thread that connects. */
    SSL_SESSION *session;        /* owned; to be resumed, or NULL */
    unsigned generation;         /* of the context that it was made with */
    uint64_t verified_mono_ms;   /* the certificate behind it */
    uint64_t full_until_mono_ms; /* a session was not taken: none is offered */
    /* Guarded. */
    pthread_mutex_t lock;
    bool seen;
    struct tls_certificate certificate;
};

struct tls_stream {
    struct tls_keeper keeper; /* first: OpenSSL's application data */
    SSL *ssl;
    struct tls_peer *peer; /* borrowed */
    unsigned generation;
    uint64_t began_mono_ms;
    const char *in; /* lent for the length of a call */
    size_t in_len;
    char *out; /* owned */
    size_t out_len;
    size_t out_size;
    unsigned char first; /* byte that was received */
    bool heard;
    bool offered; /* a session, to be resumed */
    bool open;
    char words[256];
};

/* ------------------------------------------------------------------- bytes */

static int on_read(BIO *bio, char *buf, int size)
{
    struct tls_stream *s = BIO_get_data(bio);
    size_t n = s->in_len < (size_t)size ? s->in_len : (size_t)size;
    BIO_clear_retry_flags(bio);
    if (n == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    memcpy(buf, s->in, n);
    s->in += n;
    s->in_len -= n;
    return (int)n;
}

static int on_write(BIO *bio, const char *bytes, int len)
{
    struct tls_stream *s = BIO_get_data(bio);
    size_t needed = s->out_len + (size_t)len;
    BIO_clear_retry_flags(bio);
    if (needed > s->out_size) {
        char *grown = realloc(s->out, needed);
        if (grown == NULL)
            return -1;
        s->out = grown;
        s->out_size = needed;
    }
    memcpy(s->out + s->out_len, bytes, (size_t)len);
    s->out_len = needed;
    return len;
}

static long on_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *method;

static void make_method(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "lent");
    if (method == NULL)
        return;
    BIO_meth_set_read(method, on_read);
    BIO_meth_set_write(method, on_write);
    BIO_meth_set_ctrl(method, on_control);
}

static BIO *new_bio(struct tls_stream *s)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_method);
    BIO *bio = method == NULL ? NULL : BIO_new(method);
    if (bio == NULL)
        return NULL;
    BIO_set_data(bio, s);
    BIO_set_init(bio, 1);
    return bio;
}

char *tls_stream_output(struct tls_stream *s, size_t *len)
{
    char *out = s->out;
    *len = s->out_len;
    s->out = NULL;
    s->out_len = s->out_size = 0;
    return out;
}

/* -------------------------------------------------------------------- peer */

struct tls_peer *tls_peer_new(struct tls_context *c, const char *name,
                              struct err *e)
{
    struct in6_addr address;
    struct tls_peer *p = calloc(1, sizeof *p);
    if (p != NULL)
        p->name = strdup(name);
    if (p == NULL || p->name == NULL) {
        err_set(e, "out of memory for the TLS of %s", name);
        free(p);
        return NULL;
    }
    pthread_mutex_init(&p->lock, NULL);
    p->context = tls_context_ref(c);
    p->is_address = inet_pton(AF_INET, name, &address) == 1 ||
                    inet_pton(AF_INET6, name, &address) == 1;
    return p;
}

void tls_peer_free(struct tls_peer *p)
{
    if (p == NULL)
        return;
    SSL_SESSION_free(p->session);
    tls_context_put(p->context);
    pthread_mutex_destroy(&p->lock);
    free(p->name);
    free(p);
}

bool tls_peer_certificate(struct tls_peer *p, struct tls_certificate *out)
{
    pthread_mutex_lock(&p->lock);
    bool seen = p->seen;
    *out = p->certificate;
    pthread_mutex_unlock(&p->lock);
    return seen;
}

static void forget_session(struct tls_peer *p)
{
    SSL_SESSION_free(p->session);
    p->session = NULL;
}

static bool may_resume(const struct tls_peer *p, unsigned generation,
                       uint64_t now_mono_ms)
{
    return p->session != NULL && p->generation == generation &&
           now_mono_ms >= p->full_until_mono_ms &&
           now_mono_ms - p->verified_mono_ms < VERIFIED_MS &&
           p->certificate.earliest_wall_ms > clock_wall_ms();
}

static void keep_session(struct tls_keeper *k, SSL_SESSION *session)
{
    const struct tls_stream *s = (struct tls_stream *)k;
    forget_session(s->peer);
    s->peer->session = session;
    s->peer->generation = s->generation;
}

/* ------------------------------------------------------------ verification */

static int on_verify(int good, X509_STORE_CTX *store)
{
    SSL *ssl =
        X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls_stream *s = SSL_get_app_data(ssl);
    if (!good && s->words[0] == '\0')
        tls_certificate_words(store, s->peer->name,
                              tls_context_has_ca(s->peer->context), s->words,
                              sizeof s->words);
    return good;
}

static bool set_name(SSL *ssl, const struct tls_peer *p)
{
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (p->is_address)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), p->name) == 1;
    return SSL_set_tlsext_host_name(ssl, p->name) == 1 &&
           SSL_set1_host(ssl, p->name) == 1;
}

static void say_alert(struct tls_stream *s, int alert)
{
    const char *name = SSL_alert_desc_string_long(alert);
    const char *hint = "";
    if (alert == SSL_AD_HANDSHAKE_FAILURE)
        hint = ": no common cipher, or it wants a client certificate";
    else if (alert == SSL_AD_PROTOCOL_VERSION)
        hint = ": no common version of TLS";
    else if (alert == TLS13_AD_CERTIFICATE_REQUIRED) {
        name = "certificate required"; /* unknown to that table */
        hint = ": it wants a client certificate (tls_cert_file)";
    } else if (alert == SSL_AD_UNKNOWN_CA)
        hint = ": it does not know the CA of ours";
    snprintf(s->words, sizeof s->words, "the server's alert: %s%s", name, hint);
}

/* Content types of TLS records: 20 to 23. */
static bool looks_plain(const struct tls_stream *s)
{
    return s->heard && (s->first < 20 || s->first > 23);
}

static enum tls_next refused(struct tls_stream *s)
{
    unsigned long code = ERR_peek_error();
    int reason = ERR_GET_REASON(code);
    const char *why = ERR_reason_error_string(code);
    bool plain = !s->open && looks_plain(s);
    bool said = s->words[0] != '\0'; /* of the certificate */
    if (plain)
        snprintf(s->words, sizeof s->words,
                 "no TLS there: it answers in plain");
    else if (!said && ERR_GET_LIB(code) == ERR_LIB_SSL &&
             reason >= SSL_AD_REASON_OFFSET &&
             reason < SSL_AD_REASON_OFFSET + 256)
        say_alert(s, reason - SSL_AD_REASON_OFFSET);
    else if (!said && reason == SSL_R_UNSUPPORTED_PROTOCOL)
        snprintf(s->words, sizeof s->words,
                 "no common version of TLS: it offers less than 1.2");
    else if (!said)
        snprintf(s->words, sizeof s->words, "TLS: %s",
                 why != NULL ? why : "broken");
    ERR_clear_error();
    return plain ? TLS_PLAIN : TLS_REFUSED;
}

const char *tls_words(const struct tls_stream *s)
{
    return s->words;
}

bool tls_stream_heard(const struct tls_stream *s)
{
    return s->heard;
}

bool tls_stream_resumed(const struct tls_stream *s)
{
    return SSL_session_reused(s->ssl) == 1;
}

/*
 * A server that asks for certificates, and keeps no sessions, ends a handshake
 * that offers one with an alert, although it gave the ticket itself (Redis with
 * tls-session-caching no: its context has no session id).
 */
bool tls_stream_try_in_full(struct tls_stream *s)
{
    if (!s->offered || s->open)
        return false;
    s->peer->full_until_mono_ms = s->began_mono_ms + VERIFIED_MS;
    forget_session(s->peer);
    return true;
}

/* ------------------------------------------------------------------ stream */

static int set_up(struct tls_stream *s)
{
    struct tls_peer *p = s->peer;
    s->ssl = tls_context_connection(p->context, &s->generation);
    BIO *bio = new_bio(s);
    if (s->ssl == NULL || bio == NULL) {
        BIO_free(bio);
        return -1;
    }
    SSL_set_bio(s->ssl, bio, bio);
    SSL_set_connect_state(s->ssl);
    if (tls_context_verifies(p->context))
        SSL_set_verify(s->ssl, SSL_VERIFY_PEER, on_verify);
    else
        SSL_set_verify(s->ssl, SSL_VERIFY_NONE, NULL);
    s->keeper.session = keep_session;
    if (SSL_set_app_data(s->ssl, s) != 1 || !set_name(s->ssl, p))
        return -1;
    if (may_resume(p, s->generation, s->began_mono_ms))
        s->offered = SSL_set_session(s->ssl, p->session) == 1;
    else
        forget_session(p);
    return 0;
}

struct tls_stream *tls_stream_new(struct tls_peer *p, uint64_t now_mono_ms)
{
    struct tls_stream *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    object_made(OBJECT_TLS_STREAM);
    s->peer = p;
    s->began_mono_ms = now_mono_ms;
    tls_context_refresh(p->context, now_mono_ms);
    if (set_up(s) == 0 && tls_stream_shake(s, NULL, 0) == TLS_MORE)
        return s;
    ERR_clear_error();
    tls_stream_free(s);
    return NULL;
}

void tls_stream_free(struct tls_stream *s)
{
    if (s == NULL)
        return;
    /* Or OpenSSL would take a session that was not ended for spoiled. */
    if (s->ssl != NULL && s->open)
        SSL_set_shutdown(s->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(s->ssl);
    free(s->out);
    free(s);
    object_gone(OBJECT_TLS_STREAM);
}

static void note_open(struct tls_stream *s)
{
    struct tls_peer *p = s->peer;
    struct tls_certificate c;
    s->open = true;
    if (tls_stream_resumed(s) || !tls_certificate_of(s->ssl, &c))
        return;
    p->verified_mono_ms = s->began_mono_ms;
    pthread_mutex_lock(&p->lock);
    p->certificate = c;
    p->seen = true;
    pthread_mutex_unlock(&p->lock);
}

void tls_stream_take(struct tls_stream *s, const char *bytes, size_t len)
{
    if (!s->heard && len > 0) {
        s->heard = true;
        s->first = (unsigned char)bytes[0];
    }
    s->in = bytes;
    s->in_len = len;
}

enum tls_next tls_stream_shake(struct tls_stream *s, const char *bytes,
                               size_t len)
{
    tls_stream_take(s, bytes, len);
    ERR_clear_error();
    int rc = SSL_do_handshake(s->ssl);
    if (rc == 1) {
        note_open(s);
        return TLS_OPEN;
    }
    if (SSL_get_error(s->ssl, rc) == SSL_ERROR_WANT_READ)
        return TLS_MORE;
    return refused(s);
}

size_t tls_stream_read(struct tls_stream *s, char *buf, size_t size,
                       enum tls_next *next)
{
    size_t n = 0;
    *next = TLS_MORE;
    /* OpenSSL would get a buffer only to find that out. */
    if (s->in_len == 0 && SSL_has_pending(s->ssl) == 0)
        return 0;
    ERR_clear_error();
    int rc = SSL_read_ex(s->ssl, buf, size, &n);
    if (rc == 1)
        return n;
    int error = SSL_get_error(s->ssl, rc);
    if (error == SSL_ERROR_ZERO_RETURN)
        *next = TLS_CLOSED;
    else if (error != SSL_ERROR_WANT_READ)
        *next = refused(s);
    return 0;
}

int tls_stream_write(struct tls_stream *s, const char *bytes, size_t len)
{
    size_t n;
    ERR_clear_error();
    return SSL_write_ex(s->ssl, bytes, len, &n) == 1 && n == len ? 0 : -1;
}

void tls_stream_end(struct tls_stream *s)
{
    if (!s->open)
        return;
    SSL_shutdown(s->ssl);
    ERR_clear_error();
}
