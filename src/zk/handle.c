/*
 * One handle of libzookeeper_mt, from init to the end of its reaper.
 *
 * The library may call back until zookeeper_close has returned, and that can
 * take seconds; so every request lives in the handle's own arena, which the
 * reaper's end sets free, and a callback only notes what came and wakes.
 * The lock is never held over a call into the library, which takes locks of
 * its own around callbacks.  Only single asynchronous calls are used: the
 * synchronous ones can wait for ever.  The one multi (the take-over) would
 * free a pointer of ours on a session that is over, hence its gate.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/clock.h"
#include "agent/objects.h"

#include "handle_impl.h"

/* Servers make theirs of the time. */
#define NOBODYS_SESSION 1

/* May run on a thread that holds the library's lock: no lock of ours. */
static void on_auth(int rc, const void *ctx)
{
    (void)rc;
    (void)ctx;
}

/* May run before init has returned: the handle is the context only. */
static void on_watch(zhandle_t *zh, int type, int state, const char *path,
                     void *ctx)
{
    struct zk_handle *h = ctx;

    (void)zh;
    (void)type;
    (void)state;
    (void)path;
    pthread_mutex_lock(&h->lock);
    h->proved = false;
    if (!h->dropped)
        h->wake(h->wake_arg);
    pthread_mutex_unlock(&h->lock);
}

static struct zk_handle *handle_new(const struct zk_handle_options *o)
{
    struct zk_handle *h = calloc(1, sizeof *h);
    pthread_condattr_t attr;

    if (h == NULL)
        return NULL;
    object_made(OBJECT_ZK_HANDLE);
    pthread_mutex_init(&h->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&h->closed, &attr);
    pthread_condattr_destroy(&attr);
    h->wake = o->wake;
    h->wake_arg = o->wake_arg;
    h->acl = zk_acl(o->acl);
    for (size_t i = 0; i < ZK_WINDOW; i++)
        h->ops[i].handle = h;
    return h;
}

static void handle_free(struct zk_handle *h)
{
    for (size_t i = 0; i < ZK_WINDOW; i++) {
        if (h->ops[i].state != OP_FREE)
            object_gone(OBJECT_ZK_REQUEST); /* given up with the handle */
        free(h->ops[i].data);
    }
    pthread_cond_destroy(&h->closed);
    pthread_mutex_destroy(&h->lock);
    free(h);
    object_gone(OBJECT_ZK_HANDLE);
}

struct zk_handle *zk_handle_open(const struct zk_handle_options *o,
                                 struct err *e)
{
    clientid_t id = { 0, { 0 } };
    struct zk_handle *h;

    if (zk_has_room(e) != 0)
        return NULL;
    h = handle_new(o);
    if (h == NULL) {
        err_set(e, "no memory for a ZooKeeper handle");
        return NULL;
    }
    if (o->id != NULL) {
        id.client_id = o->id->session;
        memcpy(id.passwd, o->id->password, sizeof id.passwd);
    }
    /* At debug level its calls wait for locks that they else would not. */
    zoo_set_debug_level(ZOO_LOG_LEVEL_WARN);
    h->zh = zookeeper_init2(o->hosts, on_watch, (int)o->session_timeout_ms,
                            o->id != NULL ? &id : NULL, h, ZOO_NO_LOG_CLIENTENV,
                            zk_log_line);
    explicit_bzero(&id, sizeof id);
    if (h->zh == NULL) {
        err_set(e, "zookeeper_init2 %s: %s", o->hosts, strerror(errno));
        handle_free(h);
        return NULL;
    }
    zoo_set_servers_resolution_delay(h->zh, -1);
    /* Once a handle: it is sent again at every connection. */
    if (o->digest != NULL)
        zoo_add_auth(h->zh, "digest", o->digest, (int)strlen(o->digest),
                     on_auth, h);
    return h;
}

enum zk_link zk_handle_link(struct zk_handle *h)
{
    int state = zoo_state(h->zh);

    if (state == ZOO_CONNECTED_STATE)
        return ZK_LINK_UP;
    if (state == ZOO_EXPIRED_SESSION_STATE)
        return ZK_LINK_EXPIRED;
    if (state == ZOO_AUTH_FAILED_STATE)
        return ZK_LINK_AUTH_FAILED;
    return ZK_LINK_DOWN;
}

