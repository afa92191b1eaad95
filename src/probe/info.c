/*
 * What INFO says, as far as a probe needs it: lines of `key:value`, each
 * looked up in one table.  The text is the server's: it may hold anything,
 * and is never assumed to end in a NUL.  What cannot be understood counts as
 * not said; of a key that comes twice the last one holds, but for the links:
 * a replica of several masters (KeyDB) has one line for each.
 */
#include <ctype.h>
#include <string.h>

#include "agent/hash.h"
#include "agent/role.h"

#include "info.h"

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

/* A word to be shown: letters, digits and a few signs, or nothing. */
static void take_word(struct span v, char *out, size_t size)
{
    out[0] = '\0';
    size_t n = v.len < size - 1 ? v.len : size - 1;
    for (size_t i = 0; i < n; i++) {
        if (!isalnum((unsigned char)v.at[i]) &&
            (v.at[i] == '\0' || strchr(".-_+", v.at[i]) == NULL))
            return;
    }
    memcpy(out, v.at, n);
    out[n] = '\0';
}

static void take_role(struct span v, struct reply_info *out)
{
    out->role = ROLE_ANY;
    take_word(v, out->role_word, sizeof out->role_word);
    if (out->role_word[0] == '\0')
        return;
    if (span_is(v, "slave"))
        strcpy(out->role_word, role_name(ROLE_REPLICA));
    if (!role_parse(out->role_word, &out->role) || out->role == ROLE_ANY)
        out->role = ROLE_OTHER;
}

/* Down if any of them is, wherever the line stands. */
static void take_link_status(struct span v, struct reply_info *out)
{
    bool up = span_is(v, "up");
    if (!up && !span_is(v, "down"))
        return;
    out->link_up = up && (out->link_up || !out->link_known);
    out->link_known = true;
}

static void take_syncing(struct span v, struct reply_info *out)
{
    out->syncing = out->syncing || span_is(v, "1");
}

/* Redis up to 6.0 counts from 1970 before the first link, later ones say -1. */
#define TEN_YEARS_S (10 * 365 * 86400LL)

