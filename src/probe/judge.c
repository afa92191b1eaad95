/*
 * Replies to reasons.  The server's own words go into the detail; where INFO
 * is what speaks against it, the detail is a sentence of ours.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/escape.h"
#include "agent/role.h"

#include "judge.h"

void verdict_set(struct verdict *v, enum reason reason, const char *fmt, ...)
{
    va_list ap;

    v->reason = reason;
    va_start(ap, fmt);
    vsnprintf(v->detail, sizeof v->detail, fmt, ap);
    va_end(ap);
}

void verdict_ok(struct verdict *v)
{
    v->reason = REASON_OK;
    v->detail[0] = '\0';
}

void verdict_keep(struct kept_verdict *k, const struct verdict *v)
{
    k->reason = v->reason;
    if (v->detail[0] != '\0' && k->words == NULL)
        k->words = malloc(ESCAPED_SIZE);
    if (k->words != NULL)
        strcpy(k->words, v->detail);
}

const char *verdict_words(const struct kept_verdict *k)
{
    return k->words != NULL ? k->words : "";
}

static void judge_error(const struct reply *r, struct verdict *v)
{
    verdict_set(v, r->error, "%s", r->text);
}

void judge_ping(const struct reply *r, struct verdict *v)
{
    if (r->pong)
        verdict_ok(v);
    else
        judge_error(r, v);
}

void judge_auth(const struct reply *r, struct verdict *v)
{
    if (r->ok || r->error == REASON_PROTOCOL)
        verdict_ok(v);
    else
        judge_error(r, v);
}

static void verdict_copy(struct verdict *out, const struct kept_verdict *k)
{
    out->reason = k->reason;
    strcpy(out->detail, verdict_words(k));
}

static bool serves_somehow(const struct kept_verdict *v)
{
    enum status s = reason_status(v->reason);

    return s == STATUS_UP || s == STATUS_DEGRADED;
}

bool judge_new_client(const struct kept_verdict *kept,
                      const struct kept_verdict *new, struct verdict *out)
{
    bool login =
        new->reason == REASON_NOAUTH || new->reason == REASON_WRONGPASS;
    /* Ours, too: our name service or this machine could not bring it about. */
    bool untried = new->reason == REASON_DNS || new->reason == REASON_DOUBT;
    bool unserved =
        reason_status(new->reason) == STATUS_DOWN || new->reason == REASON_TLS;

    if (login || untried)
        verdict_copy(out, kept);
    else if (unserved && serves_somehow(kept))
        verdict_set(out, REASON_NO_NEW_CLIENTS, "%s: %s",
                    reason_name(new->reason), verdict_words(new));
    else
        verdict_copy(out, new);
    return login;
}

bool judge_farewell(const struct reply *r, struct verdict *v)
{
    static const char denied[] = "DENIED ";

    if (r->kind != REPLY_ERROR)
        return false;
    judge_error(r, v);
    return v->reason == REASON_MAXCLIENTS ||
           strncmp(r->text, denied, sizeof denied - 1) == 0;
}

/* By the replica's own view: what it knows of the master's offset. */
static int64_t replica_lag(const struct reply_info *i)
{
    int64_t known = i->master_offset;

    if (i->replica_offset < 0)
        return 0;
    if (i->read_offset > known)
        known = i->read_offset;
    return known > i->replica_offset ? known - i->replica_offset : 0;
}

static void judge_link(const struct reply_info *i, struct verdict *v)
{
    if (i->link_down_s >= 0)
        verdict_set(v, REASON_REPLICA_LINK_DOWN,
                    "link to the master down for %" PRId64 " s",
                    i->link_down_s);
    else
        verdict_set(v, REASON_REPLICA_LINK_DOWN, "link to the master is down");
}

void judge_info(const struct reply *r, const struct config_instance *config,
                struct verdict *v)
{
    const struct reply_info *i = &r->info;

    verdict_ok(v);
    if (r->kind != REPLY_BULK) {
        judge_error(r, v);
    } else if (config->expect_role != ROLE_ANY &&
               i->role != config->expect_role) {
        verdict_set(v, REASON_WRONG_ROLE, "is %s, expected %s",
                    i->role == ROLE_ANY ? "of no role" : role_name(i->role),
                    role_name(config->expect_role));
    } else if (i->role == ROLE_REPLICA && i->link_known && !i->link_up) {
        judge_link(i, v);
    } else if (i->role == ROLE_REPLICA && config->max_lag > 0 &&
               (uint64_t)replica_lag(i) > config->max_lag) {
        verdict_set(v, REASON_LAG,
                    "%" PRId64 " bytes behind, max_lag is %" PRIu64,
                    replica_lag(i), config->max_lag);
    }
}
