/*
 * The publisher's thread.
 *
 *     loop ── post ──> slot ── queue ──> request ──> store
 *       ^                |  ^                          |
 *       └── take, wake ──┘  └───────── reply <─────────┘
 *
 * Everything shared stands under one mutex that is held for memory
 * operations only, never over a call into the store (whose wake takes it).
 * A slot is in the queue once, and in flight once; its latest document is
 * copied when it is sent, so that what piles up is at most one document a
 * slot.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/clock.h"
#include "agent/log.h"
#include "agent/thread.h"

#include "internal.h"

#define THREAD_NAME "publisher"

#define REPLIES 32

/* How much longer than its budget the thread may take to end. */
#define STOP_GRACE_MS 200

void publisher_nudge(struct publisher *p)
{
    p->woken = true;
}

void publisher_unlock(struct publisher *p)
{
    bool wake = p->woken && p->resting;

    p->resting = p->resting && !wake;
    pthread_mutex_unlock(&p->lock);
    if (wake)
        pthread_cond_signal(&p->wakeup);
}

static void on_store_wake(void *arg)
{
    struct publisher *p = arg;

    pthread_mutex_lock(&p->lock);
    publisher_nudge(p);
    publisher_unlock(p);
}

/* LOCKED.  What nobody waits for comes last, and not at all at the end. */
static struct slot *first_in_turn(struct publisher *p)
{
    struct slot *s = TAILQ_FIRST(&p->queue);

    return s != NULL || p->stopping ? s : TAILQ_FIRST(&p->refresh);
}

/* LOCKED.  The next request; OUT stays NULL when it is not a slot's. */
static bool pick(struct publisher *p, uint64_t now, struct store_request *r,
                 struct slot **out)
{
    struct slot *s;

    *out = NULL;
    if (parents_request(p, now, r) || rivals_request(p, now, r))
        return true;
    while ((s = first_in_turn(p)) != NULL) {
        enum action a = slot_action(p, s);

        if (a == ACTION_NONE) {
            s->cause = CAUSE_NONE;
            slot_move(p, s, PLACE_IDLE);
            publisher_sweep(p, s);
        } else if (slot_request(s, a, r) != 0) {
            publisher_refuse(p, s, CAUSE_NO_MEMORY, "no memory", 0, now);
        } else {
            slot_move(p, s, PLACE_FLIGHT);
            *out = s;
            return true;
        }
    }
    return orphans_request(p, now, r);
}

/* LOCKED */
static void put_slot_back(struct publisher *p, struct slot *s,
                          enum store_verb verb)
{
    bool reread = s->rereading;

    /* A take-over may have to wait until the server has answered something
     * else: read the node again first. */
    if (verb == STORE_TAKE_OVER || s->stale)
        slot_forget(s);
    s->stale = false;
    s->reread = reread && s->known;
    if (s->reread && !s->contested) {
        slot_move(p, s, PLACE_REFRESH);
        return;
    }
    slot_move(p, s, PLACE_QUEUE);
    TAILQ_REMOVE(&p->queue, s, at_place);
    TAILQ_INSERT_HEAD(&p->queue, s, at_place);
}

/* LOCKED.  The store is not for it now. */
static void put_back(struct publisher *p, struct slot *s,
                     const struct store_request *r)
{
    if (s != NULL)
        put_slot_back(p, s, r->verb);
    else if (r->token == PARENTS_TOKEN)
        parents_unsent(p);
    else if (r->token == ORPHANS_TOKEN)
        orphans_unsent(p);
    else
        rivals_unsent(p, r->token);
}

static void send_requests(struct publisher *p, uint64_t now)
{
    struct store_request r;
    struct slot *s;
    bool picked;

    for (;;) {
        pthread_mutex_lock(&p->lock);
        picked = pick(p, now, &r, &s);
        pthread_mutex_unlock(&p->lock);
        if (!picked)
            return;
        if (p->store->ops->submit(p->store, &r) == 0)
            continue;
        pthread_mutex_lock(&p->lock);
        put_back(p, s, &r);
        pthread_mutex_unlock(&p->lock);
        /* Nobody wakes us when a take-over could go: what can is to read. */
        if (r.verb != STORE_TAKE_OVER)
            return;
    }
}

/* LOCKED */
static void take_reply(struct publisher *p, const struct store_reply *r,
                       uint64_t now)
{
    struct slot *s;

    if (r->token == PARENTS_TOKEN) {
        parents_reply(p, r, now);
    } else if (r->token == ORPHANS_TOKEN) {
        orphans_reply(p, r, now);
    } else if (r->token >= RIVALS_TOKEN) {
        rivals_reply(p, r, now);
    } else {
        s = p->slots[r->token];
        publisher_reply(p, s, r, now);
        publisher_sweep(p, s);
    }
}

