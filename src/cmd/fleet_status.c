#include <stdlib.h>

#include "agent/clock.h"
#include "agent/config.h"
#include "tree_reader.h"

#include "fleet_status.h"

enum tree_end fleet_status_look(struct tree_session *t, const struct config *c,
                                const struct targets_list *l,
                                struct status_view *out, struct err *e)
{
    const char **names = calloc(l->n + 1, sizeof *names);
    struct status_tree tree;
    /* What should be there are the targets, and nothing of this agent's. */
    struct config looked = *c;
    looked.instances = l->targets;
    looked.ninstances = l->n;
    if (names == NULL) {
        err_set(e, "out of memory for the names of %zu targets", l->n);
        return TREE_FAILED;
    }
    for (size_t i = 0; i < l->n; i++)
        names[i] = l->targets[i]->name;
    enum tree_end end = tree_reader_read_of(t, names, l->n, &tree, e);
    free(names);
    if (end == TREE_DONE &&
        status_view_of_tree(out, &tree, &looked, clock_wall_ms(), e) != 0)
        end = TREE_FAILED;
    out->of_targets = true;
    return end;
}
