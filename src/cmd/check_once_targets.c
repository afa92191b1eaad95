#include <stdlib.h>
#include <string.h>

#include "agent/config.h"
#include "fleet_tree.h"

#include "check_once_targets.h"

static bool has(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->ninstances; i++)
        if (strcmp(c->instances[i]->name, name) == 0)
            return true;
    return false;
}

/* Takes over a reference to I. */
static int add(struct config *c, struct config_instance *i, struct err *e)
{
    struct config_instance **more =
        realloc(c->instances, (c->ninstances + 1) * sizeof(*more));
    if (more == NULL) {
        err_set(e, "out of memory for target %s", i->name);
        return -1;
    }
    c->instances = more;
    c->instances[c->ninstances++] = config_instance_ref(i);
    return 0;
}

static int add_named(struct config *c, const char *const *names, size_t n,
                     const struct targets_list *l, struct err *e)
{
    for (size_t at = 0; at < n; at++)
        for (size_t i = 0; i < l->n && !has(c, names[at]); i++)
            if (strcmp(l->targets[i]->name, names[at]) == 0 &&
                add(c, l->targets[i], e) != 0)
                return -1;
    return 0;
}

static int read_targets(struct tree_session *t, struct config *c,
                        const char *const *names, size_t n, struct err *e)
{
    struct fleet_tree f;
    struct targets_list list;
    /* Nothing calls us away. */
    if (fleet_tree_read(t, c, &f, e) != TREE_DONE)
        return -1;
    int rc = fleet_tree_targets(&f, c, &list, e);
    fleet_tree_free(&f);
    if (rc != 0)
        return -1;
    rc = add_named(c, names, n, &list, e);
    targets_list_free(&list);
    return rc;
}

int once_add_targets(struct config *c, const char *const *names, size_t n,
                     bool *clean, struct err *e)
{
    size_t known = 0;
    *clean = true;
    for (size_t i = 0; i < n; i++)
        known += has(c, names[i]);
    if (known == n || !c->fleet.enabled)
        return 0;
    struct tree_session *t = tree_session_open(c, e);
    int rc = t != NULL ? read_targets(t, c, names, n, e) : -1;
    *clean = tree_session_close(t);
    return rc;
}
