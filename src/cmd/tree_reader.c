/*
 * The two branches of the tree, one after the other: a list, then all nodes
 * of it, as many at a time as the store takes.  What was lost on the way, or
 * was to wait, is asked for again until the deadline; a node that went in the
 * meantime is no node.
 *
 * A reply to an earlier look may still come: tokens carry the look's number.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/clock.h"
#include "agent/escape.h"

#include "tree_reader.h"

#define RETRY_MS   100
#define AT_ONCE    32
#define LIST_INDEX UINT32_MAX

static const char *const BRANCHES[] = { "instances", "agents" };

enum need { NEED_ASKING, NEED_ANSWER, NEED_NOTHING };

/* One branch while it is read. */
struct branch {
    const char *name;
    enum need list;
    struct status_node *nodes; /* owned; those without a name are gone */
    enum need *needs;          /* owned; as many */
    size_t n;
    size_t left; /* nodes that need something */
    size_t next; /* those before it need no asking */
};

struct tree_reader {
    struct store *store; /* owned */
    char *root;          /* owned */
    int woken;           /* an eventfd */
    uint32_t look;
    struct branch branch;
    uint64_t retry_mono_ms; /* nothing is asked before */
    struct err *why;        /* of the look under way */
    bool failed;            /* and it is filled */
};

/* Thread: any. */
static void wake(void *arg)
{
    struct tree_reader *t = arg;

    eventfd_write(t->woken, 1);
}

static void fail(struct tree_reader *t, const char *what, const char *why)
{
    char name[80] = "";

    escape_add(name, sizeof name, what, strlen(what));
    if (!t->failed)
        err_set(t->why, "ZooKeeper: %s/%s%s%s: %s", t->root, t->branch.name,
                *what ? "/" : "", name, why);
    t->failed = true;
}

/* ------------------------------------------------------------------ asking */

static int submit(struct tree_reader *t, enum store_verb verb, size_t index)
{
    const struct branch *b = &t->branch;
    bool list = verb == STORE_LIST;
    struct store_request r = { .verb = verb,
                               .token = (uint64_t)t->look << 32 |
                                        (list ? LIST_INDEX : index),
                               .data = "" };
    char *path;
    int rc = asprintf(&path, "%s/%s%s%s", t->root, b->name, list ? "" : "/",
                      list ? "" : b->nodes[index].name);

    if (rc < 0) {
        fail(t, "", "out of memory for the reader of the tree");
        return -1;
    }
    r.path = path;
    rc = t->store->ops->submit(t->store, &r);
    free(path);
    return rc;
}

static void ask(struct tree_reader *t, uint64_t now)
{
    struct branch *b = &t->branch;

    if (now < t->retry_mono_ms)
        return;
    if (b->list == NEED_ASKING && submit(t, STORE_LIST, 0) == 0)
        b->list = NEED_ANSWER;
    for (; b->next < b->n; b->next++) {
        if (b->needs[b->next] != NEED_ASKING)
            continue;
        if (submit(t, STORE_GET, b->next) != 0)
            return;
        b->needs[b->next] = NEED_ANSWER;
    }
}

/* ----------------------------------------------------------------- answers */

static bool take_names(struct branch *b, const struct store_reply *r)
{
    size_t n = 0;

    for (size_t at = 0; at < r->len; at += strlen(r->data + at) + 1)
        n++;
    b->nodes = calloc(n + 1, sizeof *b->nodes);
    b->needs = calloc(n + 1, sizeof *b->needs);
    if (b->nodes == NULL || b->needs == NULL)
        return false;
    for (size_t at = 0; at < r->len; at += strlen(r->data + at) + 1) {
        b->nodes[b->n].name = strdup(r->data + at);
        if (b->nodes[b->n++].name == NULL)
            return false;
    }
    b->left = b->n;
    return true;
}

