/*
 * What all steps of the ladder do alike: say how it stands, and let a handle
 * or a session go.
 */
#include <string.h>

#include "agent/log.h"

#include "answers.h"
#include "codes.h"
#include "handle.h"
#include "library_log.h"
#include "state.h"

#define OP_GRACE_MS 2000
#define TOLD_CYCLES 2

unsigned zk_timeout_ms(const struct zk_ladder *l)
{
    return l->granted_ms > 0 ? l->granted_ms : l->asked_ms;
}

unsigned zk_patience_ms(const struct zk_ladder *l)
{
    return zk_timeout_ms(l) + OP_GRACE_MS;
}

void zk_set_state(struct zk_ladder *l, enum store_state state)
{
    struct store_status *s = &l->status;

    s->state = state;
    s->outage = l->outage.under_way;
    s->since_mono_ms = s->outage ? l->outage.since_mono_ms : l->up_mono_ms;
    zk_outage_text(&l->outage, s->why, sizeof s->why);
}

void zk_note(struct zk_ladder *l, const char *addr, const char *words)
{
    zk_outage_note(&l->outage, addr, words);
    zk_set_state(l, l->status.state);
}

void zk_harvest(struct zk_ladder *l, uint64_t now)
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

void zk_drop_handle(struct zk_ladder *l, uint64_t now)
{
    size_t room;
    struct zk_answer *at = zk_answers_tail(l->answers, &room);

    l->answers->nready += zk_handle_drop(l->handle, now, at);
    zk_closing_add(&l->closing, l->handle);
    l->handle = NULL;
    l->up = false;
}

void zk_outage_starts(struct zk_ladder *l, uint64_t since)
{
    zk_outage_begin(&l->outage, since);
    zk_set_state(l, STORE_CONNECTING);
}

void zk_tell_outage(struct zk_ladder *l, uint64_t now)
{
    if (l->outage.told || l->cycle.failed < TOLD_CYCLES)
        return;
    l->outage.told = true;
    LOG_EVENT(LOG_LEVEL_WARN, "zk_not_connected", LOG_STR("why", l->status.why),
              LOG_UINT("outage_ms", now - l->outage.since_mono_ms));
}

void zk_tell_auth(struct zk_ladder *l, int rc)
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

void zk_turn_spoilt(struct zk_ladder *l, uint64_t now, bool granted)
{
    zk_drop_handle(l, now);
    if (zk_cycle_turn_failed(&l->cycle, granted, now, &l->random))
        zk_tell_outage(l, now);
}

void zk_turn_over(struct zk_ladder *l, uint64_t now, bool granted)
{
    if (zk_handle_disown(l->handle))
        zk_turn_spoilt(l, now, granted);
}

bool zk_failure_told(const struct zk_ladder *l, struct zk_failure *out)
{
    return zk_log_failure(out) > l->failures && strcmp(out->addr, l->addr) == 0;
}

bool zk_worth_keeping(const struct zk_ladder *l)
{
    const struct session_id *id = zk_session_id(&l->session);

    return id != NULL &&
           (l->resumed || l->session.unproved || id->session == l->counted);
}

void zk_forget_session(struct zk_ladder *l, const char *why)
{
    zk_session_forget(&l->session, why);
    l->resumed = false;
    l->status.session = 0;
}
