/*
 * As with a slot, the next request follows from what is known and wanted, and
 * no step of a procedure is remembered: after a lost reply the node is read
 * again.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/log.h"

#include "book.h"
#include "owned.h"

/* Longest name of an instance. */
#define NAME_LEN 40

/* No parent, although they were made: it is tried again after so long. */
#define PARENTS_RETRY_MS 100

/* ------------------------------------------------------------------- names */

static void names_free(struct names *n)
{
    free(n->bytes);
    *n = (struct names){ 0 };
}

static bool names_equal(const struct names *a, const struct names *b)
{
    return a->len == b->len &&
           (a->len == 0 || memcmp(a->bytes, b->bytes, a->len) == 0);
}

static size_t line_len(const struct names *n, size_t at)
{
    const char *end = memchr(n->bytes + at, '\n', n->len - at);

    return end != NULL ? (size_t)(end - (n->bytes + at)) + 1 : n->len - at;
}

/* Which name comes first: < 0 that of A, 0 they are the same. */
static int compare(const struct names *a, size_t i, const struct names *b,
                   size_t j)
{
    size_t la = i < a->len ? line_len(a, i) : 0;
    size_t lb = j < b->len ? line_len(b, j) : 0;

    if (la == 0 || lb == 0)
        return la == 0 ? 1 : -1;
    int order = memcmp(a->bytes + i, b->bytes + j, la < lb ? la : lb);
    return order != 0 ? order : (la > lb) - (la < lb);
}

/* All names of A and of B, each once.  -1 on lack of memory. */
static int names_join(const struct names *a, const struct names *b,
                      struct names *out)
{
    size_t i = 0;
    size_t j = 0;

    out->len = 0;
    out->bytes = malloc(a->len + b->len + 1);
    if (out->bytes == NULL)
        return -1;
    while (i < a->len || j < b->len) {
        int order = compare(a, i, b, j);
        const struct names *from = order <= 0 ? a : b;
        size_t at = order <= 0 ? i : j;
        size_t len = line_len(from, at);

        memcpy(out->bytes + out->len, from->bytes + at, len);
        out->len += len;
        i += order <= 0 ? len : 0;
        j += order == 0 || order > 0 ? len : 0;
    }
    return 0;
}

/* True when A names something that B does not. */
static bool names_beyond(const struct names *a, const struct names *b)
{
    size_t i = 0;
    size_t j = 0;

    while (i < a->len) {
        int order = compare(a, i, b, j);

        if (order < 0)
            return true;
        j += line_len(b, j);
        i += order == 0 ? line_len(a, i) : 0;
    }
    return false;
}

static int by_line(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* As the config allows it: nothing else was ever an instance of ours. */
static bool is_name(const char *line)
{
    static const char CHARS[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

    return line[0] != '\0' && strlen(line) <= NAME_LEN &&
           line[strspn(line, CHARS)] == '\0' && strcmp(line, ".") != 0 &&
           strcmp(line, "..") != 0;
}

/*
 * Whatever the LEN bytes of the node are: its lines, sorted, each once, and
 * without what cannot be the name of an instance.  -1 on lack of memory.
 */
static int names_read(struct names *out, const char *bytes, size_t len)
{
    char *copy = malloc(len + 1);
    char **lines = calloc(len / 2 + 1, sizeof *lines);
    size_t n = 0;
    char *rest = copy;
    char *line;

    out->len = 0;
    out->bytes = malloc(len + 2);
    if (copy == NULL || lines == NULL || out->bytes == NULL) {
        names_free(out);
        free(lines);
        free(copy);
        return -1;
    }
    memcpy(copy, bytes, len);
    copy[len] = '\0';
    while ((line = strsep(&rest, "\n")) != NULL)
        if (is_name(line))
            lines[n++] = line;
    qsort(lines, n, sizeof *lines, by_line);
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && strcmp(lines[i], lines[i - 1]) == 0)
            continue;
        size_t size = strlen(lines[i]);

        memcpy(out->bytes + out->len, lines[i], size);
        out->bytes[out->len + size] = '\n';
        out->len += size + 1;
    }
    free(lines);
    free(copy);
    return 0;
}

/* ------------------------------------------------------- what is to be done */

int owned_want(struct book *b, struct names names, bool part, struct err *e)
{
    struct owned *o = &b->owned;

    if (o->path == NULL &&
        asprintf(&o->path, "%s/owned/%s", b->root, b->owners.lease.agent) < 0) {
        o->path = NULL;
        free(names.bytes);
        err_set(e, "out of memory for the names of our instances");
        return -1;
    }
    names_free(&o->wanted);
    o->wanted = names;
    o->part = part;
    o->rests = false;
    b->nudged = true;
    return 0;
}

/* What it names beyond what is wanted has had its last word. */
static bool may_shrink(const struct book *b)
{
    return b->owned.sought && !b->owned.part && b->nremoved == 0 &&
           b->orphans.owed == 0;
}

