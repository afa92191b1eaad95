#ifndef PROBE_ENV_H
#define PROBE_ENV_H

#include "agent/err.h"
#include "agent/probe.h"
#include "reply.h"

#include "deadlines.h"
#include "request.h"
#include "watch.h"

#include <stddef.h>
#include <sys/queue.h>
#include <uv.h>

/*
 * What a worker lends to its probes: the loop, the requests that are the same
 * for all of them, a receive buffer, and memory for what exists for a moment
 * only.  One for each worker, used on its thread only.
 */
struct connection;
struct dial;

/* More than this of a kind are freed when they are given back. */
#define ENV_READERS_SPARE     8 /* alive while replies come in pieces */
#define ENV_DIALS_SPARE       64
#define ENV_CONNECTIONS_SPARE 64

/* Blocks of one size that wait for another use. */
struct spares {
    void *blocks[ENV_DIALS_SPARE]; /* owned */
    size_t count;
};

struct probe_env {
    uv_loop_t *loop; /* borrowed */
    /* Called at the end of each probe, and when a kept connection is lost;
     * must not call into the probe. */
    void (*ended)(void *arg, const struct result *r);
    void *arg;
    /* Opened and closed with the loop: probe_env_open, probe_env_close. */
    struct probe_watch watch;
    struct deadlines deadlines;
    /* The rest is filled by probe_env_init. */
    struct request requests[ASKS];
    LIST_HEAD(, dial) waiting; /* for a name; by dial */
    char *buffer;              /* owned; REPLY_MAX bytes */
    struct reply_reader *readers[ENV_READERS_SPARE]; /* owned */
    size_t nreaders;
    struct spares dials;
    struct spares connections;
};

/* ended and arg are the caller's to set.  Thread: any. */
int probe_env_init(struct probe_env *env, struct err *e) MUST_USE;

/* Takes LOOP, and puts its own timers there. */
void probe_env_open(struct probe_env *env, uv_loop_t *loop);
/* Their memory must last until the close callbacks have run.  All probes must
 * be closed. */
void probe_env_close(struct probe_env *env);

/* All probes must be gone.  Good after a failed init, too. */
void probe_env_clear(struct probe_env *env);

/* A parser with nothing in it; NULL and E on lack of memory. */
struct reply_reader *probe_env_reader(struct probe_env *env,
                                      struct err *e) MUST_USE;

/* Gives it back; CLEAN: nothing is in it, it is fit for another use. */
void probe_env_reader_done(struct probe_env *env, struct reply_reader *r,
                           bool clean);

/* Not zeroed.  NULL on lack of memory.  To be given back. */
struct dial *probe_env_dial(struct probe_env *env) MUST_USE;
void probe_env_dial_done(struct probe_env *env, struct dial *d);

/* Zeroed.  NULL on lack of memory.  To be given back. */
struct connection *probe_env_connection(struct probe_env *env) MUST_USE;
void probe_env_connection_done(struct probe_env *env, struct connection *c);

#endif
