/*
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

#include "tls_context.h"
#include "tls_library.h"
#include "tls_session.h"

#include "tls_peer.h"

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
    int64_t ends_wall_ms;
    int64_t earliest_wall_ms;
    char *texts; /* owned; subject, issuer and names, each with its end; NULL:
                    no certificate was seen */
};

/*
 * NAME as it is written in certificates: without the dot at the end of one that
 * is absolute (RFC 6066, section 3), and an address without its zone, which is
 * a matter of this machine alone.  NULL: no memory.
 */
static char *name_in_certificates(const char *name, bool *is_address)
{
    struct in6_addr address;
    size_t len = strlen(name);
    const char *zone = strchr(name, '%');
    if (zone != NULL && strchr(name, ':') != NULL)
        len = (size_t)(zone - name);
    else if (len > 1 && name[len - 1] == '.')
        len--;
    char *copy = strndup(name, len);
    if (copy != NULL)
        *is_address = inet_pton(AF_INET, copy, &address) == 1 ||
                      inet_pton(AF_INET6, copy, &address) == 1;
    return copy;
}

struct tls_peer *tls_peer_new(struct tls_context *c, const char *name,
                              struct err *e)
{
    struct tls_peer *p = calloc(1, sizeof *p);
    if (p != NULL)
        p->name = name_in_certificates(name, &p->is_address);
    if (p == NULL || p->name == NULL) {
        err_set(e, "out of memory for the TLS of %s", name);
        free(p);
        return NULL;
    }
    pthread_mutex_init(&p->lock, NULL);
    p->context = tls_context_ref(c);
    return p;
}

void tls_peer_free(struct tls_peer *p)
{
    if (p == NULL)
        return;
    SSL_SESSION_free(p->session);
    free(p->texts);
    tls_context_put(p->context);
    pthread_mutex_destroy(&p->lock);
    free(p->name);
    free(p);
}

static const char *copy_text(char *out, size_t size, const char *text)
{
    size_t len = strlen(text);
    snprintf(out, size, "%s", text);
    return text + len + 1;
}

bool tls_peer_certificate(struct tls_peer *p, struct tls_certificate *out)
{
    pthread_mutex_lock(&p->lock);
    const char *texts = p->texts;
    if (texts != NULL) {
        out->ends_wall_ms = p->ends_wall_ms;
        out->earliest_wall_ms = p->earliest_wall_ms;
        const char *at = copy_text(out->subject, sizeof out->subject, texts);
        at = copy_text(out->issuer, sizeof out->issuer, at);
        copy_text(out->names, sizeof out->names, at);
    }
    pthread_mutex_unlock(&p->lock);
    return texts != NULL;
}

/* They take a fifth of the room that there is for them.  Without memory what
 * was seen before stays. */
static void keep_certificate(struct tls_peer *p,
                             const struct tls_certificate *c)
{
    size_t subject = strlen(c->subject) + 1, issuer = strlen(c->issuer) + 1,
           names = strlen(c->names) + 1;
    char *texts = malloc(subject + issuer + names);
    if (texts == NULL)
        return;
    memcpy(texts, c->subject, subject);
    memcpy(texts + subject, c->issuer, issuer);
    memcpy(texts + subject + issuer, c->names, names);
    pthread_mutex_lock(&p->lock);
    free(p->texts);
    p->texts = texts;
    p->ends_wall_ms = c->ends_wall_ms;
    p->earliest_wall_ms = c->earliest_wall_ms;
    pthread_mutex_unlock(&p->lock);
}

struct tls_context *tls_peer_context(const struct tls_peer *p)
{
    return p->context;
}

const char *tls_peer_name(const struct tls_peer *p)
{
    return p->name;
}

bool tls_peer_is_address(const struct tls_peer *p)
{
    return p->is_address;
}

SSL_SESSION *tls_peer_session(struct tls_peer *p, unsigned generation,
                              uint64_t now_mono_ms)
{
    bool may_resume = p->session != NULL && p->generation == generation &&
                      now_mono_ms >= p->full_until_mono_ms &&
                      now_mono_ms - p->verified_mono_ms < VERIFIED_MS &&
                      p->earliest_wall_ms > clock_wall_ms();
    if (!may_resume)
        tls_peer_keep_session(p, NULL, generation);
    return p->session;
}

void tls_peer_keep_session(struct tls_peer *p, SSL_SESSION *s,
                           unsigned generation)
{
    SSL_SESSION_free(p->session);
    p->session = s == NULL ? NULL : tls_session_slim(s);
    p->generation = generation;
}

void tls_peer_refuse_sessions(struct tls_peer *p, uint64_t now_mono_ms)
{
    p->full_until_mono_ms = now_mono_ms + VERIFIED_MS;
    tls_peer_keep_session(p, NULL, p->generation);
}

void tls_peer_verified(struct tls_peer *p, const struct tls_certificate *c,
                       uint64_t now_mono_ms)
{
    p->verified_mono_ms = now_mono_ms;
    keep_certificate(p, c);
}
