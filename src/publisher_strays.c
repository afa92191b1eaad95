/*
 * Presence nodes that an earlier process left in the session which this one
 * resumed, of instances that are in the config no more.  They would live as
 * long as the session is kept, and nobody would care for them.  Only the
 * nodes themselves tell: what is listed and has no slot is read, one after
 * the other, and removed if our session owns it.  A session that began here
 * has none.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/log.h"

#include "publisher_internal.h"

void publisher_sweep_strays(struct publisher *p)
{
    pthread_mutex_lock(&p->lock);
    p->strays.wanted = true;
    publisher_nudge(p);
    pthread_mutex_unlock(&p->lock);
}

static void forget(struct strays *a)
{
    a->names.len = a->next = 0;
    a->found = false;
}

static bool has_slot(const struct publisher *p, const char *path)
{
    for (size_t i = 0; i < p->nslots; i++)
        if (p->slots[i] != NULL && p->slots[i]->kind == SLOT_PRESENCE &&
            strcmp(p->slots[i]->path, path) == 0)
            return true;
    return false;
}

static bool set_path(struct publisher *p, const char *name)
{
    struct strays *a = &p->strays;

    free(a->path);
    if (asprintf(&a->path, "%s/alive%s%s", p->root, name[0] != '\0' ? "/" : "",
                 name) < 0)
        a->path = NULL;
    return a->path != NULL;
}

static void done_with_name(struct strays *a)
{
    a->found = false;
    a->next += strlen(a->names.bytes + a->next) + 1;
}

/* The path is the list's, or that of the next name.  False when there is none
 * left, or no memory: then it is tried again. */
static bool next_path(struct publisher *p)
{
    struct strays *a = &p->strays;

    if (a->names.len == 0)
        return set_path(p, "");
    while (a->next < a->names.len) {
        if (!set_path(p, a->names.bytes + a->next))
            return false;
        /* It may have come back to the config meanwhile. */
        if (!a->found || !has_slot(p, a->path))
            return true;
        done_with_name(a);
    }
    forget(a);
    a->wanted = false;
    return false;
}

bool strays_request(struct publisher *p, uint64_t now_mono_ms,
                    struct store_request *r)
{
    struct strays *a = &p->strays;

    if (!a->wanted || a->under_way || now_mono_ms < a->retry_mono_ms)
        return false;
    if (!p->status.resumed) {
        forget(a);
        a->wanted = false;
        return false;
    }
    if (!next_path(p))
        return false;
    *r = (struct store_request){
        .verb = a->names.len == 0 ? STORE_LIST
                : a->found        ? STORE_DELETE
                                  : STORE_GET,
        .token = STRAYS_TOKEN,
        .path = a->path,
        .data = "",
        .version = a->version,
    };
    a->under_way = true;
    return true;
}

void strays_unsent(struct publisher *p)
{
    p->strays.under_way = false;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of the presence slots, sorted; owned by the caller.  NULL: no
 * memory. */
static const char **slot_names(const struct publisher *p, size_t *count)
{
    const char **names = calloc(p->nslots + 1, sizeof *names);
    size_t prefix = strlen(p->root) + strlen("/alive/");

    *count = 0;
    for (size_t i = 0; names != NULL && i < p->nslots; i++)
        if (p->slots[i] != NULL && p->slots[i]->kind == SLOT_PRESENCE)
            names[(*count)++] = p->slots[i]->path + prefix;
    if (names != NULL)
        qsort(names, *count, sizeof *names, by_name);
    return names;
}

/* Of all names, those that no slot has.  -1: no memory. */
static int keep_unknown(struct publisher *p, const struct store_reply *r)
{
    struct strays *a = &p->strays;
    size_t count;
    const char **known = slot_names(p, &count);
    int rc = known == NULL ? -1 : buffer_reserve(&a->names, r->len);

    for (const char *name = r->data; rc == 0 && name < r->data + r->len;
         name += strlen(name) + 1) {
        size_t size = strlen(name) + 1;

        if (bsearch(&name, known, count, sizeof *known, by_name) != NULL)
            continue;
        memcpy(a->names.bytes + a->names.len, name, size);
        a->names.len += size;
    }
    free(known);
    return rc;
}

static void listed(struct publisher *p, const struct store_reply *r,
                   uint64_t now_mono_ms)
{
    struct strays *a = &p->strays;

    forget(a);
    if (keep_unknown(p, r) != 0)
        a->retry_mono_ms = now_mono_ms + BUSY_RETRY_MS;
    else
        a->wanted = a->names.len > 0;
}

static void fine(struct publisher *p, const struct store_reply *r,
                 uint64_t now_mono_ms)
{
    struct strays *a = &p->strays;

    if (r->verb == STORE_LIST) {
        listed(p, r, now_mono_ms);
    } else if (r->verb == STORE_GET && r->owner == p->session) {
        a->found = true;
        a->version = r->version;
    } else {
        if (r->verb == STORE_DELETE)
            LOG_EVENT(LOG_LEVEL_INFO, "stray_removed",
                      LOG_STR("path", a->path));
        done_with_name(a);
    }
}

static void gone(struct strays *a, const struct store_reply *r)
{
    if (r->verb == STORE_LIST)
        a->wanted = false;
    else
        done_with_name(a);
}

void strays_reply(struct publisher *p, const struct store_reply *r,
                  uint64_t now_mono_ms)
{
    struct strays *a = &p->strays;

    a->under_way = false;
    switch (r->code) {
    case STORE_OK:
        fine(p, r, now_mono_ms);
        break;
    case STORE_NO_NODE:
    case STORE_NO_AUTH:
    case STORE_FAILED:
    case STORE_NODE_EXISTS:
        gone(a, r);
        break;
    case STORE_BAD_VERSION:
        a->found = false;
        break;
    case STORE_UNCERTAIN:
    case STORE_SESSION_GONE:
        break;
    case STORE_BUSY:
        a->retry_mono_ms = now_mono_ms + BUSY_RETRY_MS;
        break;
    }
}

void strays_free(struct strays *a)
{
    free(a->names.bytes);
    free(a->path);
}
