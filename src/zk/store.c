/*
 * The store in ZooKeeper: the window of requests, and the ladder that gets
 * from a lost connection back to a session.
 *
 *   L1  not connected: the library is left to it.
 *   L2  not connected for two session timeouts (at least ten seconds): the
 *       handle is dropped, names are looked up anew, and a new handle goes on
 *       with the same session, which the old one cannot get any more.  The
 *       library never gives a session up by itself, and refuses for ever a
 *       server that was set back.
 *   L3  session expired or authentication failed: a new handle and a new
 *       session; at once, but after a back-off if that was tried already.
 *   L4  a request past our own deadline, which the library should have failed
 *       long before: the handle is wedged; a new one, with the same session.
 *
 * The session of an earlier process, where one was kept, is entered at L1.  An
 * id that no server grants ends at L3, since a new session takes the nodes of
 * the old one over without a gap: told that it is over, by the server, or
 * when L2 comes before it was ever granted.
 *
 * A dropped handle goes to its reaper.  With three of them unfinished no new
 * handle is made, and when the oldest does not end either the store says
 * that it is broken: the process is better off started anew.
 */
#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/clock.h"
#include "agent/log.h"
#include "agent/resolver.h"

#include "addrs.h"
#include "backoff.h"
#include "handle.h"
#include "library_log.h"
#include "session.h"
#include "window.h"
#include "agent/zk.h"

#define DROPPED_MAX 3
#define REAPER_MS   10000 /* it should be over in less than five */
#define OP_GRACE_MS 2000
#define L2_MS       10000
/* Whatever happens wakes the publisher; this is for what should not be. */
#define POLL_MS      500
#define POLL_REST_MS 2000 /* connected, and nothing under way */

struct zk_store {
    struct store base;
    unsigned timeout_ms;
    enum config_acl acl;
    char *digest;              /* owned; secret; or NULL */
    struct resolver *resolver; /* borrowed */
    struct zk_addrs *addrs;    /* owned */
    atomic_bool armed;         /* base.wake is set */
    /* All below: the publisher's thread. */
    uint64_t now_mono_ms;     /* of the last tick */
    struct zk_handle *handle; /* owned; NULL: none */
    bool up;
    uint64_t down_mono_ms; /* since when, while not up, of this handle */
    uint64_t lost_mono_ms; /* since when, while not up */
    bool long_told;        /* ... and that it lasts */
    bool no_address_told;
    uint64_t retry_mono_ms;
    struct zk_backoff backoff;
    struct zk_session session;
    int64_t counted; /* the session that status.sessions counted last */
    struct zk_handle *dropped[DROPPED_MAX]; /* owned */
    size_t ndropped;
    size_t open;                       /* accepted and not yet collected */
    struct zk_answer ready[ZK_WINDOW]; /* answered and not yet collected */
    size_t nready;
    char *lent[ZK_WINDOW]; /* what the last collect pointed to */
    size_t nlent;
    struct store_status status;
};

static struct zk_store *zk_of(struct store *s)
{
    return (struct zk_store *)s; /* base is the first member */
}

static void resolver_wake(void *arg)
{
    struct zk_store *z = arg;

    if (atomic_load_explicit(&z->armed, memory_order_acquire))
        z->base.wake(z->base.wake_arg);
}

static void set_state(struct zk_store *z, enum store_state state, uint64_t now)
{
    if (z->status.state == state)
        return;
    z->status.state = state;
    z->status.since_mono_ms = now;
}

static void set_why(struct zk_store *z, const char *why)
{
    snprintf(z->status.why, sizeof z->status.why, "%s", why);
}

static unsigned timeout_of(const struct zk_store *z)
{
    unsigned agreed = z->handle != NULL ? zk_handle_timeout_ms(z->handle) : 0;

    return agreed > z->timeout_ms ? agreed : z->timeout_ms;
}

static unsigned l2_ms(const struct zk_store *z)
{
    unsigned twice = 2 * timeout_of(z);

    return twice > L2_MS ? twice : L2_MS;
}

static const char *session_text(int64_t session, char out[20])
{
    snprintf(out, 20, "0x%llx", (unsigned long long)session);
    return out;
}

