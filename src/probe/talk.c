/*
 * What is asked and what the answers make of it.  Everything goes out in one
 * write and is answered in order, so the whole state is a list of what was
 * asked and a count of the answers.  All of them are waited for, unless one
 * settles it and the connection is not to be kept: a failed login, or the
 * words of a server that accepts a connection only to close it.
 *
 * PING decides whether an instance is up.  CLIENT SETNAME and INFO are
 * courtesy: a proxy, an old server or an ACL may refuse them, and even close
 * the connection over them, and the instance still serves.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "agent/clock.h"
#include "agent/role.h"

#include "env.h"
#include "remote.h"
#include "reply.h"
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
static enum talk_next cluster_reply(struct talk *t, struct remote *to,
                                    const struct reply *r, struct verdict *v);
static enum talk_next key_reply(struct talk *t, struct remote *to,
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
    [ASK_CLUSTER] = { "CLUSTER INFO", cluster_reply },
    [ASK_KEY] = { "EXISTS", key_reply },
};

/* How INFO is refused by what closes on it. */
static const char CLOSED[] = "the connection is closed";

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

static const struct request *request_of(const struct remote *to, enum ask what)
{
    if (what == ASK_AUTH)
        return &to->auth;
    return what == ASK_KEY ? &to->key : &to->env->requests[what];
}

