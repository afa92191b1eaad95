/*
 * A pass over one follow is a list of the children and a reading of those that
 * are new or have changed.  A single node is a list of one.  A pass has one
 * request under way: what is followed are a few nodes that change seldom.
 *
 * Each request sets a watch where there is none, and a watch that goes off
 * begins a pass.  Should one be lost all the same, and where there are no more
 * watches, passes begin by themselves.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/log.h"

#include "book.h"
#include "follow.h"

/* How often the children are listed, and all of them read, without watches
 * and with them. */
#define LIST_MS         1000
#define READ_MS         5000
#define WATCHED_LIST_MS 60000
#define WATCHED_READ_MS 300000
/* … and where there are more nodes than watches: at every member of a fleet. */
#define CROWDED_READ_MS 60000
/* A burst of changes is one pass: the next begins so long after the last. */
#define PASS_MIN_MS 200

static void node_clear(struct followed_node *n)
{
    free(n->name);
    free(n->data);
}

static void clear(struct follow *f)
{
    for (size_t i = 0; i < f->n; i++)
        node_clear(&f->nodes[i]);
    free(f->nodes);
    free(f->path);
    free(f->asked);
    free(f->refusal);
    *f = (struct follow){ 0 };
}

void follows_free(struct follows *f)
{
    for (size_t i = 0; i < FOLLOWS; i++)
        clear(&f->at[i]);
    free(f->taken);
}

/* The node of that name, made if there is none; NULL on lack of memory. */
static struct followed_node *node_of(struct follow *f, const char *name)
{
    size_t at = 0;

    while (at < f->n && strcmp(f->nodes[at].name, name) < 0)
        at++;
    if (at < f->n && strcmp(f->nodes[at].name, name) == 0)
        return &f->nodes[at];
    if (f->n == f->size) {
        size_t size = f->size == 0 ? 8 : 2 * f->size;
        void *grown = realloc(f->nodes, size * sizeof *f->nodes);
        if (grown == NULL)
            return NULL;
        f->nodes = grown;
        f->size = size;
    }
    char *copy = strdup(name);
    if (copy == NULL)
        return NULL;
    memmove(&f->nodes[at + 1], &f->nodes[at], (f->n - at) * sizeof *f->nodes);
    f->nodes[at] = (struct followed_node){ .name = copy, .told = true };
    f->n++;
    return &f->nodes[at];
}

size_t follow_add(struct book *b, const char *path, enum follow_kind kind,
                  struct err *e)
{
    size_t at = 0;

    /* The answer for what was followed there before may still come. */
    while (at < FOLLOWS &&
           (b->follows.at[at].path != NULL || b->follows.at[at].under_way))
        at++;
    if (at == FOLLOWS) {
        err_set(e, "more than %d nodes to follow", FOLLOWS);
        return SIZE_MAX;
    }
    struct follow *f = &b->follows.at[at];
    free(f->asked);
    *f = (struct follow){ .kind = kind };
    if (asprintf(&f->path, "%s/%s", b->root, path) < 0) {
        f->path = NULL;
        err_set(e, "out of memory for following %s", path);
        return SIZE_MAX;
    }
    b->nudged = true;
    return at;
}

void follow_remove(struct book *b, size_t follow)
{
    struct follow *f = &b->follows.at[follow];

    /* A reply may be on its way: it is then dropped.  Its request may just be
     * handed on, and points to its path. */
    bool under_way = f->under_way;
    char *asked = f->asked;
    f->asked = NULL;
    clear(f);
    f->under_way = under_way;
    f->asked = asked;
}

/* ---------------------------------------------------------------- requests */

/* The next one to be read in this pass. */
static struct followed_node *unread(struct follow *f)
{
    for (; f->at < f->n; f->at++) {
        struct followed_node *n = &f->nodes[f->at];
        bool due = f->read_all || !n->exists || n->stale || n->denied;
        if (n->listed && !n->read && due)
            return n;
    }
    return NULL;
}

static void begin_pass(struct follow *f, uint64_t now)
{
    f->at = 0;
    f->began_mono_ms = now;
    f->list_mono_ms = UINT64_MAX; /* until the pass ends, or a watch goes off */
    f->read_all = now >= f->read_mono_ms;
    for (size_t i = 0; i < f->n; i++)
        f->nodes[i].listed = f->nodes[i].read = false;
}

/* All of it is watched. */
static bool all_watched(const struct follow *f)
{
    bool any = false;

    for (size_t i = 0; i < f->n; i++) {
        if (f->nodes[i].exists && !f->nodes[i].watched && !f->nodes[i].denied)
            return false;
        any = any || f->nodes[i].exists;
    }
    return f->watched || (f->kind == FOLLOW_NODE && any);
}

