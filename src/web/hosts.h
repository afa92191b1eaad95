#ifndef WEB_HOSTS_H
#define WEB_HOSTS_H

/*
 * By which names the HTTP server lets itself be asked.  A web page can make
 * its own name lead to 127.0.0.1, and then reads what listens there through
 * the browser of a person who opened it; but the name that the browser asks
 * for (the header Host) is still that page's.  Pure but for hosts_init.
 * Thread: loop.
 */
#include "agent/err.h"

#include <stdbool.h>

struct config;

struct hosts {
    bool all;      /* whatever it is called */
    char *allowed; /* owned; names with commas between them, or NULL */
    char own[256]; /* this machine's name */
};

/* As [http] of C says: names are looked at where it listens on a loopback
 * address or a UNIX socket, or allow_hosts is set.  -1 and E. */
int hosts_init(struct hosts *h, const struct config *c, struct err *e) MUST_USE;

/*
 * Whether a request with HOST, "NAME", "NAME:PORT" or "[v6]:PORT", is to be
 * answered: a numeric address, localhost, this machine's name, what is
 * allowed.  Also without HOST (NULL or ""): browsers always send it.
 */
bool hosts_answer(const struct hosts *h, const char *host);

/* Frees what it holds. */
void hosts_clear(struct hosts *h);

#endif