static void ask(struct talk *t, const struct remote *to, enum ask what,
                uv_buf_t *bufs)
{
    const struct request *r = request_of(to, what);

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

static bool is_courteous(const struct remote *to)
{
    return !to->plain && to->config->probe == CONFIG_PROBE_FULL;
}

/* What is asked beside PING starts from that. */
static void do_without_info(struct remote *to, uint64_t now_us)
{
    struct verdict v;

    judge_no_info(to->plain ? "INFO is refused: the connection is closed"
                            : "INFO is not asked (probe = ping)",
                  to->config, &v);
    verdict_keep(&to->info, &v);
    to->info_us = now_us;
}

unsigned talk_ask(struct talk *t, struct remote *to, const struct talk_ask *a,
                  uv_buf_t bufs[ASKS])
{
    bool courteous = is_courteous(to);
    bool wants_info = a->fresh || a->want_info || info_due(to, a->now_us);

    t->nasks = 0;
    t->nanswers = 0;
    t->fresh = a->fresh;
    t->heard = false;
    t->asked_us = a->now_us;
    t->logged_in_us = 0;
    if (a->fresh && to->auth.bytes != NULL)
        ask(t, to, ASK_AUTH, bufs);
    if (a->fresh && courteous) {
        ask(t, to, ASK_SETNAME, bufs);
        ask(t, to, ASK_VERSION, bufs);
    }
    ask(t, to, ASK_PING, bufs);
    if (!wants_info)
        return t->nasks;
    if (courteous)
        ask(t, to, ASK_INFO, bufs);
    if (courteous && to->is_cluster)
        ask(t, to, ASK_CLUSTER, bufs);
    if (to->key.bytes != NULL)
        ask(t, to, ASK_KEY, bufs);
    if (!courteous)
        do_without_info(to, a->now_us);
    return t->nasks;
}

static bool was_asked(const struct talk *t, enum ask what)
{
    return memchr(t->asks, (int)what, t->nasks) != NULL;
}

/* Of a node of a cluster that was not known as one so far. */
static bool has_more_to_ask(const struct talk *t, const struct remote *to)
{
    return to->is_cluster && was_asked(t, ASK_INFO) &&
           !was_asked(t, ASK_CLUSTER);
}

unsigned talk_ask_more(struct talk *t, struct remote *to, uv_buf_t bufs[ASKS])
{
    uv_buf_t all[ASKS];

    ask(t, to, ASK_CLUSTER, all);
    bufs[0] = all[t->nasks - 1];
    return 1;
}

bool talk_was_courteous(const struct talk *t, struct remote *to)
{
    bool courteous = was_asked(t, ASK_SETNAME) || was_asked(t, ASK_VERSION) ||
                     was_asked(t, ASK_INFO) || was_asked(t, ASK_CLUSTER);

    /* One that was asked before has answered that: its end says nothing. */
    if (to->plain || !courteous || !t->fresh)
        return false;
    to->plain = true;
    return true;
}

static const char *asking(const struct talk *t)
{
    assert(talk_is_asking(t));
    return COMMANDS[t->asks[t->nanswers]].name;
}

/* PING is answered with PONG, and the keyed command is not. */
static bool asks_key(const struct talk *t)
{
    return t->asks[t->nanswers] == ASK_KEY && t->ping.reason == REASON_OK;
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

/* The process that answers is told once for each run_id. */
static void take_process(struct remote *to, const struct reply_info *i)
{
    if (i->uptime_s < 0 || (i->run_id == to->run_id && to->process_known))
        return;
    to->process_known = true;
    to->run_id = i->run_id;
    to->started_mono_ms = (int64_t)clock_mono_ms() - i->uptime_s * 1000;
}

static enum talk_next version_reply(struct talk *t, struct remote *to,
                                    const struct reply *r, struct verdict *v)
{
    (void)t;
    (void)v;
    if (r->kind != REPLY_BULK)
        return TALK_MORE;
    if (r->info.version[0] != '\0')
        memcpy(to->version, r->info.version, sizeof to->version);
    if (r->info.server[0] != '\0')
        memcpy(to->server, r->info.server, sizeof to->server);
    to->is_cluster = r->info.is_cluster;
    to->is_sentinel = r->info.is_sentinel;
    take_process(to, &r->info);
    return TALK_MORE;
}

/* Where PING is refused as well that is what counts. */
static void note_refusal(const struct talk *t, struct remote *to,
                         const char *words)
{
    char shown[ESCAPED_SIZE];

    if (t->ping.reason != REASON_OK)
        return;
    snprintf(shown, sizeof shown, "%s", words);
    shown[REFUSAL_SIZE - 1] = '\0';
    if (to->refusal == NULL || strcmp(to->refusal, shown) != 0)
        remote_refused(to, shown);
}

static enum talk_next ping_reply(struct talk *t, struct remote *to,
                                 const struct reply *r, struct verdict *v)
{
    judge_ping(r, v);
    verdict_keep(&t->ping, v);
    if (t->logged_in_us == 0 && t->asks[0] == ASK_AUTH)
        t->logged_in_us = clock_mono_us();
    if (to->plain)
        note_refusal(t, to, CLOSED);
    return TALK_MORE;
}

static void take_replication(struct talk *t, struct remote *to,
                             struct reply_info *i)
{
    if (to->is_sentinel && i->role == ROLE_ANY) {
        i->role = ROLE_SENTINEL;
        strcpy(i->role_word, role_name(ROLE_SENTINEL));
    }
    to->info_us = t->asked_us;
    to->fresh_info = true;
    to->role = i->role;
    if (i->role == ROLE_OTHER) {
        free(to->other_role);
        to->other_role = strdup(i->role_word);
    }
    memcpy(to->replid, i->replid, sizeof to->replid);
    to->follows = role_follows(i->role) ||
                  (i->role == ROLE_OTHER && i->replica_offset >= 0);
    to->offset = to->follows ? i->replica_offset : i->master_offset;
    to->behind = to->follows ? replica_behind(i) : -1;
}

static enum talk_next info_reply(struct talk *t, struct remote *to,
                                 const struct reply *r, struct verdict *v)
{
    struct reply_info i = r->info;
    char why[ESCAPED_SIZE];

    if (r->kind == REPLY_BULK) {
        remote_refused(to, NULL);
        take_replication(t, to, &i);
        judge_info(&i, to->config, v);
    } else {
        note_refusal(t, to, r->text);
        snprintf(why, sizeof why, "INFO is refused: %.80s", r->text);
        judge_no_info(why, to->config, v);
        to->info_us = t->asked_us;
    }
    verdict_keep(&to->info, v);
    return TALK_MORE;
}

/* Refused, as by an ACL: then it is not judged by that. */
static enum talk_next cluster_reply(struct talk *t, struct remote *to,
                                    const struct reply *r, struct verdict *v)
{
    (void)t;
    verdict_ok(v);
    if (r->kind == REPLY_BULK)
        judge_cluster(&r->info, v);
    verdict_keep_first(&to->info, v);
    return TALK_MORE;
}

static enum talk_next key_reply(struct talk *t, struct remote *to,
                                const struct reply *r, struct verdict *v)
{
    (void)t;
    judge_key(r, v);
    verdict_keep_first(&to->info, v);
    return TALK_MORE;
}

/* An instance that serves may still be what INFO says against it. */
static enum talk_next conclude(const struct talk *t, struct remote *to,
                               struct verdict *v)
{
    /* Who may not even ask PING knows nothing else for long. */
    const struct kept_verdict *kept = t->ping.reason == REASON_NOPERM
                                          ? &t->ping
                                          : verdict_first(&t->ping, &to->info);

    /* What was said beside a PING that is refused is not for long. */
    if (t->ping.reason != REASON_OK)
        to->info_us = 0;
    v->reason = kept->reason;
    v->ours = kept->ours;
    strcpy(v->detail, verdict_words(kept));
    /* Only a new connection logs in anew. */
    return v->reason == REASON_NOAUTH || v->reason == REASON_WRONGPASS
               ? TALK_LAST_WORDS
               : TALK_ANSWERED;
}

/* Is it any answer to that?  An error is one to everything, and to what is
 * courtesy everything is one. */
static bool fits(enum ask what, const struct reply *r)
{
    switch (what) {
    case ASK_AUTH:
        return r->kind == REPLY_ERROR || r->ok;
    case ASK_PING:
        return r->kind == REPLY_ERROR || r->pong;
    case ASK_SETNAME:
    case ASK_VERSION:
    case ASK_INFO:
    case ASK_CLUSTER:
    case ASK_KEY:
        return true;
    }
    return false;
}

static enum talk_next take_reply(struct talk *t, struct remote *to,
                                 const struct reply *r, struct verdict *v)
{
    enum ask what = t->asks[t->nanswers];
    enum talk_next next;

    /* After a PONG it would be an odd one: that stands. */
    if (memchr(t->asks, ASK_PING, t->nanswers) == NULL && judge_farewell(r, v))
        return TALK_LAST_WORDS;
    if (!fits(what, r))
        return protocol(t, r->text, v);
    next = COMMANDS[what].on_reply(t, to, r, v);
    if (next != TALK_MORE)
        return next;
    t->nanswers++;
    if (talk_is_asking(t))
        return TALK_MORE;
    return has_more_to_ask(t, to) ? TALK_ASK_MORE : conclude(t, to, v);
}

/* The next answer is the server's about itself. */
static bool is_about_itself(const struct talk *t)
{
    enum ask what = t->asks[t->nanswers];

    return what == ASK_VERSION || what == ASK_INFO || what == ASK_CLUSTER;
}

/* Takes all replies that are complete. */
static enum talk_next parse(struct talk *t, struct remote *to,
                            struct reply_reader *r, struct verdict *v)
{
    enum talk_next next = TALK_MORE;
    struct reply reply;
    struct err e;

    while (next == TALK_MORE) {
        reply_reader_allow_info(r, is_about_itself(t));
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
    if ((next == TALK_ANSWERED || next == TALK_ASK_MORE) &&
        !reply_reader_empty(r))
        return TALK_LAST_WORDS;
    return next;
}

static enum talk_next out_of_memory(const struct err *e, struct verdict *v)
{
    verdict_set(v, REASON_DOUBT, "%.100s", e->text);
    return TALK_BAD;
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
    if (reply_reader_feed(r, bytes, len, &e) != 0)
        next = protocol(t, e.text, v);
    else
        next = parse(t, to, r, v);
    clean = reply_reader_empty(r);
    if (next == TALK_MORE && !clean)
        t->reader = r;
    else
        probe_env_reader_done(to->env, r, clean);
    return next;
}

/* The server's side ended it before it said a word: so does a TLS port. */
static const char *hint(const struct talk *t, const struct remote *to)
{
    return to->config->tls || t->heard || !t->fresh
               ? ""
               : "; nothing was answered: it may want TLS";
}

void talk_broken(const struct talk *t, const struct remote *to, int error,
                 struct verdict *v)
{
    char what[64];

    uv_strerror_r(error, what, sizeof what);
    if (asks_key(t))
        verdict_set(v, REASON_BACKEND, "EXISTS: the connection is closed");
    else if (error == UV_EOF)
        verdict_set(v, REASON_CLOSED, "closed by the server (in %s)%s",
                    asking(t), hint(t, to));
    else
        verdict_set(v, socket_read_reason(error), "read: %s (in %s)%s", what,
                    asking(t), hint(t, to));
}

/* Is it the process or the host? */
void talk_expired(const struct talk *t, const struct remote *to,
                  enum socket_ack ack, struct verdict *v)
{
    static const char *const words[] = {
        [SOCKET_ACK_UNKNOWN] = "",
        [SOCKET_ACK_ALL] = (": the host acknowledged the request, the process "
                            "did not answer"),
        [SOCKET_ACK_MISSING] = ": the host did not acknowledge the request",
    };

    if (asks_key(t))
        verdict_set(v, REASON_BACKEND, "EXISTS: no reply within %u ms",
                    to->config->timeout_ms);
    else
        verdict_set(v, REASON_REPLY_TIMEOUT, "no reply within %u ms (in %s)%s",
                    to->config->timeout_ms, asking(t), words[ack]);
}
