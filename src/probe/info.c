/*
 * What INFO says, as far as a probe needs it: lines of `key:value`, each
 * looked up in one table.  The text is the server's: it may hold anything,
 * it is never changed and never assumed to end in a NUL.  What cannot be
 * understood counts as not said; of a key that comes twice the last one
 * holds.
 */
#include <ctype.h>
#include <string.h>

#include "reply.h"

struct span {
    const char *at; /* borrowed, not NUL-terminated */
    size_t len;
};

static bool span_is(struct span s, const char *word)
{
    return s.len == strlen(word) && memcmp(s.at, word, s.len) == 0;
}

/* Digits only; signs, anything else, and what an int64_t cannot hold: -1. */
static int64_t span_number(struct span s)
{
    int64_t v = 0;
    if (s.len == 0)
        return -1;
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] < '0' || s.at[i] > '9')
            return -1;
        int digit = s.at[i] - '0';
        if (v > (INT64_MAX - digit) / 10)
            return -1;
        v = v * 10 + digit;
    }
    return v;
}

static void take_role(struct span v, struct reply_info *out)
{
    out->role = ROLE_ANY;
    if (span_is(v, "master"))
        out->role = ROLE_MASTER;
    else if (span_is(v, "slave") || span_is(v, "replica"))
        out->role = ROLE_REPLICA;
}

static void take_link_status(struct span v, struct reply_info *out)
{
    out->link_up = span_is(v, "up");
    out->link_known = out->link_up || span_is(v, "down");
}

static void take_link_down(struct span v, struct reply_info *out)
{
    out->link_down_s = span_number(v);
}

static void take_master_offset(struct span v, struct reply_info *out)
{
    out->master_offset = span_number(v);
}

static void take_replica_offset(struct span v, struct reply_info *out)
{
    out->replica_offset = span_number(v);
}

static void take_read_offset(struct span v, struct reply_info *out)
{
    out->read_offset = span_number(v);
}

static void take_replid(struct span v, struct reply_info *out)
{
    out->replid[0] = '\0';
    if (v.len != REPLID_SIZE - 1)
        return;
    for (size_t i = 0; i < v.len; i++) {
        if (!isxdigit((unsigned char)v.at[i]))
            return;
    }
    memcpy(out->replid, v.at, v.len);
    out->replid[v.len] = '\0';
}

/* Forks have long version strings: these are cut, others are not taken. */
static void take_version(struct span v, struct reply_info *out)
{
    out->version[0] = '\0';
    size_t n = v.len < VERSION_SIZE - 1 ? v.len : VERSION_SIZE - 1;
    for (size_t i = 0; i < n; i++) {
        if (!isalnum((unsigned char)v.at[i]) &&
            (v.at[i] == '\0' || strchr(".-_+", v.at[i]) == NULL))
            return;
    }
    memcpy(out->version, v.at, n);
    out->version[n] = '\0';
}

static const struct {
    const char *key;
    void (*take)(struct span, struct reply_info *);
} KEYS[] = {
    { "role", take_role },
    { "master_link_status", take_link_status },
    { "master_link_down_since_seconds", take_link_down },
    { "master_repl_offset", take_master_offset },
    { "slave_repl_offset", take_replica_offset },
    { "slave_read_repl_offset", take_read_offset },
    { "master_replid", take_replid },
    { "redis_version", take_version },
};

static void take_line(struct span line, struct reply_info *out)
{
    const char *colon = memchr(line.at, ':', line.len);
    if (colon == NULL)
        return;
    struct span key = { line.at, (size_t)(colon - line.at) };
    struct span value = { colon + 1, line.len - key.len - 1 };
    for (size_t i = 0; i < sizeof KEYS / sizeof KEYS[0]; i++) {
        if (span_is(key, KEYS[i].key)) {
            KEYS[i].take(value, out);
            return;
        }
    }
}

void reply_parse_info(const char *text, size_t len, struct reply_info *out)
{
    *out = (struct reply_info){
        .role = ROLE_ANY,
        .link_down_s = -1,
        .master_offset = -1,
        .replica_offset = -1,
        .read_offset = -1,
    };
    while (len > 0) {
        const char *end = memchr(text, '\n', len);
        size_t n = end != NULL ? (size_t)(end - text) : len;
        struct span line = { text, n };
        if (n > 0 && text[n - 1] == '\r')
            line.len--;
        take_line(line, out);
        if (end != NULL)
            n++;
        text += n;
        len -= n;
    }
}
