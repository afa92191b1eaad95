/*
 * What nobody keeps any more: an instance that left the config while no agent
 * ran still has its document, for which our heartbeat seems to vouch; and in
 * a session that was gone on with, a presence may live that has no slot.
 * Looked for once, one node at a time, behind everything else, and not before
 * our own heartbeat stands: another agent of our id may watch what we do not.
 * A document is only told: what is to become of it, the loop says.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/log.h"

#include "internal.h"

static const char *const BRANCHES[] = { "instances", "alive" };
#define INSTANCES 0
#define NBRANCHES 2

static void next_branch(struct orphans *o)
{
    free(o->names);
    o->names = NULL;
    o->len = o->at = 0;
    o->branch++;
    o->step = o->branch < NBRANCHES ? ORPHANS_LIST : ORPHANS_DONE;
}

static void next_name(struct orphans *o)
{
    o->at += strlen(o->names + o->at) + 1;
    o->step = ORPHANS_LOOK;
    if (o->at >= o->len)
        next_branch(o);
}

/* LOCKED.  The loop may wait for the end. */
static void tell_end(struct publisher *p)
{
    if (p->orphans.step == ORPHANS_DONE)
        p->tell = true;
}

void publisher_seek_orphans(struct publisher *p)
{
    pthread_mutex_lock(&p->lock);
    if (p->orphans.step == ORPHANS_IDLE)
        p->orphans.step = ORPHANS_LIST;
    publisher_nudge(p);
    publisher_unlock(p);
}

static bool make_path(struct publisher *p)
{
    struct orphans *o = &p->orphans;
    int n;

    free(o->path);
    if (o->step == ORPHANS_LIST)
        n = asprintf(&o->path, "%s/%s", p->root, BRANCHES[o->branch]);
    else
        n = asprintf(&o->path, "%s/%s/%s", p->root, BRANCHES[o->branch],
                     o->names + o->at);
    if (n < 0)
        o->path = NULL;
    return n >= 0;
}

static bool due(const struct publisher *p, uint64_t now)
{
    const struct orphans *o = &p->orphans;

    return o->step != ORPHANS_IDLE && o->step != ORPHANS_DONE &&
           !o->under_way && !o->told && !p->stopping &&
           now >= o->retry_mono_ms && p->footing == FOOTING_FIRM;
}

bool orphans_request(struct publisher *p, uint64_t now_mono_ms,
                     struct store_request *r)
{
    struct orphans *o = &p->orphans;

    if (!due(p, now_mono_ms) || !make_path(p))
        return false;
    *r = (struct store_request){
        .token = ORPHANS_TOKEN,
        .path = o->path,
        .data = "",
        .version = o->version,
    };
    switch (o->step) {
    case ORPHANS_LIST:
        r->verb = STORE_LIST;
        break;
    case ORPHANS_DELETE:
        r->verb = STORE_DELETE;
        break;
    case ORPHANS_LOOK:
    case ORPHANS_IDLE:
    case ORPHANS_DONE:
        r->verb = STORE_GET;
        break;
    }
    o->under_way = true;
    return true;
}