/* What the node is to hold now.  -1 on lack of memory. */
static int target(const struct book *b, struct names *out)
{
    static const struct names NONE = { 0 };
    const struct owned *o = &b->owned;

    return names_join(&o->wanted, may_shrink(b) ? &NONE : &o->listed, out);
}

/* The node is to be written. */
static bool differs(const struct book *b)
{
    const struct owned *o = &b->owned;

    if (o->wanted.len > OWNED_MAX)
        return o->exists;
    if (!o->exists || o->ragged || names_beyond(&o->wanted, &o->listed))
        return true;
    return may_shrink(b) && !names_equal(&o->wanted, &o->listed);
}

enum step { STEP_NONE, STEP_READ, STEP_SEEK, STEP_WRITE };

static enum step step_of(const struct book *b)
{
    const struct owned *o = &b->owned;
    bool whole_tree = o->unreadable || (o->known && !o->exists);
    bool sought = o->sought || o->part;
    enum step seek = o->waits ? STEP_NONE : STEP_SEEK;

    if (o->path == NULL || o->rests)
        return STEP_NONE;
    /* A part would pass for all, and hide what the next one is to look for. */
    if (whole_tree && o->part)
        return STEP_NONE;
    /* Nothing is written before the tree was looked at: after a crash it is
     * to be looked at again. */
    if (whole_tree && !sought)
        return seek;
    if (!o->known)
        return STEP_READ;
    /* What cannot be written together may be short enough afterwards. */
    if (o->unwritable && !sought)
        return seek;
    if (differs(b))
        return STEP_WRITE;
    return sought ? STEP_NONE : seek;
}

void owned_search(struct book *b)
{
    b->owned.waits = b->owned.rests = false;
    b->orphans.early = true;
    b->nudged = true;
}

bool owned_busy(const struct book *b)
{
    return !b->owned.refused && step_of(b) != STEP_NONE;
}

static void say_too_long(struct owned *o)
{
    if (o->too_long != (o->wanted.len > OWNED_MAX) && !o->too_long)
        LOG_EVENT(LOG_LEVEL_WARN, "owned_too_long", LOG_STR("path", o->path),
                  LOG_UINT("bytes", o->wanted.len),
                  LOG_STR("detail", "the names do not fit into one node: each "
                                    "start reads every document of the tree"));
    o->too_long = o->wanted.len > OWNED_MAX;
}

/* ---------------------------------------------------------------- requests */

/* Fills R with what follows from the step.  -1 on lack of memory. */
static int make_request(struct book *b, enum step step, struct store_request *r)
{
    struct owned *o = &b->owned;

    *r = (struct store_request){ .path = o->path, .data = "", .large = true };
    if (step == STEP_READ) {
        r->verb = STORE_GET;
        return 0;
    }
    say_too_long(o);
    r->version = o->version;
    if (o->too_long) {
        r->verb = STORE_DELETE;
        return 0;
    }
    names_free(&o->sent);
    if (target(b, &o->sent) != 0)
        return -1;
    r->verb = o->exists ? STORE_SET : STORE_CREATE;
    r->data = o->sent.bytes;
    r->len = o->sent.len;
    return 0;
}

/* The documents that the node names, or all. */
static void seek(struct book *b)
{
    struct owned *o = &b->owned;

    if (!o->exists || o->unreadable)
        orphans_seek(b);
    else if (orphans_seek_among(b, o->listed.bytes, o->listed.len) != 0)
        return;
    o->sought = true;
}

bool owned_next(struct book *b, uint64_t now_mono_ms, struct store_request *r)
{
    struct owned *o = &b->owned;

    if (o->path == NULL || o->under_way || b->stopping ||
        now_mono_ms < o->retry_mono_ms || !orphans_may_look(b) ||
        orphans_seeking(&b->orphans) || parents_busy(&b->parents))
        return false;
    if (o->known && now_mono_ms >= o->reread_mono_ms)
        owned_forget(o);
    enum step step = step_of(b);
    if (step == STEP_SEEK) {
        seek(b);
        o->retry_mono_ms = o->sought ? 0 : now_mono_ms + b->refused_ms;
        return false;
    }
    if (step == STEP_NONE) {
        o->rests = b->nremoved == 0 && b->orphans.owed == 0;
        return false;
    }
    if (make_request(b, step, r) != 0) {
        o->retry_mono_ms = now_mono_ms + b->refused_ms;
        return false;
    }
    o->under_way = true;
    return true;
}

void owned_unsent(struct book *b)
{
    b->owned.under_way = false;
}

uint64_t owned_due(const struct book *b)
{
    const struct owned *o = &b->owned;

    if (o->path == NULL || o->under_way)
        return UINT64_MAX;
    if (o->known && step_of(b) == STEP_NONE)
        return o->reread_mono_ms;
    return o->retry_mono_ms;
}

