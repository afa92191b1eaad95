/*
 * The ladder from a lost connection back to a session.
 *
 *   L1  not connected: each address has its turn, in a handle of its own that
 *       goes on with the same session.  The library by itself would wait too
 *       long for a mute server and not at all before it tries a bad one again.
 *   L2  connected: nothing is believed before the server answered something.
 *       A connection that ends sooner than it settles is of no use.
 *   L3  session expired: a new handle and a new session; at once, but after a
 *       back-off if that was tried already.
 *   L4  a request past our own deadline, which the library should have failed
 *       long before: the handle is wedged; a new one, with the same session.
 *
 * The library never gives a session up by itself, and refuses for ever a
 * server that was set back; a new handle takes whatever server there is.
 *
 * The session of an earlier process, where one was kept, is tried first.  An
 * id that no server grants for long is given up, since a new session takes the
 * nodes of the old one over without a gap.
 *
 * One outage, one clock: from the last useful answer to the next one that is
 * followed by some quiet, whatever was tried in between.
 *
 * A dropped handle goes to its reaper.  With three of them unfinished no new
 * handle is made, and when the oldest does not end either the store says
 * that it is broken: the process is better off started anew.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zookeeper/zookeeper.h>

#include "agent/clock.h"
#include "agent/log.h"

#include "addrs.h"
#include "answers.h"
#include "codes.h"
#include "handle.h"
#include "library_log.h"
#include "ladder.h"
#include "agent/zk.h"

#define OP_GRACE_MS 2000
/* A connection that lived for so long was of some use. */
#define SETTLED_MS  500
#define TOLD_CYCLES 2
/* An earlier process's session is tried for two session timeouts, at least. */
#define RESUME_MIN_MS 10000
#define ANEW_MAX_MS   30000
/* Whatever happens wakes the publisher, but for an attempt that fails; the
 * others are for what should not be. */
#define POLL_ATTEMPT_MS 25
#define POLL_MS         500
#define POLL_REST_MS    2000 /* connected, and nothing under way */

/* What was agreed; before that, what we ask for. */
static unsigned timeout_of(const struct zk_ladder *l)
{
    return l->granted_ms > 0 ? l->granted_ms : l->asked_ms;
}

unsigned zk_ladder_patience_ms(const struct zk_ladder *l)
{
    return timeout_of(l) + OP_GRACE_MS;
}

static const char *session_text(int64_t session, char out[20])
{
    snprintf(out, 20, "0x%llx", (unsigned long long)session);
    return out;
}

/* The one function that sets the state. */
static void set_state(struct zk_ladder *l, enum store_state state)
{
    struct store_status *s = &l->status;

    s->state = state;
    s->outage = l->outage.under_way;
    s->since_mono_ms = s->outage ? l->outage.since_mono_ms : l->up_mono_ms;
    zk_outage_text(&l->outage, s->why, sizeof s->why);
}

static void note(struct zk_ladder *l, const char *addr, const char *words)
{
    zk_outage_note(&l->outage, addr, words);
    set_state(l, l->status.state);
}

void zk_ladder_harvest(struct zk_ladder *l, uint64_t now)
{
    struct zk_answer *at;
    size_t room;
    size_t n;

    if (l->handle == NULL)
        return;
    at = zk_answers_tail(l->answers, &room);
    n = zk_handle_harvest(l->handle, at, room);
    for (size_t i = 0; i < n; i++) {
        if (zk_server_said(at[i].reply.raw))
            l->answered_mono_ms = now;
        if (at[i].reply.code == STORE_OK)
            l->anew.ms = 0;
    }
    l->answers->nready += n;
}

static void drop_handle(struct zk_ladder *l, uint64_t now)
{
    size_t room;
    struct zk_answer *at = zk_answers_tail(l->answers, &room);

    l->answers->nready += zk_handle_drop(l->handle, now, at);
    zk_closing_add(&l->closing, l->handle);
    l->handle = NULL;
    l->up = false;
}

/* ------------------------------------------------------------------ outage */

static void outage_begins(struct zk_ladder *l, uint64_t since)
{
    zk_outage_begin(&l->outage, since);
    set_state(l, STORE_CONNECTING);
}

/* Once an outage, however long it lasts, and not of one that is over in a
 * moment: no server is of use. */
static void tell_outage(struct zk_ladder *l, uint64_t now)
{
    if (l->outage.told || l->cycle.failed < TOLD_CYCLES)
        return;
    l->outage.told = true;
    LOG_EVENT(LOG_LEVEL_WARN, "zk_not_connected", LOG_STR("why", l->status.why),
              LOG_UINT("outage_ms", now - l->outage.since_mono_ms));
}