/* When the next pass begins. */
static void next_pass(struct follow *f, uint64_t now)
{
    bool all = all_watched(f);
    bool listed = all || f->watched;
    uint64_t list = now + (listed ? WATCHED_LIST_MS : LIST_MS);
    uint64_t read = now + (all      ? WATCHED_READ_MS
                           : listed ? CROWDED_READ_MS
                                    : READ_MS);

    if (list < f->list_mono_ms)
        f->list_mono_ms = list;
    if (f->read_all || read < f->read_mono_ms)
        f->read_mono_ms = read;
}

/* The pass is over: what is not listed is gone. */
static void end_pass(struct book *b, struct follow *f, uint64_t now)
{
    bool tell = false;

    for (size_t i = 0; i < f->n; i++) {
        struct followed_node *n = &f->nodes[i];
        if (n->exists && !n->listed) {
            n->exists = false;
            n->told = !n->known;
        }
        tell = tell || !n->told;
    }
    f->listed = f->refused = false;
    next_pass(f, now);
    if (tell || !f->complete_told) {
        f->complete = f->complete_told = true;
        b->tell = true;
    }
}

/* One node alone is read every time. */
static bool list_one(struct follow *f)
{
    struct followed_node *n = node_of(f, "");

    if (n == NULL)
        return false;
    n->listed = true;
    f->read_all = true;
    f->listed = true;
    return true;
}

static bool ask(struct book *b, struct follow *f, const char *name,
                bool watched, struct store_request *r)
{
    free(f->asked);
    f->asked = NULL;
    if (asprintf(&f->asked, "%s%s%s", f->path, name[0] != '\0' ? "/" : "",
                 name) < 0) {
        f->asked = NULL;
        return false;
    }
    r->path = f->asked;
    r->watch = !watched && follow_watches(b) < b->follows.watches_max;
    f->under_way = true;
    f->watching = r->watch;
    f->changed = false;
    return true;
}

/* The request that F has to make now. */
static bool next_of(struct book *b, struct follow *f, uint64_t now,
                    struct store_request *r)
{
    *r = (struct store_request){ .data = "" };
    if (f->absent) {
        r->verb = STORE_EXISTS;
        return ask(b, f, "", false, r);
    }
    if (!f->listed) {
        if (now < f->list_mono_ms)
            return false;
        begin_pass(f, now);
        r->verb = STORE_LIST;
        if (f->kind != FOLLOW_NODE)
            return ask(b, f, "", f->watched, r);
        if (!list_one(f))
            return false;
    }
    struct followed_node *n = unread(f);
    if (n == NULL) {
        end_pass(b, f, now);
        /* A change came too late for this pass. */
        return now >= f->list_mono_ms && next_of(b, f, now, r);
    }
    /* Whole: a cut one would be taken for what somebody wrote. */
    r->verb = STORE_GET;
    r->large = true;
    return ask(b, f, n->name, n->watched, r);
}

bool follow_next(struct book *b, uint64_t now, struct store_request *r)
{
    for (size_t i = 0; i < FOLLOWS && !b->stopping; i++) {
        struct follow *f = &b->follows.at[i];
        if (f->path == NULL || f->under_way || !next_of(b, f, now, r))
            continue;
        r->token = i;
        return true;
    }
    return false;
}

void follow_unsent(struct book *b, const struct store_request *r)
{
    struct follow *f = &b->follows.at[r->token];

    f->under_way = false;
    if (r->verb == STORE_LIST)
        f->list_mono_ms = 0;
}

/* ----------------------------------------------------------------- watches */

size_t follow_watches(const struct book *b)
{
    size_t n = 0;

    for (size_t i = 0; i < FOLLOWS; i++) {
        const struct follow *f = &b->follows.at[i];
        n += f->watched;
        for (size_t k = 0; k < f->n; k++)
            n += f->nodes[k].watched;
    }
    return n;
}

static void pass_soon(struct follow *f, uint64_t now)
{
    uint64_t at = f->began_mono_ms + PASS_MIN_MS;

    if (at < now)
        at = now;
    if (at < f->list_mono_ms)
        f->list_mono_ms = at;
}

/* PATH is that of F or of one of its nodes. */
static void changed_in(struct follow *f, const char *path, uint64_t now)
{
    size_t len = strlen(f->path);
    bool own = strcmp(path, f->path) == 0;

    if (!own && (strncmp(path, f->path, len) != 0 || path[len] != '/'))
        return;
    /* Its answer may not have been seen yet: what it set is over, too. */
    if (f->under_way && f->asked != NULL && strcmp(path, f->asked) == 0)
        f->changed = true;
    for (size_t i = 0; i < f->n; i++) {
        struct followed_node *n = &f->nodes[i];
        if (strcmp(n->name, own ? "" : path + len + 1) != 0)
            continue;
        n->watched = false;
        n->stale = true;
    }
    if (own)
        f->watched = false;
    pass_soon(f, now);
}

