/*
 * One request on its way into libzookeeper_mt and back.
 *
 * Only single asynchronous calls are used: the synchronous ones can wait for
 * ever.  The one multi (the take-over) would free a pointer of ours on a
 * session that is over, hence its gate.  A callback only notes what came.
 */
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "window.h"

static void on_void(int rc, const void *ctx)
{
    zk_op_done((struct zk_op *)ctx, rc, NULL, NULL, 0);
}

static void on_created(int rc, const char *path, const void *ctx)
{
    (void)path;
    zk_op_done((struct zk_op *)ctx, rc, NULL, NULL, 0);
}

static void on_stat(int rc, const struct Stat *stat, const void *ctx)
{
    zk_op_done((struct zk_op *)ctx, rc, stat, NULL, 0);
}

/* Without memory for an answer it is asked for again by and by. */
#define NO_MEMORY ZTHROTTLEDOP

static void on_data(int rc, const char *data, int len, const struct Stat *stat,
                    const void *ctx)
{
    const struct zk_op *op = ctx;
    size_t max = op->large ? STORE_LARGE_MAX : ZK_DATA_MAX;
    size_t kept = data == NULL || len <= 0 ? 0
                  : (size_t)len > max      ? max
                                           : (size_t)len;
    char *copy = NULL;

    if (rc == ZOK && kept > 0) {
        copy = malloc(kept);
        if (copy != NULL)
            memcpy(copy, data, kept);
        else
            rc = NO_MEMORY;
    }
    zk_op_done((struct zk_op *)ctx, rc, stat, copy, kept);
}

/* The names, each with its NUL.  NULL: out of memory. */
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
    size_t len = 0;
    char *all = NULL;

    if (rc == ZOK && (all = join(names, &len)) == NULL)
        rc = NO_MEMORY;
    zk_op_done((struct zk_op *)ctx, rc, NULL, all, len);
}

/* Both operations point to one path: on a session that is over the library
 * frees the second one's, unless it is the same as the first one's. */
static int take_over(zhandle_t *zh, const struct ACL_vector *acl,
                     struct zk_op *op, const struct store_request *r)
{
    zoo_op_t ops[2];

    memset(op->results, 0, sizeof op->results);
    zoo_delete_op_init(&ops[0], r->path, r->version);
    zoo_create_op_init(&ops[1], r->path, r->data, (int)r->len, acl,
                       ZOO_EPHEMERAL, op->created, sizeof op->created);
    if (zoo_state(zh) != ZOO_CONNECTED_STATE)
        return ZINVALIDSTATE;
    return zoo_amulti(zh, 2, ops, op->results, on_void, op);
}

/* A watch has the window for its context, which lives as long as the handle,
 * so nothing is to be freed when it is over.  The library tells every watch of
 * the connection's ups and downs, too. */
static void on_change(zhandle_t *zh, int type, int state, const char *path,
                      void *ctx)
{
    (void)zh;
    (void)state;
    if (type != ZOO_SESSION_EVENT && path != NULL)
        zk_window_changed(ctx, path);
}

int zk_call(zhandle_t *zh, const struct ACL_vector *acl, struct zk_op *op,
            const struct store_request *r)
{
    int len = (int)r->len;
    int mode = r->ephemeral ? ZOO_EPHEMERAL : ZOO_PERSISTENT;
    watcher_fn watch = r->watch ? on_change : NULL;
    struct zk_window *w = op->window;

    if (r->len > (r->large ? STORE_LARGE_MAX : (size_t)ZK_DATA_MAX))
        return ZBADARGUMENTS;
    switch (r->verb) {
    case STORE_GET:
        return zoo_awget(zh, r->path, watch, w, on_data, op);
    case STORE_SET:
        return zoo_aset(zh, r->path, r->data, len, r->version, on_stat, op);
    case STORE_CREATE:
        return zoo_acreate(zh, r->path, r->data, len, acl, mode, on_created,
                           op);
    case STORE_DELETE:
        return zoo_adelete(zh, r->path, r->version, on_void, op);
    case STORE_TAKE_OVER:
        return take_over(zh, acl, op, r);
    case STORE_LIST:
        return zoo_awget_children(zh, r->path, watch, w, on_names, op);
    case STORE_EXISTS:
        return zoo_awexists(zh, r->path, watch, w, on_stat, op);
    }
    return ZBADARGUMENTS;
}
