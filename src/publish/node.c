/*
 * Nothing is ever half known: a write that came off leaves as much known as a
 * reading does.
 */
#include <string.h>

#include "node.h"

void node_forget(struct node *n)
{
    n->known = false;
    n->done = 0;
}

void node_doubt(struct node *n, bool under_way)
{
    node_forget(n);
    n->stale = under_way;
}

bool node_was_stale(struct node *n)
{
    bool stale = n->stale;

    n->stale = false;
    return stale;
}

void node_found(struct node *n, const struct store_reply *r,
                const struct document_seen *seen, const char *agent)
{
    n->known = true;
    n->exists = true;
    n->version = r->version;
    n->owner = r->owner;
    n->readable = seen->valid;
    n->ours = seen->valid && strcmp(seen->agent, agent) == 0;
}

void node_absent(struct node *n)
{
    n->known = true;
    n->exists = false;
    n->version = -1;
    n->owner = 0;
    n->done = 0;
}

void node_written(struct node *n, const struct store_reply *r, int64_t owner)
{
    n->known = true;
    n->exists = r->verb != STORE_DELETE;
    n->version = r->version;
    if (r->verb == STORE_CREATE || r->verb == STORE_TAKE_OVER)
        n->owner = owner;
    n->readable = true;
    n->ours = true;
}

void node_is_like(struct node *n, uint64_t post)
{
    n->done = post;
}
