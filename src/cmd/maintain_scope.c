/*
 * The names alone, and no settings: a command on a machine without [fleet]
 * must know them too, and a target is one however wrong its settings are.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/maintenance.h"

#include "maintain_scope.h"

static const char SECTION[] = "[redis:";

/* What is no name is a fault of the chunk's, and no target.  False on lack of
 * memory. */
static bool add(struct scope_names *s, const char *name, size_t len)
{
    char key[MAINTENANCE_NAME_MAX + 1];
    if (len >= sizeof key)
        return true;
    snprintf(key, sizeof key, "%.*s", (int)len, name);
    if (maintenance_key(key, NULL) != MAINTENANCE_NAME)
        return true;
    char **more = realloc(s->names, (s->n + 1) * sizeof *more);
    if (more == NULL)
        return false;
    s->names = more;
    s->names[s->n] = strdup(key);
    return s->names[s->n] != NULL && ++s->n > 0;
}

/* owned/ID has a name a line. */
static bool add_lines(struct scope_names *s, const char *text)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        if (len > 0 && !add(s, text, len))
            return false;
        text += len + (text[len] != '\0');
    }
    return true;
}

/* A chunk has a section a target. */
static bool add_sections(struct scope_names *s, const char *text)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        const char *begin = text + strspn(text, " \t");
        const char *end = memchr(text, ']', len);
        text += len + (text[len] != '\0');
        if (end == NULL || strncmp(begin, SECTION, strlen(SECTION)) != 0)
            continue;
        begin += strlen(SECTION);
        if (end > begin && !add(s, begin, (size_t)(end - begin)))
            return false;
    }
    return true;
}

static int no_memory(const char *scope, struct err *e)
{
    err_set(e, "out of memory for the names of %.100s", scope);
    return -1;
}

static int read_owned(struct tree_session *t, const char *id,
                      struct scope_names *out, struct err *e)
{
    char path[SCOPE_SIZE + sizeof "owned/"];
    struct tree_answer a;
    snprintf(path, sizeof path, "owned/%s", id);
    int rc = tree_session_get(t, path, &a, e);
    if (rc == 0 && a.code == STORE_OK && !add_lines(out, a.data))
        rc = no_memory(id, e);
    tree_answer_free(&a);
    return rc;
}

static int read_chunk(struct tree_session *t, const char *above,
                      const char *chunk, struct scope_names *out, struct err *e)
{
    struct tree_answer a;
    char *path;
    if (asprintf(&path, "%s/%s", above, chunk) < 0)
        return no_memory(above, e);
    int rc = tree_session_get(t, path, &a, e);
    if (rc == 0 && a.code == STORE_OK && !add_sections(out, a.data))
        rc = no_memory(above, e);
    tree_answer_free(&a);
    free(path);
    return rc;
}

static int read_targets(struct tree_session *t, const char *fleet,
                        struct scope_names *out, struct err *e)
{
    char above[SCOPE_SIZE + sizeof "fleets//targets"];
    struct tree_answer list;
    snprintf(above, sizeof above, "fleets/%s/targets", fleet);
    int rc = tree_session_list(t, above, &list, e);
    for (size_t at = 0; rc == 0 && at < list.len;
         at += strlen(list.data + at) + 1)
        rc = read_chunk(t, above, list.data + at, out, e);
    tree_answer_free(&list);
    return rc;
}

bool scope_is(const char *scope)
{
    char key[SCOPE_SIZE];
    bool agent = *scope == '@';
    const char *name = scope + agent;
    if (strlen(name) > SCOPE_SIZE - 2 || strcmp(name, ".") == 0 ||
        strcmp(name, "..") == 0)
        return false;
    snprintf(key, sizeof key, "@%s", name);
    return maintenance_key(key, NULL) == MAINTENANCE_MEMBER;
}

int scope_names_read(struct tree_session *t, const char *scope,
                     struct scope_names *out, struct err *e)
{
    *out = (struct scope_names){ 0 };
    int rc = *scope == '@' ? read_owned(t, scope + 1, out, e)
                           : read_targets(t, scope, out, e);
    if (rc != 0)
        scope_names_free(out);
    return rc;
}

void scope_names_free(struct scope_names *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->names[i]);
    free(s->names);
    *s = (struct scope_names){ 0 };
}

size_t scope_names_covered(const struct scope_names *s, const char *key)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++)
        n += maintenance_matches(key, s->names[i]);
    return n;
}
