/*
 * The names of a branch are listed once and then looked at one by one, behind
 * all other requests: there may be thousands, and nobody waits for them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/log.h"

#include "book.h"
#include "orphans.h"

/* In the whole tree, one node each. */
#define SEEK_PACE_MS 5

static const struct {
    const char *name;
    enum slot_kind kind; /* of the slots whose nodes are in it */
} BRANCHES[] = {
    { "instances", SLOT_STATUS },
    { "alive", SLOT_PRESENCE },
};
#define NBRANCHES (sizeof BRANCHES / sizeof *BRANCHES)

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

/* The loop may wait for the end. */
static void tell_end(struct book *b)
{
    if (b->orphans.step == ORPHANS_DONE)
        b->tell = true;
}

void orphans_seek(struct book *b)
{
    if (b->orphans.step == ORPHANS_IDLE)
        b->orphans.step = ORPHANS_LIST;
    b->nudged = true;
}

int orphans_seek_among(struct book *b, const char *names, size_t len)
{
    struct orphans *o = &b->orphans;
    char *given = malloc(len + 1);

    if (given == NULL)
        return -1;
    for (size_t i = 0; i < len; i++)
        given[i] = names[i] == '\n' ? '\0' : names[i];
    free(o->given);
    o->given = given;
    o->given_len = len;
    free(o->names);
    o->names = NULL;
    o->branch = 0;
    o->step = ORPHANS_LIST;
    b->nudged = true;
    return 0;
}

bool orphans_seeking(const struct orphans *o)
{
    return o->step != ORPHANS_IDLE && o->step != ORPHANS_DONE;
}

bool orphans_may_look(const struct book *b)
{
    enum lease_state least = b->orphans.early ? LEASE_FREE : LEASE_HELD;

    return b->owners.lease.state >= least;
}

static bool make_path(struct book *b)
{
    struct orphans *o = &b->orphans;
    int n;

    free(o->path);
    if (o->step == ORPHANS_LIST)
        n = asprintf(&o->path, "%s/%s", b->root, BRANCHES[o->branch].name);
    else
        n = asprintf(&o->path, "%s/%s/%s", b->root, BRANCHES[o->branch].name,
                     o->names + o->at);
    if (n < 0)
        o->path = NULL;
    return n >= 0;
}

