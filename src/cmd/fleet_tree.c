#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config.h"
#include "agent/escape.h"
#include "agent/maintenance.h"
#include "agent/net_allow.h"
#include "tree_branch.h"

#include "fleet_tree.h"

/* An id, as agents' and fleets' names are. */
static bool is_name(const char *name)
{
    char key[MAINTENANCE_KEY_SIZE];
    if (strlen(name) + 2 > sizeof key)
        return false;
    snprintf(key, sizeof key, "@%s", name);
    return maintenance_key(key, NULL) == MAINTENANCE_MEMBER;
}

static int choose(struct config *c, const char *name, struct err *e)
{
    if (!is_name(name)) {
        char shown[ESCAPED_SIZE] = "";
        escape_add(shown, sizeof shown, name, strlen(name));
        err_set(e, "--fleet must be letters, digits, . _ or -, got \"%s\"",
                shown);
        return -1;
    }
    if (c->fleet.name != NULL && strcmp(c->fleet.name, name) == 0)
        return 0;
    free(c->fleet.name);
    net_allow_unref(c->fleet.allow);
    c->fleet.allow = NULL;
    c->fleet.name = strdup(name);
    if (c->fleet.name != NULL)
        return 0;
    err_set(e, "out of memory for the fleet's name");
    return -1;
}

int fleet_of(struct config *c, const char *name, struct err *e)
{
    const char *file = c->nfiles > 0 ? c->files[0].path : "the config";
    if (!c->zookeeper.enabled) {
        err_set(e,
                "%s has no [zookeeper] section: what is known of fleets is "
                "there",
                file);
        return -1;
    }
    if (name != NULL)
        return choose(c, name, e);
    if (c->fleet.name != NULL)
        return 0;
    err_set(e, "%s has no [fleet] section: name the fleet with --fleet", file);
    return -1;
}

static enum tree_end no_memory(struct err *e)
{
    err_set(e, "out of memory for the fleet");
    return TREE_FAILED;
}

/* All children of fleets/F/NAME. */
struct branch {
    char *path; /* owned */
    struct tree_branch all;
};

static enum tree_end read_branch(struct tree_session *t, const struct config *c,
                                 const char *name, struct branch *b,
                                 struct err *e)
{
    *b = (struct branch){ .path = NULL };
    if (asprintf(&b->path, "fleets/%s/%s", c->fleet.name, name) < 0) {
        b->path = NULL;
        return no_memory(e);
    }
    enum tree_end end = tree_branch_read(t, b->path, &b->all, e);
    for (size_t i = 0; end == TREE_DONE && i < b->all.n; i++)
        if (tree_session_check(t, &b->all.asks[i], e) != 0)
            end = TREE_FAILED;
    return end;
}

static void branch_free(struct branch *b)
{
    tree_branch_free(&b->all);
    free(b->path);
}

static bool take_chunks(struct branch *b, struct fleet_tree *f)
{
    f->chunks = calloc(b->all.n + 1, sizeof *f->chunks);
    if (f->chunks == NULL)
        return false;
    for (size_t i = 0; i < b->all.n; i++) {
        struct tree_answer *a = &b->all.asks[i].answer;
        struct fleet_chunk *chunk = &f->chunks[f->nchunks];
        if (a->code != STORE_OK)
            continue;
        chunk->name = strdup(tree_branch_name(&b->all, i));
        if (chunk->name == NULL)
            return false;
        chunk->bytes = a->data;
        chunk->len = a->len;
        chunk->version = a->version;
        a->data = NULL;
        f->nchunks++;
    }
    return true;
}

static bool take_members(struct branch *b, struct fleet_tree *f)
{
    f->members = calloc(b->all.n + 1, sizeof *f->members);
    if (f->members == NULL)
        return false;
    for (size_t i = 0; i < b->all.n; i++) {
        const struct tree_answer *a = &b->all.asks[i].answer;
        struct fleet_tree_member *m = &f->members[f->nmembers];
        if (a->code != STORE_OK)
            continue;
        m->id = strdup(tree_branch_name(&b->all, i));
        if (m->id == NULL)
            return false;
        m->rank = (struct rank_member){ m->id, rank_hash(m->id) };
        /* Who cannot be read is one all the same: it is listed. */
        (void)member_read(a->data, a->len, &m->says);
        f->nmembers++;
    }
    return true;
}

static enum tree_end read_into(struct tree_session *t, const struct config *c,
                               const char *name,
                               bool (*take)(struct branch *,
                                            struct fleet_tree *),
                               struct fleet_tree *f, struct err *e)
{
    struct branch b;
    enum tree_end end = read_branch(t, c, name, &b, e);
    if (end == TREE_DONE && !take(&b, f))
        end = no_memory(e);
    branch_free(&b);
    return end;
}

static enum tree_end read_settings(struct tree_session *t,
                                   const struct config *c, struct fleet_tree *f,
                                   struct err *e)
{
    struct tree_ask a = { .verb = STORE_GET, .large = true };
    if (asprintf(&f->settings.name, "fleets/%s", c->fleet.name) < 0) {
        f->settings.name = NULL;
        return no_memory(e);
    }
    a.path = f->settings.name;
    enum tree_end end = tree_session_ask(t, &a, 1, e);
    if (end == TREE_DONE && tree_session_check(t, &a, e) != 0)
        end = TREE_FAILED;
    f->there = end == TREE_DONE && a.answer.code == STORE_OK;
    f->settings.bytes = a.answer.data != NULL ? a.answer.data : calloc(1, 1);
    f->settings.len = a.answer.len;
    f->settings.version = a.answer.version;
    return end == TREE_DONE && f->settings.bytes == NULL ? no_memory(e) : end;
}

enum tree_end fleet_tree_read(struct tree_session *t, const struct config *c,
                              struct fleet_tree *out, struct err *e)
{
    *out = (struct fleet_tree){ .there = false };
    enum tree_end end = read_settings(t, c, out, e);
    if (end == TREE_DONE)
        end = read_into(t, c, "targets", take_chunks, out, e);
    if (end == TREE_DONE)
        end = read_into(t, c, "members", take_members, out, e);
    if (end != TREE_DONE)
        fleet_tree_free(out);
    return end;
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

bool fleet_tree_empty(const struct fleet_tree *f)
{
    return !f->there && f->nchunks == 0 && f->nmembers == 0;
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
