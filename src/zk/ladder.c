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
#include "connection.h"
#include "handle.h"
#include "library_log.h"
#include "ladder.h"
#include "agent/zk.h"

/* An earlier process's session is tried for two session timeouts, at least. */
#define RESUME_MIN_MS 10000
#define ANEW_MAX_MS   30000
/* Whatever happens wakes the publisher, but for an attempt that fails; the
 * others are for what should not be. */
#define POLL_ATTEMPT_MS 25
#define POLL_MS         500
#define POLL_REST_MS    2000 /* connected, and nothing under way */

static void turn_failed(struct zk_ladder *l, uint64_t now)
{
    char words[ZK_OUTAGE_WORDS] = "no connection";
    struct zk_failure f;

    if (zk_failure_told(l, &f))
        zk_failure_words(&f, zk_timeout_ms(l), words, sizeof words);
    zk_note(l, l->addr, words);
    zk_turn_over(l, now, false);
}

/* ---------------------------------------------------------------- sessions */

static void turn_expired(struct zk_ladder *l, uint64_t now, enum zk_link link)
{
    char words[ZK_OUTAGE_WORDS];

    /* Closed now, it would end a session that may have nodes; the library
     * gives the connection up in its own time. */
    if (link == ZK_LINK_UP && zk_worth_keeping(l))
        return;
    snprintf(words, sizeof words, "no %s within %u ms",
             link == ZK_LINK_CONNECTING ? "connection" : "answer", l->turn_ms);
    zk_note(l, l->addr, words);
    if (link != ZK_LINK_UP) {
        zk_turn_over(l, now, false);
        return;
    }
    zk_turn_spoilt(l, now, false);
    zk_forget_session(l, words);
}

static void wedged(struct zk_ladder *l, uint64_t now)
{
    static const char WHY[] = "a request is past its deadline";

    LOG_EVENT(LOG_LEVEL_WARN, "zk_handle_dropped", LOG_STR("server", l->addr),
              LOG_STR("why", WHY), LOG_UINT("reapers", l->closing.n + 1));
    zk_outage_starts(l, l->answered_mono_ms);
    zk_note(l, l->addr, WHY);
    zk_drop_handle(l, now);
    zk_cycle_restart(&l->cycle, now);
}

static void watch_handle(struct zk_ladder *l, uint64_t now)
{
    enum zk_link link;

    zk_follow_changes(l, now);
    if (l->handle == NULL)
        return;
    if (zk_handle_deadline(l->handle) <= now) {
        wedged(l, now);
        return;
    }
    link = zk_handle_link(l->handle);
    switch (link) {
    case ZK_LINK_EXPIRED:
        zk_session_over(l, now);
        return;
    case ZK_LINK_AUTH_FAILED:
        zk_note(l, l->addr, zk_code_words(ZAUTHFAILED));
        zk_tell_auth(l, ZAUTHFAILED);
        zk_turn_over(l, now, true);
        return;
    case ZK_LINK_NONE:
        if (l->changes == 0)
            turn_failed(l, now);
        return;
    case ZK_LINK_CONNECTING:
    case ZK_LINK_GREETING:
        break;
    case ZK_LINK_UP:
        if (l->up)
            zk_settle(l, now);
        else
            zk_look_at_proof(l, now);
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
    zk_note(l, "", "waiting for old handles to be closed");
    zk_set_state(l, STORE_OFFLINE);
    if (zk_closing_stuck(&l->closing, now)) {
        zk_note(l, "", "three handles could not be closed");
        zk_set_state(l, STORE_BROKEN);
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
    zk_note(l, "", why.text);
    zk_set_state(l, STORE_OFFLINE);
    return false;
}

static void open_failed(struct zk_ladder *l, uint64_t now, const struct err *e)
{
    /* Once, however often it is tried. */
    if (l->anew.ms == 0)
        LOG_EVENT(LOG_LEVEL_WARN, "zk_handle_failed", LOG_STR("why", e->text));
    zk_note(l, "", e->text);
    zk_set_state(l, STORE_OFFLINE);
    zk_cycle_restart(&l->cycle, now + zk_backoff_next(&l->anew, &l->random));
}

static void give_up_resuming(struct zk_ladder *l, uint64_t now)
{
    unsigned most = 2 * zk_timeout_ms(l);

    if (most < RESUME_MIN_MS)
        most = RESUME_MIN_MS;
    if (l->session.unproved && now - l->outage.since_mono_ms > most)
        zk_forget_session(l, "not connected for long");
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
    l->turn_ms = zk_cycle_turn_ms(&l->cycle, zk_timeout_ms(l), l->within_ms);
    l->failures = zk_log_failure(&f);
    l->changes = 0;
    l->opened_mono_ms = now;
    l->handle = zk_handle_open(&o, &e);
    l->status.handles++;
    if (l->handle == NULL)
        open_failed(l, now, &e);
    else
        zk_set_state(l, STORE_CONNECTING);
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
        zk_outage_starts(l, now);
    zk_harvest(l, now);
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
        zk_drop_handle(l, clock_mono_ms());
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
