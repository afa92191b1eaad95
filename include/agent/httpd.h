#ifndef AGENT_HTTPD_H
#define AGENT_HTTPD_H

#include "agent/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * An HTTP server on the loop: libmicrohttpd without a thread of its own, its
 * epoll descriptor watched by the loop.  GET and HEAD only; a client that
 * is slow costs nothing but a connection, of which there are
 * HTTPD_CONNECTIONS.  It knows nothing of what it serves.  Thread: loop, all
 * of it.
 */
struct config;
struct httpd;
struct uv_loop_s;

#define HTTPD_CONNECTIONS 200

/*
 * What is answered: headers and a body whose bytes never change, so that
 * several answers may share it.  Counts its references.
 */
struct httpd_body;

struct httpd_content {
    const char *type;   /* Content-Type */
    const char *policy; /* Content-Security-Policy, or NULL */
    char *bytes;        /* of malloc, LEN long: taken over, also on failure */
    size_t len;
    bool constant; /* BYTES are not taken over: they outlive the server */
};

/* Holds one reference; NULL on lack of memory. */
struct httpd_body *httpd_body_new(const struct httpd_content *c);
struct httpd_body *httpd_body_ref(struct httpd_body *b);
void httpd_body_unref(struct httpd_body *b); /* NULL is a no-op */

struct httpd_request {
    const char *path; /* unescaped, without the query */
    void *context;    /* for httpd_query */
};

/* The value of ?NAME=VALUE; NULL if it is not there, "" without a value. */
const char *httpd_query(const struct httpd_request *r, const char *name);

struct httpd_answer {
    unsigned status;         /* 200, 404, ... */
    struct httpd_body *body; /* a reference that is given away; NULL: no
                                memory, the connection is closed */
};

struct httpd_options {
    const struct config *config; /* borrowed during the call; [http] */
    struct uv_loop_s *loop;
    /* Fills OUT; must not wait. */
    void (*answer)(void *arg, const struct httpd_request *r,
                   struct httpd_answer *out);
    void *arg;
};

/* Listens.  NULL and E, with address and errno, if it cannot be done. */
struct httpd *httpd_start(const struct httpd_options *o,
                          struct err *e) MUST_USE;

/* Closes every connection; its handles are closed with the loop's next turn.
 * A UNIX socket's file is removed.  NULL is a no-op. */
void httpd_stop(struct httpd *h);

/* Frees it, after the loop has run to its end.  NULL is a no-op. */
void httpd_free(struct httpd *h);

#endif