/* All that is watched may have changed. */
static void unwatch(struct follow *f)
{
    f->watched = false;
    f->changed = f->under_way;
    for (size_t i = 0; i < f->n; i++)
        f->nodes[i].watched = false;
    f->list_mono_ms = f->read_mono_ms = 0;
}

void follow_unwatched(struct book *b)
{
    for (size_t i = 0; i < FOLLOWS; i++)
        if (b->follows.at[i].path != NULL)
            unwatch(&b->follows.at[i]);
    b->nudged = true;
}

void follow_changed(struct book *b, const char *path, uint64_t now_mono_ms)
{
    if (path[0] == '\0') {
        follow_unwatched(b);
        return;
    }
    for (size_t i = 0; i < FOLLOWS; i++)
        if (b->follows.at[i].path != NULL)
            changed_in(&b->follows.at[i], path, now_mono_ms);
    b->nudged = true;
}

uint64_t follow_due(const struct book *b)
{
    uint64_t due = UINT64_MAX;

    for (size_t i = 0; i < FOLLOWS; i++) {
        const struct follow *f = &b->follows.at[i];
        if (f->path != NULL && !f->under_way && !f->listed &&
            f->list_mono_ms < due)
            due = f->list_mono_ms;
    }
    return due;
}

/* ----------------------------------------------------------------- answers */

static bool take_names(struct follow *f, const struct store_reply *r)
{
    for (size_t at = 0; at < r->len; at += strlen(r->data + at) + 1) {
        struct followed_node *n = NULL;
        if (strlen(r->data + at) < sizeof((struct follow_event *)NULL)->name)
            n = node_of(f, r->data + at);
        else
            continue; /* nobody has such a name */
        if (n == NULL)
            return false;
        n->listed = true;
    }
    f->listed = true;
    return true;
}

/* False on lack of memory. */
static bool keep_data(struct followed_node *n, const char *data, size_t len)
{
    char *copy = malloc(len + 1);

    if (copy == NULL) {
        n->read = false;
        return false;
    }
    memcpy(copy, data, len);
    copy[len] = '\0';
    free(n->data);
    n->data = copy;
    n->len = len;
    n->exists = true;
    n->told = false;
    return true;
}

static bool take_data(struct followed_node *n, const struct store_reply *r)
{
    n->read = true;
    n->stale = false;
    if (n->exists && !n->denied && n->version == r->version &&
        n->owner == r->owner && n->mtime_wall_ms == r->mtime_wall_ms)
        return true;
    if (!keep_data(n, r->data, r->len))
        return false;
    n->denied = false;
    n->version = r->version;
    n->mtime_wall_ms = r->mtime_wall_ms;
    n->owner = r->owner;
    return true;
}

/* It is there, and is not ours to read. */
static bool take_denial(struct followed_node *n, const struct store_reply *r)
{
    char detail[240];

    n->read = true;
    n->stale = false;
    if (n->exists && n->denied)
        return true;
    store_reply_say(r, detail, sizeof detail);
    n->denied = keep_data(n, detail, strlen(detail));
    return n->denied;
}

/* Begins anew after a while. */
static void again(struct follow *f, uint64_t now)
{
    f->listed = f->absent = false;
    f->read_mono_ms = 0;
    f->list_mono_ms = now + LIST_MS;
}

static void refuse(struct book *b, struct follow *f,
                   const struct store_reply *r, uint64_t now)
{
    char detail[240];

    again(f, now);
    f->list_mono_ms = now + b->refused_ms;
    store_reply_say(r, detail, sizeof detail);
    if (f->kind == FOLLOW_ENTRIES && !f->refused) {
        free(f->refusal);
        f->refusal = strdup(detail);
        b->tell = true;
    } else if (!f->refused)
        LOG_EVENT(LOG_LEVEL_WARN, "follow_failed", LOG_STR("path", f->asked),
                  LOG_STR("code", store_code_name(r->code)),
                  LOG_STR("detail", detail));
    f->refused = true;
}

/* A watch was set, and has not gone off since. */
static bool set_watch(const struct follow *f, bool before)
{
    return before || (f->watching && !f->changed);
}

/* What is there.  False on lack of memory. */
static bool take(struct follow *f, const struct store_reply *r, uint64_t now)
{
    if (r->verb == STORE_EXISTS) {
        /* It has come meanwhile. */
        f->absent = false;
        f->watched = false;
        f->list_mono_ms = now;
        return true;
    }
    if (r->verb == STORE_LIST) {
        f->watched = set_watch(f, f->watched);
        return take_names(f, r);
    }
    if (!f->listed || f->at >= f->n)
        return true;
    struct followed_node *n = &f->nodes[f->at];
    n->watched = set_watch(f, n->watched);
    if (!take_data(n, r))
        return false;
    /* It has changed again: once more, in the next pass. */
    n->stale = f->changed;
    return true;
}