void orphans_unsent(struct publisher *p)
{
    p->orphans.under_way = false;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of this branch that have a slot, sorted.  NULL: no memory. */
static const char **kept_names(struct publisher *p, size_t *n)
{
    const char **kept = calloc(p->nslots + 1, sizeof *kept);
    const char *branch = BRANCHES[p->orphans.branch];
    size_t above = strlen(p->root) + strlen(branch) + 2;

    *n = 0;
    for (size_t i = 0; i < p->nslots && kept != NULL; i++) {
        const struct slot *s = p->slots[i];

        if (s != NULL && strlen(s->path) > above &&
            strncmp(s->path + strlen(p->root) + 1, branch, strlen(branch)) ==
                0 &&
            s->path[above - 1] == '/')
            kept[(*n)++] = s->path + above;
    }
    if (kept != NULL)
        qsort(kept, *n, sizeof *kept, by_text);
    return kept;
}

/* Keeps of LIST what has no slot and may be the name of an instance. */
static size_t without_kept(struct publisher *p, const struct store_reply *list,
                           const char **kept, size_t nkept)
{
    struct orphans *o = &p->orphans;
    size_t len = 0;

    for (size_t at = 0; at < list->len;) {
        const char *name = list->data + at;
        size_t size = strlen(name) + 1;

        at += size;
        if (size > sizeof o->event.name ||
            bsearch(&name, kept, nkept, sizeof *kept, by_text) != NULL)
            continue;
        memcpy(o->names + len, name, size);
        len += size;
    }
    return len;
}

/* -1: no memory. */
static int take_list(struct publisher *p, const struct store_reply *r)
{
    struct orphans *o = &p->orphans;
    size_t n;
    const char **kept = kept_names(p, &n);

    o->names = malloc(r->len + 1);
    if (kept == NULL || o->names == NULL) {
        free(kept);
        free(o->names);
        o->names = NULL;
        return -1;
    }
    o->at = 0;
    o->len = without_kept(p, r, kept, n);
    free(kept);
    o->step = ORPHANS_LOOK;
    if (o->len == 0)
        next_branch(o);
    return 0;
}

/* It may have come since the list was made. */
static bool has_slot(const struct publisher *p, const char *path)
{
    for (size_t i = 0; i < p->nslots; i++)
        if (p->slots[i] != NULL && strcmp(p->slots[i]->path, path) == 0)
            return true;
    return false;
}

static void take_document(struct publisher *p, const struct store_reply *r)
{
    struct orphans *o = &p->orphans;
    struct publisher_event *e = &o->event;

    *e = (struct publisher_event){
        .orphan = true,
        .slot = SIZE_MAX,
        .exists = true,
        .owner = r->owner,
    };
    document_read(r->data, r->len, &e->seen);
    if (!e->seen.valid || strcmp(e->seen.agent, p->agent) != 0 ||
        (e->seen.status == STATUS_UNKNOWN &&
         e->seen.reason == REASON_REMOVED)) {
        next_name(o);
        return;
    }
    snprintf(e->name, sizeof e->name, "%s", o->names + o->at);
    o->told = true;
    p->tell = true;
}

static void look(struct publisher *p, const struct store_reply *r)
{
    struct orphans *o = &p->orphans;

    if (has_slot(p, o->path)) {
        next_name(o);
    } else if (o->branch == INSTANCES) {
        take_document(p, r);
    } else if (r->owner == p->session) {
        o->version = r->version;
        o->step = ORPHANS_DELETE;
    } else {
        next_name(o);
    }
}

static void fine(struct publisher *p, const struct store_reply *r, uint64_t now)
{
    struct orphans *o = &p->orphans;

    switch (o->step) {
    case ORPHANS_LIST:
        if (take_list(p, r) != 0)
            o->retry_mono_ms = now + BUSY_RETRY_MS;
        break;
    case ORPHANS_LOOK:
        look(p, r);
        break;
    case ORPHANS_DELETE:
        LOG_EVENT(LOG_LEVEL_INFO, "orphan", LOG_STR("path", o->path));
        next_name(o);
        break;
    case ORPHANS_IDLE:
    case ORPHANS_DONE:
        break;
    }
}

void orphans_reply(struct publisher *p, const struct store_reply *r,
                   uint64_t now_mono_ms)
{
    struct orphans *o = &p->orphans;

    o->under_way = false;
    switch (r->code) {
    case STORE_OK:
        fine(p, r, now_mono_ms);
        break;
    case STORE_BAD_VERSION:
        o->step = ORPHANS_LOOK;
        break;
    case STORE_UNCERTAIN:
    case STORE_SESSION_GONE:
    case STORE_BUSY:
        o->retry_mono_ms = now_mono_ms + BUSY_RETRY_MS;
        break;
    case STORE_NO_NODE:
    case STORE_NODE_EXISTS:
    case STORE_NO_AUTH: /* then it is not ours */
    case STORE_FAILED:
        if (o->step == ORPHANS_LIST)
            next_branch(o);
        else
            next_name(o);
        break;
    }
    tell_end(p);
}

bool orphans_take(struct publisher *p, struct publisher_event *out)
{
    struct orphans *o = &p->orphans;

    if (!o->told)
        return false;
    *out = o->event;
    o->told = false;
    next_name(o);
    tell_end(p);
    publisher_nudge(p);
    return true;
}

void orphans_free(struct publisher *p)
{
    free(p->orphans.names);
    free(p->orphans.path);
}