static void take_list(struct tree_reader *t, const struct store_reply *r)
{
    struct branch *b = &t->branch;

    b->list = NEED_NOTHING;
    switch (r->code) {
    case STORE_OK:
        if (!take_names(b, r))
            fail(t, "", "out of memory for the reader of the tree");
        break;
    case STORE_NO_NODE: /* no agent has written yet */
        break;
    case STORE_NO_AUTH:
        fail(t, "", "no right to read it");
        break;
    case STORE_UNCERTAIN:
    case STORE_SESSION_GONE:
    case STORE_BUSY:
        b->list = NEED_ASKING;
        break;
    case STORE_NODE_EXISTS:
    case STORE_BAD_VERSION:
    case STORE_FAILED:
        fail(t, "", store_code_name(r->code));
        break;
    }
}

static bool take_data(struct status_node *n, const struct store_reply *r)
{
    n->data = malloc(r->len + 1);
    if (n->data == NULL)
        return false;
    if (r->len > 0)
        memcpy(n->data, r->data, r->len);
    n->data[r->len] = '\0';
    n->len = r->len;
    n->owner = r->owner;
    return true;
}

static void take_node(struct tree_reader *t, size_t index,
                      const struct store_reply *r)
{
    struct branch *b = &t->branch;
    struct status_node *n = &b->nodes[index];

    b->needs[index] = NEED_NOTHING;
    b->left--;
    switch (r->code) {
    case STORE_OK:
        if (!take_data(n, r))
            fail(t, "", "out of memory for the reader of the tree");
        break;
    case STORE_NO_NODE:
        free(n->name);
        n->name = NULL;
        break;
    case STORE_NO_AUTH: /* without data it is one that cannot be read */
        break;
    case STORE_UNCERTAIN:
    case STORE_SESSION_GONE:
    case STORE_BUSY:
        b->needs[index] = NEED_ASKING;
        b->left++;
        if (index < b->next)
            b->next = index;
        break;
    case STORE_NODE_EXISTS:
    case STORE_BAD_VERSION:
    case STORE_FAILED:
        fail(t, n->name, store_code_name(r->code));
        break;
    }
}

static void take(struct tree_reader *t, const struct store_reply *r,
                 uint64_t now)
{
    struct branch *b = &t->branch;
    size_t index = (uint32_t)r->token;

    if (r->token >> 32 != t->look)
        return;
    if (r->code == STORE_BUSY || r->code == STORE_UNCERTAIN ||
        r->code == STORE_SESSION_GONE)
        t->retry_mono_ms = now + RETRY_MS;
    if (index == LIST_INDEX && b->list == NEED_ANSWER)
        take_list(t, r);
    else if (index < b->n && b->needs[index] == NEED_ANSWER)
        take_node(t, index, r);
}

/* ----------------------------------------------------------------- waiting */

/* One turn of what is the publisher's loop elsewhere; when to be back. */
static uint64_t turn(struct tree_reader *t, uint64_t now)
{
    struct store_reply replies[AT_ONCE];
    uint64_t next = t->store->ops->tick(t->store, now);
    size_t n;

    do {
        n = t->store->ops->collect(t->store, replies, AT_ONCE);
        for (size_t i = 0; i < n; i++)
            take(t, &replies[i], now);
    } while (n > 0);
    ask(t, now);
    return t->retry_mono_ms > now && t->retry_mono_ms < next ? t->retry_mono_ms
                                                             : next;
}

/* True when somebody calls us away. */
static bool await(struct tree_reader *t, int cancel_fd, uint64_t until,
                  uint64_t now)
{
    struct pollfd p[] = { { .fd = t->woken, .events = POLLIN },
                          { .fd = cancel_fd, .events = POLLIN } };
    eventfd_t count;

    if (poll(p, 2, until > now ? (int)(until - now) : 0) <= 0)
        return false;
    if (p[0].revents != 0)
        eventfd_read(t->woken, &count);
    return p[1].revents != 0;
}

