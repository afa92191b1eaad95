/*
 * Two helper threads call getaddrinfo for everyone.  The first takes any
 * name; the second passes over those whose last lookup was slow, so that a
 * name whose server is mute holds up one thread and not the others' names.
 * A name that many ask for is looked up once at a time.
 *
 *   IDLE --asked for--> QUEUED --taken by a helper--> RUNNING --> IDLE
 *
 * Nothing here has a timer, but that helpers under watch wake now and then to
 * give a sign of life.  A reader of the name sees from its age that a lookup
 * takes too long: no wake announces it, since a reader that waits has a
 * deadline of its own.
 *
 * Two locks, never held together.  `lock` guards what is known, and is only
 * ever held for a look or a copy.  `wake_lock` is held while the subscribers
 * are called, which is what makes unsubscribing final; so do not subscribe
 * or unsubscribe under a lock that the wake takes.
 *
 * getaddrinfo cannot be cancelled: a helper inside it is left behind by
 * resolver_stop.  Helpers and owner count as references; the last one frees.
 */
#include <assert.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "agent/clock.h"
#include "agent/thread.h"
#include "agent/log.h"
#include "agent/watchdog.h"

#include "resolver_known.h"
#include "agent/resolver.h"

#define HELPERS         2
#define SUBSCRIBERS_MAX 80

/* A lookup that took longer makes its name one for the first helper only. */
#define SLOW_MS 1000

/* What glibc's own time-outs come to, by default and at the worst that is
 * still in use; see resolv.conf(5). */
#define LOOKUP_USUAL_MS  30000
#define LOOKUP_LAWFUL_MS 120000

#define THREAD_NAME "resolver"

enum lookup_state { LOOKUP_IDLE, LOOKUP_QUEUED, LOOKUP_RUNNING };

/* All but the first three and the version under the resolver's lock. */
struct resolver_name {
    struct resolver *resolver;
    char *host;                 /* owned */
    struct resolver_name *next; /* in resolver.names */
    unsigned users;
    enum lookup_state lookup;
    uint64_t asked_mono_ms; /* when it was queued last */
    bool slow;              /* the last lookup was */
    atomic_uint version;    /* of the list; read without the lock */
    struct known known;
};

struct helper {
    struct resolver *resolver;
    pthread_t thread;
    bool any_name; /* takes slow ones as well */
    bool busy;     /* in getaddrinfo; under the lock */
    struct pulse pulse;
};

struct subscriber {
    void (*wake)(void *);
    void *arg; /* borrowed */
};

struct resolver {
    resolver_lookup lookup;
    uint64_t (*now_mono_ms)(void);

    pthread_mutex_t lock;
    pthread_cond_t work;
    /* Under lock. */
    struct resolver_name *names;
    bool stopping;
    unsigned rest_ms; /* the longest sleep of a helper; 0: any */
    unsigned references;
    struct helper helpers[HELPERS];

    pthread_mutex_t wake_lock;
    /* Under wake_lock. */
    struct subscriber subscribers[SUBSCRIBERS_MAX];
    size_t nsubscribers;
};

static void name_free(struct resolver_name *n)
{
    struct resolver_name **at = &n->resolver->names;
    while (*at != n)
        at = &(*at)->next;
    *at = n->next;
    free(n->host);
    free(n);
}

/* The one that waits longest among those this helper takes. */
static struct resolver_name *next_name(const struct helper *h)
{
    struct resolver_name *best = NULL;
    for (struct resolver_name *n = h->resolver->names; n != NULL; n = n->next) {
        if (n->lookup != LOOKUP_QUEUED || (n->slow && !h->any_name))
            continue;
        if (best == NULL || n->asked_mono_ms < best->asked_mono_ms)
            best = n;
    }
    return best;
}

static void wake_all(struct resolver *r)
{
    pthread_mutex_lock(&r->wake_lock);
    for (size_t i = 0; i < r->nsubscribers; i++)
        r->subscribers[i].wake(r->subscribers[i].arg);
    pthread_mutex_unlock(&r->wake_lock);
}

