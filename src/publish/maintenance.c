/*
 * Entries of maintenance.  The bytes come from a node that anybody with the
 * right to write may have made by hand, hence: what has no end is no
 * maintenance, what is unreadable is refused with a reason for the log, and
 * texts are cut to what a status document has room for.
 */
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "agent/clock.h"
#include "agent/escape.h"
#include "agent/json_writer.h"
#include "agent/utf8.h"

#include "agent/maintenance.h"

/* -------------------------------------------------------------------- keys */

static bool name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

static bool all_of_names(const char *s, bool stars)
{
    for (; *s != '\0'; s++)
        if (!name_char(*s) && !(stars && *s == '*'))
            return false;
    return true;
}

/* ZooKeeper takes neither as the name of a node. */
static bool is_dots(const char *s)
{
    return strcmp(s, ".") == 0 || strcmp(s, "..") == 0;
}

static enum maintenance_key bad_key(const char *key, struct err *e)
{
    char shown[ESCAPED_SIZE] = "";

    escape_add(shown, sizeof shown, key, strlen(key));
    err_set(e,
            "must be 1..%d letters, digits, . _ - or *, or @ and an agent's "
            "id, got \"%s\"",
            MAINTENANCE_NAME_MAX, shown);
    return MAINTENANCE_BAD;
}

enum maintenance_key maintenance_key(const char *key, struct err *e)
{
    size_t len = strlen(key);

    if (*key == '@') {
        if (len < 2 || len >= MAINTENANCE_KEY_SIZE ||
            !all_of_names(key + 1, false))
            return bad_key(key, e);
        return MAINTENANCE_MEMBER;
    }
    if (len < 1 || len > MAINTENANCE_NAME_MAX || is_dots(key) ||
        !all_of_names(key, true))
        return bad_key(key, e);
    return strchr(key, '*') != NULL ? MAINTENANCE_PATTERN : MAINTENANCE_NAME;
}

/* A star first takes nothing, and one character more after each failure.  Only
 * the last star needs to: what stood before it has matched already. */
bool maintenance_matches(const char *key, const char *name)
{
    const char *star = NULL, *taken = NULL;

    while (*name != '\0') {
        if (*key == '*') {
            star = key++;
            taken = name;
        } else if (*key == *name) {
            key++;
            name++;
        } else if (star != NULL) {
            key = star + 1;
            name = ++taken;
        } else {
            return false;
        }
    }
    while (*key == '*')
        key++;
    return *key == '\0';
}

/* ----------------------------------------------------------------- entries */

/* SOURCE, which is valid UTF-8, without a torn character at its end. */
static void copy_cut(char *out, size_t max, const char *source)
{
    size_t len = 0;
    uint32_t code;

    while (source[len] != '\0') {
        size_t n = utf8_at(source + len, &code);

        if (n == 0 || len + n > max)
            break;
        len += n;
    }
    memcpy(out, source, len);
    out[len] = '\0';
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

static int read_until(const json_t *object, int64_t *wall_ms, struct err *e)
{
    const char *text = text_of(object, "until");
    char shown[ESCAPED_SIZE] = "";

    if (*text == '\0') {
        err_set(e, "no \"until\": maintenance without an end is none");
        return -1;
    }
    if (clock_parse_rfc3339(text, wall_ms) == 0)
        return 0;
    escape_add(shown, sizeof shown, text, strlen(text));
    err_set(e, "until must be like 2026-11-23T07:00:00.000Z, got \"%s\"",
            shown);
    return -1;
}

static int read_object(const json_t *object, struct maintenance_entry *out,
                       struct err *e)
{
    const json_t *schema = json_object_get(object, "schema");

    if (!json_is_object(object)) {
        err_set(e, "not a JSON object");
        return -1;
    }
    if (json_number_value(schema) != 1) {
        err_set(e, "\"schema\" must be 1");
        return -1;
    }
    if (read_until(object, &out->until_wall_ms, e) != 0)
        return -1;
    if (clock_parse_rfc3339(text_of(object, "since"), &out->since_wall_ms) != 0)
        out->since_wall_ms = 0;
    copy_cut(out->owner, MAINTENANCE_OWNER_MAX, text_of(object, "owner"));
    copy_cut(out->reason, MAINTENANCE_REASON_MAX, text_of(object, "reason"));
    return 0;
}

int maintenance_read(const char *key, const char *bytes, size_t len,
                     struct maintenance_entry *out, struct err *e)
{
    struct maintenance_entry m = { .since_wall_ms = 0 };

    if (maintenance_key(key, e) == MAINTENANCE_BAD)
        return -1;
    if (len > MAINTENANCE_ENTRY_MAX) {
        err_set(e, "%zu bytes, at most %d are read", len,
                MAINTENANCE_ENTRY_MAX);
        return -1;
    }
    /* An integer beyond 64 bits would else make the whole no object. */
    json_t *object =
        len > 0 ? json_loadb(bytes, len, JSON_DECODE_INT_AS_REAL, NULL) : NULL;
    int rc = read_object(object, &m, e);
    json_decref(object);
    if (rc != 0)
        return -1;
    strcpy(m.key, key);
    *out = m;
    return 0;
}

size_t maintenance_write(const struct maintenance_entry *m, char *out,
                         size_t size)
{
    struct text t = text_in(out, size);

    jsonw_open(&t, NULL, '{');
    jsonw_uint(&t, "schema", 1);
    jsonw_string(&t, "owner", m->owner);
    jsonw_string(&t, "reason", m->reason);
    jsonw_time(&t, "since", m->since_wall_ms);
    jsonw_time(&t, "until", m->until_wall_ms);
    jsonw_close(&t, '}');
    return t.failed ? 0 : t.len;
}

bool maintenance_over(const struct maintenance_entry *m, int64_t now_wall_ms)
{
    return now_wall_ms >= m->until_wall_ms;
}

static bool goes_before(const struct maintenance_entry *a,
                        const struct maintenance_entry *b)
{
    bool a_pattern = strchr(a->key, '*') != NULL;
    bool b_pattern = strchr(b->key, '*') != NULL;

    if (a->until_wall_ms != b->until_wall_ms)
        return a->until_wall_ms > b->until_wall_ms;
    if (a_pattern != b_pattern)
        return b_pattern;
    return strcmp(a->key, b->key) < 0;
}

const struct maintenance_entry *maintenance_cover(
    const struct maintenance_entry *entries, size_t n, const char *name,
    int64_t now_wall_ms)
{
    const struct maintenance_entry *best = NULL;

    for (size_t i = 0; i < n; i++) {
        const struct maintenance_entry *m = &entries[i];

        if (maintenance_over(m, now_wall_ms) ||
            !maintenance_matches(m->key, name))
            continue;
        if (best == NULL || goes_before(m, best))
            best = m;
    }
    return best;
}