static void say_timeout(struct tree_reader *t, unsigned timeout_ms)
{
    struct store_status s;
    char why[sizeof s.why] = "";

    t->store->ops->status(t->store, &s);
    escape_add(why, sizeof why, s.why, strlen(s.why));
    err_set(t->why, "ZooKeeper: not read within %u ms: %s%s%s", timeout_ms,
            store_state_name(s.state), *why != '\0' ? ": " : "", why);
    t->failed = true;
}

static bool over(const struct branch *b)
{
    return b->list == NEED_NOTHING && b->left == 0;
}

static enum tree_end read_branch(struct tree_reader *t, uint64_t end,
                                 unsigned timeout_ms, int cancel_fd)
{
    for (;;) {
        uint64_t now = clock_mono_ms();
        uint64_t next = turn(t, now);

        if (t->failed)
            return TREE_FAILED;
        if (over(&t->branch))
            return TREE_READ;
        if (now >= end) {
            say_timeout(t, timeout_ms);
            return TREE_FAILED;
        }
        if (await(t, cancel_fd, next < end ? next : end, now))
            return TREE_CANCELLED;
    }
}

/* ------------------------------------------------------------------ public */

/* Moves the nodes that are there. */
static void hand_over(struct branch *b, struct status_node **nodes, size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < b->n; i++)
        if (b->nodes[i].name != NULL)
            b->nodes[(*n)++] = b->nodes[i];
    *nodes = b->nodes;
    b->nodes = NULL;
    b->n = 0;
}

static void branch_free(struct branch *b)
{
    struct status_tree rest = { .instances = b->nodes, .ninstances = b->n };

    status_tree_free(&rest);
    free(b->needs);
    *b = (struct branch){ 0 };
}

enum tree_end tree_reader_read(struct tree_reader *t, unsigned timeout_ms,
                               int cancel_fd, struct status_tree *out,
                               struct err *e)
{
    uint64_t end = clock_mono_ms() + timeout_ms;
    enum tree_end result = TREE_READ;

    *out = (struct status_tree){ 0 };
    t->why = e;
    t->failed = false;
    for (size_t i = 0; i < 2 && result == TREE_READ; i++) {
        t->look++;
        t->branch = (struct branch){ .name = BRANCHES[i] };
        result = read_branch(t, end, timeout_ms, cancel_fd);
        if (i == 0)
            hand_over(&t->branch, &out->instances, &out->ninstances);
        else
            hand_over(&t->branch, &out->agents, &out->nagents);
        branch_free(&t->branch);
    }
    if (result != TREE_READ)
        status_tree_free(out);
    return result;
}

struct tree_reader *tree_reader_new(struct store *store, const char *root,
                                    struct err *e)
{
    struct tree_reader *t = calloc(1, sizeof *t);

    if (t == NULL)
        goto no_memory;
    t->store = store;
    /* Every path begins with it. */
    t->root = strdup(strcmp(root, "/") == 0 ? "" : root);
    if (t->root == NULL)
        goto no_memory;
    t->woken = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (t->woken < 0) {
        err_set(e, "eventfd: %s", strerror(errno));
        goto failed;
    }
    store->wake = wake;
    store->wake_arg = t;
    return t;

no_memory:
    err_set(e, "out of memory for the reader of the tree");
failed:
    if (t != NULL)
        free(t->root);
    free(t);
    /* It was never ticked: there is nothing to wait for. */
    (void)!store->ops->close(store, 0);
    return NULL;
}

enum store_end tree_reader_close(struct tree_reader *t, unsigned budget_ms)
{
    if (t == NULL)
        return STORE_CLOSED;
    enum store_end end = t->store->ops->close(t->store, budget_ms);
    /* A thread that was left behind may still call wake. */
    if (end != STORE_CLOSED)
        return end;
    close(t->woken);
    free(t->root);
    free(t);
    return end;
}
