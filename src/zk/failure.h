#ifndef ZK_FAILURE_H
#define ZK_FAILURE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * What the library says of a connection that came to nothing, in our words.
 * It says so in a line of its log, and nowhere else.  Pure.
 */
struct zk_failure {
    char addr[80]; /* "127.0.0.1:2181", "[::1]:2181" */
    int rc;        /* the library's code */
    int error;     /* errno */
};

/* TEXT: the line behind its head.  False when it is about something else. */
bool zk_failure_parse(const char *text, struct zk_failure *out);
/* The server was silent for too long. */
bool zk_failure_is_timeout(const struct zk_failure *f);
/* "connection refused".  TIMEOUT_MS: of the session, as it was agreed. */
void zk_failure_words(const struct zk_failure *f, unsigned timeout_ms,
                      char *out, size_t size);

#endif
