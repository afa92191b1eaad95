/*
 * OpenSSL over a BIO of our own: it reads the bytes that are lent for the
 * length of a call, and writes into a text that the caller takes, so that a
 * connection that is idle keeps no buffer.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/objects.h"
#include "tls_certificate.h"
#include "tls_context.h"
#include "tls_files.h"
#include "tls_library.h"
#include "tls_peer.h"

#include "agent/tls_stream.h"

#define WORDS_SIZE 256
/* Bytes of a record after the handshake, the least that can be asked for:
 * requests are short, and a buffer for one is made for each of them. */
#define SEND_MAX 512

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
    bool disowned; /* our certificate was refused */
    char *words;   /* owned; NULL: it was not refused */
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

/* ----------------------------------------------------------------- session */

static void keep_session(struct tls_keeper *k, SSL_SESSION *session)
{
    const struct tls_stream *s = (struct tls_stream *)k;
    tls_peer_keep_session(s->peer, session, s->generation);
}

/* ------------------------------------------------------------ verification */

static int on_verify(int good, X509_STORE_CTX *store)
{
    SSL *ssl =
        X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls_stream *s = SSL_get_app_data(ssl);
    char words[WORDS_SIZE];
    if (good || s->words != NULL)
        return good;
    tls_certificate_words(store, tls_peer_name(s->peer),
                          tls_context_has_ca(tls_peer_context(s->peer)), words,
                          sizeof words);
    s->words = strdup(words);
    return 0;
}

static bool set_name(SSL *ssl, const struct tls_peer *p)
{
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (tls_peer_is_address(p))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl),
                                             tls_peer_name(p)) == 1;
    return SSL_set_tlsext_host_name(ssl, tls_peer_name(p)) == 1 &&
           SSL_set1_host(ssl, tls_peer_name(p)) == 1;
}

/* Why they do not agree, once: the first reason is the one that counts. */
static void say(struct tls_stream *s, const char *words, const char *more)
{
    char both[WORDS_SIZE + 64];
    if (s->words != NULL)
        return;
    snprintf(both, sizeof both, "%s%s", words, more);
    s->words = strdup(both);
}

/* What only a certificate of ours can have brought about.  A handshake failure
 * (TLS 1.2) may be for want of one, or of a common cipher. */
static bool is_over_ours(int alert)
{
    switch (alert) {
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case TLS13_AD_CERTIFICATE_REQUIRED:
        return true;
    default:
        return false;
    }
}

static void say_alert(struct tls_stream *s, int alert)
{
    char words[WORDS_SIZE];
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
    s->disowned = is_over_ours(alert);
    snprintf(words, sizeof words, "the server's alert: %s", name);
    say(s, words, hint);
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
    if (plain)
        say(s, "no TLS there: it answers in plain", "");
    else if (ERR_GET_LIB(code) == ERR_LIB_SSL &&
             reason >= SSL_AD_REASON_OFFSET &&
             reason < SSL_AD_REASON_OFFSET + 256)
        say_alert(s, reason - SSL_AD_REASON_OFFSET);
    else if (reason == SSL_R_UNSUPPORTED_PROTOCOL)
        say(s, "no common version of TLS: it offers less than 1.2", "");
    else
        say(s, "TLS: ", why != NULL ? why : "broken");
    ERR_clear_error();
    return plain ? TLS_PLAIN : TLS_REFUSED;
}

const char *tls_words(const struct tls_stream *s)
{
    return s->words != NULL ? s->words : "";
}

bool tls_stream_disowned(const struct tls_stream *s)
{
    return s->disowned;
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
    tls_peer_refuse_sessions(s->peer, s->began_mono_ms);
    return true;
}

/* ------------------------------------------------------------------ stream */

static int set_up(struct tls_stream *s)
{
    struct tls_peer *p = s->peer;
    s->ssl = tls_context_connection(tls_peer_context(p), &s->generation);
    BIO *bio = new_bio(s);
    if (s->ssl == NULL || bio == NULL) {
        BIO_free(bio);
        return -1;
    }
    SSL_set_bio(s->ssl, bio, bio);
    SSL_set_connect_state(s->ssl);
    if (tls_context_verifies(tls_peer_context(p)))
        SSL_set_verify(s->ssl, SSL_VERIFY_PEER, on_verify);
    else
        SSL_set_verify(s->ssl, SSL_VERIFY_NONE, NULL);
    s->keeper.session = keep_session;
    if (SSL_set_app_data(s->ssl, s) != 1 || !set_name(s->ssl, p))
        return -1;
    SSL_SESSION *session = tls_peer_session(p, s->generation, s->began_mono_ms);
    s->offered = session != NULL && SSL_set_session(s->ssl, session) == 1;
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
    tls_context_refresh(tls_peer_context(p), now_mono_ms);
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
    free(s->words);
    free(s);
    object_gone(OBJECT_TLS_STREAM);
}

static void note_open(struct tls_stream *s)
{
    struct tls_peer *p = s->peer;
    struct tls_certificate c;
    s->open = true;
    SSL_set_max_send_fragment(s->ssl, SEND_MAX);
    if (tls_stream_resumed(s) || !tls_certificate_of(s->ssl, &c))
        return;
    tls_peer_verified(p, &c, s->began_mono_ms);
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
