/*
 * The publisher's thread.
 *
 *     loop ── post ──> slot ── queue ──> request ──> store
 *       ^                |  ^                          |
 *       └── take, wake ──┘  └───────── reply <─────────┘
 *
 * What is to be asked is drawn from the book (sources.c), and what is
 * answered is entered there.  A slot is in the queue once and in flight once;
 * its latest document is copied when it is sent, so that at most one document
 * a slot piles up.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/clock.h"
#include "agent/log.h"
#include "agent/thread.h"

#include "monitor.h"
#include "requests.h"
#include "sources.h"

#define THREAD_NAME "publisher"

#define REPLIES 32

/* Of what is watched: a root, fleets, a name, members or targets, a name. */
#define PATH_SIZE 1024

#define RECHECK_MS 5000 /* unless the options say */

/* How often it is asked whether we are fit to be a member. */
#define FENCE_MS 500

/* How much longer than its budget the thread may take to end. */
#define STOP_GRACE_MS 200

static void on_store_wake(void *arg)
{
    struct publisher *p = arg;

    publisher_lock(p);
    p->book.nudged = true;
    publisher_unlock(p);
}

static void send_requests(struct publisher *p, uint64_t now)
{
    struct store_request r;

    for (;;) {
        publisher_lock(p);
        bool any = sources_next(&p->book, now, &r);
        publisher_unlock(p);
        if (!any)
            return;
        if (p->store->ops->submit(p->store, &r) == 0)
            continue;
        publisher_lock(p);
        sources_unsent(&p->book, &r);
        publisher_unlock(p);
        /* Nobody wakes us when a take-over could go: what can go is the
         * reading of its node. */
        if (r.verb != STORE_TAKE_OVER)
            return;
    }
}

static void collect_replies(struct publisher *p, uint64_t now)
{
    struct store_reply replies[REPLIES];
    size_t n;

    while ((n = p->store->ops->collect(p->store, replies, REPLIES)) > 0) {
        publisher_lock(p);
        for (size_t i = 0; i < n; i++)
            sources_reply(&p->book, &replies[i], now);
        publisher_unlock(p);
    }
}

/* What was answered before something changed is entered before it. */
static void collect_changes(struct publisher *p, uint64_t now)
{
    char path[PATH_SIZE];

    while (p->store->ops->changed != NULL &&
           p->store->ops->changed(p->store, path, sizeof path)) {
        publisher_lock(p);
        follow_changed(&p->book, path, now);
        publisher_unlock(p);
    }
}

static void look_at_store(struct publisher *p)
{
    struct store_status status;

    p->store->ops->status(p->store, &status);
    publisher_lock(p);
    lease_connection(&p->book.owners.lease, &status);
    if (status.sessions != p->sessions) {
        p->sessions = status.sessions;
        book_new_session(&p->book);
    }
    if (status.handles != p->handles) {
        p->handles = status.handles;
        follow_unwatched(&p->book);
    }
    p->status = status;
    bool broke = status.state == STORE_BROKEN && !p->broken_said;
    p->book.tell = p->book.tell || broke;
    p->broken_said = p->broken_said || broke;
    publisher_unlock(p);
    if (broke)
        LOG_EVENT(LOG_LEVEL_ERROR, "zk_broken", LOG_STR("why", status.why));
}

