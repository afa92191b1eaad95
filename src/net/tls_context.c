/*
 * The contexts of the process, one for each distinct set of settings: an
 * OpenSSL context costs a parse of all its certificates, and a thousand
 * instances have few sets between them.
 *
 * Certificates are renewed by programs that tell nobody.  So whoever connects
 * lets the files be looked at first: a stat for each, and only if one changed
 * are they read, by that thread.  Connections that stand keep what they were
 * made with.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "agent/log.h"

#include "tls_context.h"
#include "tls_files.h"
#include "tls_library.h"

#define LOOK_MS 1000

struct tls_context {
    /* Guarded by `all`. */
    LIST_ENTRY(tls_context) in_all;
    unsigned references;
    /* Never changes. */
    struct tls_settings settings; /* its texts are owned */
    /* Guarded by `using`. */
    pthread_mutex_t using;
    SSL_CTX *ssl;
    unsigned generation;
    /* Guarded by `reading`. */
    pthread_mutex_t reading;
    uint64_t looked_mono_ms;
    struct tls_stamp stamps[TLS_FILES]; /* of the files when last read */
    bool good;                          /* … and they were good */
};

static pthread_mutex_t all = PTHREAD_MUTEX_INITIALIZER;
static LIST_HEAD(, tls_context) contexts = LIST_HEAD_INITIALIZER(contexts);

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_settings(const struct tls_settings *a,
                          const struct tls_settings *b)
{
    for (int f = 0; f < TLS_FILES; f++)
        if (!same_text(a->files[f], b->files[f]))
            return false;
    return a->verify == b->verify;
}

static void free_context(struct tls_context *c)
{
    for (int f = 0; f < TLS_FILES; f++)
        free((char *)(uintptr_t)c->settings.files[f]);
    SSL_CTX_free(c->ssl);
    pthread_mutex_destroy(&c->using);
    pthread_mutex_destroy(&c->reading);
    free(c);
}

static struct tls_context *new_context(const struct tls_settings *s)
{
    struct tls_context *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    pthread_mutex_init(&c->using, NULL);
    pthread_mutex_init(&c->reading, NULL);
    c->settings.verify = s->verify;
    for (int f = 0; f < TLS_FILES; f++) {
        if (s->files[f] == NULL)
            continue;
        c->settings.files[f] = strdup(s->files[f]);
        if (c->settings.files[f] == NULL) {
            free_context(c);
            return NULL;
        }
    }
    return c;
}

/* The caller holds `reading`.  The stamps are taken first: a file that changes
 * while it is read is read once more. */
static int read_files(struct tls_context *c, enum tls_file *which,
                      struct err *e)
{
    tls_files_stamp(&c->settings, c->stamps);
    SSL_CTX *fresh = tls_files_load(&c->settings, which, e);
    c->good = fresh != NULL;
    if (fresh == NULL)
        return -1;
    pthread_mutex_lock(&c->using);
    SSL_CTX *old = c->ssl;
    c->ssl = fresh;
    c->generation++;
    pthread_mutex_unlock(&c->using);
    SSL_CTX_free(old);
    return 0;
}

/* The caller holds `reading`. */
static bool unchanged(const struct tls_context *c)
{
    struct tls_stamp now[TLS_FILES];
    tls_files_stamp(&c->settings, now);
    return memcmp(now, c->stamps, sizeof now) == 0;
}

/* The caller holds `all`. */
static struct tls_context *find(const struct tls_settings *s)
{
    struct tls_context *c;
    LIST_FOREACH(c, &contexts, in_all)
    {
        if (same_settings(&c->settings, s))
            return c;
    }
    return NULL;
}

struct tls_context *tls_context_get(const struct tls_settings *s,
                                    enum tls_file *which, struct err *e)
{
    *which = TLS_NO_FILE;
    if (tls_library_load(e) != 0)
        return NULL;
    pthread_mutex_lock(&all);
    struct tls_context *c = find(s);
    if (c == NULL) {
        c = new_context(s);
        if (c != NULL)
            LIST_INSERT_HEAD(&contexts, c, in_all);
    }
    if (c != NULL)
        c->references++;
    pthread_mutex_unlock(&all);
    if (c == NULL) {
        err_set(e, "out of memory for a TLS context");
        return NULL;
    }
    pthread_mutex_lock(&c->reading);
    int rc = c->good && unchanged(c) ? 0 : read_files(c, which, e);
    pthread_mutex_unlock(&c->reading);
    if (rc == 0)
        return c;
    tls_context_put(c);
    return NULL;
}

struct tls_context *tls_context_ref(struct tls_context *c)
{
    pthread_mutex_lock(&all);
    c->references++;
    pthread_mutex_unlock(&all);
    return c;
}

void tls_context_put(struct tls_context *c)
{
    if (c == NULL)
        return;
    pthread_mutex_lock(&all);
    bool last = --c->references == 0;
    if (last)
        LIST_REMOVE(c, in_all);
    pthread_mutex_unlock(&all);
    if (last)
        free_context(c);
}

static const char *shown_file(const struct tls_context *c, enum tls_file which)
{
    return which == TLS_NO_FILE ? "" : c->settings.files[which];
}

void tls_context_refresh(struct tls_context *c, uint64_t now_mono_ms)
{
    enum tls_file which;
    struct err e;
    /* Another thread that is at it does it for all. */
    if (pthread_mutex_trylock(&c->reading) != 0)
        return;
    if (now_mono_ms - c->looked_mono_ms < LOOK_MS)
        goto done;
    c->looked_mono_ms = now_mono_ms;
    if (unchanged(c))
        goto done;
    if (read_files(c, &which, &e) == 0)
        LOG_EVENT(LOG_LEVEL_INFO, "tls_reloaded",
                  LOG_STR("ca_file", c->settings.files[TLS_CA_FILE]),
                  LOG_STR("cert_file", c->settings.files[TLS_CERT_FILE]));
    else
        LOG_EVENT(LOG_LEVEL_WARN, "tls_reload_failed",
                  LOG_STR("file", shown_file(c, which)),
                  LOG_STR("detail", e.text),
                  LOG_STR("in_use", "as it was read before"));
done:
    pthread_mutex_unlock(&c->reading);
}

SSL *tls_context_connection(struct tls_context *c, unsigned *generation)
{
    pthread_mutex_lock(&c->using);
    SSL *ssl = SSL_new(c->ssl);
    *generation = c->generation;
    pthread_mutex_unlock(&c->using);
    return ssl;
}

bool tls_context_verifies(const struct tls_context *c)
{
    return c->settings.verify;
}

bool tls_context_has_ca(const struct tls_context *c)
{
    return c->settings.files[TLS_CA_FILE] != NULL ||
           c->settings.files[TLS_CA_DIR] != NULL;
}