static void harvest(struct zk_store *z)
{
    size_t n;

    if (z->handle == NULL)
        return;
    n = zk_handle_harvest(z->handle, z->ready + z->nready,
                          ZK_WINDOW - z->nready);
    for (size_t i = 0; i < n; i++)
        if (z->ready[z->nready + i].reply.code == STORE_OK)
            z->backoff.ms = 0;
    z->nready += n;
}

static void drop_handle(struct zk_store *z, uint64_t now)
{
    /* No handle is opened while DROPPED_MAX are there. */
    assert(z->ndropped < DROPPED_MAX);
    z->nready += zk_handle_drop(z->handle, now, z->ready + z->nready);
    z->dropped[z->ndropped++] = z->handle;
    z->handle = NULL;
    z->up = false;
    z->retry_mono_ms = now;
    set_state(z, STORE_OFFLINE, now);
}

static void reap(struct zk_store *z, unsigned wait_ms)
{
    size_t kept = 0;

    for (size_t i = 0; i < z->ndropped; i++)
        if (!zk_handle_reaped(z->dropped[i], wait_ms))
            z->dropped[kept++] = z->dropped[i];
    z->ndropped = kept;
}

static void went_up(struct zk_store *z, uint64_t now)
{
    char session[20];
    struct session_id id;
    bool resumed;
    bool fresh;

    z->up = true;
    zk_handle_id(z->handle, &id);
    resumed = zk_session_granted(&z->session, &id);
    fresh = id.session != z->counted;
    if (fresh) {
        z->counted = id.session;
        z->status.sessions++;
        z->status.resumed = resumed;
    }
    z->status.session = id.session;
    z->long_told = false;
    set_why(z, "");
    set_state(z, STORE_CONNECTED, now);
    zk_handle_server(z->handle, z->status.server, sizeof z->status.server);
    LOG_EVENT(LOG_LEVEL_INFO, "zk_connected",
              LOG_STR("server", z->status.server),
              LOG_STR("session", session_text(id.session, session)),
              LOG_BOOL("new", fresh && !resumed), LOG_BOOL("resumed", resumed),
              LOG_UINT("timeout_ms", zk_handle_timeout_ms(z->handle)));
    explicit_bzero(&id, sizeof id);
}

static void went_down(struct zk_store *z, uint64_t now, const char *why)
{
    uint64_t connected_ms = now - z->status.since_mono_ms;

    z->up = false;
    z->down_mono_ms = now;
    z->lost_mono_ms = now;
    set_why(z, why);
    set_state(z, STORE_CONNECTING, now);
    LOG_EVENT(LOG_LEVEL_WARN, "zk_disconnected", LOG_STR("why", why),
              LOG_UINT("connected_ms", connected_ms));
    /* In case that it lasts: a new handle then knows the new addresses. */
    zk_addrs_refresh(z->addrs);
}

static void drop_wedged(struct zk_store *z, uint64_t now, enum log_level level,
                        const char *why)
{
    if (z->up)
        z->lost_mono_ms = now;
    LOG_EVENT(level, "zk_handle_dropped", LOG_STR("why", why),
              LOG_UINT("disconnected_ms", now - z->lost_mono_ms),
              LOG_UINT("reapers", z->ndropped + 1));
    set_why(z, why);
    drop_handle(z, now);
}

static void session_over(struct zk_store *z, uint64_t now, const char *event,
                         const char *why)
{
    const struct session_id *id = zk_session_id(&z->session);
    bool first = z->backoff.ms == 0;
    unsigned wait_ms = zk_backoff_next(&z->backoff);
    char session[20];

    LOG_EVENT(
        LOG_LEVEL_WARN, event,
        LOG_STR("session", session_text(id != NULL ? id->session : 0, session)),
        LOG_STR("why", why),
        LOG_UINT("disconnected_ms", now - z->lost_mono_ms));
    set_why(z, why);
    drop_handle(z, now);
    zk_session_forget(&z->session, why);
    z->status.session = 0;
    z->retry_mono_ms = now + (first ? 0 : wait_ms);
}

static void not_connected_for_long(struct zk_store *z, uint64_t now)
{
    static const char WHY[] = "not connected for long";

    if (!zk_handle_disown(z->handle))
        return;
    /* Once an outage, however long it lasts. */
    drop_wedged(z, now, z->long_told ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN, WHY);
    z->long_told = true;
    if (z->session.unproved)
        zk_session_forget(&z->session, WHY);
}

