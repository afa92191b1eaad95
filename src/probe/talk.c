/*
 * What is asked and what the answers make of it.  Everything goes out in one
 * write and is answered in order, so the whole state is a list of what was
 * asked and a count of the answers.  All of them are waited for, unless one
 * settles it and the connection is not to be kept: a failed login, or the
 * words of a server that accepts a connection only to close it.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "agent/clock.h"
#include "reply.h"

#include "env.h"
#include "remote.h"
#include "socket.h"
#include "talk.h"

/* Each says whether to go on with the next answer; if not, *V says what it
 * is. */
static enum talk_next auth_reply(struct talk *t, struct remote *to,
                                 const struct reply *r, struct verdict *v);
static enum talk_next setname_reply(struct talk *t, struct remote *to,
                                    const struct reply *r, struct verdict *v);
static enum talk_next version_reply(struct talk *t, struct remote *to,
                                    const struct reply *r, struct verdict *v);
static enum talk_next ping_reply(struct talk *t, struct remote *to,
                                 const struct reply *r, struct verdict *v);
static enum talk_next info_reply(struct talk *t, struct remote *to,
                                 const struct reply *r, struct verdict *v);

static const struct {
    const char *name; /* in details */
    enum talk_next (*on_reply)(struct talk *t, struct remote *to,
                               const struct reply *r, struct verdict *v);
} COMMANDS[ASKS] = {
    [ASK_AUTH] = { "AUTH", auth_reply },
    [ASK_SETNAME] = { "CLIENT SETNAME", setname_reply },
    [ASK_VERSION] = { "INFO server", version_reply },
    [ASK_PING] = { "PING", ping_reply },
    [ASK_INFO] = { "INFO replication", info_reply },
};

void talk_init(struct talk *t)
{
    memset(t, 0, sizeof *t);
}

void talk_clear(struct talk *t, struct remote *to)
{
    if (t->reader != NULL)
        probe_env_reader_done(to->env, t->reader, false);
    free(t->ping.words);
    memset(t, 0, sizeof *t);
}

bool talk_is_asking(const struct talk *t)
{
    return t->nanswers < t->nasks;
}

static void ask(struct talk *t, const struct remote *to, enum ask what,
                uv_buf_t *bufs)
{
    const struct request *r =
        what == ASK_AUTH ? &to->auth : &to->env->requests[what];

    bufs[t->nasks].base = r->bytes;
    bufs[t->nasks].len = r->len;
    t->asks[t->nasks++] = (uint8_t)what;
}

/* A round may come a little early; the next one would be very late. */
static bool info_due(const struct remote *to, uint64_t now_us)
{
    uint64_t slack_ms = to->config->interval_ms / 10;

    return to->info_us == 0 ||
           now_us - to->info_us + slack_ms * 1000 >=
               (uint64_t)to->config->info_interval_ms * 1000;
}

unsigned talk_ask(struct talk *t, struct remote *to, const struct talk_ask *a,
                  uv_buf_t bufs[ASKS])
{
    t->nasks = 0;
    t->nanswers = 0;
    t->heard = false;
    t->received = 0;
    t->asked_us = a->now_us;
    t->logged_in_us = 0;
    if (a->fresh) {
        if (to->auth.bytes != NULL)
            ask(t, to, ASK_AUTH, bufs);
        ask(t, to, ASK_SETNAME, bufs);
        ask(t, to, ASK_VERSION, bufs);
    }
    ask(t, to, ASK_PING, bufs);
    if (a->fresh || a->want_info || info_due(to, a->now_us))
        ask(t, to, ASK_INFO, bufs);
    return t->nasks;
}

static const char *asking(const struct talk *t)
{
    assert(talk_is_asking(t));
    return COMMANDS[t->asks[t->nanswers]].name;
}

static enum talk_next protocol(const struct talk *t, const char *text,
                               struct verdict *v)
{
    verdict_set(v, REASON_PROTOCOL, "%.80s (in %s)", text, asking(t));
    return TALK_BAD;
}

static enum talk_next auth_reply(struct talk *t, struct remote *to,
                                 const struct reply *r, struct verdict *v)
{
    (void)t;
    (void)to;
    judge_auth(r, v);
    if (v->reason == REASON_OK)
        return TALK_MORE;
    return TALK_LAST_WORDS;
}

/* A server that refuses the name still serves. */
static enum talk_next setname_reply(struct talk *t, struct remote *to,
                                    const struct reply *r, struct verdict *v)
{
    (void)to;
    (void)r;
    (void)v;
    t->logged_in_us = clock_mono_us();
    return TALK_MORE;
}

static enum talk_next version_reply(struct talk *t, struct remote *to,
                                    const struct reply *r, struct verdict *v)
{
    (void)t;
    (void)v;
    if (r->kind == REPLY_BULK && r->info.version[0] != '\0')
        memcpy(to->version, r->info.version, sizeof to->version);
    return TALK_MORE;
}

static enum talk_next ping_reply(struct talk *t, struct remote *to,
                                 const struct reply *r, struct verdict *v)
{
    (void)to;
    judge_ping(r, v);
    verdict_keep(&t->ping, v);
    return TALK_MORE;
}

