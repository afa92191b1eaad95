/*
 * The replies of one connection, byte by byte: the first one of a reply says
 * what it is, a line goes on to its CR LF, a bulk has as many bytes as its
 * header says.  Of a line the start is kept, a bulk goes through INFO's reader
 * as it comes; so nothing is ever stored that grows with what a server sends.
 * No request of a probe is answered with an array; what answers with one
 * anyway (SSDB to INFO) is heard to its end, by counting what is still to
 * come, however it is nested.
 */
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/objects.h"

#include "info.h"
#include "reply.h"

/* As much of a secret as gives it away, wherever it stands. */
#define TELLTALE 8

/* As much as can be shown when nothing is escaped, what may begin there and
 * give a secret away, and the digits of a header. */
#define LINE_KEPT (ESCAPED_SIZE + TELLTALE)

enum reading {
    READING_TYPE, /* the first byte of a reply, or of an array's element */
    READING_LINE,
    READING_LF, /* after the CR of a line */
    READING_BULK,
    READING_BULK_CR,
    READING_BULK_LF,
};

struct reply_reader {
    const char *secret; /* borrowed; NULL: none */
    const char *at;     /* borrowed; what was fed and is not yet read */
    size_t len;
    enum reading reading;
    char type;            /* of the reply or element under way */
    size_t size;          /* bytes of the reply so far, without a bulk's */
    size_t open;          /* elements of arrays that are still to come */
    bool in_array;        /* the reply is one */
    char line[LINE_KEPT]; /* its start */
    size_t line_len;      /* of all of it */
    size_t bulk_len;
    size_t bulk_left;
    struct info_reader info;
    bool no_info; /* the reply under way may be none of INFO's */
    bool bad;
    struct err why; /* if bad */
    struct reply out;
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
    { "CLUSTERDOWN", REASON_CLUSTER_DOWN },
    { "no upstream host", REASON_BACKEND }, /* Envoy */
    { "upstream failure", REASON_BACKEND }, /* the same */
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

/* Of "unknown command 'AUTH', with args beginning with: 'secret'". */
static size_t without_args(const char *text, size_t len)
{
    static const char args[] = ", with args";
    const char *at = memmem(text, len, args, sizeof args - 1);

    return at != NULL ? (size_t)(at - text) : 0;
}

/* The start of TEXT, escaped, without a secret or a sentence in its place. */
static void show(const struct reply_reader *r, const char *text, size_t len,
                 char out[ESCAPED_SIZE])
{
    /* Of what begins behind that nothing is shown. */
    size_t seen = len < LINE_KEPT ? len : LINE_KEPT;

    out[0] = '\0';
    if (tells(r->secret, text, seen)) {
        len = without_args(text, seen);
        if (len == 0 || tells(r->secret, text, len)) {
            snprintf(out, ESCAPED_SIZE, "not shown: it repeats the password");
            return;
        }
    }
    escape_add(out, ESCAPED_SIZE, text, len);
}

/* Versions and roles are short words, of which a short secret may be one: only
 * a word that is the secret, or has much of it, tells something. */
static void guard_word(const struct reply_reader *r, char *word)
{
    const char *secret = r->secret;

    if (secret != NULL &&
        (strcmp(word, secret) == 0 ||
         (strlen(secret) >= TELLTALE && tells(secret, word, strlen(word)))))
        word[0] = '\0';
}

static void guard_info(const struct reply_reader *r, struct reply_info *i)
{
    guard_word(r, i->version);
    if (i->role == ROLE_OTHER)
        guard_word(r, i->role_word);
    guard_word(r, i->server);
    guard_word(r, i->cluster_state);
}

struct reply_reader *reply_reader_new(struct err *e)
{
    struct reply_reader *r = calloc(1, sizeof *r);
    if (r == NULL) {
        err_set(e, "out of memory for a reader of replies");
        return NULL;
    }
    object_made(OBJECT_REPLY_READER);
    return r;
}

void reply_reader_free(struct reply_reader *r)
{
    if (r == NULL)
        return;
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
    assert(r->len == 0);
    r->at = bytes;
    r->len = len;
    return 0;
}

void reply_reader_allow_info(struct reply_reader *r, bool allowed)
{
    r->no_info = !allowed;
}

static size_t bulk_max(const struct reply_reader *r)
{
    return r->no_info ? REPLY_MAX : REPLY_INFO_MAX;
}

/* ----------------------------------------------------------- whole replies */

static void set_text(struct reply_reader *r, enum reply_kind kind,
                     const char *text, size_t len)
{
    struct reply *out = &r->out;
    char start[ESCAPED_SIZE] = "";

    out->kind = kind;
    out->pong = false;
    out->ok = false;
    escape_add(start, sizeof start, text, len);
    out->error = reply_error_reason(start);
    show(r, text, len, out->text);
}

static bool bad(struct reply_reader *r)
{
    r->bad = true;
    return false;
}

/* An element is complete: true when the reply is. */
static bool complete(struct reply_reader *r)
{
    r->reading = READING_TYPE;
    if (r->open > 0 && --r->open > 0)
        return false;
    if (r->in_array)
        set_text(r, REPLY_ARRAY, "array", 5);
    r->in_array = false;
    r->size = 0;
    return true;
}

/* -1, or up to MAX; -2 for what is no such number. */
static long long header_number(const struct reply_reader *r, long long max)
{
    char *end;
    if (r->line_len == 0 || r->line_len >= sizeof r->line)
        return -2;
    char first = r->line[0];
    if (first != '-' && (first < '0' || first > '9'))
        return -2;
    long long n = strtoll(r->line, &end, 10);
    return *end != '\0' || end != r->line + r->line_len || n < -1 || n > max
               ? -2
               : n;
}

/* ------------------------------------------------------------------- lines */

static bool is_integer(const struct reply_reader *r)
{
    char *end;
    char first = r->line[r->line[0] == '-'];
    if (r->line_len >= sizeof r->line || first < '0' || first > '9')
        return false;
    errno = 0;
    (void)strtoll(r->line, &end, 10);
    return errno == 0 && end == r->line + r->line_len;
}

static bool end_bulk_header(struct reply_reader *r)
{
    long long n = header_number(r, (long long)bulk_max(r));
    if (n == -2) {
        err_set(&r->why, "not RESP: a bulk without a length");
        return bad(r);
    }
    if (n == -1) {
        set_text(r, REPLY_INTEGER, "nil", 3);
        return complete(r);
    }
    r->bulk_len = r->bulk_left = (size_t)n;
    r->line_len = 0;
    info_begin(&r->info, &r->out.info);
    r->reading = n > 0 ? READING_BULK : READING_BULK_CR;
    return false;
}

static bool end_array_header(struct reply_reader *r)
{
    long long n = header_number(r, REPLY_MAX);
    if (n == -2) {
        err_set(&r->why, "not RESP: an array without a length");
        return bad(r);
    }
    r->in_array = true;
    if (n > 0) {
        /* In the place of one element come N. */
        r->open += (size_t)n - (r->open > 0);
        r->reading = READING_TYPE;
        return false;
    }
    return complete(r);
}

/* True when the reply is complete with this line. */
static bool end_line(struct reply_reader *r)
{
    size_t kept = r->line_len < sizeof r->line ? r->line_len : sizeof r->line;
    if (kept < sizeof r->line)
        r->line[kept] = '\0';
    switch (r->type) {
    case '+':
        set_text(r, REPLY_STATUS, r->line, kept);
        r->out.pong = r->line_len == 4 && memcmp(r->line, "PONG", 4) == 0;
        r->out.ok = r->line_len == 2 && memcmp(r->line, "OK", 2) == 0;
        return complete(r);
    case '-':
        set_text(r, REPLY_ERROR, r->line, kept);
        return complete(r);
    case ':':
        if (!is_integer(r)) {
            err_set(&r->why, "not RESP: no integer");
            return bad(r);
        }
        set_text(r, REPLY_INTEGER, r->line, kept);
        return complete(r);
    case '$':
        return end_bulk_header(r);
    default:
        return end_array_header(r);
    }
}

/* The digits of a header may say too much before the line is complete. */
static bool announces_too_much(const struct reply_reader *r)
{
    unsigned long n = 0;
    size_t kept = r->line_len < sizeof r->line ? r->line_len : sizeof r->line;
    for (size_t i = 0; i < kept && r->line[i] >= '0' && r->line[i] <= '9';
         i++) {
        n = n * 10 + (unsigned long)(r->line[i] - '0');
        if (n > bulk_max(r))
            return true;
    }
    return false;
}

static void take(struct reply_reader *r, size_t n)
{
    r->at += n;
    r->len -= n;
}

/* Keeps the start, up to the CR. */
static bool read_line(struct reply_reader *r)
{
    size_t n = 0;
    while (n < r->len && r->at[n] != '\r' && r->at[n] != '\n')
        n++;
    if (r->line_len < sizeof r->line) {
        size_t room = sizeof r->line - r->line_len;
        memcpy(r->line + r->line_len, r->at, n < room ? n : room);
    }
    r->line_len += n;
    r->size += n;
    bool ends = n < r->len;
    char end = ends ? r->at[n] : '\0';
    take(r, ends ? n + 1 : n);
    if (end == '\n') {
        err_set(&r->why, "not RESP: line break in a simple string");
        return bad(r);
    }
    if (r->type == '$' && announces_too_much(r)) {
        err_set(&r->why, "bulk of more than %zu bytes", bulk_max(r));
        return bad(r);
    }
    if (r->size > REPLY_MAX) {
        err_set(&r->why, "reply of more than %d bytes", REPLY_MAX);
        return bad(r);
    }
    if (ends)
        r->reading = READING_LF;
    return false;
}

static bool read_type(struct reply_reader *r)
{
    char type = *r->at;
    if (type == '\0' || strchr("+-:$*", type) == NULL) {
        char text[ESCAPED_SIZE];
        show(r, r->at, r->len, text);
        err_set(&r->why, "not RESP: %s", text);
        return bad(r);
    }
    if (type == '*' && r->no_info) {
        err_set(&r->why, "array where none was asked for");
        return bad(r);
    }
    r->type = type;
    r->line_len = 0;
    r->size++;
    r->reading = READING_LINE;
    take(r, 1);
    return false;
}

/* ------------------------------------------------------------------- bulks */

static bool read_bulk(struct reply_reader *r)
{
    size_t n = r->len < r->bulk_left ? r->len : r->bulk_left;
    if (r->line_len < sizeof r->line) {
        size_t room = sizeof r->line - r->line_len;
        size_t kept = n < room ? n : room;
        memcpy(r->line + r->line_len, r->at, kept);
        r->line_len += kept;
    }
    info_bytes(&r->info, r->at, n, &r->out.info);
    take(r, n);
    r->bulk_left -= n;
    if (r->bulk_left == 0)
        r->reading = READING_BULK_CR;
    /* Of an array everything counts. */
    if (r->in_array)
        r->size += n;
    if (r->size > REPLY_MAX) {
        err_set(&r->why, "reply of more than %d bytes", REPLY_MAX);
        return bad(r);
    }
    return false;
}

static bool read_bulk_end(struct reply_reader *r)
{
    bool is_cr = r->reading == READING_BULK_CR;
    if (*r->at != (is_cr ? '\r' : '\n')) {
        err_set(&r->why, "not RESP: bulk goes on after %zu bytes", r->bulk_len);
        return bad(r);
    }
    take(r, 1);
    if (is_cr) {
        r->reading = READING_BULK_LF;
        return false;
    }
    info_end(&r->info, &r->out.info);
    guard_info(r, &r->out.info);
    set_text(r, REPLY_BULK, r->line, r->line_len);
    return complete(r);
}

static bool read_lf(struct reply_reader *r)
{
    if (*r->at != '\n') {
        err_set(&r->why, "not RESP: line break in a simple string");
        return bad(r);
    }
    take(r, 1);
    return end_line(r);
}

/* One step; true when r->out is complete. */
static bool step(struct reply_reader *r)
{
    switch (r->reading) {
    case READING_TYPE:
        return read_type(r);
    case READING_LINE:
        return read_line(r);
    case READING_LF:
        return read_lf(r);
    case READING_BULK:
        return read_bulk(r);
    case READING_BULK_CR:
    case READING_BULK_LF:
        return read_bulk_end(r);
    }
    return bad(r);
}

enum reply_next reply_reader_next(struct reply_reader *r, struct reply *out,
                                  struct err *e)
{
    bool done = false;
    while (!r->bad && !done && r->len > 0)
        done = step(r);
    if (r->bad) {
        r->len = 0;
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
    return !r->bad && r->len == 0 && r->reading == READING_TYPE && !r->in_array;
}