static void resolver_free(struct resolver *r)
{
    while (r->names != NULL)
        name_free(r->names);
    pthread_mutex_destroy(&r->wake_lock);
    pthread_cond_destroy(&r->work);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

static void resolver_unref(struct resolver *r)
{
    pthread_mutex_lock(&r->lock);
    bool last = --r->references == 0;
    pthread_mutex_unlock(&r->lock);
    if (last)
        resolver_free(r);
}

/* Under the lock, which it leaves while it waits for the answer. */
static void look_up(struct helper *h, struct resolver_name *n)
{
    struct resolver *r = h->resolver;
    struct answer a;
    n->lookup = LOOKUP_RUNNING; /* keeps N, even if all users leave */
    h->busy = true;
    pthread_mutex_unlock(&r->lock);

    uint64_t began_mono_ms = r->now_mono_ms();
    pulse_task(&h->pulse, n->host);
    answer_ask(&a, r->lookup, n->host);
    pulse_task(&h->pulse, NULL);
    uint64_t now_mono_ms = r->now_mono_ms();

    pthread_mutex_lock(&r->lock);
    h->busy = false;
    n->lookup = LOOKUP_IDLE;
    n->slow = now_mono_ms - began_mono_ms > SLOW_MS;
    if (known_learn(&n->known, &a, now_mono_ms))
        atomic_fetch_add_explicit(&n->version, 1, memory_order_release);
    if (n->users == 0)
        name_free(n);
    pthread_mutex_unlock(&r->lock);
    wake_all(r);
    pthread_mutex_lock(&r->lock);
}

/* Under the lock, which it leaves until there may be something to do. */
static void rest(struct resolver *r)
{
    uint64_t until_mono_ms = clock_mono_ms() + r->rest_ms;
    if (r->rest_ms == 0)
        pthread_cond_wait(&r->work, &r->lock);
    else
        thread_wait(&r->work, &r->lock, until_mono_ms);
}

static void *helper_main(void *arg)
{
    struct helper *h = arg;
    struct resolver *r = h->resolver;

    log_thread(THREAD_NAME);
    pthread_mutex_lock(&r->lock);
    while (!r->stopping) {
        pulse_beat(&h->pulse);
        struct resolver_name *n = next_name(h);
        if (n != NULL)
            look_up(h, n);
        else
            rest(r);
    }
    pthread_mutex_unlock(&r->lock);
    resolver_unref(r);
    return NULL;
}

static int helper_start(struct resolver *r, size_t i, struct err *e)
{
    struct helper *h = &r->helpers[i];
    h->resolver = r;
    h->any_name = i == 0;
    r->references++;

    if (thread_start(&h->thread, helper_main, h, "resolver", e) == 0)
        return 0;
    r->references--;
    return -1;
}

/* Ends the first COUNT helpers; drops the owner's reference.  Returns false
 * if one had to be left behind. */
static bool stop_helpers(struct resolver *r, size_t count)
{
    pthread_t idle[HELPERS];
    size_t nidle = 0;

    pthread_mutex_lock(&r->lock);
    r->stopping = true;
    pthread_cond_broadcast(&r->work);
    for (size_t i = 0; i < count; i++) {
        if (r->helpers[i].busy)
            pthread_detach(r->helpers[i].thread);
        else
            idle[nidle++] = r->helpers[i].thread;
    }
    pthread_mutex_unlock(&r->lock);

    for (size_t i = 0; i < nidle; i++)
        pthread_join(idle[i], NULL);
    resolver_unref(r);
    return nidle == count;
}

struct resolver *resolver_start(struct err *e)
{
    return resolver_start_with(getaddrinfo, clock_mono_ms, e);
}

struct resolver *resolver_start_with(resolver_lookup lookup,
                                     uint64_t (*now_mono_ms)(void),
                                     struct err *e)
{
    struct resolver *r = calloc(1, sizeof *r);
    if (r == NULL) {
        err_set(e, "out of memory for the resolver");
        return NULL;
    }
    r->lookup = lookup;
    r->now_mono_ms = now_mono_ms;
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->work, NULL);
    pthread_mutex_init(&r->wake_lock, NULL);
    r->references = 1;

    /* Under the lock: a helper that runs already changes the references. */
    size_t started = 0;
    pthread_mutex_lock(&r->lock);
    while (started < HELPERS && helper_start(r, started, e) == 0)
        started++;
    pthread_mutex_unlock(&r->lock);
    if (started < HELPERS) {
        stop_helpers(r, started);
        return NULL;
    }
    return r;
}

bool resolver_stop(struct resolver *r)
{
    if (r == NULL)
        return true;
    pthread_mutex_lock(&r->wake_lock);
    r->nsubscribers = 0;
    pthread_mutex_unlock(&r->wake_lock);

    pthread_mutex_lock(&r->lock);
    for (const struct resolver_name *n = r->names; n != NULL; n = n->next)
        assert(n->users == 0);
    pthread_mutex_unlock(&r->lock);
    return stop_helpers(r, HELPERS);
}

/* Helpers wake by themselves: to wake them takes a lock. */
void resolver_watch(struct resolver *r, struct watchdog *watchdog)
{
    for (size_t i = 0; i < HELPERS; i++)
        watchdog_watch(watchdog,
                       &(struct watch){ .thread = THREAD_NAME,
                                        .pulse = &r->helpers[i].pulse,
                                        .task_named_ms = LOOKUP_USUAL_MS,
                                        .task_lawful_ms = LOOKUP_LAWFUL_MS });
    pthread_mutex_lock(&r->lock);
    r->rest_ms = watchdog_rest_ms(watchdog);
    pthread_cond_broadcast(&r->work);
    pthread_mutex_unlock(&r->lock);
}

