/*
 * What is asked and what the answers make of it.  Everything goes out in one
 * write and is answered in order, so the whole state is a list of what was
 * asked and a count of the answers.  A probe waits for all of them, unless
 * one settles it and the connection is not to be kept: a failed login, or
 * the words of a server that accepts a connection only to close it.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <uv.h>

#include "agent/clock.h"
#include "agent/reply.h"

#include "private.h"

/* Each returns false when it ended the probe. */
static bool auth_reply(struct probe *p, const struct reply *r);
static bool setname_reply(struct probe *p, const struct reply *r);
static bool version_reply(struct probe *p, const struct reply *r);
static bool ping_reply(struct probe *p, const struct reply *r);
static bool info_reply(struct probe *p, const struct reply *r);

static const struct {
    const char *name; /* in details */
    bool (*on_reply)(struct probe *p, const struct reply *r);
} ASKS[PROBE_ASKS] = {
    [ASK_AUTH] = { "AUTH", auth_reply },
    [ASK_SETNAME] = { "CLIENT SETNAME", setname_reply },
    [ASK_VERSION] = { "INFO server", version_reply },
    [ASK_PING] = { "PING", ping_reply },
    [ASK_INFO] = { "INFO replication", info_reply },
};

static void ask(struct probe *p, enum probe_ask what, uv_buf_t *buf)
{
    const struct probe_request *r =
        what == ASK_AUTH ? &p->auth : &p->env->requests[what];

    buf[p->nasks].base = r->bytes;
    buf[p->nasks].len = r->len;
    p->asks[p->nasks++] = (uint8_t)what;
}

/* A round may come a little early; the next one would be very late. */
static bool info_due(const struct probe *p)
{
    uint64_t slack_ms = p->config->interval_ms / 10;

    return p->info_us == 0 || p->started_us - p->info_us + slack_ms * 1000 >=
                                  (uint64_t)p->config->info_interval_ms * 1000;
}

void talk_start(struct probe *p, bool fresh, uint64_t now_us)
{
    uv_buf_t bufs[PROBE_ASKS];

    p->nasks = 0;
    p->nanswers = 0;
    if (fresh) {
        if (p->auth.bytes != NULL)
            ask(p, ASK_AUTH, bufs);
        ask(p, ASK_SETNAME, bufs);
        ask(p, ASK_VERSION, bufs);
    }
    ask(p, ASK_PING, bufs);
    if (fresh || p->job.want_info || info_due(p))
        ask(p, ASK_INFO, bufs);
    probe_enter(p, fresh ? PROBE_AUTH : PROBE_REPLY, now_us);
    p->sent_us = now_us;
    probe_net_write(&p->net, bufs, p->nasks);
}

static const char *asking(const struct probe *p)
{
    assert(p->nanswers < p->nasks);
    return ASKS[p->asks[p->nanswers]].name;
}

/* The server answered, for good or ill. */
static void settle(struct probe *p, enum reason reason, const char *words,
                   bool keep)
{
    char shown[ESCAPED_SIZE];

    p->answered = true;
    if (*words != '\0') {
        strcpy(shown, words);
        judge_discreetly(p->config->password, shown);
        words = shown;
    }
    probe_finish(p, reason, words, keep);
}

static void protocol(struct probe *p, const char *text)
{
    struct verdict v;

    verdict_set(&v, REASON_PROTOCOL, "%.80s (in %s)", text, asking(p));
    judge_discreetly(p->config->password, v.detail);
    probe_finish(p, v.reason, v.detail, false);
}

static bool auth_reply(struct probe *p, const struct reply *r)
{
    struct verdict v;

    judge_auth(r, &v);
    if (v.reason == REASON_OK)
        return true;
    settle(p, v.reason, v.detail, false);
    return false;
}

/* A server that refuses the name still serves. */
static bool setname_reply(struct probe *p, const struct reply *r)
{
    (void)r;
    probe_enter(p, PROBE_REPLY, clock_mono_us());
    return true;
}

static bool version_reply(struct probe *p, const struct reply *r)
{
    if (r->kind == REPLY_BULK && r->info.version[0] != '\0')
        memcpy(p->version, r->info.version, sizeof p->version);
    return true;
}

static bool ping_reply(struct probe *p, const struct reply *r)
{
    struct verdict v;

    judge_ping(r, &v);
    verdict_keep(&p->ping, &v);
    return true;
}