static enum talk_next info_reply(struct talk *t, struct remote *to,
                                 const struct reply *r, struct verdict *v)
{
    judge_info(r, to->config, v);
    verdict_keep(&to->info, v);
    if (r->kind == REPLY_ERROR) {
        to->info_us = 0; /* ask again the next time */
        return TALK_MORE;
    }
    to->info_us = t->asked_us;
    to->fresh_info = true;
    to->role = r->info.role;
    memcpy(to->replid, r->info.replid, sizeof to->replid);
    to->offset = to->role == ROLE_REPLICA ? r->info.replica_offset
                                          : r->info.master_offset;
    return TALK_MORE;
}

/* An instance that serves may still be what INFO says against it. */
static enum talk_next conclude(const struct talk *t, struct remote *to,
                               struct verdict *v)
{
    const struct kept_verdict *kept =
        t->ping.reason != REASON_OK ? &t->ping : &to->info;

    v->reason = kept->reason;
    strcpy(v->detail, verdict_words(kept));
    /* Only a new connection logs in anew. */
    return v->reason == REASON_NOAUTH || v->reason == REASON_WRONGPASS
               ? TALK_LAST_WORDS
               : TALK_ANSWERED;
}

/* Is it any answer to that?  An error is one to everything. */
static bool fits(enum ask what, const struct reply *r)
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

static enum talk_next take_reply(struct talk *t, struct remote *to,
                                 const struct reply *r, struct verdict *v)
{
    enum ask what = t->asks[t->nanswers];
    enum talk_next next;

    if (judge_farewell(r, v))
        return TALK_LAST_WORDS;
    if (!fits(what, r))
        return protocol(t, r->text, v);
    next = COMMANDS[what].on_reply(t, to, r, v);
    if (next != TALK_MORE)
        return next;
    t->nanswers++;
    return talk_is_asking(t) ? TALK_MORE : conclude(t, to, v);
}

/* Takes all replies that are complete. */
static enum talk_next parse(struct talk *t, struct remote *to,
                            struct reply_reader *r, struct verdict *v)
{
    enum talk_next next = TALK_MORE;
    struct reply reply;
    struct err e;

    while (next == TALK_MORE) {
        switch (reply_reader_next(r, &reply, &e)) {
        case REPLY_MORE:
            return TALK_MORE;
        case REPLY_BAD:
            return protocol(t, e.text, v);
        case REPLY_READY:
            next = take_reply(t, to, &reply, v);
        }
    }
    /* More answers than questions. */
    if (next == TALK_ANSWERED && !reply_reader_empty(r))
        return TALK_LAST_WORDS;
    return next;
}

static enum talk_next out_of_memory(const struct err *e, struct verdict *v)
{
    verdict_set(v, REASON_DOUBT, "%.100s", e->text);
    return TALK_BAD;
}

static enum talk_next feed(struct talk *t, struct remote *to,
                           struct reply_reader *r, const char *bytes,
                           size_t len, struct verdict *v)
{
    struct err e;

    t->received += (uint32_t)len;
    if (t->received > REPLY_MAX)
        return protocol(t, "more than 65536 bytes", v);
    if (reply_reader_feed(r, bytes, len, &e) != 0)
        return out_of_memory(&e, v);
    return parse(t, to, r, v);
}

enum talk_next talk_bytes(struct talk *t, struct remote *to, const char *bytes,
                          size_t len, struct verdict *v)
{
    struct reply_reader *r = t->reader;
    enum talk_next next;
    struct err e;
    bool clean;

    if (!talk_is_asking(t))
        return TALK_BAD;
    t->reader = NULL;
    t->heard = true;
    if (r == NULL)
        r = probe_env_reader(to->env, &e);
    if (r == NULL)
        return out_of_memory(&e, v);
    reply_reader_guard(r, to->config->password);
    next = feed(t, to, r, bytes, len, v);
    clean = reply_reader_empty(r);
    if (next == TALK_MORE && !clean)
        t->reader = r;
    else
        probe_env_reader_done(to->env, r, clean);
    return next;
}

void talk_broken(const struct talk *t, int error, struct verdict *v)
{
    char what[64];

    uv_strerror_r(error, what, sizeof what);
    if (error == UV_EOF)
        verdict_set(v, REASON_CLOSED, "closed by the server (in %s)",
                    asking(t));
    else
        verdict_set(v, socket_read_reason(error), "read: %s (in %s)", what,
                    asking(t));
}

/* Is it the process or the host? */
void talk_expired(const struct talk *t, const struct remote *to,
                  enum socket_ack ack, struct verdict *v)
{
    static const char *const words[] = {
        [SOCKET_ACK_UNKNOWN] = "",
        [SOCKET_ACK_ALL] = ": the host acknowledged the request, the process "
                           "did not answer",
        [SOCKET_ACK_MISSING] = ": the host did not acknowledge the request",
    };

    verdict_set(v, REASON_REPLY_TIMEOUT, "no reply within %u ms (in %s)%s",
                to->config->timeout_ms, asking(t), words[ack]);
}
