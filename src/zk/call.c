/*
 * One request on its way into libzookeeper_mt and back.
 *
 * Only single asynchronous calls are used: the synchronous ones can wait for
 * ever.  The one multi (the take-over) would free a pointer of ours on a
 * session that is over, hence its gate.  A callback only notes what came.
 */
#include <stdlib.h>
#include <string.h>

#include "handle_impl.h"

static void keep_data(struct zk_op *op, const char *data, int len)
{
    if (data == NULL || len <= 0)
        return;
    op->len = len > ZK_DATA_MAX ? ZK_DATA_MAX : (size_t)len;
    op->data = malloc(op->len);
    if (op->data != NULL)
        memcpy(op->data, data, op->len);
    else
        op->rc = ZTHROTTLEDOP; /* asked again by and by */
}

void zk_op_done(const void *ctx, int rc, const struct Stat *stat,
                const char *data, int len)
{
    struct zk_op *op = (struct zk_op *)ctx;
    struct zk_handle *h = op->handle;

    pthread_mutex_lock(&h->lock);
    op->rc = rc;
    if (rc == ZOK && stat != NULL) {
        op->version = stat->version;
        op->owner = stat->ephemeralOwner;
        op->mtime_wall_ms = stat->mtime;
    }
    if (rc == ZOK && !h->dropped)
        keep_data(op, data, len);
    if (zk_server_said(rc))
        h->proved = true;
    op->state = OP_DONE;
    h->done++;
    if (!h->dropped)
        h->wake(h->wake_arg);
    pthread_mutex_unlock(&h->lock);
}

static void on_void(int rc, const void *ctx)
{
    zk_op_done(ctx, rc, NULL, NULL, 0);
}

static void on_created(int rc, const char *path, const void *ctx)
{
    (void)path;
    zk_op_done(ctx, rc, NULL, NULL, 0);
}

static void on_stat(int rc, const struct Stat *stat, const void *ctx)
{
    zk_op_done(ctx, rc, stat, NULL, 0);
}

static void on_data(int rc, const char *data, int len, const struct Stat *stat,
                    const void *ctx)
{
    zk_op_done(ctx, rc, stat, data, len);
}

/* The names, each with its NUL.  NULL: no memory. */
static char *join(const struct String_vector *names, size_t *len)
{
    char *all;
    char *at;

    *len = 0;
    for (int32_t i = 0; i < names->count; i++)
        *len += strlen(names->data[i]) + 1;
    at = all = malloc(*len + 1);
    if (all == NULL)
        return NULL;
    for (int32_t i = 0; i < names->count; i++)
        at = stpcpy(at, names->data[i]) + 1;
    return all;
}

static void on_names(int rc, const struct String_vector *names, const void *ctx)
{
    struct zk_op *op = (struct zk_op *)ctx;
    size_t len = 0;
    char *all = NULL;

    if (rc == ZOK && (all = join(names, &len)) == NULL)
        rc = ZTHROTTLEDOP; /* asked again by and by */
    pthread_mutex_lock(&op->handle->lock);
    op->data = all;
    op->len = len;
    pthread_mutex_unlock(&op->handle->lock);
    zk_op_done(op, rc, NULL, NULL, 0);
}

/* Both operations point to one path: on a session that is over the library
 * frees the second one's, unless it is the same as the first one's. */
static int take_over(struct zk_handle *h, struct zk_op *op,
                     const struct store_request *r)
{
    zoo_op_t ops[2];

    memset(op->results, 0, sizeof op->results);
    zoo_delete_op_init(&ops[0], r->path, r->version);
    zoo_create_op_init(&ops[1], r->path, r->data, (int)r->len, h->acl,
                       ZOO_EPHEMERAL, op->created, sizeof op->created);
    if (zoo_state(h->zh) != ZOO_CONNECTED_STATE)
        return ZINVALIDSTATE;
    return zoo_amulti(h->zh, 2, ops, op->results, on_void, op);
}

int zk_call(struct zk_handle *h, struct zk_op *op,
            const struct store_request *r)
{
    int len = (int)r->len;
    int mode = r->ephemeral ? ZOO_EPHEMERAL : ZOO_PERSISTENT;

    if (r->len > ZK_DATA_MAX)
        return ZBADARGUMENTS;
    switch (r->verb) {
    case STORE_GET:
        return zoo_aget(h->zh, r->path, 0, on_data, op);
    case STORE_SET:
        return zoo_aset(h->zh, r->path, r->data, len, r->version, on_stat, op);
    case STORE_CREATE:
        return zoo_acreate(h->zh, r->path, r->data, len, h->acl, mode,
                           on_created, op);
    case STORE_DELETE:
        return zoo_adelete(h->zh, r->path, r->version, on_void, op);
    case STORE_TAKE_OVER:
        return take_over(h, op, r);
    case STORE_LIST:
        return zoo_aget_children(h->zh, r->path, 0, on_names, op);
    }
    return ZBADARGUMENTS;
}
