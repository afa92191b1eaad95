/*
 * One look: the running agent's status page, or all nodes in ZooKeeper, each
 * within a deadline.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/http_get.h"
#include "agent/resolver.h"
#include "agent/zk.h"
#include "tree_reader.h"

#include "status_impl.h"

/* An agent answers within milliseconds; one that does not is stuck. */
#define HTTP_TIMEOUT_MS 5000
/* A hundred times what an agent of a thousand instances says. */
#define BODY_MAX ((size_t)128 << 20)
/* The session's end is a courtesy: it has no node. */
#define CLOSE_MS 500

struct status_eye {
    const struct config *config;
    /* For ZooKeeper; else NULL. */
    struct resolver *resolver;
    struct tree_reader *reader;
};

/* ------------------------------------------------------------ status page */

static enum status_look look_at_page(const struct status_eye *eye,
                                     int cancel_fd, struct status_view *out,
                                     struct err *e)
{
    const struct config *c = eye->config;
    const struct http_get get = {
        .address = c->http.listen,
        .host = c->http.host,
        .port = c->http.port,
        .path = c->http.path,
        /* As it is without a query: that is never refused. */
        .target = "/status",
        .timeout_ms = HTTP_TIMEOUT_MS,
        .body_max = BODY_MAX,
        .cancel_fd = cancel_fd,
    };
    struct http_body body;
    struct err why;
    int rc;

    switch (http_get(&get, &body, &why)) {
    case HTTP_OK:
        break;
    case HTTP_ABSENT:
        err_set(e, "%.180s (does the agent run?%s)", why.text,
                c->zookeeper.enabled ? " --from-zookeeper needs none" : "");
        return LOOK_FAILED;
    case HTTP_FAILED:
        *e = why;
        return LOOK_FAILED;
    case HTTP_CANCELLED:
        return LOOK_CANCELLED;
    }
    rc = status_view_of_page(out, body.bytes, body.len, &why);
    free(body.bytes);
    if (rc == 0)
        return LOOK_SEEN;
    err_set(e, "%s: %.160s", c->http.listen, why.text);
    return LOOK_FAILED;
}

/* -------------------------------------------------------------- ZooKeeper */

static enum status_look look_at_tree(const struct status_eye *eye,
                                     int cancel_fd, struct status_view *out,
                                     struct err *e)
{
    const struct config *c = eye->config;
    struct status_tree tree;

    switch (tree_reader_read(eye->reader, c->zookeeper.publish_timeout_ms,
                             cancel_fd, &tree, e)) {
    case TREE_READ:
        break;
    case TREE_FAILED:
        return LOOK_FAILED;
    case TREE_CANCELLED:
        return LOOK_CANCELLED;
    }
    if (status_view_of_tree(out, &tree, c, clock_wall_ms(), e) != 0)
        return LOOK_FAILED;
    return LOOK_SEEN;
}

static int open_reader(struct status_eye *eye, struct err *e)
{
    const struct config *c = eye->config;
    struct store_zk_options zk = {
        .servers = c->zookeeper.servers,
        .nservers = c->zookeeper.nservers,
        .session_timeout_ms = c->zookeeper.session_timeout_ms,
        .acl = c->zookeeper.acl,
        .digest = c->zookeeper.digest,
    };
    struct store *store;

    eye->resolver = zk.resolver = resolver_start(e);
    if (eye->resolver == NULL)
        return -1;
    store = store_zk_new(&zk, e);
    if (store == NULL)
        return -1;
    eye->reader = tree_reader_new(store, c->zookeeper.root, e);
    return eye->reader != NULL ? 0 : -1;
}

/* ----------------------------------------------------------------- public */

/* What can be asked, by this config. */
static int check(const struct status_options *o, struct err *e)
{
    const struct config *c = o->config;
    const char *file = c->files[0].path;

    if (o->from_zookeeper && !c->zookeeper.enabled) {
        err_set(e, "%s has no [zookeeper] section: there is nothing to read",
                file);
        return -1;
    }
    if (!o->from_zookeeper && !c->http.enabled) {
        err_set(e,
                "%s has no [http] section, so its agent cannot be asked: add "
                "one and restart it%s",
                file, c->zookeeper.enabled ? ", or look --from-zookeeper" : "");
        return -1;
    }
    return 0;
}

struct status_eye *status_eye_open(const struct status_options *o,
                                   struct err *e)
{
    struct status_eye *eye;

    if (check(o, e) != 0)
        return NULL;
    eye = calloc(1, sizeof *eye);
    if (eye == NULL) {
        err_set(e, "out of memory");
        return NULL;
    }
    eye->config = o->config;
    if (!o->from_zookeeper || open_reader(eye, e) == 0)
        return eye;
    /* Nothing was looked up yet: no thread can be left. */
    (void)!status_eye_close(eye);
    return NULL;
}

bool status_eye_close(struct status_eye *eye)
{
    bool clean = true;

    if (eye == NULL)
        return true;
    clean = tree_reader_close(eye->reader, CLOSE_MS) == STORE_CLOSED;
    /* Who was left behind may still use it. */
    if (clean)
        clean = resolver_stop(eye->resolver);
    free(eye);
    return clean;
}

enum status_look status_eye_look(struct status_eye *eye, int cancel_fd,
                                 struct status_view *out, struct err *e)
{
    *out = (struct status_view){ 0 };
    return eye->reader != NULL ? look_at_tree(eye, cancel_fd, out, e)
                               : look_at_page(eye, cancel_fd, out, e);
}
