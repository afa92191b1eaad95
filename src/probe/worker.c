/*
 * The thread, what runs on it, and what is freed where.
 *
 *     loop thread                         worker thread
 *     worker_add/post/remove ── inbox ──→ drain: attach, start, close
 *     worker_take ←──────────── outbox ── ended: push; one wake a turn
 *
 * A probe is made by the loop and freed here, after the loop has let go of it.
 * What passes between the two threads does so in mailbox.c.
 */
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <uv.h>

#include "agent/clock.h"
#include "agent/log.h"
#include "agent/resolver.h"
#include "agent/thread.h"
#include "agent/watchdog.h"

#include "agent/loop.h"
#include "dial.h"
#include "env.h"
#include "life.h"
#include "mailbox.h"
#include "agent/worker.h"

/* Taken out of the inbox at one time. */
#define ORDERS 32

struct worker {
    struct worker_options options;
    char name[16];
    pthread_t thread;
    atomic_bool resolved; /* something new is known of a name */
    struct pulse pulse;
    bool posted; /* loop thread: jobs, since the last wake */

    /* Worker thread. */
    struct loop loop; /* its wake: any thread */
    uv_prepare_t prepare;
    struct probe_env env;
    LIST_HEAD(, probe) probes;
    bool results;        /* wait, and the loop was not woken for them */
    bool urgent;         /* one of them is bad */
    uint64_t results_ms; /* the first of them came; by uv_now */

    struct mailbox mailbox;

    pthread_mutex_t ended_mutex;
    pthread_cond_t ended_cond;
    bool ended; /* guarded by ended_mutex */
};

static void push_result(void *arg, const struct result *r)
{
    struct worker *w = arg;

    /* First: the loop, once it has this result, must not think that this thread
     * hangs. */
    pulse_beat(&w->pulse);
    mailbox_push(&w->mailbox, r);
    if (!w->results)
        w->results_ms = uv_now(&w->loop.uv);
    w->results = true;
    w->urgent = w->urgent || r->lost || r->reason != REASON_OK;
}

/*
 * A good result waits for the others of its burst, so that all of them cost
 * one wake: until no probe is under way, or for one tick of the watch, which
 * turns this loop as long as one is.  A bad one is told at once.
 */
static bool wake_due(struct worker *w)
{
    return w->results && (w->urgent || w->env.watch.probes == 0 ||
                          uv_now(&w->loop.uv) - w->results_ms >= STALL_TICK_MS);
}

/* libuv prepares once before each wait for sockets. */
static void before_waiting(uv_prepare_t *prepare)
{
    struct worker *w = prepare->data;

    pulse_beat(&w->pulse);
    if (!wake_due(w))
        return;
    w->results = false;
    w->urgent = false;
    w->options.wake(w->options.arg);
}

static struct probe *probe_of(struct mail *mail)
{
    return (struct probe *)((char *)mail - offsetof(struct probe, mail));
}

static void drop_probe(struct probe *p)
{
    LIST_REMOVE(p, all);
    probe_close(p);
}

static void follow(struct worker *w, const struct order *o)
{
    struct probe *p = probe_of(o->mail);

    if (o->add) {
        probe_attach(p, &w->env);
        LIST_INSERT_HEAD(&w->probes, p, all);
    }
    if (o->start) {
        /* Before: it may end, come back and be posted again at once. */
        atomic_store_explicit(&p->queued, false, memory_order_relaxed);
        probe_start(p, &o->job);
    }
    if (o->remove)
        drop_probe(p);
}

static void follow_all(struct worker *w, const struct order *orders, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        /* Between two rounds it went cold, and each start is a system call. */
        if (i + 2 < n)
            probe_expect(probe_of(orders[i + 2].mail));
        if (i + 1 < n)
            probe_expect_connection(probe_of(orders[i + 1].mail));
        follow(w, &orders[i]);
    }
}

static void close_all(struct worker *w)
{
    while (!LIST_EMPTY(&w->probes))
        drop_probe(LIST_FIRST(&w->probes));
    probe_env_close(&w->env);
    uv_close((uv_handle_t *)&w->prepare, NULL);
    loop_wake_close(&w->loop.wake);
}

static void on_wake(void *arg)
{
    struct worker *w = arg;
    struct order orders[ORDERS];
    size_t n;

    if (atomic_exchange(&w->resolved, false))
        dial_resolved(&w->env);
    while ((n = mailbox_next(&w->mailbox, orders, ORDERS)) > 0)
        follow_all(w, orders, n);
    if (mailbox_stopping(&w->mailbox))
        close_all(w);
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;

    log_thread(w->name);
    /* Returns when the last handle is closed: see close_all. */
    uv_run(&w->loop.uv, UV_RUN_DEFAULT);
    pthread_mutex_lock(&w->ended_mutex);
    w->ended = true;
    pthread_cond_signal(&w->ended_cond);
    pthread_mutex_unlock(&w->ended_mutex);
    return NULL;
}

