/*
 * The loop's view of one instance.  Health judges reasons; this file
 * adds what belongs to a verdict: the words that go with its reason, since when
 * it stands, and the one judgement that needs two instances, a replica's lag
 * behind a master that this agent watches as well.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config.h"
#include "agent/maintenance.h"
#include "agent/objects.h"
#include "agent/stall.h"
#include "agent/string_pool.h"

#include "agent/instance.h"

/* What is known before the first result. */
static void begin(struct instance *i, struct config_instance *config,
                  int64_t now_wall_ms)
{
    i->config = config_instance_ref(config);
    health_init(&i->health);
    i->since_wall_ms = now_wall_ms;
    i->detail = string_pool_keep("");
    for (size_t s = 0; s < STATUS_COUNT; s++)
        i->words[s] = string_pool_keep("");
    i->refusal = string_pool_keep("");
    i->replid = string_pool_keep("");
    i->lag_detail = string_pool_keep("INFO was not heard yet");
    i->rtt_us = -1;
    i->offset = -1;
    i->behind = -1;
}

/* Gives back what begin took, and what came since. */
static void end(struct instance *i)
{
    config_instance_unref(i->config);
    i->config = NULL;
    string_pool_drop(i->detail);
    string_pool_drop(i->lag_detail);
    string_pool_drop(i->refusal);
    string_pool_drop(i->replid);
    for (size_t s = 0; s < STATUS_COUNT; s++)
        string_pool_drop(i->words[s]);
    recent_clear(&i->record.recent);
}

void instance_init(struct instance *i, struct config_instance *config,
                   int64_t now_wall_ms)
{
    object_made(OBJECT_INSTANCE);
    memset(i, 0, sizeof *i);
    begin(i, config, now_wall_ms);
}

void instance_drop(struct instance *i)
{
    end(i);
    free(i->record.others);
    i->record.others = NULL;
    object_gone(OBJECT_INSTANCE);
}

void instance_move(struct instance *i, struct config_instance *config,
                   int64_t now_wall_ms)
{
    end(i);
    *i = (struct instance){
        .job = i->job,
        .pace = i->pace,
        .nodes = i->nodes,
        .master = i->master,
        .share = i->share,
        .maintenance = i->maintenance,
        .record = i->record,
    };
    begin(i, config, now_wall_ms);
}

void instance_take_config(struct instance *i, struct config_instance *config)
{
    config_instance_ref(config);
    config_instance_unref(i->config);
    i->config = config;
}

/* True, and *OLD is WORD, when WORD says something else than before. */
static bool take_word(char *old, const char *word, size_t size)
{
    if (word[0] == '\0' || strcmp(old, word) == 0)
        return false;
    memcpy(old, word, size);
    return true;
}

/* Redis counts its uptime from a clock of whole seconds to another such: it may
 * seem to have started a second and more before it did. */
#define UPTIME_SLACK_MS 2000

/* A process that ran already when another one still answered at this address
 * is no restart of that one. */
static bool ran_before(const struct instance *i, const struct result *r)
{
    return r->started_mono_ms + UPTIME_SLACK_MS < (int64_t)i->heard_mono_ms;
}

static void note_process(struct instance *i, const struct result *r,
                         bool other_server)
{
    if (r->run_id == i->run_id && i->started_wall_ms != 0)
        return;
    if (r->run_id != 0 && i->run_id != 0)
        i->restart =
            other_server || ran_before(i, r) ? RESTART_OTHER : RESTART_SAME;
    i->run_id = r->run_id;
    i->started_wall_ms = r->started_wall_ms;
    i->news = true;
}

static void take_facts(struct instance *i, const struct result *r)
{
    bool knew_server = i->server[0] != '\0';
    bool other_server = take_word(i->server, r->server, sizeof i->server);
    bool other_version = take_word(i->version, r->version, sizeof i->version);
    bool other_role =
        take_word(i->role_word, r->role_word, sizeof i->role_word);
    i->news = i->news || other_server || other_version || other_role;
    if (r->role != ROLE_ANY)
        i->role = r->role;
    if (r->started_wall_ms != 0)
        note_process(i, r, knew_server && other_server);
    if (r->rtt_us >= 0)
        i->heard_mono_ms = r->started_mono_us / 1000;
    if (strcmp(i->refusal, r->refusal) != 0)
        string_pool_set(&i->refusal, r->refusal);
}

/* By its own view, or by its master's if that is watched.  Where the master
 * was asked later than the replica nothing can be told this time. */
static int64_t bytes_behind(const struct instance *i, const struct result *r,
                            const struct instance *master)
{
    int64_t behind = r->behind;
    if (master == NULL || master->offset < 0 || r->offset < 0 ||
        master->offset_mono_us > i->offset_mono_us)
        return behind;
    int64_t by_master = master->offset - r->offset;
    if (by_master < 0)
        by_master = 0;
    return by_master > behind ? by_master : behind;
}

static void judge_lag(struct instance *i, const struct result *r,
                      const struct instance *master)
{
    char text[ESCAPED_SIZE];
    i->lag = LAG_NOT_KNOWN;
    i->behind = -1;
    if (i->config->max_lag == 0 || !r->follows)
        return;
    i->behind = bytes_behind(i, r, master);
    if (i->behind < 0 && master == NULL) {
        string_pool_set(&i->lag_detail,
                        "INFO does not tell how far it is behind, and its "
                        "master is not watched");
        return;
    }
    i->lag = LAG_WITHIN;
    if (i->behind <= 0 || (uint64_t)i->behind <= i->config->max_lag)
        return;
    i->lag = LAG_BEYOND;
    snprintf(text, sizeof text,
             "more than max_lag (%" PRIu64 " bytes) behind "
             "%s",
             i->config->max_lag,
             master != NULL ? master->config->name : "its master");
    string_pool_set(&i->lag_detail, text);
}

