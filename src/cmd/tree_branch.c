#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tree_branch.h"

static int no_memory(const char *path, struct err *e)
{
    err_set(e, "out of memory for the nodes of %.150s", path);
    return -1;
}

static int add(struct tree_branch *b, const char *name, struct err *e)
{
    char *path;
    if (asprintf(&path, "%s/%s", b->path, name) < 0)
        return no_memory(b->path, e);
    b->asks[b->n++] =
        (struct tree_ask){ .verb = STORE_GET, .path = path, .large = true };
    return 0;
}

static enum tree_end read_all(struct tree_session *t, struct tree_branch *b,
                              struct err *e)
{
    enum tree_end end = tree_session_ask(t, b->asks, b->n, e);
    for (size_t i = 0; end == TREE_DONE && i < b->n; i++)
        if (b->asks[i].answer.code != STORE_NO_AUTH &&
            tree_session_check(t, &b->asks[i], e) != 0)
            end = TREE_FAILED;
    return end;
}

static int by_path(const void *a, const void *b)
{
    const struct tree_ask *x = a, *y = b;
    return strcmp(x->path, y->path);
}

static int prepare(struct tree_branch *b, const struct tree_answer *list,
                   struct err *e)
{
    size_t n = 0;
    for (size_t at = 0; at < list->len; at += strlen(list->data + at) + 1)
        n++;
    b->asks = calloc(n + 1, sizeof *b->asks);
    if (b->asks == NULL)
        return no_memory(b->path, e);
    for (size_t at = 0; at < list->len; at += strlen(list->data + at) + 1)
        if (add(b, list->data + at, e) != 0)
            return -1;
    qsort(b->asks, n, sizeof *b->asks, by_path);
    return 0;
}

enum tree_end tree_branch_read(struct tree_session *t, const char *path,
                               struct tree_branch *out, struct err *e)
{
    struct tree_ask list = { .verb = STORE_LIST, .path = path };
    *out = (struct tree_branch){ .path = path };
    enum tree_end end = tree_session_ask(t, &list, 1, e);
    if (end == TREE_DONE && (tree_session_check(t, &list, e) != 0 ||
                             prepare(out, &list.answer, e) != 0))
        end = TREE_FAILED;
    tree_answer_free(&list.answer);
    return end == TREE_DONE ? read_all(t, out, e) : end;
}

enum tree_end tree_branch_read_of(struct tree_session *t, const char *path,
                                  const char *const *names, size_t n,
                                  struct tree_branch *out, struct err *e)
{
    *out = (struct tree_branch){ .path = path };
    out->asks = calloc(n + 1, sizeof *out->asks);
    if (out->asks == NULL) {
        no_memory(path, e);
        return TREE_FAILED;
    }
    for (size_t i = 0; i < n; i++)
        if (add(out, names[i], e) != 0)
            return TREE_FAILED;
    return read_all(t, out, e);
}

void tree_branch_free(struct tree_branch *b)
{
    for (size_t i = 0; i < b->n; i++) {
        tree_answer_free(&b->asks[i].answer);
        free((char *)b->asks[i].path);
    }
    free(b->asks);
    *b = (struct tree_branch){ .path = b->path };
}

const char *tree_branch_name(const struct tree_branch *b, size_t at)
{
    return b->asks[at].path + strlen(b->path) + 1;
}
