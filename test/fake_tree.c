/*
 * Nodes in a flat array, parents checked by their paths.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/clock.h"

#include "fake_tree.h"

struct fake_entry *fake_tree_at(struct fake_tree *t, const char *path)
{
    struct fake_entry *e;

    for (size_t i = 0; i < t->nentries; i++)
        if (strcmp(t->entries[i].path, path) == 0)
            return &t->entries[i];
    if (t->nentries == FAKE_NODES)
        abort();
    e = &t->entries[t->nentries++];
    snprintf(e->path, sizeof e->path, "%s", path);
    return e;
}

static bool has_parent(struct fake_tree *t, const char *path)
{
    char parent[128];
    char *slash;

    snprintf(parent, sizeof parent, "%s", path);
    slash = strrchr(parent, '/');
    if (slash == parent)
        return true;
    *slash = '\0';
    return fake_tree_at(t, parent)->exists;
}

void fake_entry_fill(struct fake_entry *e, const char *data, size_t len)
{
    memcpy(e->node.data, data, len);
    e->node.data[len] = '\0';
    e->node.len = len;
    e->node.mtime_wall_ms = clock_wall_ms();
    e->node.writes++;
}

void fake_entry_vanish(struct fake_entry *e)
{
    e->exists = false;
    e->node.disappeared++;
}

static enum store_code create(struct fake_tree *t, struct fake_entry *e,
                              const struct store_request *r, int64_t owner)
{
    if (e->exists)
        return STORE_NODE_EXISTS;
    if (!has_parent(t, r->path))
        return STORE_NO_NODE;
    e->exists = true;
    e->node.version = 0;
    e->node.owner = owner;
    fake_entry_fill(e, r->data, r->len);
    return STORE_OK;
}

static enum store_code check(const struct fake_entry *e,
                             const struct store_request *r)
{
    if (!e->exists)
        return STORE_NO_NODE;
    if (r->version != -1 && r->version != e->node.version)
        return STORE_BAD_VERSION;
    return STORE_OK;
}

enum store_code fake_tree_apply(struct fake_tree *t,
                                const struct store_request *r, int64_t session)
{
    struct fake_entry *e = fake_tree_at(t, r->path);
    enum store_code code = check(e, r);

    switch (r->verb) {
    case STORE_GET:
    case STORE_LIST:
    case STORE_EXISTS:
        return e->exists ? STORE_OK : STORE_NO_NODE;
    case STORE_SET:
        if (code == STORE_OK) {
            e->node.version++;
            fake_entry_fill(e, r->data, r->len);
        }
        return code;
    case STORE_CREATE:
        return create(t, e, r, r->ephemeral ? session : 0);
    case STORE_DELETE:
        if (code == STORE_OK)
            fake_entry_vanish(e);
        return code;
    case STORE_TAKE_OVER:
        if (code != STORE_OK)
            return code;
        e->exists = false;
        return create(t, e, r, session);
    }
    return code;
}

size_t fake_tree_list(struct fake_tree *t, const char *path, char *out,
                      size_t size)
{
    size_t above = strlen(path);
    size_t len = 0;

    for (size_t i = 0; i < t->nentries; i++) {
        const char *child = t->entries[i].path;

        if (!t->entries[i].exists || strncmp(child, path, above) != 0 ||
            child[above] != '/' || strchr(child + above + 1, '/') != NULL)
            continue;
        if (len + strlen(child + above + 1) + 1 > size)
            abort();
        strcpy(out + len, child + above + 1);
        len += strlen(child + above + 1) + 1;
    }
    return len;
}
