/*
 * A level that may not be made may be there all the same, so the pass goes on
 * below it; the first thing that went wrong is kept, to be told if a node then
 * still finds no parent.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parents.h"

static int add(struct parents *a, const char *root, size_t len,
               const char *last)
{
    char *path;

    if (asprintf(&path, "%.*s%s", (int)len, root, last) < 0)
        return -1;
    a->paths[a->count++] = path;
    return 0;
}

int parents_init(struct parents *a, const char *root, bool presence,
                 struct err *e)
{
    size_t levels = 3;

    for (const char *c = root; *c != '\0'; c++)
        levels += *c == '/';
    a->paths = calloc(levels, sizeof *a->paths);
    if (a->paths == NULL)
        goto no_memory;
    for (const char *c = strchr(root, '/'); c != NULL; c = strchr(c + 1, '/'))
        if (c != root && add(a, root, (size_t)(c - root), "") != 0)
            goto no_memory;
    if ((root[0] != '\0' && add(a, root, strlen(root), "") != 0) ||
        add(a, root, strlen(root), "/instances") != 0 ||
        add(a, root, strlen(root), "/agents") != 0 ||
        (presence && add(a, root, strlen(root), "/alive") != 0))
        goto no_memory;
    a->next = a->count;
    return 0;

no_memory:
    err_set(e, "out of memory for the paths above %s", root);
    return -1;
}

void parents_free(struct parents *a)
{
    for (size_t i = 0; i < a->count; i++)
        free(a->paths[i]);
    free(a->paths);
}

void parents_want(struct parents *a, uint64_t now_mono_ms)
{
    if (a->next < a->count)
        return;
    a->next = 0;
    a->code = STORE_OK;
    a->retry_mono_ms = now_mono_ms;
}

bool parents_next(struct parents *a, uint64_t now_mono_ms,
                  struct store_request *r)
{
    if (a->next >= a->count || a->under_way || now_mono_ms < a->retry_mono_ms)
        return false;
    *r = (struct store_request){
        .verb = STORE_CREATE,
        .path = a->paths[a->next],
        .data = "",
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
        snprintf(detail, size, "create: no parent; %.100s: %s", a->paths[a->at],
                 a->said);
    return a->code == STORE_NO_AUTH ? CAUSE_NO_AUTH : CAUSE_NO_PARENT;
}
