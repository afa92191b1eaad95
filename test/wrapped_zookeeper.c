/*
 * The store's doings with its handles, seen and disturbed from below: no
 * server brings about a handle that is wedged, or a thread that does not
 * start, and the store tells nobody its session's password.
 */
#include <errno.h>
#include <pthread.h>

#include "await.h"
#include "wrapped_zookeeper.h"

struct wrapped_zookeeper wrapped_zookeeper;

static pthread_mutex_t last_lock = PTHREAD_MUTEX_INITIALIZER;
static clientid_t last_id; /* last_lock */

zhandle_t *__real_zookeeper_init2(const char *host, watcher_fn fn, int ms,
                                  const clientid_t *id, void *ctx, int flags,
                                  log_callback_fn log);
zhandle_t *__wrap_zookeeper_init2(const char *host, watcher_fn fn, int ms,
                                  const clientid_t *id, void *ctx, int flags,
                                  log_callback_fn log);
const clientid_t *__real_zoo_client_id(zhandle_t *zh);
const clientid_t *__wrap_zoo_client_id(zhandle_t *zh);
int __real_zookeeper_close(zhandle_t *zh);
int __wrap_zookeeper_close(zhandle_t *zh);
int __real_zoo_awget(zhandle_t *zh, const char *path, watcher_fn watch,
                     void *watch_ctx, data_completion_t done, const void *ctx);
int __wrap_zoo_awget(zhandle_t *zh, const char *path, watcher_fn watch,
                     void *watch_ctx, data_completion_t done, const void *ctx);
int __real_pthread_create(pthread_t *t, const pthread_attr_t *a,
                          void *(*fn)(void *), void *arg);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a,
                          void *(*fn)(void *), void *arg);

zhandle_t *__wrap_zookeeper_init2(const char *host, watcher_fn fn, int ms,
                                  const clientid_t *id, void *ctx, int flags,
                                  log_callback_fn log)
{
    zhandle_t *zh = __real_zookeeper_init2(host, fn, ms, id, ctx, flags, log);

    atomic_fetch_add(&wrapped_zookeeper.handles, 1);
    atomic_store(&wrapped_zookeeper.last_handle, zh);
    return zh;
}

const clientid_t *__wrap_zoo_client_id(zhandle_t *zh)
{
    const clientid_t *id = __real_zoo_client_id(zh);

    pthread_mutex_lock(&last_lock);
    last_id = *id;
    pthread_mutex_unlock(&last_lock);
    return id;
}

int __wrap_zookeeper_close(zhandle_t *zh)
{
    while (atomic_load(&wrapped_zookeeper.block_closes))
        await_nap();
    return __real_zookeeper_close(zh);
}

int __wrap_zoo_awget(zhandle_t *zh, const char *path, watcher_fn watch,
                     void *watch_ctx, data_completion_t done, const void *ctx)
{
    if (atomic_load(&wrapped_zookeeper.swallow_gets))
        return ZOK;
    return __real_zoo_awget(zh, path, watch, watch_ctx, done, ctx);
}

int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a,
                          void *(*fn)(void *), void *arg)
{
    if (atomic_load(&wrapped_zookeeper.refused_threads) > 0) {
        atomic_fetch_sub(&wrapped_zookeeper.refused_threads, 1);
        return EAGAIN;
    }
    return __real_pthread_create(t, a, fn, arg);
}

clientid_t wrapped_zookeeper_id(void)
{
    clientid_t id;

    pthread_mutex_lock(&last_lock);
    id = last_id;
    pthread_mutex_unlock(&last_lock);
    return id;
}