static bool due(const struct book *b, uint64_t now)
{
    const struct orphans *o = &b->orphans;

    return orphans_seeking(o) && !o->under_way && !o->told && !b->stopping &&
           now >= o->retry_mono_ms && orphans_may_look(b);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of this branch that have a slot, sorted; of given names those
 * whose status has one, as the others have no presence either.  NULL on lack
 * of memory. */
static const char **kept_names(struct book *b, size_t *n)
{
    const char **kept = calloc(b->table.size + 1, sizeof *kept);
    size_t branch = b->orphans.given != NULL ? 0 : b->orphans.branch;
    size_t above = strlen(b->root) + strlen(BRANCHES[branch].name) + 2;

    *n = 0;
    for (size_t i = 0; i < b->table.size && kept != NULL; i++) {
        const struct slot *s = b->table.slots[i];

        /* One that gets its last word keeps nothing. */
        if (s != NULL && s->kind == BRANCHES[branch].kind && !s->wanted.removed)
            kept[(*n)++] = s->path + above;
    }
    if (kept != NULL)
        qsort(kept, *n, sizeof *kept, by_text);
    return kept;
}

/* Keeps of LIST what has no slot and may be the name of an instance. */
static size_t without_kept(struct book *b, const struct store_reply *list,
                           const char **kept, size_t nkept)
{
    struct orphans *o = &b->orphans;
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

/* -1 on lack of memory. */
static int take_list(struct book *b, const struct store_reply *r)
{
    struct orphans *o = &b->orphans;
    size_t n;
    const char **kept = kept_names(b, &n);

    o->names = malloc(r->len + 1);
    if (kept == NULL || o->names == NULL) {
        free(kept);
        free(o->names);
        o->names = NULL;
        return -1;
    }
    o->at = 0;
    o->len = without_kept(b, r, kept, n);
    free(kept);
    o->step = ORPHANS_LOOK;
    if (o->len == 0)
        next_branch(o);
    return 0;
}

/* Nothing is listed where the names are given. */
static void take_given(struct book *b, uint64_t now)
{
    struct orphans *o = &b->orphans;

    while (o->given != NULL && o->step == ORPHANS_LIST) {
        const struct store_reply list = {
            .data = o->given,
            .len = o->given_len,
        };

        if (take_list(b, &list) != 0) {
            o->retry_mono_ms = now + BUSY_RETRY_MS;
            return;
        }
    }
    tell_end(b);
}

bool orphans_next(struct book *b, uint64_t now_mono_ms, struct store_request *r)
{
    struct orphans *o = &b->orphans;

    if (!due(b, now_mono_ms))
        return false;
    take_given(b, now_mono_ms);
    if (!due(b, now_mono_ms) || !make_path(b))
        return false;
    *r = (struct store_request){
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

void orphans_unsent(struct book *b)
{
    b->orphans.under_way = false;
}

/* It may have come since the list was made. */
static bool has_slot(const struct book *b, const char *path)
{
    for (size_t i = 0; i < b->table.size; i++)
        if (b->table.slots[i] != NULL &&
            strcmp(b->table.slots[i]->path, path) == 0)
            return true;
    return false;
}

/* A fleet that is not ours knows what is to become of it. */
static bool is_anothers(const struct book *b, const char *fleet)
{
    return fleet[0] != '\0' &&
           (b->owners.fleet == NULL || strcmp(fleet, b->owners.fleet) != 0);
}

static void take_document(struct book *b, const struct store_reply *r)
{
    struct orphans *o = &b->orphans;
    struct publisher_event *e = &o->event;

    *e = (struct publisher_event){
        .orphan = true,
        .slot = SIZE_MAX,
        .exists = true,
        .owner = r->owner,
    };
    document_read(r->data, r->len, &e->seen);
    if (!e->seen.valid || strcmp(e->seen.agent, b->owners.lease.agent) != 0 ||
        is_anothers(b, e->seen.fleet) ||
        (e->seen.status == STATUS_UNKNOWN &&
         e->seen.reason == REASON_REMOVED)) {
        next_name(o);
        return;
    }
    snprintf(e->name, sizeof e->name, "%s", o->names + o->at);
    o->told = true;
    b->tell = true;
}

static void look(struct book *b, const struct store_reply *r)
{
    struct orphans *o = &b->orphans;

    if (has_slot(b, o->path)) {
        next_name(o);
    } else if (BRANCHES[o->branch].kind == SLOT_STATUS) {
        take_document(b, r);
    } else if (r->owner == b->owners.lease.session) {
        o->version = r->version;
        o->step = ORPHANS_DELETE;
    } else {
        next_name(o);
    }
}

static void fine(struct book *b, const struct store_reply *r, uint64_t now)
{
    struct orphans *o = &b->orphans;

    switch (o->step) {
    case ORPHANS_LIST:
        if (take_list(b, r) != 0)
            o->retry_mono_ms = now + BUSY_RETRY_MS;
        break;
    case ORPHANS_LOOK:
        look(b, r);
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

void orphans_reply(struct book *b, const struct store_reply *r,
                   uint64_t now_mono_ms)
{
    struct orphans *o = &b->orphans;

    o->under_way = false;
    if (o->given == NULL && !b->wake_idle)
        o->retry_mono_ms = now_mono_ms + SEEK_PACE_MS;
    switch (r->code) {
    case STORE_OK:
        fine(b, r, now_mono_ms);
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
    tell_end(b);
}

bool orphans_take(struct book *b, struct publisher_event *out)
{
    struct orphans *o = &b->orphans;

    if (!o->told)
        return false;
    *out = o->event;
    o->owed++;
    memcpy(o->taken, out->name, sizeof o->taken);
    o->told = false;
    next_name(o);
    tell_end(b);
    b->nudged = true;
    return true;
}

uint64_t orphans_due(const struct book *b)
{
    return b->orphans.retry_mono_ms;
}

void orphans_free(struct orphans *o)
{
    free(o->given);
    free(o->names);
    free(o->path);
}
