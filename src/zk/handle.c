/*
 * One handle of libzookeeper_mt, from init to the end of its reaper.
 *
 * The library may call back until zookeeper_close has returned, and that can
 * take seconds; so every request lives in the handle's own window, which the
 * end of the reaper frees, and a callback only notes what came and wakes.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zookeeper/zookeeper.h>

#include "agent/clock.h"
#include "agent/objects.h"
#include "agent/thread.h"

#include "call.h"
#include "codes.h"
#include "handle.h"
#include "library_log.h"
#include "room.h"
#include "window.h"

/* Servers make the ids of their sessions from the time: none is this one. */
#define NOBODYS_SESSION 1

struct zk_handle {
    zhandle_t *zh; /* the library's */
    struct zk_window window;
    const struct ACL_vector *acl;
    pthread_mutex_t lock;
    pthread_cond_t closed;
    /* lock */
    void (*wake)(void *);
    void *wake_arg;
    bool orphaned; /* nobody waits for its end: the reaper frees it */
    bool reaped;
    unsigned changes;
    enum zk_proof proof;
    int proof_rc;
    /* The publisher's thread. */
    bool reaping;
    pthread_t reaper;
    uint64_t dropped_mono_ms;
};

/* May run on a thread that holds the library's lock: no lock of ours. */
static void on_auth(int rc, const void *ctx)
{
    (void)rc;
    (void)ctx;
}

/* Grants and losses come in turn; what else there is to tell is no change. */
static void note_change(struct zk_handle *h, int state)
{
    bool up = state == ZOO_CONNECTED_STATE;

    pthread_mutex_lock(&h->lock);
    if (up != (h->changes % 2 == 1)) {
        h->changes++;
        h->proof = ZK_PROOF_NONE;
    }
    pthread_mutex_unlock(&h->lock);
}

/* May run before init has returned: the handle is the context only. */
static void on_watch(zhandle_t *zh, int type, int state, const char *path,
                     void *ctx)
{
    struct zk_handle *h = ctx;

    (void)zh;
    (void)path;
    if (type == ZOO_SESSION_EVENT)
        note_change(h, state);
    zk_window_reconnected(&h->window);
}

static struct zk_handle *handle_new(const struct zk_handle_options *o)
{
    struct zk_handle *h = calloc(1, sizeof *h);

    if (h == NULL)
        return NULL;
    object_made(OBJECT_ZK_HANDLE);
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->closed, NULL);
    h->wake = o->wake;
    h->wake_arg = o->wake_arg;
    h->acl = zk_acl(o->acl);
    zk_window_init(&h->window, o->wake, o->wake_arg);
    return h;
}

static void handle_free(struct zk_handle *h)
{
    zk_window_destroy(&h->window);
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
        err_set(e, "out of memory for a ZooKeeper handle");
        return NULL;
    }
    if (o->id != NULL) {
        id.client_id = o->id->session;
        memcpy(id.passwd, o->id->password, sizeof id.passwd);
    }
    /* At debug level its calls wait for locks that they else would not. */
    zoo_set_debug_level(ZOO_LOG_LEVEL_WARN);
    h->zh = zookeeper_init2(o->host, on_watch, (int)o->session_timeout_ms,
                            o->id != NULL ? &id : NULL, h, ZOO_NO_LOG_CLIENTENV,
                            zk_log_line);
    explicit_bzero(&id, sizeof id);
    if (h->zh == NULL) {
        err_set(e, "zookeeper_init2 %s: %s", o->host, strerror(errno));
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
    if (state == ZOO_ASSOCIATING_STATE)
        return ZK_LINK_GREETING;
    /* Before the first attempt it is none of those with a name. */
    return state == 0 ? ZK_LINK_NONE : ZK_LINK_CONNECTING;
}

unsigned zk_handle_changes(struct zk_handle *h)
{
    unsigned changes;

    pthread_mutex_lock(&h->lock);
    changes = h->changes;
    pthread_mutex_unlock(&h->lock);
    return changes;
}

/* On the library's thread. */
static void on_proof(int rc, const struct Stat *stat, const void *ctx)
{
    struct zk_handle *h = (struct zk_handle *)ctx;

    (void)stat;
    pthread_mutex_lock(&h->lock);
    if (h->proof == ZK_PROOF_ASKED) {
        h->proof = ZK_PROOF_ANSWERED;
        h->proof_rc = rc;
    }
    pthread_mutex_unlock(&h->lock);
    zk_window_proved(&h->window, zk_server_said(rc));
}

int zk_handle_prove(struct zk_handle *h)
{
    int rc;

    pthread_mutex_lock(&h->lock);
    h->proof = ZK_PROOF_ASKED;
    pthread_mutex_unlock(&h->lock);
    rc = zoo_aexists(h->zh, "/", 0, on_proof, h);
    return rc == ZOK || rc == ZSYSTEMERROR ? 0 : -1;
}

enum zk_proof zk_handle_proof(struct zk_handle *h, int *rc)
{
    enum zk_proof proof;

    pthread_mutex_lock(&h->lock);
    proof = h->proof;
    *rc = h->proof_rc;
    pthread_mutex_unlock(&h->lock);
    return proof;
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

int zk_handle_submit(struct zk_handle *h, const struct store_request *r,
                     uint64_t deadline_mono_ms)
{
    struct zk_op *op;
    int rc;

    if (zoo_state(h->zh) != ZOO_CONNECTED_STATE)
        return -1;
    op = zk_window_take(&h->window, r, deadline_mono_ms);
    if (op == NULL)
        return -1;
    rc = zk_call(h->zh, h->acl, op, r);
    /* A system error is a wake-up that failed, of a request that is queued:
     * it may well be answered. */
    if (rc == ZOK || rc == ZSYSTEMERROR)
        return 0;
    if (rc == ZBADARGUMENTS) {
        zk_op_done(op, rc, NULL, NULL, 0);
        return 0;
    }
    zk_window_untake(op);
    return -1;
}

size_t zk_handle_harvest(struct zk_handle *h, struct zk_answer *out, size_t max)
{
    return zk_window_harvest(&h->window, out, max);
}

bool zk_handle_changed(struct zk_handle *h, char *path, size_t size)
{
    return zk_window_take_change(&h->window, path, size);
}

uint64_t zk_handle_deadline(struct zk_handle *h)
{
    return zk_window_deadline(&h->window);
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
        h->reaping = thread_start(&h->reaper, reap, h, "zk-reaper", NULL) == 0;
}

size_t zk_handle_drop(struct zk_handle *h, uint64_t now_mono_ms,
                      struct zk_answer *out)
{
    size_t n = zk_window_give_up(&h->window, out);

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
    bool reaped;

    start_reaper(h);
    pthread_mutex_lock(&h->lock);
    while (!h->reaped && wait_ms > 0 &&
           thread_wait(&h->closed, &h->lock, until))
        continue;
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
    zk_window_mute(&h->window);
}
