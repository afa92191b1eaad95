#include <stdlib.h>
#include <string.h>

#include "tree_branch.h"

#include "tree_reader.h"

/* Moves what is there. */
static int hand_over(struct tree_branch *b, struct status_node **nodes,
                     size_t *n, struct err *e)
{
    *nodes = calloc(b->n + 1, sizeof **nodes);
    if (*nodes == NULL)
        goto no_memory;
    for (size_t i = 0; i < b->n; i++) {
        struct tree_answer *a = &b->asks[i].answer;
        if (a->code == STORE_NO_NODE)
            continue;
        struct status_node *node = &(*nodes)[(*n)++];
        node->name = strdup(tree_branch_name(b, i));
        if (node->name == NULL)
            goto no_memory;
        node->data = a->data;
        node->len = a->len;
        node->owner = a->owner;
        a->data = NULL;
    }
    return 0;

no_memory:
    err_set(e, "out of memory for the %zu nodes of %s", b->n, b->path);
    return -1;
}

/* END is that of reading B. */
static enum tree_end take(struct tree_branch *b, enum tree_end end,
                          struct status_node **nodes, size_t *n, struct err *e)
{
    if (end == TREE_DONE && hand_over(b, nodes, n, e) != 0)
        end = TREE_FAILED;
    tree_branch_free(b);
    return end;
}

static enum tree_end read_agents(struct tree_session *t, enum tree_end end,
                                 struct status_tree *out, struct err *e)
{
    struct tree_branch agents;
    if (end == TREE_DONE) {
        end = tree_branch_read(t, "agents", &agents, e);
        end = take(&agents, end, &out->agents, &out->nagents, e);
    }
    if (end != TREE_DONE)
        status_tree_free(out);
    return end;
}

enum tree_end tree_reader_read(struct tree_session *t, struct status_tree *out,
                               struct err *e)
{
    struct tree_branch instances;
    *out = (struct status_tree){ 0 };
    enum tree_end end = tree_branch_read(t, "instances", &instances, e);
    end = take(&instances, end, &out->instances, &out->ninstances, e);
    return read_agents(t, end, out, e);
}

enum tree_end tree_reader_read_of(struct tree_session *t,
                                  const char *const *names, size_t n,
                                  struct status_tree *out, struct err *e)
{
    struct tree_branch instances;
    *out = (struct status_tree){ 0 };
    enum tree_end end =
        tree_branch_read_of(t, "instances", names, n, &instances, e);
    end = take(&instances, end, &out->instances, &out->ninstances, e);
    return read_agents(t, end, out, e);
}
