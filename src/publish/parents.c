/*
 * A level that may not be made may be there all the same, so the pass goes on
 * below it; the first thing that went wrong is kept, to be told if a node then
 * still finds no parent.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parents.h"

/* ROOT (of LEN bytes) with BRANCH and NAME behind it.  -1 on lack of memory. */
static int add(struct parents *a, const char *root, size_t len,
               const char *branch, const char *name, const char *data)
{
    char *path;

    if (asprintf(&path, "%.*s%s%s", (int)len, root, branch, name) < 0)
        return -1;
    a->levels[a->count++] = (struct parents_level){ path, data };
    return 0;
}

static int add_root(struct parents *a, const char *root)
{
    for (const char *c = strchr(root, '/'); c != NULL; c = strchr(c + 1, '/'))
        if (c != root && add(a, root, (size_t)(c - root), "", "", "") != 0)
            return -1;
    return root[0] != '\0' ? add(a, root, strlen(root), "", "", "") : 0;
}

/* BRANCHES ends with NULL. */
static int add_branches(struct parents *a, const struct parents_options *o,
                        const char *const *branches)
{
    for (; *branches != NULL; branches++)
        if (add(a, o->root, strlen(o->root), *branches, "", "") != 0)
            return -1;
    return 0;
}

static int add_fleet(struct parents *a, const struct parents_options *o)
{
    char name[80];
    size_t len = strlen(o->root);

    snprintf(name, sizeof name, "%s", o->fleet);
    if (add(a, o->root, len, "/fleets", "", "") != 0 ||
        add(a, o->root, len, "/fleets/", name, o->fleet_settings) != 0)
        return -1;
    snprintf(name, sizeof name, "%s/targets", o->fleet);
    if (add(a, o->root, len, "/fleets/", name, "") != 0)
        return -1;
    snprintf(name, sizeof name, "%s/members", o->fleet);
    return add(a, o->root, len, "/fleets/", name, "");
}

#define BRANCHES_MAX 8

int parents_init(struct parents *a, const struct parents_options *o,
                 struct err *e)
{
    static const char *const ALWAYS[] = { "/instances", "/agents", "/owned",
                                          NULL };
    static const char *const PRESENCE[] = { "/alive", NULL };
    size_t levels = BRANCHES_MAX;

    for (const char *c = o->root; *c != '\0'; c++)
        levels += *c == '/';
    a->levels = calloc(levels, sizeof *a->levels);
    if (a->levels == NULL || add_root(a, o->root) != 0 ||
        add_branches(a, o, ALWAYS) != 0 ||
        (o->presence && add_branches(a, o, PRESENCE) != 0) ||
        (o->fleet != NULL && add_fleet(a, o) != 0)) {
        err_set(e, "out of memory for the paths above %s", o->root);
        return -1;
    }
    a->next = a->count;
    return 0;
}

void parents_free(struct parents *a)
{
    for (size_t i = 0; i < a->count; i++)
        free(a->levels[i].path);
    free(a->levels);
}

void parents_want(struct parents *a, uint64_t now_mono_ms)
{
    if (a->next < a->count)
        return;
    a->next = 0;
    a->code = STORE_OK;
    a->retry_mono_ms = now_mono_ms;
}

bool parents_busy(const struct parents *a)
{
    return a->next < a->count;
}

bool parents_next(struct parents *a, uint64_t now_mono_ms,
                  struct store_request *r)
{
    if (a->next >= a->count || a->under_way || now_mono_ms < a->retry_mono_ms)
        return false;
    *r = (struct store_request){
        .verb = STORE_CREATE,
        .path = a->levels[a->next].path,
        .data = a->levels[a->next].data,
        .len = strlen(a->levels[a->next].data),
    };
    a->under_way = true;
    return true;
}

void parents_unsent(struct parents *a)
{
    a->under_way = false;
}

static void note(struct parents *a, const struct store_reply *r)
{
    if (a->code != STORE_OK)
        return;
    a->code = r->code;
    store_reply_say(r, a->said, sizeof a->said);
    a->at = a->next;
}

bool parents_reply(struct parents *a, const struct store_reply *r,
                   uint64_t now_mono_ms)
{
    a->under_way = false;
    switch (r->code) {
    case STORE_OK:
    case STORE_NODE_EXISTS:
    case STORE_BAD_VERSION:
        a->next++;
        break;
    case STORE_NO_AUTH: /* of an upper level: it may be there */
        note(a, r);
        a->next++;
        break;
    case STORE_NO_NODE:
    case STORE_FAILED:
        note(a, r);
        a->next = a->count;
        break;
    case STORE_UNCERTAIN:
    case STORE_SESSION_GONE:
        break;
    case STORE_BUSY:
        a->retry_mono_ms = now_mono_ms + BUSY_RETRY_MS;
        break;
    }
    return a->next >= a->count;
}

uint64_t parents_due(const struct parents *a)
{
    return a->next < a->count && !a->under_way ? a->retry_mono_ms : UINT64_MAX;
}

enum cause parents_cause(const struct parents *a, char *detail, size_t size)
{
    if (a->code == STORE_OK)
        snprintf(detail, size, "create: no parent, though it was made");
    else
        snprintf(detail, size, "create: no parent; %.100s: %s",
                 a->levels[a->at].path, a->said);
    return a->code == STORE_NO_AUTH ? CAUSE_NO_AUTH : CAUSE_NO_PARENT;
}