static void on_resolved(void *arg)
{
    struct worker *w = arg;

    atomic_store(&w->resolved, true);
    loop_wake_send(&w->loop.wake);
}

static int init_loop(struct worker *w, struct err *e)
{
    if (loop_open(&w->loop, on_wake, w, w->name, e) != 0)
        return -1;
    probe_env_open(&w->env, &w->loop.uv);
    uv_prepare_init(&w->loop.uv, &w->prepare);
    uv_prepare_start(&w->prepare, before_waiting);
    w->prepare.data = w;
    return 0;
}

static void free_worker(struct worker *w)
{
    probe_env_clear(&w->env);
    pthread_cond_destroy(&w->ended_cond);
    pthread_mutex_destroy(&w->ended_mutex);
    mailbox_clear(&w->mailbox);
    free(w);
}

struct worker *worker_start(const struct worker_options *o, struct err *e)
{
    struct worker *w = calloc(1, sizeof *w);

    if (w == NULL) {
        err_set(e, "out of memory for worker-%u", o->index);
        return NULL;
    }
    w->options = *o;
    snprintf(w->name, sizeof w->name, "worker-%u", o->index);
    LIST_INIT(&w->probes);
    mailbox_init(&w->mailbox);
    pthread_mutex_init(&w->ended_mutex, NULL);
    pthread_cond_init(&w->ended_cond, NULL);
    w->env.ended = push_result;
    w->env.arg = w;
    if (probe_env_init(&w->env, e) != 0)
        goto no_env;
    if (init_loop(w, e) != 0)
        goto no_env;
    if (resolver_subscribe(o->resolver, on_resolved, w, e) != 0)
        goto no_subscription;
    if (thread_start(&w->thread, worker_main, w, w->name, e) != 0)
        goto no_thread;
    return w;

no_thread:
    resolver_unsubscribe(o->resolver, on_resolved, w);
no_subscription:
    close_all(w);
    loop_close(&w->loop);
no_env:
    free_worker(w);
    return NULL;
}

static bool wait_ended(struct worker *w, unsigned budget_ms)
{
    uint64_t until_mono_ms = clock_mono_ms() + budget_ms;
    bool ended;

    pthread_mutex_lock(&w->ended_mutex);
    while (!w->ended &&
           thread_wait(&w->ended_cond, &w->ended_mutex, until_mono_ms))
        continue;
    ended = w->ended;
    pthread_mutex_unlock(&w->ended_mutex);
    return ended;
}

bool worker_stop(struct worker *w, unsigned budget_ms)
{
    if (!mailbox_stopping(&w->mailbox)) {
        resolver_unsubscribe(w->options.resolver, on_resolved, w);
        mailbox_stop(&w->mailbox);
        loop_wake_send(&w->loop.wake);
    }
    if (!wait_ended(w, budget_ms))
        return false;
    pthread_join(w->thread, NULL); /* it has nothing left to do */
    loop_close(&w->loop);
    free_worker(w);
    return true;
}

struct probe *worker_add(struct worker *w, uint64_t id,
                         struct config_instance *config, struct err *e)
{
    struct probe *p = probe_new(id, config, w->options.resolver, e);

    if (p == NULL)
        return NULL;
    if (mailbox_reserve(&w->mailbox) != 0) {
        err_set(e, "%s: out of memory for the results of %s", w->name,
                config->name);
        probe_free(p);
        return NULL;
    }
    if (mailbox_add(&w->mailbox, &p->mail))
        loop_wake_send(&w->loop.wake);
    return p;
}

void worker_remove(struct worker *w, struct probe *p)
{
    if (mailbox_remove(&w->mailbox, &p->mail))
        loop_wake_send(&w->loop.wake);
}

void worker_post(struct worker *w, struct probe *p, const struct job *job)
{
    atomic_store_explicit(&p->queued, true, memory_order_relaxed);
    mailbox_post(&w->mailbox, &p->mail, job);
    w->posted = true;
}

void worker_wake(struct worker *w)
{
    if (!w->posted)
        return;
    w->posted = false;
    loop_wake_send(&w->loop.wake);
}

static void nudge(void *arg)
{
    struct worker *w = arg;

    loop_wake_send(&w->loop.wake);
}

void worker_watch(struct worker *w, struct watchdog *watchdog)
{
    watchdog_watch(watchdog, &(struct watch){ .thread = w->name,
                                              .pulse = &w->pulse,
                                              .nudge = nudge,
                                              .arg = w });
}

bool worker_wedged(const struct worker *w)
{
    return pulse_wedged(&w->pulse);
}

size_t worker_take(struct worker *w, struct result *out, size_t max)
{
    return mailbox_take(&w->mailbox, out, max);
}

const char *worker_phase(const struct probe *p)
{
    if (atomic_load_explicit(&p->queued, memory_order_relaxed))
        return "queued";
    return probe_phase_name(probe_phase(p));
}

size_t worker_queued(const struct worker *w)
{
    struct worker *guarded = (struct worker *)w; /* for the mutex only */

    return mailbox_queued(&guarded->mailbox);
}