/* Once, until a server serves us. */
static void tell_auth(struct zk_ladder *l, int rc)
{
    if (l->auth_told)
        return;
    l->auth_told = l->outage.told = true;
    LOG_EVENT(LOG_LEVEL_ERROR, "zk_auth_failed", LOG_STR("server", l->addr),
              LOG_STR("why", zk_code_words(rc)), LOG_INT("code", rc),
              LOG_STR("digest_file",
                      l->digest_file != NULL ? l->digest_file : "not set"),
              LOG_STR("advice", zk_code_advice(rc)));
}

/* The handle's turn is over.  GRANTED: it had a connection, of no use. */
static void turn_over(struct zk_ladder *l, uint64_t now, bool granted)
{
    if (!zk_handle_disown(l->handle))
        return; /* connected after all: its next change says so */
    drop_handle(l, now);
    if (zk_cycle_turn_failed(&l->cycle, granted, now, &l->random))
        tell_outage(l, now);
}

/* Whether the library's log tells how this handle's connection failed. */
static bool failure_told(const struct zk_ladder *l, struct zk_failure *out)
{
    return zk_log_failure(out) > l->failures && strcmp(out->addr, l->addr) == 0;
}

static void turn_failed(struct zk_ladder *l, uint64_t now)
{
    char words[ZK_OUTAGE_WORDS] = "no connection";
    struct zk_failure f;

    if (failure_told(l, &f))
        zk_failure_words(&f, timeout_of(l), words, sizeof words);
    note(l, l->addr, words);
    turn_over(l, now, false);
}

/* ---------------------------------------------------------------- sessions */

/* The session may have nodes that are to stay. */
static bool worth_keeping(const struct zk_ladder *l)
{
    const struct session_id *id = zk_session_id(&l->session);

    return id != NULL &&
           (l->resumed || l->session.unproved || id->session == l->counted);
}

static void forget_session(struct zk_ladder *l, const char *why)
{
    zk_session_forget(&l->session, why);
    l->resumed = false;
    l->status.session = 0;
}

static void session_over(struct zk_ladder *l, uint64_t now)
{
    static const char WHY[] = "session expired";
    const struct session_id *id = zk_session_id(&l->session);
    bool first = l->anew.ms == 0;
    unsigned wait_ms = zk_backoff_next(&l->anew, &l->random);
    char session[20];

    outage_begins(l, l->answered_mono_ms > 0 ? l->answered_mono_ms : now);
    LOG_EVENT(
        LOG_LEVEL_WARN, "zk_session_expired",
        LOG_STR("session", session_text(id != NULL ? id->session : 0, session)),
        LOG_STR("why", WHY),
        LOG_UINT("disconnected_ms", now - l->outage.since_mono_ms));
    note(l, l->addr, WHY);
    drop_handle(l, now);
    forget_session(l, WHY);
    /* That explains why the connection before it was of no use. */
    zk_cycle_success(&l->cycle);
    zk_cycle_restart(&l->cycle, now + (first ? 0 : wait_ms));
}

/* ------------------------------------------------------------- connections */

static void tell_up(struct zk_ladder *l, uint64_t now)
{
    char session[20];

    l->up_told = true;
    LOG_EVENT(LOG_LEVEL_INFO, "zk_connected",
              LOG_STR("server", l->status.server),
              LOG_STR("session", session_text(l->status.session, session)),
              LOG_BOOL("new", l->fresh && !l->resumed),
              LOG_BOOL("resumed", l->fresh && l->resumed),
              LOG_UINT("timeout_ms", l->granted_ms),
              LOG_UINT("outage_ms", now - l->outage.since_mono_ms));
}

static void settle(struct zk_ladder *l, uint64_t now)
{
    l->settled = true;
    zk_cycle_success(&l->cycle);
    if (!l->up_told)
        tell_up(l, now);
    zk_outage_end(&l->outage);
    set_state(l, STORE_CONNECTED);
}

/* The server answered something. */
static void went_up(struct zk_ladder *l, uint64_t now)
{
    const struct session_id *id = zk_session_id(&l->session);
    bool calm = l->cycle.storm.ms == 0;

    l->up = true;
    l->up_told = l->settled = l->auth_told = false;
    l->up_mono_ms = l->answered_mono_ms = now;
    l->largest = 0;
    l->fresh = id->session != l->counted;
    if (l->fresh) {
        l->counted = id->session;
        l->status.sessions++;
        l->status.resumed = l->resumed;
    }
    l->status.session = id->session;
    snprintf(l->status.server, sizeof l->status.server, "%s", l->addr);
    /* After connections of no use this may be another one: it is told, and
     * the outage ends, when it has settled. */
    if (calm)
        tell_up(l, now);
    if (calm)
        zk_outage_end(&l->outage);
    set_state(l, STORE_CONNECTED);
}

