/* The two branches of the tree, one after the other: a list, then all of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tree_reader.h"

struct branch {
    const char *name;
    struct tree_answer list;
    struct tree_ask *asks; /* owned, as are their paths */
    size_t n;
};

static int prepare(struct branch *b, struct err *e)
{
    size_t n = 0;
    for (size_t at = 0; at < b->list.len; at += strlen(b->list.data + at) + 1)
        n++;
    b->asks = calloc(n + 1, sizeof *b->asks);
    if (b->asks == NULL)
        goto no_memory;
    for (size_t at = 0; b->n < n; at += strlen(b->list.data + at) + 1, b->n++) {
        char *path;
        if (asprintf(&path, "%s/%s", b->name, b->list.data + at) < 0)
            goto no_memory;
        b->asks[b->n] = (struct tree_ask){ .verb = STORE_GET, .path = path };
    }
    return 0;

no_memory:
    err_set(e, "out of memory for the %zu nodes of %s", n, b->name);
    return -1;
}

/* False on lack of memory. */
static bool hand_over(struct branch *b, struct status_node **nodes, size_t *n)
{
    *n = 0;
    *nodes = calloc(b->n + 1, sizeof **nodes);
    if (*nodes == NULL)
        return false;
    for (size_t i = 0; i < b->n; i++) {
        struct tree_answer *a = &b->asks[i].answer;
        if (a->code == STORE_NO_NODE)
            continue;
        struct status_node *node = &(*nodes)[(*n)++];
        node->name = strdup(b->asks[i].path + strlen(b->name) + 1);
        if (node->name == NULL)
            return false;
        node->data = a->data;
        node->len = a->len;
        node->owner = a->owner;
        a->data = NULL;
    }
    return true;
}

/* The first answer that is not one. */
static int check(struct tree_session *t, const struct branch *b, struct err *e)
{
    for (size_t i = 0; i < b->n; i++)
        if (b->asks[i].answer.code != STORE_NO_AUTH &&
            tree_session_check(t, &b->asks[i], e) != 0)
            return -1;
    return 0;
}

static enum tree_end read_branch(struct tree_session *t, struct branch *b,
                                 struct status_node **nodes, size_t *n,
                                 struct err *e)
{
    struct tree_ask list = { .verb = STORE_LIST, .path = b->name };
    enum tree_end end = tree_session_ask(t, &list, 1, e);
    b->list = list.answer;
    if (end != TREE_DONE)
        return end;
    /* Where no agent has written yet there is no branch. */
    if (tree_session_check(t, &list, e) != 0 || prepare(b, e) != 0)
        return TREE_FAILED;
    end = tree_session_ask(t, b->asks, b->n, e);
    if (end != TREE_DONE)
        return end;
    if (check(t, b, e) != 0)
        return TREE_FAILED;
    if (hand_over(b, nodes, n))
        return TREE_DONE;
    err_set(e, "out of memory for the %zu nodes of %s", b->n, b->name);
    return TREE_FAILED;
}

static void branch_free(struct branch *b)
{
    tree_answer_free(&b->list);
    for (size_t i = 0; i < b->n; i++) {
        tree_answer_free(&b->asks[i].answer);
        free((char *)b->asks[i].path);
    }
    free(b->asks);
}

enum tree_end tree_reader_read(struct tree_session *t, struct status_tree *out,
                               struct err *e)
{
    struct branch instances = { .name = "instances" };
    struct branch agents = { .name = "agents" };
    *out = (struct status_tree){ 0 };
    enum tree_end end =
        read_branch(t, &instances, &out->instances, &out->ninstances, e);
    if (end == TREE_DONE)
        end = read_branch(t, &agents, &out->agents, &out->nagents, e);
    branch_free(&instances);
    branch_free(&agents);
    if (end != TREE_DONE)
        status_tree_free(out);
    return end;
}
