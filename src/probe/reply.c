/*
 * The replies of one connection.  hiredis' reader finds where a reply ends;
 * the object functions below copy what a probe needs out of it while it is
 * still in the reader's buffer, because redisReaderGetReply may move that
 * buffer before it returns.  They build no tree and allocate nothing.
 *
 * hiredis waits patiently for whatever a header announces.  So each reply is
 * looked at before hiredis sees it: its first byte says whether it can be an
 * answer to a probe at all, and the header of a bulk whether it may be as
 * large as it says.  Thus no array ever gets as far as hiredis, whose
 * handling of nesting is then out of reach of the server.
 */
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/read.h>

#include "agent/objects.h"

#include "reply.h"

struct reply_reader {
    redisReader *hiredis; /* owned */
    const char *secret;   /* borrowed; NULL: none */
    char type;            /* first byte of the reply under way; 0: none */
    bool bad;
    struct err why;   /* if bad */
    struct reply out; /* filled by the object functions */
};

/* How an error starts; always whole words, so that BUSY is not BUSYKEY. */
static const struct {
    const char *start;
    enum reason reason;
} ERRORS[] = {
    { "LOADING", REASON_LOADING },
    { "BUSY", REASON_BUSY },
    { "MISCONF", REASON_MISCONF },
    { "MASTERDOWN", REASON_MASTERDOWN },
    { "NOAUTH", REASON_NOAUTH },
    { "WRONGPASS", REASON_WRONGPASS },
    { "NOPERM", REASON_NOPERM },
    { "DENIED", REASON_NOPERM }, /* protected mode */
    { "ERR max number of clients", REASON_MAXCLIENTS },
    { "ERR unknown command", REASON_NOPERM }, /* renamed away */
    /* Redis before 2.8.0 */
    { "ERR operation not permitted", REASON_NOAUTH },
    /* Redis before 6 */
    { "ERR invalid password", REASON_WRONGPASS },
    { "ERR Client sent AUTH, but no password is set", REASON_WRONGPASS },
    /* Redis before 6 to AUTH with a user */
    { "ERR wrong number of arguments for 'auth'", REASON_WRONGPASS },
    /* Redis 6 and later */
    { "ERR AUTH <password> called without any password", REASON_WRONGPASS },
};

enum reason reply_error_reason(const char *text)
{
    for (size_t i = 0; i < sizeof ERRORS / sizeof ERRORS[0]; i++) {
        size_t n = strlen(ERRORS[i].start);
        if (strncmp(text, ERRORS[i].start, n) == 0 &&
            !isalnum((unsigned char)text[n]))
            return ERRORS[i].reason;
    }
    return REASON_PROTOCOL;
}

/* As much of a secret as gives it away, wherever it stands. */
#define TELLTALE 8

static bool in_word(const char *text, const char *end, const char *at)
{
    return at >= text && at < end && isalnum((unsigned char)*at);
}

/* Looked for before anything is cut, since a cut may leave a part of it.  A
 * short secret counts as a word only, as its letters are in any text. */
static bool tells(const char *secret, const char *text, size_t len)
{
    const char *end = text + len;
    size_t n = secret == NULL ? 0 : strnlen(secret, TELLTALE);

    if (n == 0)
        return false;
    for (const char *at = text;
         (at = memmem(at, (size_t)(end - at), secret, n)) != NULL; at++) {
        if (n == TELLTALE ||
            (!in_word(text, end, at - 1) && !in_word(text, end, at + n)))
            return true;
    }
    return false;
}

/* The start of TEXT, escaped, or a sentence in place of a secret. */
static void show(const struct reply_reader *r, const char *text, size_t len,
                 char out[ESCAPED_SIZE])
{
    /* Of what begins behind that nothing is shown. */
    const size_t seen = ESCAPED_SIZE + TELLTALE;

    out[0] = '\0';
    if (tells(r->secret, text, len < seen ? len : seen))
        snprintf(out, ESCAPED_SIZE, "not shown: it repeats the password");
    else
        escape_add(out, ESCAPED_SIZE, text, len);
}

/* Versions consist of short words, of which a short secret may be one: only a
 * version that is the secret, or has much of it, tells something. */
static void guard_version(const struct reply_reader *r, char *version)
{
    const char *secret = r->secret;

    if (secret != NULL && (strcmp(version, secret) == 0 ||
                           (strlen(secret) >= TELLTALE &&
                            tells(secret, version, strlen(version)))))
        version[0] = '\0';
}

static void fill(struct reply_reader *r, enum reply_kind kind, const char *text,
                 size_t len)
{
    struct reply *out = &r->out;
    char start[ESCAPED_SIZE] = "";

    out->kind = kind;
    out->pong = false;
    out->ok = false;
    escape_add(start, sizeof start, text, len);
    out->error = reply_error_reason(start);
    show(r, text, len, out->text);
    if (kind == REPLY_BULK) {
        reply_parse_info(text, len, &out->info);
        guard_version(r, out->info.version);
    }
}

/* RESP ends a simple string at its first line break; hiredis before 1.2 only
 * at the first CR with an LF behind it. */
static bool is_one_line(const char *text, size_t len)
{
    return memchr(text, '\r', len) == NULL && memchr(text, '\n', len) == NULL;
}

