#ifndef AGENT_TLS_H
#define AGENT_TLS_H

#include "agent/err.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * What TLS connections of the same settings share: the certificates that we
 * trust, our own certificate and its key.  There is one context for each
 * distinct set of settings, with counted references; what was read from files
 * is read again when those change.  Thread: any.
 */
struct tls_context;

enum tls_file {
    TLS_CA_FILE,
    TLS_CA_DIR,
    TLS_CERT_FILE,
    TLS_KEY_FILE,
    TLS_NO_FILE, /* none of them, where one is at fault */
};
#define TLS_FILES TLS_NO_FILE

struct tls_settings {
    const char *files[TLS_FILES]; /* paths; NULL: not set */
    bool verify;                  /* false: encrypt only */
};

/*
 * The context for S, whose texts are copied, with one more reference; where
 * it was there before, files that changed since are read again.  NULL and E,
 * which names no file, with *WHICH, the one at fault; a context that others
 * hold then stays as it was.  The first call loads OpenSSL, which costs nothing
 * before; that it cannot is no file's fault.  Waits for the disk.
 */
struct tls_context *tls_context_get(const struct tls_settings *s,
                                    enum tls_file *which,
                                    struct err *e) MUST_USE;
struct tls_context *tls_context_ref(struct tls_context *c);
void tls_context_put(struct tls_context *c); /* NULL is a no-op */

/*
 * Reads the files again if they changed, at most once a second.  Files that
 * are no good, such as half of a pair, change nothing, which is logged once.
 * Waits for the disk, as briefly as that takes.
 */
void tls_context_refresh(struct tls_context *c, uint64_t now_mono_ms);

/* Of a server: the last certificate that was seen, all in printable ASCII. */
#define TLS_NAME_SIZE  160
#define TLS_NAMES_SIZE 320
struct tls_certificate {
    int64_t ends_wall_ms;     /* of the server's own */
    int64_t earliest_wall_ms; /* the first to end of all that were sent */
    char subject[TLS_NAME_SIZE];
    char issuer[TLS_NAME_SIZE];
    char names[TLS_NAMES_SIZE]; /* comma-separated */
};

#endif