static void take_link_down(struct span v, struct reply_info *out)
{
    out->link_down_s = span_number(v);
    if (out->link_down_s > TEN_YEARS_S)
        out->link_down_s = -1;
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

static void take_good_replicas(struct span v, struct reply_info *out)
{
    out->good_replicas = span_number(v);
}

static void take_run_id(struct span v, struct reply_info *out)
{
    out->run_id = v.len > 0 ? hash64(HASH64_START, v.at, v.len) : 0;
}

static void take_uptime(struct span v, struct reply_info *out)
{
    out->uptime_s = span_number(v);
    if (out->uptime_s > 10 * TEN_YEARS_S)
        out->uptime_s = -1;
}

static void take_mode(struct span v, struct reply_info *out)
{
    out->is_cluster = span_is(v, "cluster");
    out->is_sentinel = span_is(v, "sentinel");
}

static void take_cluster_state(struct span v, struct reply_info *out)
{
    take_word(v, out->cluster_state, sizeof out->cluster_state);
}

/* Unless it names itself, what has this version is a Redis.  Forks have long
 * version strings: these are cut, others are not taken. */
static void take_redis_version(struct span v, struct reply_info *out)
{
    if (!out->names_itself)
        take_word(v, out->version, sizeof out->version);
}

static void take_name(struct span v, struct reply_info *out)
{
    take_word(v, out->server, sizeof out->server);
}

/* KeyDB names itself nowhere else, and its version is its own. */
static void take_features(struct span v, struct reply_info *out)
{
    static const char keydb[] = "cluster_mget";
    if (v.len >= sizeof keydb - 1 && memcmp(v.at, keydb, sizeof keydb - 1) == 0)
        strcpy(out->server, "keydb");
}

static void take_executable(struct span v, struct reply_info *out)
{
    static const char keydb[] = "keydb-server";
    size_t n = sizeof keydb - 1;
    if (v.len >= n && memcmp(v.at + v.len - n, keydb, n) == 0)
        strcpy(out->server, "keydb");
}

static const struct {
    const char *key;
    void (*take)(struct span, struct reply_info *);
} KEYS[] = {
    { "role", take_role },
    { "master_link_status", take_link_status },
    { "master_global_link_status", take_link_status },
    { "master_sync_in_progress", take_syncing },
    { "master_link_down_since_seconds", take_link_down },
    { "master_repl_offset", take_master_offset },
    { "slave_repl_offset", take_replica_offset },
    { "slave_read_repl_offset", take_read_offset },
    { "min_slaves_good_slaves", take_good_replicas },
    { "master_replid", take_replid },
    { "redis_version", take_redis_version },
    { "server_name", take_name },
    { "features", take_features },
    { "executable", take_executable },
    { "redis_mode", take_mode },
    { "server_mode", take_mode },
    { "run_id", take_run_id },
    { "uptime_in_seconds", take_uptime },
    { "cluster_state", take_cluster_state },
};

/* Relatives that say NAME_version: redis_version is then what they imitate. */
static const char *const RELATIVES[] = {
    "valkey", "dragonfly", "kvrocks", "pika", "garnet",
};

static bool take_own_version(struct span key, struct span v,
                             struct reply_info *out)
{
    static const char tail[] = "_version";
    for (size_t i = 0; i < sizeof RELATIVES / sizeof RELATIVES[0]; i++) {
        size_t n = strlen(RELATIVES[i]);
        if (key.len != n + sizeof tail - 1 ||
            memcmp(key.at, RELATIVES[i], n) != 0 ||
            memcmp(key.at + n, tail, sizeof tail - 1) != 0)
            continue;
        take_word(v, out->version, sizeof out->version);
        strcpy(out->server, RELATIVES[i]);
        out->names_itself = true;
        return true;
    }
    return false;
}

/* master_1_link_status and so on: the further masters of a KeyDB. */
static bool is_further_link(struct span key)
{
    static const char head[] = "master_", tail[] = "_link_status";
    const size_t ends = sizeof head - 1 + sizeof tail - 1;
    if (key.len <= ends || memcmp(key.at, head, sizeof head - 1) != 0 ||
        memcmp(key.at + key.len - (sizeof tail - 1), tail, sizeof tail - 1) !=
            0)
        return false;
    struct span number = { key.at + sizeof head - 1, key.len - ends };
    return span_number(number) >= 0;
}

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
    if (is_further_link(key))
        take_link_status(value, out);
    else
        (void)take_own_version(key, value, out);
}

static void end_line(struct info_reader *r, struct reply_info *out)
{
    struct span line = { r->line, r->len };
    if (line.len > 0 && line.at[line.len - 1] == '\r')
        line.len--;
    if (!r->cut)
        take_line(line, out);
    r->len = 0;
    r->cut = false;
}

void info_begin(struct info_reader *r, struct reply_info *out)
{
    r->len = 0;
    r->cut = false;
    *out = (struct reply_info){
        .role = ROLE_ANY,
        .uptime_s = -1,
        .link_down_s = -1,
        .master_offset = -1,
        .replica_offset = -1,
        .read_offset = -1,
        .good_replicas = -1,
    };
}

void info_bytes(struct info_reader *r, const char *bytes, size_t len,
                struct reply_info *out)
{
    while (len > 0) {
        const char *end = memchr(bytes, '\n', len);
        size_t n = end != NULL ? (size_t)(end - bytes) : len;
        size_t room = sizeof r->line - r->len;
        r->cut = r->cut || n > room;
        size_t taken = n < room ? n : room;
        memcpy(r->line + r->len, bytes, taken);
        r->len += taken;
        if (end != NULL) {
            end_line(r, out);
            n++;
        }
        bytes += n;
        len -= n;
    }
}

void info_end(struct info_reader *r, struct reply_info *out)
{
    if (r->len > 0 || r->cut)
        end_line(r, out);
    if (out->is_sentinel && out->role == ROLE_ANY) {
        out->role = ROLE_SENTINEL;
        strcpy(out->role_word, role_name(ROLE_SENTINEL));
    }
    if (out->server[0] == '\0' && out->version[0] != '\0')
        strcpy(out->server, "redis");
}

void reply_parse_info(const char *text, size_t len, struct reply_info *out)
{
    struct info_reader r;
    info_begin(&r, out);
    info_bytes(&r, text, len, out);
    info_end(&r, out);
}