static void went_down(struct zk_ladder *l, uint64_t now, uint64_t alive,
                      const char *words)
{
    uint64_t connected_ms = now - l->up_mono_ms;

    l->up = false;
    l->status.losses++;
    outage_begins(l, l->answered_mono_ms > alive ? l->answered_mono_ms : alive);
    note(l, l->addr, words);
    if (l->up_told)
        LOG_EVENT(LOG_LEVEL_WARN, "zk_disconnected", LOG_STR("server", l->addr),
                  LOG_STR("why", words),
                  LOG_UINT("connected_ms", connected_ms));
    /* In case that it lasts: the next cycle then knows the new addresses. */
    zk_addrs_refresh(l->addrs);
}

/* Asked for: N; the server made it M, once told. */
static void note_timeout(struct zk_ladder *l, unsigned granted_ms)
{
    if (granted_ms == l->granted_ms)
        return;
    if (granted_ms != l->asked_ms)
        LOG_EVENT(LOG_LEVEL_WARN, "zk_session_timeout",
                  LOG_STR("server", l->addr), LOG_UINT("asked_ms", l->asked_ms),
                  LOG_UINT("granted_ms", granted_ms),
                  LOG_STR("why", "beyond the server's minSessionTimeout or "
                                 "maxSessionTimeout"));
    l->granted_ms = l->status.timeout_ms = granted_ms;
}

/* A server gave us a connection and a session. */
static void granted(struct zk_ladder *l, uint64_t now)
{
    unsigned timeout_ms = zk_handle_timeout_ms(l->handle);
    struct session_id id;

    zk_handle_id(l->handle, &id);
    if (timeout_ms == 0 || id.session == 0) {
        note(l, l->addr, "the server granted no session timeout");
        drop_handle(l, now);
        if (zk_cycle_turn_failed(&l->cycle, true, now, &l->random))
            tell_outage(l, now);
        return;
    }
    note_timeout(l, timeout_ms);
    l->resumed = zk_session_granted(&l->session, &id) || l->resumed;
    explicit_bzero(&id, sizeof id);
    /* If it fails the connection is gone already, and the next change says
     * so. */
    (void)!zk_handle_prove(l->handle);
}

/* A server closes the connection at a request that is larger than it takes,
 * and says so in its own log only. */
static void blame_request(const struct zk_ladder *l, char *words, size_t size)
{
    size_t used = strlen(words);

    if (l->up && !l->settled && l->largest > 0)
        snprintf(words + used, size - used,
                 " after requests of up to %zu bytes: is its jute.maxbuffer "
                 "smaller?",
                 l->largest);
}

static void lost(struct zk_ladder *l, uint64_t now)
{
    char words[ZK_OUTAGE_WORDS] = "the server closed the connection";
    uint64_t alive = now;
    struct zk_failure f;
    bool useful = l->up && l->settled;

    if (failure_told(l, &f)) {
        zk_failure_words(&f, timeout_of(l), words, sizeof words);
        if (zk_failure_is_timeout(&f))
            alive = now - timeout_of(l) / 3 * 2;
        l->failures = zk_log_failure(&f);
    }
    l->opened_mono_ms = now; /* of the next one, if the library is quicker */
    blame_request(l, words, sizeof words);
    if (l->up)
        went_down(l, now, alive, words);
    else if (!l->auth_told)
        note(l, l->addr, words);
    if (!useful) {
        turn_over(l, now, true);
    } else if (zk_handle_disown(l->handle)) {
        drop_handle(l, now);
        zk_cycle_restart(&l->cycle, now);
    }
}

/* Grants and losses, each in its turn, also those that came and went. */
static void follow_changes(struct zk_ladder *l, uint64_t now)
{
    unsigned changes = zk_handle_changes(l->handle);

    while (l->handle != NULL && l->changes != changes) {
        l->changes++;
        if (l->changes % 2 == 1)
            granted(l, now);
        else
            lost(l, now);
    }
}

/* ---------------------------------------------------------------- attempts */