/* What the result stands for, lag included. */
static enum reason with_lag(const struct instance *i, const struct result *r)
{
    if (r->reason != REASON_OK || i->config->max_lag == 0 || !r->follows)
        return r->reason;
    switch (i->lag) {
    case LAG_NOT_KNOWN:
        return REASON_NO_INFO;
    case LAG_BEYOND:
        return REASON_LAG;
    case LAG_WITHIN:
        break;
    }
    return REASON_OK;
}

enum reason instance_replication(struct instance *i, const struct result *r,
                                 const struct instance *master)
{
    take_facts(i, r);
    if (r->fresh_info) {
        string_pool_set(&i->replid, r->replid);
        i->offset = r->offset;
        i->offset_mono_us = r->started_mono_us;
        if (r->role == ROLE_MASTER)
            i->offset_mono_us += (uint64_t)r->lookup_us + r->connect_us +
                                 r->tls_us + r->auth_us + r->reply_us;
        judge_lag(i, r, master);
    }
    return with_lag(i, r);
}

void instance_count(struct instance *i, enum reason reason)
{
    struct instance_record *record = &i->record;

    if (reason == REASON_OK) {
        record->oks++;
        return;
    }
    if (record->others == NULL)
        record->others = calloc(REASON_COUNT, sizeof *record->others);
    if (record->others != NULL)
        record->others[reason]++;
}

bool instance_void(const struct instance *i, const struct result *r)
{
    return r->timed &&
           r->stalled_ms > stall_loss_limit_ms(i->config->interval_ms,
                                               i->config->timeout_ms);
}

/* The words to publish are those of the last result with the reason. */
static void take_words(struct instance *i)
{
    string_pool_set(&i->detail, i->words[i->health.status]);
}

void instance_adopt_since(struct instance *i)
{
    if (i->seen_valid && i->seen_status == i->health.status &&
        i->seen_since_wall_ms > 0 && i->seen_since_wall_ms < i->since_wall_ms)
        i->since_wall_ms = i->seen_since_wall_ms;
}

static void status_began(struct instance *i, bool was_pending, int64_t wall_ms)
{
    i->since_wall_ms = wall_ms;
    i->first = was_pending;
    if (was_pending)
        instance_adopt_since(i);
}

enum health_edge instance_judge(struct instance *i, const struct result *r,
                                enum reason reason,
                                const struct health_policy *p)
{
    bool was_pending = i->health.reason == REASON_PENDING;
    const char *words = reason == r->reason ? r->detail : i->lag_detail;

    i->checked_wall_ms = r->ended_wall_ms;
    i->rtt_us = r->rtt_us;
    i->answered_by = r->answered_by;
    i->connection_age_ms = r->connection_age_ms;
    i->credentials_rejected = r->credentials_rejected;
    i->round = r->round;
    string_pool_set(&i->words[reason_status(reason)], words);

    enum health_edge edge = health_step(&i->health, p, reason);
    if (edge == HEALTH_STATUS || (was_pending && edge == HEALTH_REASON))
        status_began(i, was_pending, r->ended_wall_ms);
    if (edge != HEALTH_SAME || reason == i->health.reason)
        take_words(i);
    return edge;
}

enum health_edge instance_doubt(struct instance *i, enum reason r,
                                const char *detail, int64_t now_wall_ms)
{
    enum health_edge edge = health_doubt(&i->health, r);
    if (edge == HEALTH_STATUS)
        status_began(i, false, now_wall_ms);
    string_pool_set(&i->detail, detail);
    return edge;
}

void instance_seen(struct instance *i, const struct document_seen *seen)
{
    i->seen_valid = seen->valid;
    i->seen_status = seen->status;
    i->seen_since_wall_ms = seen->since_wall_ms;
    if (i->first)
        instance_adopt_since(i);
}

void instance_presume_up(struct instance *i)
{
    i->health.status = STATUS_UP;
    i->health.reason = REASON_OK;
}

/* What the config says has no end, so it goes before what has one. */
void instance_maintenance(const struct instance *i,
                          struct instance_maintenance *out)
{
    const struct maintenance_entry *m = i->maintenance;

    *out =
        (struct instance_maintenance){ .on = i->config->paused || m != NULL };
    if (i->config->paused) {
        out->owner = "config";
    } else if (m != NULL) {
        out->owner = m->owner;
        out->reason = m->reason;
        out->until_wall_ms = m->until_wall_ms;
        out->entry = m->key;
    }
}

struct document_status instance_document(const struct instance *i,
                                         const char *agent)
{
    struct instance_maintenance m;

    instance_maintenance(i, &m);
    return (struct document_status){
        .instance = i->config->name,
        .address = i->config->address,
        .status = i->health.status,
        .reason = i->health.reason,
        .detail = i->detail,
        .since_wall_ms = i->since_wall_ms,
        .checked_wall_ms = i->checked_wall_ms,
        .rtt_us = i->rtt_us,
        .role = i->role_word,
        .server = i->server,
        .version = i->version,
        .started_wall_ms = i->started_wall_ms,
        .maintenance = m.on,
        .maintenance_owner = m.owner,
        .maintenance_reason = m.reason,
        .maintenance_until_wall_ms = m.until_wall_ms,
        .agent = agent,
        .fleet = i->share.fleet,
        .round = i->round,
    };
}
