/*
 * Replies to reasons.  The server's own words go into the detail; where INFO
 * speaks against it, the detail is a sentence of ours.
 */
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
    v->ours = reason == REASON_NOAUTH || reason == REASON_WRONGPASS;
    va_start(ap, fmt);
    vsnprintf(v->detail, sizeof v->detail, fmt, ap);
    va_end(ap);
}

void verdict_ok(struct verdict *v)
{
    v->reason = REASON_OK;
    v->ours = false;
    v->detail[0] = '\0';
}

void verdict_keep(struct kept_verdict *k, const struct verdict *v)
{
    k->reason = v->reason;
    k->ours = v->ours;
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
    out->ours = k->ours;
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
    /* Ours, too: our name service or this machine could not bring it about. */
    bool untried = new->reason == REASON_DNS || new->reason == REASON_DOUBT;
    bool unserved =
        reason_status(new->reason) == STATUS_DOWN || new->reason == REASON_TLS;

    if (new->ours || untried)
        verdict_copy(out, kept);
    else if (unserved && serves_somehow(kept))
        verdict_set(out, REASON_NO_NEW_CLIENTS, "%s: %s",
                    reason_name(new->reason), verdict_words(new));
    else
        verdict_copy(out, new);
    return new->ours;
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

/*
 * What comes first when several reasons hold: what the server itself answers
 * to PING, then what a person would mend first.  MISCONF stands behind what
 * keeps the data from being right.
 */
static const enum reason ORDER[] = {
    REASON_WRONG_ROLE, REASON_CLUSTER_DOWN, REASON_REPLICA_LINK_DOWN,
    REASON_MISCONF,    REASON_NO_REPLICAS,  REASON_BACKEND,
    REASON_NOPERM, /* of the key */
    REASON_NO_INFO,    REASON_OK,
};
#define ORDER_SIZE (sizeof ORDER / sizeof ORDER[0])

/* What is not in the table comes before all that is. */
static size_t place_of(enum reason r)
{
    for (size_t i = 0; i < ORDER_SIZE; i++) {
        if (ORDER[i] == r)
            return i + 1;
    }
    return 0;
}

const struct kept_verdict *verdict_first(const struct kept_verdict *a,
                                         const struct kept_verdict *b)
{
    return place_of(b->reason) < place_of(a->reason) ? b : a;
}

void verdict_keep_first(struct kept_verdict *k, const struct verdict *v)
{
    if (place_of(v->reason) < place_of(k->reason))
        verdict_keep(k, v);
}

int64_t replica_behind(const struct reply_info *i)
{
    int64_t known = i->master_offset;
    if (i->replica_offset < 0)
        return -1;
    if (i->read_offset > known)
        known = i->read_offset;
    if (known > i->replica_offset)
        return known - i->replica_offset;
    /* Before Redis 7 it names its own offset in both places. */
    return i->read_offset >= 0 ? 0 : -1;
}

/* No number that grows: the detail stands until something changes. */
static void judge_link(const struct reply_info *i, struct verdict *v)
{
    const char *words = "link to the master is down";
    if (i->syncing && i->link_down_s >= 0)
        words = "synchronisation with the master under way";
    else if (i->syncing)
        words = "first synchronisation under way";
    else if (i->link_down_s < 0)
        words = "first synchronisation under way: the link to the master was "
                "never up";
    verdict_set(v, REASON_REPLICA_LINK_DOWN, "%s", words);
}

void judge_info(const struct reply_info *i,
                const struct config_instance *config, struct verdict *v)
{
    verdict_ok(v);
    if (config->expect_role != ROLE_ANY && i->role == ROLE_ANY)
        verdict_set(v, REASON_NO_INFO, "INFO does not say the role");
    else if (!role_fits(i->role, config->expect_role))
        verdict_set(v, REASON_WRONG_ROLE, "is %s, expected %s", i->role_word,
                    role_name(config->expect_role));
    else if (i->link_known && !i->link_up)
        judge_link(i, v);
    else if (i->good_replicas == 0 && !role_follows(i->role))
        verdict_set(v, REASON_NO_REPLICAS,
                    "fewer replicas in touch than min-replicas-to-write: "
                    "writes are refused");
}

void judge_no_info(const char *why, const struct config_instance *config,
                   struct verdict *v)
{
    verdict_ok(v);
    if (config->expect_role != ROLE_ANY || config->max_lag > 0)
        verdict_set(v, REASON_NO_INFO, "%s", why);
}

void judge_cluster(const struct reply_info *i, struct verdict *v)
{
    verdict_ok(v);
    if (i->cluster_state[0] != '\0' && strcmp(i->cluster_state, "ok") != 0)
        verdict_set(v, REASON_CLUSTER_DOWN, "cluster_state is %s",
                    i->cluster_state);
}

/* MOVED and ASK tell that the cluster is there. */
static bool is_redirection(const char *text)
{
    return strncmp(text, "MOVED ", 6) == 0 || strncmp(text, "ASK ", 4) == 0;
}

/* The server itself says so of our user.  An unknown command, which is noperm
 * elsewhere, is what a proxy may say of a server that it cannot reach. */
static bool is_our_right(const struct reply *r)
{
    static const char noperm[] = "NOPERM ";

    return strncmp(r->text, noperm, sizeof noperm - 1) == 0;
}

void judge_key(const struct reply *r, struct verdict *v)
{
    verdict_ok(v);
    if (r->kind == REPLY_ERROR && !is_redirection(r->text))
        verdict_set(v, is_our_right(r) ? REASON_NOPERM : REASON_BACKEND,
                    "EXISTS: %s", r->text);
}
