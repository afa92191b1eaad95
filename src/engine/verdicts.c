/*
 * A verdict changes in one of two ways: a result is judged, or the agent says
 * at once that it cannot tell.
 */
#include "agent/clock.h"
#include "agent/config.h"
#include "agent/log.h"
#include "settle.h"

#include "certificates.h"
#include "fleet.h"
#include "verdicts.h"

void verdicts_post(struct rounds *r, struct instance *i)
{
    maintenance_point(r, i);
    if (maintenance_holds(r, i))
        return;
    if (i->pace.inherited) {
        i->pace.inherited = false;
        r->inherited.count--;
    }
    i->news = false;
    pool_post(r->pool, i);
    /* It has a verdict, so that we may speak for it. */
    if (i->share.share == SHARE_PENDING && i->share.fleet != NULL)
        fleet_news(r->fleet);
}

void verdicts_note(struct rounds *r, struct instance *i, enum health_edge edge,
                   const struct health *before, const char *cause)
{
    const struct history_event event = {
        .time_wall_ms = clock_wall_ms(),
        .round = r->clock.round,
        .from = before->status,
        .to = i->health.status,
        .from_reason = before->reason,
        .reason = i->health.reason,
        .instance = i->config->name,
        .address = i->config->address,
        .detail = i->detail,
        .cause = cause,
    };
    if (edge == HEALTH_SAME)
        return;
    i->record.status_changes += edge == HEALTH_STATUS;
    history_add(r->history, &event);
    LOG_EVENT(i->health.status == STATUS_UP ? LOG_LEVEL_INFO : LOG_LEVEL_WARN,
              edge == HEALTH_STATUS ? "status_changed" : "reason_changed",
              LOG_STR("instance", event.instance),
              LOG_STR("address", event.address),
              LOG_STR("from", status_name(event.from)),
              LOG_STR("to", status_name(event.to)),
              LOG_STR("reason", reason_name(event.reason)),
              LOG_STR("detail", event.detail), LOG_UINT("round", event.round));
}

void verdicts_doubt(struct rounds *r, struct instance *i, enum reason reason,
                    const char *detail)
{
    struct health before = i->health;
    enum health_edge edge = instance_doubt(i, reason, detail, clock_wall_ms());
    verdicts_note(r, i, edge, &before, reason_sentence(reason));
    verdicts_post(r, i);
    settle_not_awaited(r, i);
}

/* Once, as long as it lasts: new clients with our credentials are not let in,
 * and a restart of ours would not be, either. */
static void note_credentials(const struct instance *i, const struct result *res)
{
    if (!res->credentials_rejected || i->credentials_rejected)
        return;
    LOG_EVENT(LOG_LEVEL_WARN, "credentials_rejected",
              LOG_STR("instance", i->config->name),
              LOG_STR("address", i->config->address));
}

void verdicts_judge(struct rounds *r, struct instance *i,
                    const struct result *res, enum reason reason)
{
    const struct health_policy policy = {
        .rise = i->config->rise,
        .fall = i->config->fall,
    };
    struct health before = i->health;
    char cause[HEALTH_CAUSE];
    note_credentials(i, res);
    if (res->tls_us > 0)
        certificates_look(i, clock_mono_ms(), res->ended_wall_ms);
    enum health_edge edge = instance_judge(i, res, reason, &policy);
    if (edge == HEALTH_STATUS)
        i->pace.hastened = false; /* it was no habit */
    if (edge != HEALTH_SAME) {
        health_explain(&before, &i->health, &policy, cause, sizeof cause);
        verdicts_note(r, i, edge, &before, cause);
    }
    bool news = i->news && i->health.reason != REASON_PENDING;
    if (edge != HEALTH_SAME || (news && !i->pace.inherited))
        verdicts_post(r, i);
}

static void tell_restart(struct rounds *r, struct instance *i)
{
    bool other = i->restart == RESTART_OTHER;
    const struct history_event event = {
        .kind = other ? HISTORY_ANOTHER_SERVER : HISTORY_RESTARTED,
        .time_wall_ms = clock_wall_ms(),
        .round = r->clock.round,
        .from = i->health.status,
        .to = i->health.status,
        .from_reason = i->health.reason,
        .reason = i->health.reason,
        .instance = i->config->name,
        .address = i->config->address,
        .detail = i->detail,
        .cause = other ? "another server answers at this address"
                       : "the server was restarted",
    };
    char started[CLOCK_RFC3339_SIZE];
    i->restart = RESTART_NONE;
    i->record.restarts++;
    history_add(r->history, &event);
    LOG_EVENT(LOG_LEVEL_WARN, "restarted", LOG_STR("instance", event.instance),
              LOG_STR("address", event.address),
              LOG_STR("kind", other ? "another_server" : "restarted"),
              LOG_STR("server", i->server), LOG_STR("version", i->version),
              LOG_STR("started", clock_rfc3339(i->started_wall_ms, started)),
              LOG_UINT("round", event.round));
}

void verdicts_tell_server(struct rounds *r, struct instance *i)
{
    bool refused = i->refusal[0] != '\0';
    if (i->restart != RESTART_NONE)
        tell_restart(r, i);
    if (refused && !i->refusal_told)
        LOG_EVENT(LOG_LEVEL_INFO, "info_refused",
                  LOG_STR("instance", i->config->name),
                  LOG_STR("address", i->config->address),
                  LOG_STR("detail", i->refusal));
    i->refusal_told = refused;
}

void verdicts_removed(struct rounds *r, const struct instance *i)
{
    const struct history_event event = {
        .time_wall_ms = clock_wall_ms(),
        .round = r->clock.round,
        .from = i->health.status,
        .to = STATUS_UNKNOWN,
        .from_reason = i->health.reason,
        .reason = REASON_REMOVED,
        .instance = i->config->name,
        .address = i->config->address,
        .detail = "no longer configured",
        .cause = reason_sentence(REASON_REMOVED),
    };
    history_add(r->history, &event);
}
