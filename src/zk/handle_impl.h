#ifndef STORE_ZK_HANDLE_IMPL_H
#define STORE_ZK_HANDLE_IMPL_H

#include "internal.h"

#include <pthread.h>

#include <zookeeper/zookeeper.h>

/*
 * What the handle (store_zk_handle.c) and its requests (store_zk_call.c)
 * share.
 */
enum op_state { OP_FREE, OP_UNDER_WAY, OP_DONE };

struct zk_op {
    struct zk_handle *handle;
    /* All below: lock of the handle. */
    enum op_state state;
    enum store_verb verb;
    uint64_t token;
    uint64_t deadline_mono_ms;
    int rc;
    int32_t version;
    int64_t owner;
    int64_t mtime_wall_ms;
    char *data; /* owned */
    size_t len;
    /* Written by the library when a multi is done. */
    zoo_op_result_t results[2];
    char created[8];
};

struct zk_handle {
    zhandle_t *zh;
    pthread_mutex_t lock;
    pthread_cond_t closed;
    /* lock */
    void (*wake)(void *);
    void *wake_arg;
    bool dropped;  /* its answers interest nobody any more */
    bool orphaned; /* and its end neither: the reaper frees it */
    bool reaped;
    bool proved; /* the server answered a request on this connection, and
                    so did not mind our authentication, which goes first */
    size_t done;
    struct zk_op ops[ZK_WINDOW];
    /* The publisher's thread. */
    size_t next_op;
    const struct ACL_vector *acl;
    bool reaping;
    pthread_t reaper;
    uint64_t dropped_mono_ms;
};

/* Hands R to the library, with OP as its context; the library's code. */
int zk_call(struct zk_handle *h, struct zk_op *op,
            const struct store_request *r);

/* OP is over with the library's code RC.  STAT and DATA may be NULL.  Takes
 * the handle's lock, wakes the publisher.  Thread: any. */
void zk_op_done(const void *ctx, int rc, const struct Stat *stat,
                const char *data, int len);

#endif