static void collect_replies(struct publisher *p, uint64_t now)
{
    struct store_reply replies[REPLIES];
    size_t n;

    while ((n = p->store->ops->collect(p->store, replies, REPLIES)) > 0) {
        pthread_mutex_lock(&p->lock);
        for (size_t i = 0; i < n; i++)
            take_reply(p, &replies[i], now);
        pthread_mutex_unlock(&p->lock);
    }
}

/* LOCKED.  A new session: what was known may have changed meanwhile, and
 * ephemeral nodes have another owner, or none. */
static void doubt_all(struct publisher *p)
{
    for (size_t i = 0; i < p->nslots; i++) {
        struct slot *s = p->slots[i];

        if (s == NULL)
            continue;
        slot_forget(s);
        s->stale = s->place == PLACE_FLIGHT;
        s->owned = s->missed = false;
        if (slot_is_ephemeral(s))
            s->sure = false;
    }
    footing_update(p);
    publisher_settle_all(p);
}

static void look_at_store(struct publisher *p)
{
    struct store_status status;

    p->store->ops->status(p->store, &status);
    pthread_mutex_lock(&p->lock);
    if (status.session != 0)
        p->session = status.session;
    if (status.sessions != p->sessions) {
        p->sessions = status.sessions;
        doubt_all(p);
    }
    p->status = status;
    pthread_mutex_unlock(&p->lock);
    if (status.state == STORE_BROKEN && !p->broken_said) {
        p->broken_said = true;
        pthread_mutex_lock(&p->lock);
        p->tell = true;
        pthread_mutex_unlock(&p->lock);
        LOG_EVENT(LOG_LEVEL_ERROR, "zk_broken", LOG_STR("why", status.why));
    }
}

/* LOCKED */
static void release_delayed(struct publisher *p, uint64_t now)
{
    struct slot *s;
    struct slot *next;

    if (now < p->delayed_mono_ms)
        return;
    p->delayed_mono_ms = UINT64_MAX;
    for (s = TAILQ_FIRST(&p->delayed); s != NULL; s = next) {
        next = TAILQ_NEXT(s, at_place);
        if (s->retry_mono_ms <= now) {
            s->reread = s->contested;
            slot_move(p, s, PLACE_QUEUE);
        } else if (s->retry_mono_ms < p->delayed_mono_ms) {
            p->delayed_mono_ms = s->retry_mono_ms;
        }
    }
}

/* LOCKED.  What the loop or ZooKeeper holds up is not waited for. */
static bool flushed(const struct publisher *p, uint64_t now)
{
    return now >= p->stop_mono_ms ||
           (p->count[STANDING_PENDING] == 0 && p->in_flight == p->rereading);
}

/* LOCKED.  When there is something to ask for again, at the latest. */
static uint64_t due_next(const struct publisher *p, uint64_t until)
{
    const struct parents *a = &p->parents;
    uint64_t dues[] = {
        p->delayed_mono_ms,
        a->next < a->count && !a->under_way ? a->retry_mono_ms : UINT64_MAX,
        p->refresh_ms > 0 ? p->refresh_mono_ms : UINT64_MAX,
        rivals_due(p),
        p->orphans.retry_mono_ms,
    };

    if (p->status.state != STORE_CONNECTED)
        return p->delayed_mono_ms < until ? p->delayed_mono_ms : until;
    /* What was due at the last pass waits for the store. */
    for (size_t i = 0; i < sizeof dues / sizeof dues[0]; i++)
        if (dues[i] > p->pass_mono_ms && dues[i] < until)
            until = dues[i];
    return until;
}

/* Waits until there is something to do; false when it is time to end. */
static bool rest(struct publisher *p, uint64_t until)
{
    bool go_on;

    pthread_mutex_lock(&p->lock);
    until = due_next(p, until);
    if (until > p->pass_mono_ms + p->beat_ms)
        until = p->pass_mono_ms + p->beat_ms;
    for (;;) {
        uint64_t end =
            p->stopping && p->stop_mono_ms < until ? p->stop_mono_ms : until;

        go_on = !p->stopping || !flushed(p, clock_mono_ms());
        if (!go_on || p->woken || clock_mono_ms() >= end)
            break;
        p->resting = true;
        thread_wait(&p->wakeup, &p->lock, end);
        p->resting = false;
    }
    p->woken = false;
    pthread_mutex_unlock(&p->lock);
    return go_on;
}

static void tell_loop(struct publisher *p)
{
    bool tell;

    pthread_mutex_lock(&p->lock);
    tell = p->tell;
    p->tell = false;
    pthread_mutex_unlock(&p->lock);
    if (tell && p->wake_loop != NULL)
        p->wake_loop(p->wake_arg);
}