void zk_handle_id(struct zk_handle *h, struct session_id *out)
{
    const clientid_t *id = zoo_client_id(h->zh);

    out->session = id->client_id;
    memcpy(out->password, id->passwd, sizeof out->password);
}

unsigned zk_handle_timeout_ms(struct zk_handle *h)
{
    int ms = zoo_recv_timeout(h->zh);

    return ms > 0 ? (unsigned)ms : 0;
}

void zk_handle_server(struct zk_handle *h, char *out, size_t size)
{
    struct sockaddr_storage addr;
    socklen_t len = sizeof addr;
    char host[64];
    char port[8];

    out[0] = '\0';
    if (zookeeper_get_connected_host(h->zh, (struct sockaddr *)&addr, &len) ==
            NULL ||
        getnameinfo((struct sockaddr *)&addr, len, host, sizeof host, port,
                    sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return;
    snprintf(out, size, strchr(host, ':') != NULL ? "[%s]:%s" : "%s:%s", host,
             port);
}

bool zk_handle_disown(struct zk_handle *h)
{
    /* The library compares every session that it is granted with it, asks for
     * it at every connection, and gives up for good when they differ. */
    int64_t *asked = (int64_t *)(uintptr_t)&zoo_client_id(h->zh)->client_id;
    int64_t nobodys = NOBODYS_SESSION;
    int64_t before = __atomic_exchange_n(asked, nobodys, __ATOMIC_SEQ_CST);

    if (zoo_state(h->zh) != ZOO_CONNECTED_STATE)
        return true;
    __atomic_compare_exchange_n(asked, &nobodys, before, false,
                                __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return false;
}

/* NULL when the window is full, or a take-over is not safe yet. */
static struct zk_op *op_take(struct zk_handle *h, const struct store_request *r,
                             uint64_t deadline_mono_ms)
{
    struct zk_op *op = NULL;

    pthread_mutex_lock(&h->lock);
    for (size_t i = 0; i < ZK_WINDOW && op == NULL; i++) {
        op = &h->ops[h->next_op++ % ZK_WINDOW];
        if (op->state != OP_FREE)
            op = NULL;
    }
    if (r->verb == STORE_TAKE_OVER && !h->proved)
        op = NULL;
    if (op != NULL) {
        op->state = OP_UNDER_WAY;
        object_made(OBJECT_ZK_REQUEST);
        op->verb = r->verb;
        op->token = r->token;
        op->deadline_mono_ms = deadline_mono_ms;
        op->version = -1;
        op->owner = 0;
        op->mtime_wall_ms = 0;
        op->len = 0;
    }
    pthread_mutex_unlock(&h->lock);
    return op;
}

/* Under the lock. */
static void op_free(struct zk_op *op)
{
    op->state = OP_FREE;
    object_gone(OBJECT_ZK_REQUEST);
}

int zk_handle_submit(struct zk_handle *h, const struct store_request *r,
                     uint64_t deadline_mono_ms)
{
    struct zk_op *op;
    int rc;

    if (zoo_state(h->zh) != ZOO_CONNECTED_STATE)
        return -1;
    op = op_take(h, r, deadline_mono_ms);
    if (op == NULL)
        return -1;
    rc = zk_call(h, op, r);
    /* A system error is a wake-up that failed, of a request that is queued:
     * it may well be answered. */
    if (rc == ZOK || rc == ZSYSTEMERROR)
        return 0;
    if (rc == ZBADARGUMENTS) {
        zk_op_done(op, rc, NULL, NULL, 0);
        return 0;
    }
    pthread_mutex_lock(&h->lock);
    op_free(op);
    pthread_mutex_unlock(&h->lock);
    return -1;
}

static void answer(struct zk_op *op, enum store_code code,
                   struct zk_answer *out)
{
    bool made = op->verb == STORE_CREATE || op->verb == STORE_TAKE_OVER;

    *out = (struct zk_answer){
        .reply = { .verb = op->verb,
                   .token = op->token,
                   .code = code,
                   .raw = op->rc,
                   .version = code == STORE_OK && made ? 0 : op->version,
                   .owner = op->owner,
                   .mtime_wall_ms = op->mtime_wall_ms,
                   .data = op->data != NULL ? op->data : "",
                   .len = op->data != NULL ? op->len : 0 },
        .data = op->data,
    };
    op->data = NULL;
    op->rc = 0;
}

size_t zk_handle_harvest(struct zk_handle *h, struct zk_answer *out, size_t max)
{
    size_t n = 0;

    pthread_mutex_lock(&h->lock);
    for (size_t i = 0; i < ZK_WINDOW && n < max && h->done > 0; i++) {
        if (h->ops[i].state != OP_DONE)
            continue;
        answer(&h->ops[i], zk_code(h->ops[i].rc), &out[n++]);
        op_free(&h->ops[i]);
        h->done--;
    }
    pthread_mutex_unlock(&h->lock);
    return n;
}

uint64_t zk_handle_deadline(struct zk_handle *h)
{
    uint64_t first = UINT64_MAX;

    pthread_mutex_lock(&h->lock);
    for (size_t i = 0; i < ZK_WINDOW; i++)
        if (h->ops[i].state == OP_UNDER_WAY &&
            h->ops[i].deadline_mono_ms < first)
            first = h->ops[i].deadline_mono_ms;
    pthread_mutex_unlock(&h->lock);
    return first;
}

static void *reap(void *arg)
{
    struct zk_handle *h = arg;
    bool orphaned;

    pthread_setname_np(pthread_self(), "zk-reaper");
    zookeeper_close(h->zh);
    pthread_mutex_lock(&h->lock);
    h->reaped = true;
    orphaned = h->orphaned;
    if (!orphaned)
        h->wake(h->wake_arg);
    pthread_cond_signal(&h->closed);
    pthread_mutex_unlock(&h->lock);
    if (orphaned)
        handle_free(h);
    return NULL;
}

/* A handle that finds no thread now keeps waiting for one. */
static void start_reaper(struct zk_handle *h)
{
    if (!h->reaping)
        h->reaping = pthread_create(&h->reaper, NULL, reap, h) == 0;
}

size_t zk_handle_drop(struct zk_handle *h, uint64_t now_mono_ms,
                      struct zk_answer *out)
{
    size_t n = 0;

    pthread_mutex_lock(&h->lock);
    h->dropped = true;
    for (size_t i = 0; i < ZK_WINDOW; i++) {
        struct zk_op *op = &h->ops[i];

        if (op->state == OP_UNDER_WAY)
            answer(op, STORE_UNCERTAIN, &out[n++]);
        else if (op->state == OP_DONE)
            answer(op, zk_code(op->rc), &out[n++]);
    }
    pthread_mutex_unlock(&h->lock);
    h->dropped_mono_ms = now_mono_ms;
    start_reaper(h);
    return n;
}

uint64_t zk_handle_dropped_mono_ms(const struct zk_handle *h)
{
    return h->dropped_mono_ms;
}

bool zk_handle_reaped(struct zk_handle *h, unsigned wait_ms)
{
    uint64_t until = clock_mono_ms() + wait_ms;
    struct timespec ts = { .tv_sec = (time_t)(until / 1000),
                           .tv_nsec = (long)(until % 1000) * 1000000 };
    bool reaped;

    start_reaper(h);
    pthread_mutex_lock(&h->lock);
    while (!h->reaped && wait_ms > 0)
        if (pthread_cond_timedwait(&h->closed, &h->lock, &ts) == ETIMEDOUT)
            break;
    reaped = h->reaped;
    pthread_mutex_unlock(&h->lock);
    if (!reaped)
        return false;
    pthread_join(h->reaper, NULL);
    handle_free(h);
    return true;
}

void zk_handle_abandon(struct zk_handle *h)
{
    pthread_mutex_lock(&h->lock);
    h->orphaned = true;
    if (h->reaping)
        pthread_detach(h->reaper);
    pthread_mutex_unlock(&h->lock);
}

void zk_handle_leave(struct zk_handle *h)
{
    pthread_mutex_lock(&h->lock);
    h->dropped = true;
    pthread_mutex_unlock(&h->lock);
}
