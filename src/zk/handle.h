#ifndef ZK_HANDLE_H
#define ZK_HANDLE_H

#include "agent/config.h"
#include "agent/err.h"
#include "agent/session_file.h"
#include "agent/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One handle of the library: a session's connection, from its opening to the
 * end of its reaper.  Thread: publisher, all.
 */
struct zk_handle;
struct zk_answer;

struct zk_handle_options {
    const char *host; /* "ip:port", numeric only */
    unsigned session_timeout_ms;
    enum config_acl acl;
    const char *digest;          /* or NULL */
    const struct session_id *id; /* the session to go on with, or NULL */
    void (*wake)(void *);        /* on any thread; must not wait */
    void *wake_arg;
};

enum zk_link {
    ZK_LINK_NONE,       /* no connection, and none under way at this moment */
    ZK_LINK_CONNECTING, /* waits for TCP */
    ZK_LINK_GREETING,   /* waits for the server's answer to the handshake */
    ZK_LINK_UP,
    ZK_LINK_EXPIRED,     /* nothing but a new session helps */
    ZK_LINK_AUTH_FAILED, /* the server does not know our scheme */
};

enum zk_proof {
    ZK_PROOF_NONE,     /* not asked for on this connection */
    ZK_PROOF_ASKED,    /* no answer yet */
    ZK_PROOF_ANSWERED, /* whatever the answer is */
};

/* Never waits for the network.  NULL and E when it could not be made. */
struct zk_handle *zk_handle_open(const struct zk_handle_options *o,
                                 struct err *e) MUST_USE;
enum zk_link zk_handle_link(struct zk_handle *h);
/*
 * How often the library told that a connection was granted or lost, which it
 * does in turn: odd while there is one.  Unlike the link it shows what came
 * and went unseen.
 */
unsigned zk_handle_changes(struct zk_handle *h);
/*
 * Asks the server something, whatever it is: a connection that was granted
 * may still be dropped, or never serve, and until an answer came it is worth
 * nothing.  0, or -1: not now.
 */
int zk_handle_prove(struct zk_handle *h);
/* RC: the library's code, when it was answered. */
enum zk_proof zk_handle_proof(struct zk_handle *h, int *rc);
/* While the link is up. */
void zk_handle_id(struct zk_handle *h, struct session_id *out);
unsigned zk_handle_timeout_ms(struct zk_handle *h);
/* 0: an answer will be harvested; -1: not now. */
int zk_handle_submit(struct zk_handle *h, const struct store_request *r,
                     uint64_t deadline_mono_ms);
/* Moves what is answered to OUT; the bytes are then the caller's. */
size_t zk_handle_harvest(struct zk_handle *h, struct zk_answer *out,
                         size_t max);
/* See store_ops.changed. */
bool zk_handle_changed(struct zk_handle *h, char *path, size_t size);
/* Of the request that has waited longest; UINT64_MAX: none is under way. */
uint64_t zk_handle_deadline(struct zk_handle *h);

/*
 * Takes its session from a handle that is not connected, for another one to go
 * on with: closed while connected, it would end that session.  False, and
 * nothing is changed, when it is connected after all.
 */
bool zk_handle_disown(struct zk_handle *h) MUST_USE;

/*
 * Gives the handle up: what is under way is moved to OUT (room for ZK_WINDOW)
 * as uncertain, and a reaper thread closes it.  Its memory goes only after
 * zookeeper_close returned, as the library may call back until then.
 */
size_t zk_handle_drop(struct zk_handle *h, uint64_t now_mono_ms,
                      struct zk_answer *out);
uint64_t zk_handle_dropped_mono_ms(const struct zk_handle *h);
/*
 * Of a dropped handle: true when it was closed and is now freed.  Starts the
 * reaper if that failed before.  Waits at most WAIT_MS.
 */
bool zk_handle_reaped(struct zk_handle *h, unsigned wait_ms);
/* Leaves a dropped handle to its reaper, which frees it one day. */
void zk_handle_abandon(struct zk_handle *h);
/*
 * Gives the handle up without closing it: the session goes on until the
 * process ends, and for its time-out after that.  H calls back no more, and
 * is never freed.
 */
void zk_handle_leave(struct zk_handle *h);

#endif
