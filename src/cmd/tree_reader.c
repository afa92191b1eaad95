#include <stdlib.h>
#include <string.h>

#include "agent/document.h"
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

/* -------------------------------------------------------- of some instances */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The agents that OUT's documents name, each once; owned, as they are.  NULL
 * on lack of memory. */
static char **agents_of(const struct status_tree *tree, size_t *n)
{
    char **ids = calloc(tree->ninstances + 1, sizeof *ids);
    struct document_seen seen;
    size_t all = 0;
    if (ids == NULL)
        return NULL;
    for (size_t i = 0; i < tree->ninstances; i++) {
        const struct status_node *node = &tree->instances[i];
        document_read(node->data != NULL ? node->data : "", node->len, &seen);
        /* One that could be no node's name is nobody's. */
        if (seen.agent[0] == '\0' || strchr(seen.agent, '/') != NULL)
            continue;
        ids[all] = strdup(seen.agent);
        if (ids[all++] == NULL)
            break;
    }
    *n = 0;
    if (all == 0)
        return ids;
    if (ids[all - 1] != NULL)
        qsort(ids, all, sizeof *ids, by_text);
    for (size_t i = 0; i < all; i++)
        if (ids[i] == NULL || *n == 0 || strcmp(ids[i], ids[*n - 1]) != 0)
            ids[(*n)++] = ids[i];
        else
            free(ids[i]);
    return ids;
}

static void free_ids(char **ids, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(ids[i]);
    free(ids);
}

/* Those named in the documents that OUT has. */
static enum tree_end read_named(struct tree_session *t, struct status_tree *out,
                                struct err *e)
{
    struct tree_branch agents;
    size_t n = 0;
    char **ids = agents_of(out, &n);
    if (ids == NULL || (n > 0 && ids[n - 1] == NULL)) {
        err_set(e, "out of memory for the agents' names");
        free_ids(ids, n);
        return TREE_FAILED;
    }
    enum tree_end end = tree_branch_read_of(
        t, "agents", (const char *const *)ids, n, &agents, e);
    free_ids(ids, n);
    return take(&agents, end, &out->agents, &out->nagents, e);
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
    if (end == TREE_DONE)
        end = read_named(t, out, e);
    if (end != TREE_DONE)
        status_tree_free(out);
    return end;
}