/* LOCKED.  What the loop or ZooKeeper holds up is not waited for. */
static bool flushed(const struct publisher *p, uint64_t now)
{
    const struct book *b = &p->book;

    return now >= p->stop_mono_ms ||
           (b->tally.count[PUBLISHER_PENDING] == 0 &&
            b->places.in_flight == b->places.rereading);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* LOCKED. */
static void ask_fence(struct publisher *p, uint64_t now)
{
    struct fence *f = &p->fence;

    if (f->fit == NULL || now < f->due_mono_ms)
        return;
    f->due_mono_ms = now + FENCE_MS;
    struct slot *s = book_at(&p->book, f->slot);
    if (s->wanted.want != WANT_NODE || f->fit(f->arg))
        return;
    p->fenced++;
    wanted_withdraw(&s->wanted);
    book_settle(&p->book, s);
    book_leave_all(&p->book);
}

static uint64_t fence_due(const struct publisher *p)
{
    return p->fence.fit != NULL ? p->fence.due_mono_ms : UINT64_MAX;
}

/* LOCKED.  When there is something to ask for again, at the latest. */
static uint64_t next_due(const struct publisher *p)
{
    uint64_t refresh = refresh_due(&p->refresh);

    if (p->status.state != STORE_CONNECTED)
        return p->book.places.delayed_mono_ms;
    /* What was due at the last pass waits for the store. */
    refresh = earlier(refresh > p->pass_mono_ms ? refresh : UINT64_MAX,
                      p->book.heirs_mono_ms);
    return earlier(refresh, sources_due(&p->book, p->pass_mono_ms));
}

/* Waits until there is something to do; false when it is time to end. */
static bool rest(struct publisher *p, uint64_t until)
{
    bool go_on;

    publisher_lock(p);
    until = earlier(until, next_due(p));
    until = earlier(until, p->pass_mono_ms + p->beat_ms);
    until = earlier(until, fence_due(p));
    for (;;) {
        bool stopping = p->book.stopping;
        uint64_t end = stopping ? earlier(until, p->stop_mono_ms) : until;

        go_on = !stopping || !flushed(p, clock_mono_ms());
        if (!go_on || p->book.nudged || clock_mono_ms() >= end)
            break;
        p->resting = true;
        thread_wait(&p->wakeup, &p->lock, end);
        p->resting = false;
    }
    p->book.nudged = false;
    publisher_unlock(p);
    return go_on;
}

static void tell_loop(struct publisher *p)
{
    publisher_lock(p);
    bool tell = p->book.tell;
    p->book.tell = false;
    publisher_unlock(p);
    if (tell && p->wake_loop != NULL)
        p->wake_loop(p->wake_arg);
}

/* Returns when the store is to be ticked next, monotonic. */
static uint64_t pass(struct publisher *p)
{
    uint64_t now = clock_mono_ms();
    uint64_t next = p->store->ops->tick(p->store, now);

    look_at_store(p);
    collect_replies(p, now);
    collect_changes(p, now);
    publisher_lock(p);
    requests_release(&p->book, now);
    refresh_mark(&p->refresh, &p->book, now);
    book_look_for_heirs(&p->book, now);
    ask_fence(p, now);
    p->pass_mono_ms = now;
    publisher_unlock(p);
    if (p->status.state == STORE_CONNECTED)
        send_requests(p, now);
    tell_loop(p);
    return next;
}

static void *run(void *arg)
{
    struct publisher *p = arg;
    uint64_t next;

    log_thread(THREAD_NAME);
    do {
        pulse_beat(&p->pulse);
        next = pass(p);
    } while (rest(p, next));

    enum store_end end = p->store->ops->close(p->store, p->close_ms);
    publisher_lock(p);
    p->end = end;
    p->done = true;
    pthread_cond_signal(&p->ended);
    publisher_unlock(p);
    return NULL;
}

static void publisher_free(struct publisher *p)
{
    book_clear(&p->book);
    pthread_cond_destroy(&p->ended);
    pthread_cond_destroy(&p->wakeup);
    pthread_mutex_destroy(&p->lock);
    free(p->root);
    free(p->agent);
    free(p->host);
    free(p->fleet);
    free(p->fleet_settings);
    free(p);
}

/* -1 on lack of memory. */
static int init_fleet(struct publisher *p, const struct publisher_options *o)
{
    const char *settings = o->fleet_settings;

    if (o->fleet == NULL)
        return 0;
    p->fleet = strdup(o->fleet);
    p->fleet_settings = strdup(settings != NULL ? settings : "");
    return p->fleet != NULL && p->fleet_settings != NULL ? 0 : -1;
}

/* -1 and E on lack of memory. */
static int init(struct publisher *p, const struct publisher_options *o,
                struct err *e)
{
    p->beat_ms = UINT32_MAX;
    p->store = o->store;
    p->wake_loop = o->wake;
    p->wake_arg = o->arg;
    refresh_init(&p->refresh, o->refresh_ms, clock_mono_ms());
    p->root = strdup(strcmp(o->root, "/") == 0 ? "" : o->root);
    p->agent = strdup(o->agent);
    p->host = strdup(o->host);
    if (p->root == NULL || p->agent == NULL || p->host == NULL ||
        init_fleet(p, o) != 0) {
        err_set(e, "out of memory for the publisher");
        return -1;
    }
    const struct book_options book = {
        .root = p->root,
        .agent = p->agent,
        .host = p->host,
        .fleet = p->fleet,
        .fleet_settings = p->fleet_settings,
        .presence = o->presence,
        .refused_ms = o->refused_ms > 0 ? o->refused_ms : REFUSED_MS,
        .recheck_ms = o->recheck_ms > 0 ? o->recheck_ms : RECHECK_MS,
        .refresh_ms = o->refresh_ms,
        .wake_idle = o->wake_idle,
    };
    return book_init(&p->book, &book, e);
}

struct publisher *publisher_start(const struct publisher_options *o,
                                  struct err *e)
{
    struct publisher *p = calloc(1, sizeof *p);

    if (p == NULL) {
        err_set(e, "out of memory for the publisher");
        goto no_memory;
    }
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wakeup, NULL);
    pthread_cond_init(&p->ended, NULL);
    if (init(p, o, e) != 0)
        goto init_failed;
    p->store->wake = on_store_wake;
    p->store->wake_arg = p;
    p->store->ops->status(p->store, &p->status);
    if (thread_start(&p->thread, run, p, "publisher", e) != 0)
        goto thread_failed;
    return p;

thread_failed:
    o->store->ops->close(o->store, 0);
    publisher_free(p);
    return NULL;
init_failed:
    publisher_free(p);
no_memory:
    o->store->ops->close(o->store, 0);
    return NULL;
}

void publisher_watch(struct publisher *p, struct watchdog *watchdog)
{
    /* Waking the thread takes its lock, so it is not to be woken for a sign
     * of life: it beats by itself. */
    watchdog_watch(
        watchdog, &(struct watch){ .thread = THREAD_NAME, .pulse = &p->pulse });
    publisher_lock(p);
    p->beat_ms = watchdog_rest_ms(watchdog);
    p->book.nudged = true;
    publisher_unlock(p);
}

/* False when the thread did not end in time. */
static bool await_end(struct publisher *p, uint64_t until_mono_ms,
                      enum store_end *end)
{
    publisher_lock(p);
    while (!p->done && thread_wait(&p->ended, &p->lock, until_mono_ms))
        continue;
    bool done = p->done;
    *end = p->end;
    publisher_unlock(p);
    return done;
}

enum store_end publisher_stop(struct publisher *p, unsigned drain_ms,
                              unsigned close_ms)
{
    uint64_t now = clock_mono_ms();
    enum store_end end;

    if (p == NULL)
        return STORE_CLOSED;
    publisher_lock(p);
    p->book.stopping = true;
    p->stop_mono_ms = now + drain_ms;
    p->close_ms = close_ms;
    p->book.nudged = true;
    publisher_unlock(p);
    if (!await_end(p, now + drain_ms + close_ms + STOP_GRACE_MS, &end)) {
        pthread_detach(p->thread);
        return STORE_LEFT;
    }
    pthread_join(p->thread, NULL);
    publisher_free(p);
    return end;
}