/* The ladder's look at the handle. */
static void watch_handle(struct zk_store *z, uint64_t now, const char *said)
{
    enum zk_link link = zk_handle_link(z->handle);

    if (link != ZK_LINK_UP && z->up)
        went_down(z, now, said[0] != '\0' ? said : "connection lost");
    if (zk_handle_deadline(z->handle) <= now) {
        drop_wedged(z, now, LOG_LEVEL_WARN, "a request is past its deadline");
        return;
    }
    switch (link) {
    case ZK_LINK_UP:
        if (!z->up)
            went_up(z, now);
        break;
    case ZK_LINK_DOWN:
        if (said[0] != '\0')
            set_why(z, said);
        if (now - z->down_mono_ms > l2_ms(z))
            not_connected_for_long(z, now);
        break;
    case ZK_LINK_EXPIRED:
        session_over(z, now, "zk_session_expired", "session expired");
        break;
    case ZK_LINK_AUTH_FAILED:
        session_over(z, now, "zk_auth_failed", "authentication failed");
        break;
    }
}

static bool may_open(struct zk_store *z, uint64_t now)
{
    if (now < z->retry_mono_ms || z->status.state == STORE_BROKEN)
        return false;
    if (z->ndropped < DROPPED_MAX)
        return true;
    set_why(z, "waiting for old handles to be closed");
    if (now - zk_handle_dropped_mono_ms(z->dropped[0]) > REAPER_MS) {
        set_why(z, "three handles could not be closed");
        set_state(z, STORE_BROKEN, now);
    }
    return false;
}

static void open_handle(struct zk_store *z, uint64_t now)
{
    struct err e = { "" };
    bool asking;
    struct zk_handle_options o = {
        .hosts = zk_addrs_list(z->addrs, &asking, &e),
        .session_timeout_ms = z->timeout_ms,
        .acl = z->acl,
        .digest = z->digest,
        .id = zk_session_id(&z->session),
        .wake = z->base.wake,
        .wake_arg = z->base.wake_arg,
    };

    if (z->lost_mono_ms == 0)
        z->lost_mono_ms = now;
    /* The resolver wakes us. */
    if (o.hosts == NULL) {
        if (!asking && !z->no_address_told)
            LOG_EVENT(LOG_LEVEL_WARN, "zk_handle_failed",
                      LOG_STR("why", e.text));
        z->no_address_told = z->no_address_told || !asking;
        set_why(z, e.text);
        return;
    }
    z->no_address_told = false;
    z->handle = zk_handle_open(&o, &e);
    if (z->handle == NULL) {
        /* Once, however often it is tried. */
        if (strcmp(z->status.why, e.text) != 0)
            LOG_EVENT(LOG_LEVEL_WARN, "zk_handle_failed",
                      LOG_STR("why", e.text));
        set_why(z, e.text);
        z->retry_mono_ms = now + zk_backoff_next(&z->backoff);
        return;
    }
    z->down_mono_ms = now;
    set_state(z, STORE_CONNECTING, now);
}

static uint64_t next_tick(struct zk_store *z, uint64_t now)
{
    bool rest = z->up && z->open == 0;
    uint64_t next = now + (rest ? POLL_REST_MS : POLL_MS);
    uint64_t due =
        z->handle != NULL ? zk_handle_deadline(z->handle) : z->retry_mono_ms;

    if (due > now && due < next)
        next = due;
    return z->nready > 0 ? now : next;
}

static uint64_t zk_tick(struct store *s, uint64_t now_mono_ms)
{
    struct zk_store *z = zk_of(s);
    char said[sizeof z->status.why] = "";

    z->now_mono_ms = now_mono_ms;
    atomic_store_explicit(&z->armed, true, memory_order_release);
    zk_log_drain(said, sizeof said);
    reap(z, 0);
    harvest(z);
    if (z->handle != NULL)
        watch_handle(z, now_mono_ms, said);
    if (z->handle == NULL && may_open(z, now_mono_ms))
        open_handle(z, now_mono_ms);
    return next_tick(z, now_mono_ms);
}