int resolver_subscribe(struct resolver *r, void (*wake)(void *), void *arg,
                       struct err *e)
{
    int rc = -1;
    pthread_mutex_lock(&r->wake_lock);
    if (r->nsubscribers < SUBSCRIBERS_MAX) {
        r->subscribers[r->nsubscribers++] =
            (struct subscriber){ .wake = wake, .arg = arg };
        rc = 0;
    }
    pthread_mutex_unlock(&r->wake_lock);
    if (rc != 0)
        err_set(e, "resolver: more than %d subscribers", SUBSCRIBERS_MAX);
    return rc;
}

void resolver_unsubscribe(struct resolver *r, void (*wake)(void *), void *arg)
{
    pthread_mutex_lock(&r->wake_lock);
    for (size_t i = 0; i < r->nsubscribers; i++) {
        if (r->subscribers[i].wake == wake && r->subscribers[i].arg == arg) {
            r->subscribers[i] = r->subscribers[--r->nsubscribers];
            break;
        }
    }
    pthread_mutex_unlock(&r->wake_lock);
}

static struct resolver_name *name_find(const struct resolver *r,
                                       const char *host)
{
    struct resolver_name *n = r->names;
    while (n != NULL && strcmp(n->host, host) != 0)
        n = n->next;
    return n;
}

static struct resolver_name *name_new(struct resolver *r, const char *host)
{
    struct resolver_name *n = calloc(1, sizeof *n);
    if (n == NULL)
        return NULL;
    n->host = strdup(host);
    if (n->host == NULL) {
        free(n);
        return NULL;
    }
    n->resolver = r;
    n->next = r->names;
    r->names = n;
    return n;
}

struct resolver_name *resolver_name_get(struct resolver *r, const char *host,
                                        struct err *e)
{
    pthread_mutex_lock(&r->lock);
    struct resolver_name *n = name_find(r, host);
    if (n == NULL)
        n = name_new(r, host);
    if (n != NULL)
        n->users++;
    pthread_mutex_unlock(&r->lock);
    if (n == NULL)
        err_set(e, "out of memory for the name %s", host);
    return n;
}

void resolver_name_put(struct resolver_name *n)
{
    if (n == NULL)
        return;
    struct resolver *r = n->resolver;
    pthread_mutex_lock(&r->lock);
    assert(n->users > 0);
    n->users--;
    if (n->users == 0 && n->lookup != LOOKUP_RUNNING)
        name_free(n);
    pthread_mutex_unlock(&r->lock);
}

/* Under the lock. */
static void enqueue(struct resolver_name *n, uint64_t now_mono_ms)
{
    n->lookup = LOOKUP_QUEUED;
    n->asked_mono_ms = now_mono_ms;
    pthread_cond_broadcast(&n->resolver->work);
}

enum resolver_state resolver_addrs(struct resolver_name *n, uint16_t port,
                                   struct net_addr out[RESOLVER_ADDRS],
                                   size_t *count, struct err *why)
{
    struct resolver *r = n->resolver;
    enum resolver_state state = RESOLVER_PENDING;

    pthread_mutex_lock(&r->lock);
    uint64_t now_mono_ms = r->now_mono_ms();
    if (n->lookup == LOOKUP_IDLE && known_is_due(&n->known, now_mono_ms))
        enqueue(n, now_mono_ms);
    *count = known_addrs(&n->known, port, out);
    bool late = n->lookup != LOOKUP_IDLE &&
                now_mono_ms - n->asked_mono_ms > RESOLVER_DEADLINE_MS;
    if (*count > 0) {
        state = RESOLVER_OK;
    } else if (late) {
        state = RESOLVER_FAILED;
        err_set(why, "%s: no answer from the name service within %d s", n->host,
                RESOLVER_DEADLINE_MS / 1000);
    } else if (n->known.answered) {
        state = RESOLVER_FAILED;
        if (why != NULL)
            *why = n->known.why;
    }
    pthread_mutex_unlock(&r->lock);
    return state;
}

bool resolver_is_fresh(struct resolver_name *n, uint64_t max_age_ms)
{
    struct resolver *r = n->resolver;

    pthread_mutex_lock(&r->lock);
    uint64_t now_mono_ms = r->now_mono_ms();
    bool fresh = !known_is_older(&n->known, now_mono_ms, max_age_ms);
    if (!fresh && n->lookup == LOOKUP_IDLE)
        enqueue(n, now_mono_ms);
    pthread_mutex_unlock(&r->lock);
    return fresh;
}

uint32_t resolver_version(const struct resolver_name *n)
{
    return atomic_load_explicit(&n->version, memory_order_acquire);
}

void resolver_refresh(struct resolver_name *n)
{
    struct resolver *r = n->resolver;
    pthread_mutex_lock(&r->lock);
    uint64_t now_mono_ms = r->now_mono_ms();
    if (n->lookup == LOOKUP_IDLE &&
        known_may_be_refreshed(&n->known, now_mono_ms))
        enqueue(n, now_mono_ms);
    pthread_mutex_unlock(&r->lock);
}
