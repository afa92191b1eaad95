#ifndef AGENT_SRC_PROBE_ENV_H
#define AGENT_SRC_PROBE_ENV_H

#include "agent/err.h"
#include "agent/probe.h"
#include "agent/reply.h"
#include "agent/resolver.h"

#include "deadlines.h"
#include "judge.h"
#include "watch.h"

#include <stddef.h>
#include <sys/queue.h>
#include <uv.h>

/*
 * What a worker lends to its probes: the loop, the requests that are the same
 * for all of them, a receive buffer and parsers.  One for each worker, used
 * on its thread only.  Private to worker, probe and their tests.
 */

/* What a probe asks, in the order in which it is sent and answered. */
enum probe_ask {
    ASK_AUTH,
    ASK_SETNAME,
    ASK_VERSION,
    ASK_PING,
    ASK_INFO,
};
#define PROBE_ASKS 5

/* More parsers than this are only alive while replies come in pieces. */
#define PROBE_READERS_SPARE 8

/* As many that connect at the same time cost no allocation. */
#define PROBE_DIALS_SPARE 64

/* What it takes to come to a connection. */
struct probe_dial {
    uv_connect_t req;
    struct net_addr addrs[RESOLVER_ADDRS];
    uint8_t naddrs;
    uint8_t next_addr;
    bool failed; /* failure says why the addresses so far did not work */
    struct verdict failure;
};

struct probe_request {
    char *bytes; /* owned */
    size_t len;
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
    struct probe_request requests[PROBE_ASKS]; /* ASK_AUTH: the probe's */
    LIST_HEAD(probe_list, probe) waiting;      /* for a name */
    char *buffer;                              /* owned; REPLY_MAX bytes */
    struct reply_reader *spare[PROBE_READERS_SPARE]; /* owned */
    size_t nspare;
    struct probe_dial *spare_dials[PROBE_DIALS_SPARE]; /* owned */
    size_t nspare_dials;
};

/* ended and arg are the caller's to set.  Thread: any. */
int probe_env_init(struct probe_env *env, struct err *e) MUST_USE;

/* Takes LOOP, and puts its own timers there. */
void probe_env_open(struct probe_env *env, uv_loop_t *loop);
/* Their memory must last until the close callbacks have run.  All probes must
 * be closed. */
void probe_env_close(struct probe_env *env);

/* For env->deadlines, by probe.c: a probe's deadline has passed. */
void probe_expired(struct deadline *d);

/* All probes must be gone.  Good after a failed init, too. */
void probe_env_clear(struct probe_env *env);

/* Something new is known of a name: tells the probes that wait for one. */
void probe_env_resolved(struct probe_env *env);

/* A parser with nothing in it; NULL and E on lack of memory. */
struct reply_reader *probe_env_reader(struct probe_env *env,
                                      struct err *e) MUST_USE;

/* Gives it back; CLEAN: nothing is in it, it is fit for another use. */
void probe_env_reader_done(struct probe_env *env, struct reply_reader *r,
                           bool clean);

/* NULL on lack of memory.  To be given back. */
struct probe_dial *probe_env_dial(struct probe_env *env);
void probe_env_dial_done(struct probe_env *env, struct probe_dial *d);

/* Formats the request ARGV; 0, or -1 on lack of memory. */
int probe_request_format(struct probe_request *out, int argc,
                         const char **argv) MUST_USE;

/* Wiped before it is freed: it may hold a password. */
void probe_request_clear(struct probe_request *r);

#endif
