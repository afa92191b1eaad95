#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config.h"
#include "tree_branch.h"

#include "fleet_tree.h"

static int no_memory(struct err *e)
{
    err_set(e, "out of memory for the fleet");
    return -1;
}

/* All children of fleets/F/NAME. */
struct branch {
    char *path; /* owned */
    struct tree_branch all;
};

static int read_branch(struct tree_session *t, const struct config *c,
                       const char *name, struct branch *b, struct err *e)
{
    *b = (struct branch){ .path = NULL };
    if (asprintf(&b->path, "fleets/%s/%s", c->fleet.name, name) < 0) {
        b->path = NULL;
        return no_memory(e);
    }
    switch (tree_branch_read(t, b->path, &b->all, e)) {
    case TREE_DONE:
        break;
    case TREE_CANCELLED:
        err_set(e, "ZooKeeper: interrupted");
        return -1;
    case TREE_FAILED:
        return -1;
    }
    for (size_t i = 0; i < b->all.n; i++)
        if (tree_session_check(t, &b->all.asks[i], e) != 0)
            return -1;
    return 0;
}

static void branch_free(struct branch *b)
{
    tree_branch_free(&b->all);
    free(b->path);
}

static int read_chunks(struct tree_session *t, const struct config *c,
                       struct fleet_tree *f, struct err *e)
{
    struct branch b;
    int rc = read_branch(t, c, "targets", &b, e);
    if (rc == 0) {
        f->chunks = calloc(b.all.n + 1, sizeof *f->chunks);
        rc = f->chunks != NULL ? 0 : no_memory(e);
    }
    for (size_t i = 0; rc == 0 && i < b.all.n; i++) {
        struct tree_answer *a = &b.all.asks[i].answer;
        if (a->code != STORE_OK)
            continue;
        struct fleet_chunk *chunk = &f->chunks[f->nchunks];
        chunk->name = strdup(tree_branch_name(&b.all, i));
        if (chunk->name == NULL) {
            rc = no_memory(e);
            break;
        }
        chunk->bytes = a->data;
        chunk->len = a->len;
        chunk->version = a->version;
        a->data = NULL;
        f->nchunks++;
    }
    branch_free(&b);
    return rc;
}

static int read_members(struct tree_session *t, const struct config *c,
                        struct fleet_tree *f, struct err *e)
{
    struct branch b;
    int rc = read_branch(t, c, "members", &b, e);
    if (rc == 0) {
        f->members = calloc(b.all.n + 1, sizeof *f->members);
        rc = f->members != NULL ? 0 : no_memory(e);
    }
    for (size_t i = 0; rc == 0 && i < b.all.n; i++) {
        const struct tree_answer *a = &b.all.asks[i].answer;
        if (a->code != STORE_OK)
            continue;
        struct fleet_tree_member *m = &f->members[f->nmembers];
        m->id = strdup(tree_branch_name(&b.all, i));
        if (m->id == NULL) {
            rc = no_memory(e);
            break;
        }
        m->rank = (struct rank_member){ m->id, rank_hash(m->id) };
        /* Who cannot be read is one all the same: it is listed. */
        (void)member_read(a->data, a->len, &m->says);
        f->nmembers++;
    }
    branch_free(&b);
    return rc;
}

static int read_settings(struct tree_session *t, const struct config *c,
                         struct fleet_tree *f, struct err *e)
{
    struct tree_answer a;
    if (asprintf(&f->settings.name, "fleets/%s", c->fleet.name) < 0) {
        f->settings.name = NULL;
        return no_memory(e);
    }
    if (tree_session_get(t, f->settings.name, &a, e) != 0) {
        tree_answer_free(&a);
        return -1;
    }
    f->there = a.code == STORE_OK;
    f->settings.bytes = a.data != NULL ? a.data : strdup("");
    f->settings.len = a.len;
    f->settings.version = a.version;
    return f->settings.bytes != NULL ? 0 : no_memory(e);
}

int fleet_tree_read(struct tree_session *t, const struct config *c,
                    struct fleet_tree *out, struct err *e)
{
    *out = (struct fleet_tree){ .there = false };
    if (read_settings(t, c, out, e) == 0 && read_chunks(t, c, out, e) == 0 &&
        read_members(t, c, out, e) == 0)
        return 0;
    fleet_tree_free(out);
    return -1;
}

void fleet_tree_free(struct fleet_tree *f)
{
    free(f->settings.name);
    free(f->settings.bytes);
    for (size_t i = 0; i < f->nchunks; i++) {
        free(f->chunks[i].name);
        free(f->chunks[i].bytes);
    }
    free(f->chunks);
    for (size_t i = 0; i < f->nmembers; i++)
        free(f->members[i].id);
    free(f->members);
    *f = (struct fleet_tree){ .there = false };
}

const struct fleet_chunk *fleet_tree_chunk(const struct fleet_tree *f,
                                           const char *name)
{
    for (size_t i = 0; i < f->nchunks; i++)
        if (strcmp(f->chunks[i].name, name) == 0)
            return &f->chunks[i];
    return NULL;
}

static int list_targets(const struct fleet_tree *f, const struct config *c,
                        const struct fleet_chunk *chunks, size_t n,
                        struct targets_list *out, struct err *e)
{
    struct targets *t = targets_new(c, e);
    int rc = t != NULL ? targets_set(t, f->settings.bytes, f->settings.len,
                                     f->settings.version, e)
                       : -1;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = targets_chunk(t, chunks[i].name, chunks[i].bytes, chunks[i].len,
                           chunks[i].version, e);
    if (rc == 0)
        rc = targets_list(t, out, e);
    targets_free(t);
    return rc;
}

int fleet_tree_targets(const struct fleet_tree *f, const struct config *c,
                       struct targets_list *out, struct err *e)
{
    return list_targets(f, c, f->chunks, f->nchunks, out, e);
}

int fleet_tree_targets_of(const struct fleet_tree *f, const struct config *c,
                          const struct fleet_chunk *chunk,
                          struct targets_list *out, struct err *e)
{
    return list_targets(f, c, chunk, 1, out, e);
}

const char *fleet_tree_first(const struct fleet_tree *f, const char *name)
{
    struct rank r;
    rank_init(&r, name);
    for (size_t i = 0; i < f->nmembers; i++)
        (void)rank_came(&r, &f->members[i].rank);
    return r.first != NULL ? r.first->id : "";
}
