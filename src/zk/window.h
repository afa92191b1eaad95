#ifndef ZK_WINDOW_H
#define ZK_WINDOW_H

#include "agent/store.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <zookeeper/zookeeper.h>

/*
 * The requests that one handle has under way.  The library's threads note
 * what came of them, the publisher's thread fetches it.  A request lives in
 * the window itself, which must outlive every callback of the library.
 */

/* Requests under way at most: far below what fills the library's self-pipe,
 * after which its calls fail although they are queued. */
#define ZK_WINDOW   128
#define ZK_DATA_MAX (16 * 1024)

/* A reply and the bytes that it points to. */
struct zk_answer {
    struct store_reply reply;
    char *data; /* owned; or NULL */
};

enum zk_op_state { OP_FREE, OP_UNDER_WAY, OP_DONE };

/* One request: the context that the library gives back. */
struct zk_op {
    struct zk_window *window;
    /* All below: lock of the window. */
    enum zk_op_state state;
    enum store_verb verb;
    bool large;
    uint64_t token;
    uint64_t deadline_mono_ms;
    int rc;
    int32_t version;
    int64_t owner;
    int64_t mtime_wall_ms;
    uint64_t sent_mono_ms;
    uint64_t done_mono_ms; /* 0: it is not */
    char *data;            /* owned */
    size_t len;
    /* Written by the library when a multi is done. */
    zoo_op_result_t results[2];
    char created[8];
};

/* A watched node that changed. */
struct zk_change {
    STAILQ_ENTRY(zk_change) at;
    char path[];
};

struct zk_window {
    pthread_mutex_t lock;
    /* All below: lock. */
    void (*wake)(void *);
    void *wake_arg;
    bool muted;  /* nobody wants its answers any more */
    bool proved; /* the server answered a request on this connection, and so
                    did not mind our authentication, which goes first */
    size_t done;
    STAILQ_HEAD(, zk_change) changes; /* one for each watch at most */
    bool changes_lost;                /* for want of memory */
    struct zk_op ops[ZK_WINDOW];
    /* The publisher's thread. */
    size_t next_op;
};

/* WAKE is called, with the lock held, whenever something was noted. */
void zk_window_init(struct zk_window *w, void (*wake)(void *), void *arg);
/* Forgets what is still under way. */
void zk_window_destroy(struct zk_window *w);

/* A request for R, or NULL: the window is full, or R is a take-over and the
 * connection is not proved.  Thread: publisher. */
struct zk_op *zk_window_take(struct zk_window *w, const struct store_request *r,
                             uint64_t deadline_mono_ms);
/* OP was not sent after all.  Thread: publisher. */
void zk_window_untake(struct zk_op *op);

/*
 * OP is over with the library's code RC.  STAT may be NULL; DATA (malloc'd,
 * or NULL) is the window's from here on.  Thread: any.
 */
void zk_op_done(struct zk_op *op, int rc, const struct Stat *stat, char *data,
                size_t len);
/* The watched node PATH has changed.  Thread: any. */
void zk_window_changed(struct zk_window *w, const char *path);
/* See store_ops.changed.  Thread: publisher. */
bool zk_window_take_change(struct zk_window *w, char *path, size_t size);
/* The connection is another one, or none.  Thread: any. */
void zk_window_reconnected(struct zk_window *w);
/* Something that is none of its requests was answered, by the server if BY_IT.
 * Thread: any. */
void zk_window_proved(struct zk_window *w, bool by_it);

/* Moves up to MAX answers to OUT; their bytes are then the caller's.  Thread:
 * publisher. */
size_t zk_window_harvest(struct zk_window *w, struct zk_answer *out,
                         size_t max);
/* Of the request that has waited longest; UINT64_MAX: none is under way. */
uint64_t zk_window_deadline(struct zk_window *w);
/* Nothing is woken from here on. */
void zk_window_mute(struct zk_window *w);
/* Mutes W and moves all to OUT (room for ZK_WINDOW): what is under way as
 * uncertain.  Returns how many.  Thread: publisher. */
size_t zk_window_give_up(struct zk_window *w, struct zk_answer *out);

#endif
