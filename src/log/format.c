/*
 * One event to one line.  Strings may hold anything a remote side sent, so
 * the rule is strict: only printable ASCII and well-formed UTF-8 without
 * control characters gets through as it is.  In logfmt everything else is
 * \xNN, byte by byte.  In JSON a control character is \uNNNN; a byte that is
 * no UTF-8 has no JSON form, and becomes the text \xNN (in JSON: "\\xNN"), as
 * it looks in logfmt.  Line separators and the bidirectional controls count
 * as control characters: they make a line look like what it is not.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/clock.h"
#include "agent/escape.h"
#include "agent/utf8.h"

#include "format.h"

/* The longest string value after escaping: one hostile value must leave room
 * for its neighbours. */
#define VALUE_MAX 512

#define CUT_MARK "..."

/* Bytes that the end of a line may need: `,"cut":true}` and the newline. */
#define TAIL_MAX 16

struct out {
    char *text;
    size_t len;
    size_t limit; /* nothing is written past it */
    enum log_form form;
};

const char *const LOG_LEVEL_NAMES[] = {
    [LOG_LEVEL_ERROR] = "error",
    [LOG_LEVEL_WARN] = "warn",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_DEBUG] = "debug",
    NULL,
};

static bool put(struct out *o, const char *s, size_t n)
{
    if (n > o->limit - o->len)
        return false;
    memcpy(o->text + o->len, s, n);
    o->len += n;
    return true;
}

static bool put_text(struct out *o, const char *s)
{
    return put(o, s, strlen(s));
}

static bool is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c ||
           (c >= 0x200e && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069);
}

/* The two-character escapes, the same in both forms. */
static const char *short_escape(uint32_t c)
{
    switch (c) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\t':
        return "\\t";
    }
    return NULL;
}

/*
 * The next piece of a quoted string: *USED bytes of S become OUT, whose
 * length is returned.  A logfmt escape needs four bytes for each of up to
 * four.
 */
static size_t escape(enum log_form form, const char *s, size_t *used,
                     char out[17])
{
    uint32_t code;
    size_t n = utf8_at(s, &code);
    bool valid = n > 0;
    *used = valid ? n : 1;
    const char *two = valid ? short_escape(code) : NULL;
    if (two != NULL) {
        memcpy(out, two, 2);
        return 2;
    }
    if (valid && !is_control(code)) {
        memcpy(out, s, n);
        return n;
    }
    if (form == LOG_FORM_JSON) {
        if (valid)
            return (size_t)snprintf(out, 17, "\\u%04" PRIx32, code);
        out[0] = '\\';
        return 1 + escape_byte(s[0], out + 1);
    }
    for (size_t i = 0; i < *used; i++)
        escape_byte(s[i], out + 4 * i);
    return 4 * *used;
}

static bool needs_quotes(const char *s)
{
    if (s[0] == '\0' || strcmp(s, "-") == 0)
        return true;
    for (; *s != '\0'; s++) {
        if (*s <= ' ' || *s > '~' || *s == '"' || *s == '=' || *s == '\\')
            return true;
    }
    return false;
}

static bool put_string(struct out *o, const char *s)
{
    if (s == NULL)
        return put_text(o, o->form == LOG_FORM_JSON ? "null" : "-");

    const char *quote = o->form == LOG_FORM_JSON || needs_quotes(s) ? "\"" : "";
    size_t room = o->limit - o->len;
    if (room > VALUE_MAX)
        room = VALUE_MAX;
    size_t tail = strlen(CUT_MARK) + strlen(quote);
    if (room < strlen(quote) + tail)
        return false;
    size_t end = o->len + room - tail;

    put_text(o, quote);
    while (*s != '\0') {
        char piece[17];
        size_t used;
        size_t n = escape(o->form, s, &used, piece);
        if (o->len + n > end) {
            put_text(o, CUT_MARK);
            break;
        }
        put(o, piece, n);
        s += used;
    }
    return put_text(o, quote);
}

static bool put_key(struct out *o, const char *key)
{
    if (o->form == LOG_FORM_JSON) {
        return put_text(o, o->len == 0 ? "{\"" : ",\"") && put_text(o, key) &&
               put_text(o, "\":");
    }
    return (o->len == 0 || put_text(o, " ")) && put_text(o, key) &&
           put_text(o, "=");
}

static bool put_value(struct out *o, const struct log_pair *p)
{
    char number[24];
    switch (p->kind) {
    case LOG_KIND_STR:
        return put_string(o, p->v.s);
    case LOG_KIND_INT:
        snprintf(number, sizeof number, "%" PRId64, p->v.i);
        return put_text(o, number);
    case LOG_KIND_UINT:
        snprintf(number, sizeof number, "%" PRIu64, p->v.u);
        return put_text(o, number);
    case LOG_KIND_BOOL:
        return put_text(o, p->v.b ? "true" : "false");
    }
    return false;
}

/* All of the pair or, when it does not fit, nothing. */
static bool put_pair(struct out *o, const struct log_pair *p)
{
    size_t before = o->len;
    if (put_key(o, p->key) && put_value(o, p))
        return true;
    o->len = before;
    return false;
}

size_t log_format(enum log_form form, const struct log_event *ev,
                  char out[LOG_LINE_MAX])
{
    char ts[CLOCK_RFC3339_SIZE];
    const struct log_pair head[] = {
        LOG_STR("ts", clock_rfc3339(ev->wall_ms, ts)),
        LOG_STR("level", LOG_LEVEL_NAMES[ev->level]),
        LOG_STR("thread", ev->thread),
        LOG_STR("event", ev->event),
    };
    struct out o = { .text = out,
                     .limit = LOG_LINE_MAX - TAIL_MAX,
                     .form = form };
    bool whole = true;

    for (size_t i = 0; i < sizeof head / sizeof head[0]; i++)
        whole = put_pair(&o, &head[i]) && whole;
    for (size_t i = 0; i < ev->npairs; i++)
        whole = put_pair(&o, &ev->pairs[i]) && whole;

    o.limit = LOG_LINE_MAX;
    const struct log_pair cut = LOG_BOOL("cut", true);
    if (!whole)
        put_pair(&o, &cut);
    put_text(&o, form == LOG_FORM_JSON ? "}\n" : "\n");
    return o.len;
}