/* What the server said first. */
static void look_at_proof(struct zk_ladder *l, uint64_t now)
{
    int rc;

    if (zk_handle_proof(l->handle, &rc) != ZK_PROOF_ANSWERED)
        return;
    if (zk_server_said(rc)) {
        went_up(l, now);
    } else if (rc == ZSESSIONCLOSEDREQUIRESASLAUTH) {
        char words[ZK_OUTAGE_WORDS];

        snprintf(words, sizeof words, "%s (%d): look at digest_file",
                 zk_code_words(rc), rc);
        note(l, l->addr, words);
        tell_auth(l, rc);
    }
}

static void turn_expired(struct zk_ladder *l, uint64_t now, enum zk_link link)
{
    char words[ZK_OUTAGE_WORDS];

    /* Closed now, it would end a session that may have nodes; the library
     * gives the connection up in its own time. */
    if (link == ZK_LINK_UP && worth_keeping(l))
        return;
    snprintf(words, sizeof words, "no %s within %u ms",
             link == ZK_LINK_CONNECTING ? "connection" : "answer", l->turn_ms);
    note(l, l->addr, words);
    if (link != ZK_LINK_UP) {
        turn_over(l, now, false);
        return;
    }
    drop_handle(l, now);
    forget_session(l, words);
    if (zk_cycle_turn_failed(&l->cycle, false, now, &l->random))
        tell_outage(l, now);
}

static void wedged(struct zk_ladder *l, uint64_t now)
{
    static const char WHY[] = "a request is past its deadline";

    LOG_EVENT(LOG_LEVEL_WARN, "zk_handle_dropped", LOG_STR("server", l->addr),
              LOG_STR("why", WHY), LOG_UINT("reapers", l->closing.n + 1));
    outage_begins(l, l->answered_mono_ms);
    note(l, l->addr, WHY);
    drop_handle(l, now);
    zk_cycle_restart(&l->cycle, now);
}

static void watch_handle(struct zk_ladder *l, uint64_t now)
{
    enum zk_link link;

    follow_changes(l, now);
    if (l->handle == NULL)
        return;
    if (zk_handle_deadline(l->handle) <= now) {
        wedged(l, now);
        return;
    }
    link = zk_handle_link(l->handle);
    switch (link) {
    case ZK_LINK_EXPIRED:
        session_over(l, now);
        return;
    case ZK_LINK_AUTH_FAILED:
        note(l, l->addr, zk_code_words(ZAUTHFAILED));
        tell_auth(l, ZAUTHFAILED);
        turn_over(l, now, true);
        return;
    case ZK_LINK_NONE:
        if (l->changes == 0)
            turn_failed(l, now);
        return;
    case ZK_LINK_CONNECTING:
    case ZK_LINK_GREETING:
        break;
    case ZK_LINK_UP:
        if (l->up && !l->settled && now - l->up_mono_ms >= SETTLED_MS)
            settle(l, now);
        if (!l->up)
            look_at_proof(l, now);
        break;
    }
    if (!l->up && now - l->opened_mono_ms >= l->turn_ms)
        turn_expired(l, now, link);
}

/* ----------------------------------------------------------------- opening */

static bool may_open(struct zk_ladder *l, uint64_t now)
{
    if (now < l->cycle.retry_mono_ms || l->status.state == STORE_BROKEN)
        return false;
    if (l->closing.n < ZK_CLOSING_MAX)
        return true;
    note(l, "", "waiting for old handles to be closed");
    set_state(l, STORE_OFFLINE);
    if (zk_closing_stuck(&l->closing, now)) {
        note(l, "", "three handles could not be closed");
        set_state(l, STORE_BROKEN);
    }
    return false;
}

/* A new cycle, if one can begin. */
static bool load_addresses(struct zk_ladder *l)
{
    struct err why = { "" };
    bool asking;
    size_t n = zk_addrs_load(l->addrs, &l->random, l->addr, &asking, &why);

    if (n > 0) {
        l->hosts_told = false;
        zk_cycle_begin(&l->cycle, n);
        return true;
    }
    /* The resolver wakes us. */
    if (!asking && !l->hosts_told)
        LOG_EVENT(LOG_LEVEL_WARN, "zk_handle_failed", LOG_STR("why", why.text));
    l->hosts_told = l->hosts_told || !asking;
    note(l, "", why.text);
    set_state(l, STORE_OFFLINE);
    return false;
}

static void open_failed(struct zk_ladder *l, uint64_t now, const struct err *e)
{
    /* Once, however often it is tried. */
    if (l->anew.ms == 0)
        LOG_EVENT(LOG_LEVEL_WARN, "zk_handle_failed", LOG_STR("why", e->text));
    note(l, "", e->text);
    set_state(l, STORE_OFFLINE);
    zk_cycle_restart(&l->cycle, now + zk_backoff_next(&l->anew, &l->random));
}