/* ----------------------------------------------------------------- answers */

static void say_drift(struct book *b, const struct store_reply *r)
{
    b->drifts++;
    LOG_EVENT(LOG_LEVEL_WARN, "drift", LOG_STR("path", b->owned.path),
              LOG_STR("what", r->code == STORE_OK ? "changed" : "deleted"),
              LOG_STR("by", "?"), LOG_INT("found", r->version),
              LOG_INT("expected", b->owned.version));
}

/* The node holds these names.  -1 on lack of memory. */
static int learn(struct book *b, const struct store_reply *r, uint64_t now)
{
    struct owned *o = &b->owned;
    struct names found = { 0 };
    bool was_there = o->exists;

    if (r->code == STORE_OK && names_read(&found, r->data, r->len) != 0)
        return -1;
    if (o->sure && was_there &&
        (r->code != STORE_OK || r->version != o->version))
        say_drift(b, r);
    o->sure = true;
    /* What was removed while nobody saw it is looked at. */
    if (names_beyond(&found, &o->wanted) && b->nremoved == 0 &&
        !names_equal(&found, &o->listed))
        o->sought = false;
    names_free(&o->listed);
    o->listed = found;
    o->ragged = r->code == STORE_OK &&
                (found.len != r->len || memcmp(found.bytes, r->data, r->len));
    o->exists = r->code == STORE_OK;
    o->version = r->version;
    o->known = true;
    o->unreadable = o->refused = false;
    o->reread_mono_ms = b->refresh_ms > 0 ? now + b->refresh_ms : UINT64_MAX;
    return 0;
}

static void written(struct owned *o, const struct store_reply *r)
{
    names_free(&o->listed);
    if (r->verb != STORE_DELETE)
        o->listed = o->sent;
    else
        names_free(&o->sent);
    o->sent = (struct names){ 0 };
    o->exists = r->verb != STORE_DELETE;
    o->ragged = false;
    o->version = r->version;
    o->sure = true;
    o->refused = o->unwritable = o->tried_parents = false;
}

static void refuse(struct book *b, const struct store_reply *r, uint64_t now)
{
    struct owned *o = &b->owned;
    char detail[240];

    o->retry_mono_ms = now + b->refused_ms;
    o->unreadable = r->verb == STORE_GET;
    o->unwritable = r->verb != STORE_GET;
    o->known = o->sure = o->tried_parents = false;
    store_reply_say(r, detail, sizeof detail);
    if (!o->refused)
        LOG_EVENT(LOG_LEVEL_WARN, "publish_failed", LOG_STR("path", o->path),
                  LOG_STR("code", store_code_name(r->code)),
                  LOG_STR("detail", detail), LOG_INT("raw", r->raw));
    o->refused = true;
}

static void no_node(struct book *b, const struct store_reply *r, uint64_t now)
{
    struct owned *o = &b->owned;

    if (r->verb == STORE_GET) {
        if (learn(b, r, now) != 0)
            o->retry_mono_ms = now + b->refused_ms;
        return;
    }
    if (r->verb != STORE_CREATE) {
        o->known = false;
    } else if (o->tried_parents) {
        refuse(b, r, now);
    } else {
        o->tried_parents = true;
        parents_want(&b->parents, now);
        o->retry_mono_ms = now + PARENTS_RETRY_MS;
    }
}

static void fine(struct book *b, const struct store_reply *r, uint64_t now)
{
    struct owned *o = &b->owned;

    if (r->verb == STORE_GET) {
        if (learn(b, r, now) != 0)
            o->retry_mono_ms = now + b->refused_ms;
        return;
    }
    written(o, r);
    b->writes_ok++;
}

void owned_reply(struct book *b, const struct store_reply *r,
                 uint64_t now_mono_ms)
{
    struct owned *o = &b->owned;

    o->under_way = o->rests = false;
    switch (r->code) {
    case STORE_OK:
        fine(b, r, now_mono_ms);
        break;
    case STORE_NO_NODE:
        no_node(b, r, now_mono_ms);
        break;
    case STORE_UNCERTAIN:
    case STORE_SESSION_GONE:
        o->sure = o->sure && r->verb == STORE_GET;
        o->known = false;
        break;
    case STORE_NODE_EXISTS:
    case STORE_BAD_VERSION:
        o->known = false;
        break;
    case STORE_BUSY:
        o->retry_mono_ms = now_mono_ms + BUSY_RETRY_MS;
        break;
    case STORE_NO_AUTH:
    case STORE_FAILED:
        refuse(b, r, now_mono_ms);
        break;
    }
    b->nudged = true;
    if (!owned_busy(b))
        b->tell = true;
}

void owned_forget(struct owned *o)
{
    o->known = o->rests = false;
}

void owned_free(struct owned *o)
{
    names_free(&o->wanted);
    names_free(&o->listed);
    names_free(&o->sent);
    free(o->path);
}