/* No children, or gone meanwhile. */
static void take_absence(struct follow *f, const struct store_reply *r)
{
    bool own = r->verb == STORE_LIST || f->kind == FOLLOW_NODE;

    if (r->verb == STORE_EXISTS) {
        f->absent = false;
        f->watched = set_watch(f, false);
    } else if (r->verb == STORE_LIST) {
        f->listed = true;
    } else if (f->listed && f->at < f->n) {
        f->nodes[f->at].listed = false;
    }
    /* Only a request of its own watches for what is not there. */
    if (own && r->verb != STORE_EXISTS)
        f->absent = f->watching;
}

void follow_reply(struct book *b, const struct store_reply *r, uint64_t now)
{
    struct follow *f = &b->follows.at[r->token];
    bool fine = true;

    f->under_way = false;
    if (f->path == NULL)
        return;
    b->nudged = true;
    switch (r->code) {
    case STORE_OK:
        fine = take(f, r, now);
        break;
    case STORE_NO_NODE:
        take_absence(f, r);
        break;
    case STORE_NO_AUTH:
    case STORE_FAILED:
        if (f->kind == FOLLOW_ENTRIES && r->verb == STORE_GET && f->listed &&
            f->at < f->n)
            fine = take_denial(&f->nodes[f->at], r);
        else
            refuse(b, f, r, now);
        break;
    case STORE_NODE_EXISTS:
    case STORE_BAD_VERSION:
    case STORE_UNCERTAIN:
    case STORE_SESSION_GONE:
    case STORE_BUSY:
        fine = false;
        break;
    }
    if (!fine)
        again(f, now);
}

void follow_doubt(struct book *b)
{
    for (size_t i = 0; i < FOLLOWS; i++) {
        struct follow *f = &b->follows.at[i];
        if (f->path == NULL)
            continue;
        f->doubt = true;
        f->complete = f->complete_told = f->listed = false;
        f->list_mono_ms = f->read_mono_ms = 0;
        b->tell = true;
    }
}

/* ------------------------------------------------------------------ events */

/* What the loop does not know yet of the nodes; false: nothing. */
static bool take_node(struct book *b, struct follow *f,
                      struct follow_event *out)
{
    for (size_t i = 0; i < f->n; i++) {
        struct followed_node *n = &f->nodes[i];
        if (n->told)
            continue;
        n->told = true;
        n->known = n->exists;
        snprintf(out->name, sizeof out->name, "%s", n->name);
        out->what = !n->exists  ? FOLLOW_GONE
                    : n->denied ? FOLLOW_DENIED
                                : FOLLOW_IS;
        out->version = n->version;
        out->mtime_wall_ms = n->mtime_wall_ms;
        out->owner = n->owner;
        if (!n->exists)
            return true;
        char *copy = malloc(n->len + 1);
        if (copy == NULL) {
            n->told = false;
            return false;
        }
        memcpy(copy, n->data, n->len + 1);
        free(b->follows.taken);
        b->follows.taken = copy;
        out->data = copy;
        out->len = n->len;
        return true;
    }
    return false;
}

/* Names that are gone for good. */
static void forget_gone(struct follow *f)
{
    size_t kept = 0;

    for (size_t i = 0; i < f->n; i++) {
        if (f->nodes[i].exists || f->nodes[i].listed || !f->nodes[i].told)
            f->nodes[kept++] = f->nodes[i];
        else
            node_clear(&f->nodes[i]);
    }
    f->n = kept;
}

static bool take_of(struct book *b, size_t at, struct follow_event *out)
{
    struct follow *f = &b->follows.at[at];

    *out = (struct follow_event){ .follow = at };
    if (f->path == NULL)
        return false;
    if (f->doubt) {
        f->doubt = false;
        out->what = FOLLOW_DOUBT;
        return true;
    }
    if (f->refusal != NULL) {
        free(b->follows.taken);
        b->follows.taken = f->refusal;
        f->refusal = NULL;
        out->what = FOLLOW_REFUSED;
        out->data = b->follows.taken;
        out->len = strlen(out->data);
        return true;
    }
    /* In pieces the picture is told only as a whole. */
    if (!f->complete)
        return false;
    if (take_node(b, f, out))
        return true;
    f->complete = false;
    if (!f->listed && !f->under_way)
        forget_gone(f);
    out->what = FOLLOW_COMPLETE;
    return true;
}

bool follow_take(struct book *b, struct follow_event *out)
{
    for (size_t i = 0; i < FOLLOWS; i++)
        if (take_of(b, i, out))
            return true;
    return false;
}
