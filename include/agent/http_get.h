#ifndef AGENT_HTTP_GET_H
#define AGENT_HTTP_GET_H

#include "agent/err.h"

#include <stddef.h>
#include <stdint.h>

/*
 * One GET over HTTP/1.1, from an agent that runs here.  Bounded in time and
 * size whatever the other side does; what it sends is hostile.  The caller's
 * thread waits; SIGPIPE must be ignored.
 */
struct http_get {
    const char *address; /* as people write it, for what is told */
    const char *host;    /* numeric; NULL: PATH */
    uint16_t port;
    const char *path;    /* of a UNIX socket */
    const char *target;  /* "/status?results=0" */
    unsigned timeout_ms; /* for all of it */
    size_t body_max;     /* a longer body is refused */
    int cancel_fd;       /* when it becomes readable, we stop; -1: none */
};

struct http_body {
    char *bytes; /* owned by the caller; a NUL follows */
    size_t len;
};

enum http_end {
    HTTP_OK,        /* 200, and OUT is filled */
    HTTP_ABSENT,    /* nobody listens there: E names the address and the
                       system's error */
    HTTP_FAILED,    /* the answer is missing or no good: E says why */
    HTTP_CANCELLED, /* cancel_fd is readable */
};

enum http_end http_get(const struct http_get *r, struct http_body *out,
                       struct err *e) MUST_USE;

#endif