static int zk_submit(struct store *s, const struct store_request *r)
{
    struct zk_store *z = zk_of(s);

    if (!z->up || z->open >= ZK_WINDOW)
        return -1;
    if (zk_handle_submit(z->handle, r,
                         z->now_mono_ms + timeout_of(z) + OP_GRACE_MS) != 0)
        return -1;
    z->open++;
    return 0;
}

static void give_back(struct zk_store *z)
{
    while (z->nlent > 0)
        free(z->lent[--z->nlent]);
}

static size_t zk_collect(struct store *s, struct store_reply *out, size_t max)
{
    struct zk_store *z = zk_of(s);
    size_t n;

    give_back(z);
    harvest(z);
    n = z->nready < max ? z->nready : max;
    for (size_t i = 0; i < n; i++) {
        out[i] = z->ready[i].reply;
        z->lent[z->nlent++] = z->ready[i].data;
    }
    z->nready -= n;
    memmove(z->ready, z->ready + n, z->nready * sizeof z->ready[0]);
    z->open -= n;
    return n;
}

static void zk_status(struct store *s, struct store_status *out)
{
    struct zk_store *z = zk_of(s);

    *out = z->status;
    out->reapers = (unsigned)z->ndropped;
    out->log_lines_dropped = zk_log_dropped();
}

static void zk_free(struct zk_store *z)
{
    if (z->resolver != NULL)
        resolver_unsubscribe(z->resolver, resolver_wake, z);
    zk_addrs_free(z->addrs);
    if (z->digest != NULL)
        explicit_bzero(z->digest, strlen(z->digest));
    free(z->digest);
    free(z);
}

/* Until everything that was dropped is closed. */
static void await_reapers(struct zk_store *z, unsigned budget_ms)
{
    uint64_t until = clock_mono_ms() + budget_ms;
    uint64_t now;

    while (z->ndropped > 0 && (now = clock_mono_ms()) < until) {
        /* Those behind it need no longer than the first. */
        if (!zk_handle_reaped(z->dropped[0], (unsigned)(until - now)))
            break;
        z->ndropped--;
        memmove(z->dropped, z->dropped + 1, z->ndropped * sizeof(void *));
    }
    reap(z, 0);
}

static enum store_end end_session(struct zk_store *z, unsigned budget_ms)
{
    if (zk_session_end(&z->session)) {
        if (z->handle != NULL)
            zk_handle_leave(z->handle);
        return STORE_KEPT;
    }
    if (z->handle != NULL)
        drop_handle(z, clock_mono_ms());
    await_reapers(z, budget_ms);
    return z->ndropped == 0 ? STORE_CLOSED : STORE_LEFT;
}

static enum store_end zk_close(struct store *s, unsigned budget_ms)
{
    struct zk_store *z = zk_of(s);
    char said[sizeof z->status.why];
    enum store_end end;

    give_back(z);
    end = end_session(z, budget_ms);
    for (size_t i = 0; i < z->ndropped; i++)
        zk_handle_abandon(z->dropped[i]);
    for (size_t i = 0; i < z->nready; i++)
        free(z->ready[i].data);
    zk_log_drain(said, sizeof said);
    zk_free(z);
    return end;
}

static const struct store_ops OPS = {
    .submit = zk_submit,
    .collect = zk_collect,
    .tick = zk_tick,
    .status = zk_status,
    .close = zk_close,
};

struct store *store_zk_new(const struct store_zk_options *o, struct err *e)
{
    struct zk_store *z = calloc(1, sizeof *z);

    if (z == NULL) {
        err_set(e, "out of memory for the ZooKeeper store");
        session_file_close(o->session_file);
        return NULL;
    }
    z->base.ops = &OPS;
    z->timeout_ms = o->session_timeout_ms;
    z->acl = o->acl;
    zk_backoff_init(&z->backoff);
    if (o->digest != NULL && (z->digest = strdup(o->digest)) == NULL) {
        err_set(e, "out of memory for the ZooKeeper store");
        goto failed;
    }
    z->addrs = zk_addrs_new(o->servers, o->nservers, o->resolver, e);
    if (z->addrs == NULL)
        goto failed;
    if (o->resolver != NULL &&
        resolver_subscribe(o->resolver, resolver_wake, z, e) != 0)
        goto failed;
    z->resolver = o->resolver;
    zk_session_init(&z->session, o->session_file);
    return &z->base;

failed:
    session_file_close(o->session_file);
    zk_free(z);
    return NULL;
}
