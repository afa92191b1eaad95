/*
 * A connection's life: granted, proved by a first useful answer, settled, and
 * lost, and the end of its session.
 */
#include <stdio.h>
#include <string.h>

#include <zookeeper/zookeeper.h>

#include "agent/log.h"

#include "addrs.h"
#include "codes.h"
#include "connection.h"
#include "handle.h"
#include "library_log.h"
#include "state.h"

/* A connection that lived for so long was of some use. */
#define SETTLED_MS 500

static const char *session_text(int64_t session, char out[20])
{
    snprintf(out, 20, "0x%llx", (unsigned long long)session);
    return out;
}

void zk_session_over(struct zk_ladder *l, uint64_t now)
{
    static const char WHY[] = "session expired";
    const struct session_id *id = zk_session_id(&l->session);
    bool first = l->anew.ms == 0;
    unsigned wait_ms = zk_backoff_next(&l->anew, &l->random);
    char session[20];

    zk_outage_starts(l, l->answered_mono_ms > 0 ? l->answered_mono_ms : now);
    LOG_EVENT(
        LOG_LEVEL_WARN, "zk_session_expired",
        LOG_STR("session", session_text(id != NULL ? id->session : 0, session)),
        LOG_STR("why", WHY),
        LOG_UINT("disconnected_ms", now - l->outage.since_mono_ms));
    zk_note(l, l->addr, WHY);
    zk_drop_handle(l, now);
    zk_forget_session(l, WHY);
    /* That explains why the connection before it was of no use. */
    zk_cycle_success(&l->cycle);
    zk_cycle_restart(&l->cycle, now + (first ? 0 : wait_ms));
}

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

void zk_settle(struct zk_ladder *l, uint64_t now)
{
    if (l->settled || now - l->up_mono_ms < SETTLED_MS)
        return;
    l->settled = true;
    zk_cycle_success(&l->cycle);
    if (!l->up_told)
        tell_up(l, now);
    zk_outage_end(&l->outage);
    zk_set_state(l, STORE_CONNECTED);
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
    zk_set_state(l, STORE_CONNECTED);
}

static void went_down(struct zk_ladder *l, uint64_t now, uint64_t alive,
                      const char *words)
{
    uint64_t connected_ms = now - l->up_mono_ms;

    l->up = false;
    l->status.losses++;
    zk_outage_starts(l,
                     l->answered_mono_ms > alive ? l->answered_mono_ms : alive);
    zk_note(l, l->addr, words);
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
        zk_note(l, l->addr, "the server granted no session timeout");
        zk_turn_spoilt(l, now, true);
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

    if (zk_failure_told(l, &f)) {
        zk_failure_words(&f, zk_timeout_ms(l), words, sizeof words);
        if (zk_failure_is_timeout(&f))
            alive = now - zk_timeout_ms(l) / 3 * 2;
        l->failures = zk_log_failure(&f);
    }
    l->opened_mono_ms = now; /* of the next one, if the library is quicker */
    blame_request(l, words, sizeof words);
    if (l->up)
        went_down(l, now, alive, words);
    else if (!l->auth_told)
        zk_note(l, l->addr, words);
    if (!useful) {
        zk_turn_over(l, now, true);
    } else if (zk_handle_disown(l->handle)) {
        zk_drop_handle(l, now);
        zk_cycle_restart(&l->cycle, now);
    }
}

/* Grants and losses, each in its turn, also those that came and went. */
void zk_follow_changes(struct zk_ladder *l, uint64_t now)
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

/* What the server said first. */
void zk_look_at_proof(struct zk_ladder *l, uint64_t now)
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
        zk_note(l, l->addr, words);
        zk_tell_auth(l, rc);
    }
}
