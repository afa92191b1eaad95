#ifndef PROBE_REQUEST_H
#define PROBE_REQUEST_H

#include "agent/err.h"

#include <stddef.h>

/*
 * The requests of a probe as bytes.  All but the login are the same for every
 * instance and never change, so each is formatted once.
 */

/* What a probe asks, in the order in which it is sent and answered. */
enum ask {
    ASK_AUTH,
    ASK_SETNAME,
    ASK_VERSION,
    ASK_PING,
    ASK_INFO,
    ASK_CLUSTER,
    ASK_KEY,
};
#define ASKS 7

struct request {
    char *bytes; /* owned; NULL: there is none */
    size_t len;
};

/* Formats the request ARGV; 0, or -1 on lack of memory. */
int request_format(struct request *out, int argc, const char **argv) MUST_USE;

/* Wiped before it is freed: it may hold a password.  No-op if there is
 * none. */
void request_clear(struct request *r);

/* Formats those that are the same for all; ASK_AUTH and ASK_KEY stay empty.  -1
 * on lack of memory: nothing is kept then. */
int requests_init(struct request requests[ASKS]) MUST_USE;
void requests_clear(struct request requests[ASKS]);

#endif
