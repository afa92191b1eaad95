#ifndef WEB_LISTEN_H
#define WEB_LISTEN_H

/*
 * The socket of the HTTP server, for httpd.c.  Thread: loop.
 */
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include "agent/err.h"

struct config;

union httpd_address {
    struct sockaddr sa;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un local;
};

struct httpd_listener {
    int fd;
    char *path; /* owned; of the UNIX socket that is ours to remove, or NULL */
    dev_t dev;
    ino_t ino;
};

/* Listens on what [http] says, without blocking and CLOEXEC.  -1 and E. */
int httpd_listen(struct httpd_listener *l, const struct config *c,
                 struct err *e) MUST_USE;

/* Removes the UNIX socket's file, unless it is another's by now; the
 * descriptor is the caller's to close. */
void httpd_unlisten(struct httpd_listener *l);

#endif