static void *run(void *arg)
{
    struct publisher *p = arg;
    uint64_t next;
    enum store_end end;

    log_thread(THREAD_NAME);
    do {
        uint64_t now = clock_mono_ms();

        pulse_beat(&p->pulse);
        next = p->store->ops->tick(p->store, now);
        look_at_store(p);
        collect_replies(p, now);
        pthread_mutex_lock(&p->lock);
        release_delayed(p, now);
        refresh_mark(p, now);
        p->pass_mono_ms = now;
        pthread_mutex_unlock(&p->lock);
        if (p->status.state == STORE_CONNECTED)
            send_requests(p, now);
        tell_loop(p);
    } while (rest(p, next));

    end = p->store->ops->close(p->store, p->close_ms);
    pthread_mutex_lock(&p->lock);
    p->end = end;
    p->done = true;
    pthread_cond_signal(&p->ended);
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static void publisher_free(struct publisher *p)
{
    for (size_t i = 0; i < p->nslots; i++)
        slot_free(p->slots[i]);
    free(p->slots);
    rivals_free(p);
    orphans_free(p);
    parents_free(&p->parents);
    pthread_cond_destroy(&p->ended);
    pthread_cond_destroy(&p->wakeup);
    pthread_mutex_destroy(&p->lock);
    free(p->root);
    free(p->agent);
    free(p->host);
    free(p);
}

static struct publisher *publisher_new(const struct publisher_options *o)
{
    struct publisher *p = calloc(1, sizeof *p);

    if (p == NULL)
        return NULL;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wakeup, NULL);
    pthread_cond_init(&p->ended, NULL);
    TAILQ_INIT(&p->queue);
    TAILQ_INIT(&p->delayed);
    TAILQ_INIT(&p->waiting);
    TAILQ_INIT(&p->refresh);
    TAILQ_INIT(&p->pending);
    TAILQ_INIT(&p->events);
    p->delayed_mono_ms = UINT64_MAX;
    p->beat_ms = UINT32_MAX;
    p->store = o->store;
    p->wake_loop = o->wake;
    p->wake_arg = o->arg;
    p->wake_idle = o->wake_idle;
    p->footing = FOOTING_FIRM;
    histogram_init(&p->publish, &HISTOGRAM_PUBLISH);
    p->refused_ms = o->refused_ms > 0 ? o->refused_ms : REFUSED_MS;
    p->recheck_ms = o->recheck_ms > 0 ? o->recheck_ms : RECHECK_MS;
    p->refresh_ms = o->refresh_ms;
    p->refreshed_mono_ms = clock_mono_ms();
    p->root = strdup(strcmp(o->root, "/") == 0 ? "" : o->root);
    p->agent = strdup(o->agent);
    p->host = strdup(o->host);
    return p;
}

struct publisher *publisher_start(const struct publisher_options *o,
                                  struct err *e)
{
    struct publisher *p = publisher_new(o);

    if (p == NULL || p->root == NULL || p->agent == NULL || p->host == NULL) {
        err_set(e, "no memory for the publisher");
        goto failed;
    }
    if (parents_init(&p->parents, p->root, o->presence, e) != 0)
        goto failed;
    p->store->wake = on_store_wake;
    p->store->wake_arg = p;
    p->store->ops->status(p->store, &p->status);
    if (thread_start(&p->thread, run, p, "publisher", e) == 0)
        return p;

failed:
    o->store->ops->close(o->store, 0);
    if (p != NULL)
        publisher_free(p);
    return NULL;
}

void publisher_watch(struct publisher *p, struct watchdog *watchdog)
{
    /* To wake it takes its lock: it beats by itself. */
    watchdog_watch(
        watchdog, &(struct watch){ .thread = THREAD_NAME, .pulse = &p->pulse });
    pthread_mutex_lock(&p->lock);
    p->beat_ms = watchdog_rest_ms(watchdog);
    publisher_nudge(p);
    publisher_unlock(p);
}

enum store_end publisher_stop(struct publisher *p, unsigned drain_ms,
                              unsigned close_ms)
{
    uint64_t now = clock_mono_ms();
    enum store_end end;
    bool done;

    if (p == NULL)
        return STORE_CLOSED;
    uint64_t until = now + drain_ms + close_ms + STOP_GRACE_MS;

    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    p->stop_mono_ms = now + drain_ms;
    p->close_ms = close_ms;
    publisher_nudge(p);
    publisher_unlock(p);
    pthread_mutex_lock(&p->lock);
    while (!p->done && thread_wait(&p->ended, &p->lock, until))
        continue;
    done = p->done;
    end = p->end;
    pthread_mutex_unlock(&p->lock);
    if (!done) {
        pthread_detach(p->thread);
        return STORE_LEFT;
    }
    pthread_join(p->thread, NULL);
    publisher_free(p);
    return end;
}