static void give_up_resuming(struct zk_ladder *l, uint64_t now)
{
    unsigned most = 2 * timeout_of(l);

    if (most < RESUME_MIN_MS)
        most = RESUME_MIN_MS;
    if (l->session.unproved && now - l->outage.since_mono_ms > most)
        forget_session(l, "not connected for long");
}

static void open_next(struct zk_ladder *l, uint64_t now)
{
    struct zk_handle_options o = {
        .session_timeout_ms = l->asked_ms,
        .acl = l->acl,
        .digest = l->digest,
        .wake = l->wake,
        .wake_arg = l->wake_arg,
    };
    struct err e = { "" };
    struct zk_failure f;
    size_t i;

    give_up_resuming(l, now);
    if (zk_cycle_over(&l->cycle) && !load_addresses(l))
        return;
    i = zk_cycle_take(&l->cycle);
    snprintf(l->addr, sizeof l->addr, "%s", zk_addrs_text(l->addrs, i));
    o.host = zk_addrs_host(l->addrs, i);
    o.id = zk_session_id(&l->session);
    l->turn_ms = zk_cycle_turn_ms(&l->cycle, timeout_of(l), l->within_ms);
    l->failures = zk_log_failure(&f);
    l->changes = 0;
    l->opened_mono_ms = now;
    l->handle = zk_handle_open(&o, &e);
    if (l->handle == NULL)
        open_failed(l, now, &e);
    else
        set_state(l, STORE_CONNECTING);
}

/* ------------------------------------------------------------------ public */

static uint64_t next_step(struct zk_ladder *l, uint64_t now)
{
    bool rest = l->up && l->settled && l->answers->open == 0;
    bool attempt = l->handle != NULL && !l->up;
    uint64_t next = now + (rest      ? POLL_REST_MS
                           : attempt ? POLL_ATTEMPT_MS
                                     : POLL_MS);
    uint64_t due = l->handle != NULL ? zk_handle_deadline(l->handle)
                                     : l->cycle.retry_mono_ms;

    return due > now && due < next ? due : next;
}

uint64_t zk_ladder_step(struct zk_ladder *l, uint64_t now)
{
    zk_closing_reap(&l->closing);
    if (!l->up && !l->outage.under_way)
        outage_begins(l, now);
    zk_ladder_harvest(l, now);
    if (l->handle != NULL)
        watch_handle(l, now);
    if (l->handle == NULL && may_open(l, now))
        open_next(l, now);
    return next_step(l, now);
}

enum store_end zk_ladder_end(struct zk_ladder *l, unsigned budget_ms)
{
    if (zk_session_end(&l->session)) {
        if (l->handle != NULL)
            zk_handle_leave(l->handle);
        l->handle = NULL;
        zk_closing_abandon(&l->closing);
        return STORE_KEPT;
    }
    if (l->handle != NULL)
        drop_handle(l, clock_mono_ms());
    zk_closing_await(&l->closing, budget_ms);
    if (l->closing.n == 0)
        return STORE_CLOSED;
    zk_closing_abandon(&l->closing);
    return STORE_LEFT;
}

int zk_ladder_init(struct zk_ladder *l, const struct store_zk_options *o,
                   struct zk_answers *answers, struct err *e)
{
    l->asked_ms = o->session_timeout_ms;
    l->within_ms = o->within_ms;
    l->acl = o->acl;
    l->answers = answers;
    l->random = zk_random_seed();
    l->anew.max_ms = ANEW_MAX_MS;
    zk_cycle_init(&l->cycle, o->session_timeout_ms);
    if (o->digest != NULL)
        l->digest = strdup(o->digest);
    if (o->digest_file != NULL)
        l->digest_file = strdup(o->digest_file);
    if ((o->digest != NULL && l->digest == NULL) ||
        (o->digest_file != NULL && l->digest_file == NULL)) {
        err_set(e, "out of memory for the ZooKeeper store");
        return -1;
    }
    l->addrs = zk_addrs_new(o->servers, o->nservers, o->resolver, e);
    return l->addrs != NULL ? 0 : -1;
}

void zk_ladder_free(struct zk_ladder *l)
{
    zk_addrs_free(l->addrs);
    if (l->digest != NULL)
        explicit_bzero(l->digest, strlen(l->digest));
    free(l->digest);
    free(l->digest_file);
}