static bool info_reply(struct probe *p, const struct reply *r)
{
    struct verdict v;

    judge_info(r, p->config, &v);
    verdict_keep(&p->info, &v);
    if (r->kind == REPLY_ERROR) {
        p->info_us = 0; /* ask again the next time */
        return true;
    }
    p->info_us = p->started_us;
    p->fresh_info = true;
    p->role = r->info.role;
    memcpy(p->replid, r->info.replid, sizeof p->replid);
    p->offset = p->role == ROLE_REPLICA ? r->info.replica_offset
                                        : r->info.master_offset;
    return true;
}

/* An instance that serves may still be what INFO says against it. */
static void conclude(struct probe *p)
{
    const struct kept_verdict *v =
        p->ping.reason != REASON_OK ? &p->ping : &p->info;

    /* Only a new connection logs in anew. */
    settle(p, v->reason, verdict_words(v),
           v->reason != REASON_NOAUTH && v->reason != REASON_WRONGPASS);
}

/* Is it any answer to that?  An error is one to everything. */
static bool fits(enum probe_ask what, const struct reply *r)
{
    if (r->kind == REPLY_ERROR)
        return true;
    switch (what) {
    case ASK_AUTH:
    case ASK_SETNAME:
        return r->ok;
    case ASK_PING:
        return r->pong;
    case ASK_VERSION:
    case ASK_INFO:
        return r->kind == REPLY_BULK;
    }
    return false;
}

static void take_reply(struct probe *p, const struct reply *r)
{
    enum probe_ask what = p->asks[p->nanswers];
    struct verdict v;

    if (judge_farewell(r, &v)) {
        settle(p, v.reason, v.detail, false);
        return;
    }
    if (!fits(what, r)) {
        protocol(p, r->text);
        return;
    }
    if (!ASKS[what].on_reply(p, r))
        return;
    p->nanswers++;
    if (p->nanswers == p->nasks)
        conclude(p);
}

/* Returns true if R holds nothing more: fit for another use. */
static bool parse(struct probe *p, struct reply_reader *r)
{
    struct reply reply;
    struct err e;

    for (;;) {
        switch (reply_reader_next(r, &reply, &e)) {
        case REPLY_MORE:
            return reply_reader_empty(r);
        case REPLY_BAD:
            if (probe_phase(p) != PROBE_IDLE)
                protocol(p, e.text);
            probe_hang_up(p);
            return false;
        case REPLY_READY:
            if (probe_phase(p) == PROBE_IDLE) {
                probe_hang_up(p); /* more answers than questions */
                return false;
            }
            take_reply(p, &reply);
        }
    }
}

static void out_of_memory(struct probe *p, const struct err *e)
{
    struct verdict v;

    verdict_set(&v, REASON_DOUBT, "%.100s", e->text);
    probe_finish(p, v.reason, v.detail, false);
}

/* As parse. */
static bool feed(struct probe *p, struct reply_reader *r, const char *bytes,
                 size_t len)
{
    struct err e;

    p->received += (uint32_t)len;
    if (p->received > REPLY_MAX) {
        protocol(p, "more than 65536 bytes");
        return false;
    }
    if (reply_reader_feed(r, bytes, len, &e) < 0) {
        out_of_memory(p, &e);
        return false;
    }
    return parse(p, r);
}

void talk_bytes(struct probe *p, const char *bytes, size_t len)
{
    struct reply_reader *r = p->reader;
    struct err e;
    bool clean;

    p->reader = NULL;
    p->may_reopen = false;
    if (r == NULL)
        r = probe_env_reader(p->env, &e);
    if (r == NULL) {
        out_of_memory(p, &e);
        return;
    }
    clean = feed(p, r, bytes, len);
    if (!clean && probe_phase(p) != PROBE_IDLE) {
        p->reader = r;
        return;
    }
    if (!clean)
        probe_hang_up(p);
    probe_env_reader_done(p->env, r, clean);
}

void talk_broken(struct probe *p, int error)
{
    struct verdict v;
    char what[64];

    if (p->may_reopen) {
        p->may_reopen = false;
        probe_hang_up(p);
        dial_start(p);
        return;
    }
    uv_strerror_r(error, what, sizeof what);
    if (error == UV_EOF)
        verdict_set(&v, REASON_CLOSED, "closed by the server (in %s)",
                    asking(p));
    else
        verdict_set(&v, probe_net_read_reason(error), "read: %s (in %s)", what,
                    asking(p));
    probe_finish(p, v.reason, v.detail, false);
}

void talk_expired(struct probe *p)
{
    struct verdict v;

    verdict_set(&v, REASON_REPLY_TIMEOUT, "no reply within %u ms (in %s)",
                p->config->timeout_ms, asking(p));
    probe_finish(p, v.reason, v.detail, false);
}
