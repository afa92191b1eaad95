#ifndef NET_TLS_FILES_H
#define NET_TLS_FILES_H

#include "agent/tls.h"

#include <openssl/ssl.h>
#include <sys/stat.h>

/*
 * The files of TLS settings.  Waits for the disk.
 */

/* What a file was when it was read, to see that it changed. */
struct tls_stamp {
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec changed;
};

/* Zeroes for a file that is not set or not there. */
void tls_files_stamp(const struct tls_settings *s,
                     struct tls_stamp out[TLS_FILES]);

/* The application data of each connection of a context begins with this. */
struct tls_keeper {
    /* A session to be resumed, owned by the callee. */
    void (*session)(struct tls_keeper *k, SSL_SESSION *session);
};

/* A context made of S as its files are now.  NULL and E with *WHICH, the file
 * at fault. */
SSL_CTX *tls_files_load(const struct tls_settings *s, enum tls_file *which,
                        struct err *e) MUST_USE;

#endif
