#ifndef AGENT_PAGES_H
#define AGENT_PAGES_H

#include "agent/err.h"
#include "agent/httpd.h"

#include <stdint.h>

/*
 * What the HTTP server answers: the running state, read only and in one
 * moment.  The big pages are rendered at most every PAGES_FRESH_MS, however
 * many ask, and in many forms only as far as there is time: 503.  Thread:
 * loop.
 */
struct config;
struct pages;
struct rounds;

#define PAGES_FRESH_MS 100

/* All of it is borrowed as long as the pages live. */
struct pages_options {
    const struct config *config; /* what the agent was started with */
    const char *config_file;
    /* The keys changed since that wait for a restart, "" for none; it may
     * change. */
    const char *needs_restart;
    struct rounds *rounds;
};

/* NULL and E on lack of memory. */
struct pages *pages_new(const struct pages_options *o, struct err *e) MUST_USE;
void pages_free(struct pages *p); /* NULL is a no-op */

/* See struct httpd_options; ARG is the struct pages. */
void pages_answer(void *arg, const struct httpd_request *r,
                  struct httpd_answer *out);

/* To be called now and then: frees pages that nobody asked for lately. */
void pages_rest(struct pages *p, uint64_t now_mono_ms);

#endif