/* NULL, with r->why, makes hiredis give up. */
static void *on_string(const redisReadTask *task, char *text, size_t len)
{
    struct reply_reader *r = task->privdata;
    if (len > REPLY_MAX) {
        err_set(&r->why, "reply of more than %d bytes", REPLY_MAX);
        return NULL;
    }
    if (r->type != '$' && !is_one_line(text, len)) {
        err_set(&r->why, "not RESP: line break in a simple string");
        return NULL;
    }
    switch (task->type) {
    case REDIS_REPLY_ERROR:
        fill(r, REPLY_ERROR, text, len);
        break;
    case REDIS_REPLY_STATUS:
        fill(r, REPLY_STATUS, text, len);
        r->out.pong = len == 4 && memcmp(text, "PONG", 4) == 0;
        r->out.ok = len == 2 && memcmp(text, "OK", 2) == 0;
        break;
    default:
        /* hiredis waits for these two bytes, but does not look at them. */
        if (memcmp(text + len, "\r\n", 2) != 0) {
            err_set(&r->why, "not RESP: bulk goes on after %zu bytes", len);
            return NULL;
        }
        fill(r, REPLY_BULK, text, len);
        break;
    }
    return r;
}

static void *on_integer(const redisReadTask *task, long long value)
{
    struct reply_reader *r = task->privdata;
    char text[24];
    int n = snprintf(text, sizeof text, "%lld", value);
    fill(r, REPLY_INTEGER, text, (size_t)n);
    return r;
}

static void *on_nil(const redisReadTask *task)
{
    struct reply_reader *r = task->privdata;
    fill(r, REPLY_INTEGER, "nil", 3);
    return r;
}

/* Not const, because hiredis takes it so. */
static redisReplyObjectFunctions object_functions = {
    .createString = on_string,
    .createInteger = on_integer,
    .createNil = on_nil,
};

struct reply_reader *reply_reader_new(struct err *e)
{
    struct reply_reader *r = calloc(1, sizeof *r);
    if (r == NULL)
        goto no_reader;
    r->hiredis = redisReaderCreateWithFunctions(&object_functions);
    if (r->hiredis == NULL)
        goto no_hiredis;
    r->hiredis->privdata = r;
    object_made(OBJECT_REPLY_READER);
    return r;

no_hiredis:
    free(r);
no_reader:
    err_set(e, "out of memory for a reader of replies");
    return NULL;
}

void reply_reader_free(struct reply_reader *r)
{
    if (r == NULL)
        return;
    redisReaderFree(r->hiredis);
    free(r);
    object_gone(OBJECT_REPLY_READER);
}

void reply_reader_guard(struct reply_reader *r, const char *secret)
{
    r->secret = secret;
}

int reply_reader_feed(struct reply_reader *r, const char *bytes, size_t len,
                      struct err *e)
{
    if (r->bad) {
        err_set(e, "%s", r->why.text);
        return -1;
    }
    if (redisReaderFeed(r->hiredis, bytes, len) != REDIS_OK) {
        r->bad = true;
        err_set(&r->why, "out of memory for %zu bytes of a reply", len);
        err_set(e, "%s", r->why.text);
        return -1;
    }
    return 0;
}

/* True when the digits at TEXT, complete or not, exceed REPLY_MAX already. */
static bool announces_too_much(const char *text, size_t len)
{
    unsigned long n = 0;
    for (size_t i = 0; i < len && text[i] >= '0' && text[i] <= '9'; i++) {
        n = n * 10 + (unsigned long)(text[i] - '0');
        if (n > REPLY_MAX)
            return true;
    }
    return false;
}

/* Its first byte says so, so all of it is still there. */
static void not_resp(struct reply_reader *r)
{
    char text[ESCAPED_SIZE];
    show(r, r->hiredis->buf + r->hiredis->pos,
         r->hiredis->len - r->hiredis->pos, text);
    err_set(&r->why, "not RESP: %s", text);
}

/* Judges what there is of the reply under way; there is at least a byte. */
static bool acceptable(struct reply_reader *r)
{
    const char *rest = r->hiredis->buf + r->hiredis->pos;
    size_t len = r->hiredis->len - r->hiredis->pos;
    if (r->type == '\0') {
        r->type = *rest;
        rest++;
        len--;
    }
    switch (r->type) {
    case '+':
    case '-':
    case ':':
        return true;
    case '$':
        if (!announces_too_much(rest, len))
            return true;
        err_set(&r->why, "bulk of more than %d bytes", REPLY_MAX);
        return false;
    case '*':
        err_set(&r->why, "array where none was asked for");
        return false;
    default:
        not_resp(r);
        return false;
    }
}

/* False when the bytes are no RESP; else *DONE says whether r->out is. */
static bool parse(struct reply_reader *r, bool *done)
{
    void *reply = NULL;
    *done = false;
    if (reply_reader_empty(r))
        return true;
    if (!acceptable(r))
        return false;
    if (redisReaderGetReply(r->hiredis, &reply) != REDIS_OK) {
        /* It takes an object function's refusal for a lack of memory, and
         * meets no other lack here. */
        if (r->hiredis->err != REDIS_ERR_OOM)
            err_set(&r->why, "not RESP: %s", r->hiredis->errstr);
        return false;
    }
    *done = reply != NULL;
    if (*done)
        r->type = '\0';
    return true;
}

enum reply_next reply_reader_next(struct reply_reader *r, struct reply *out,
                                  struct err *e)
{
    bool done = false;
    if (!r->bad && !parse(r, &done))
        r->bad = true;
    if (r->bad) {
        err_set(e, "%s", r->why.text);
        return REPLY_BAD;
    }
    if (!done)
        return REPLY_MORE;
    *out = r->out;
    return REPLY_READY;
}

bool reply_reader_empty(const struct reply_reader *r)
{
    return !r->bad && r->type == '\0' && r->hiredis->pos == r->hiredis->len;
}
