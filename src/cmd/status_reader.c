/*
 * One look: the running agent's status page, or all nodes in ZooKeeper, each
 * within a deadline.
 */
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/clock.h"
#include "agent/config.h"
#include "agent/http_get.h"
#include "agent/resolver.h"
#include "fleet_status.h"
#include "fleet_tree.h"
#include "tree_reader.h"

#include "status_reader.h"

/* An agent answers within milliseconds; one that does not is stuck. */
#define HTTP_TIMEOUT_MS 5000
/* A hundred times the page of an agent with a thousand instances. */
#define BODY_MAX ((size_t)128 << 20)
/* Of a name, as far as they are tried. */
#define ADDRESSES_MAX 8

struct status_reader {
    const struct config *config;
    /* Of the agent, numeric; none for a UNIX socket and ZooKeeper. */
    char addresses[ADDRESSES_MAX][NI_MAXHOST];
    size_t naddresses;
    struct tree_session *tree; /* for ZooKeeper; else NULL */
    /* Of a fleet: what the last view and the one before it were made from. */
    struct targets_list lists[2];
    unsigned last;
    bool fleet;
};

/* ------------------------------------------------------------ status page */

/* By a name that --http gave; a config has no names there. */
static int look_up(struct status_reader *r, struct err *e)
{
    const char *host = r->config->http.host;
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct addrinfo *all;
    int rc = getaddrinfo(host, NULL, &hints, &all);

    if (rc != 0) {
        err_set(e, "%s: %s", host, gai_strerror(rc));
        return -1;
    }
    for (const struct addrinfo *a = all;
         a != NULL && r->naddresses < ADDRESSES_MAX; a = a->ai_next) {
        char *text = r->addresses[r->naddresses];

        if (getnameinfo(a->ai_addr, a->ai_addrlen, text, NI_MAXHOST, NULL, 0,
                        NI_NUMERICHOST) == 0)
            r->naddresses++;
    }
    freeaddrinfo(all);
    if (r->naddresses > 0)
        return 0;
    err_set(e, "%s: no address to connect to", host);
    return -1;
}

/* The first address where somebody listens; localhost may be two. */
static enum http_end get_page(const struct status_reader *r,
                              struct http_get *get, struct http_body *body,
                              struct err *why)
{
    enum http_end end = HTTP_ABSENT;

    if (r->naddresses == 0)
        return http_get(get, body, why);
    for (size_t i = 0; i < r->naddresses && end == HTTP_ABSENT; i++) {
        get->host = r->addresses[i];
        end = http_get(get, body, why);
    }
    return end;
}

static enum status_look look_at_page(const struct status_reader *r,
                                     int cancel_fd, struct status_view *out,
                                     struct err *e)
{
    const struct config *c = r->config;
    struct http_get get = {
        .address = c->http.listen,
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

    switch (get_page(r, &get, &body, &why)) {
    case HTTP_OK:
        break;
    case HTTP_ABSENT:
        err_set(
            e, "%.140s (does the agent run? --http names another address%s)",
            why.text,
            c->zookeeper.enabled ? "; --from-zookeeper needs no agent" : "");
        return LOOK_FAILED;
    case HTTP_FAILED:
        *e = why;
        return LOOK_FAILED;
    case HTTP_CANCELLED:
        return LOOK_CANCELLED;
    }
    int rc = status_view_of_page(out, body.bytes, body.len, &why);
    free(body.bytes);
    if (rc == 0)
        return LOOK_SEEN;
    err_set(e, "%s: %.160s", c->http.listen, why.text);
    return LOOK_FAILED;
}

/* -------------------------------------------------------------- ZooKeeper */

static enum tree_end read_all(struct status_reader *r, struct status_view *out,
                              struct err *e)
{
    struct status_tree tree;
    enum tree_end end = tree_reader_read(r->tree, &tree, e);
    if (end == TREE_DONE &&
        status_view_of_tree(out, &tree, r->config, clock_wall_ms(), e) != 0)
        end = TREE_FAILED;
    return end;
}

/* Nobody has the view before the last any more. */
static enum tree_end read_fleet(struct status_reader *r,
                                struct status_view *out, struct err *e)
{
    struct targets_list *list = &r->lists[!r->last];
    struct fleet_tree f;
    targets_list_free(list);
    enum tree_end end = fleet_tree_read(r->tree, r->config, &f, e);
    if (end != TREE_DONE)
        return end;
    if (fleet_tree_targets(&f, r->config, list, e) != 0)
        end = TREE_FAILED;
    fleet_tree_free(&f);
    if (end == TREE_DONE)
        end = fleet_status_look(r->tree, r->config, list, out, e);
    if (end == TREE_DONE)
        r->last = !r->last;
    return end;
}

static enum status_look look_at_tree(struct status_reader *r, int cancel_fd,
                                     struct status_view *out, struct err *e)
{
    tree_session_cancel_by(r->tree, cancel_fd);
    switch (r->fleet ? read_fleet(r, out, e) : read_all(r, out, e)) {
    case TREE_DONE:
        return LOOK_SEEN;
    case TREE_FAILED:
        break;
    case TREE_CANCELLED:
        return LOOK_CANCELLED;
    }
    return LOOK_FAILED;
}

/* ----------------------------------------------------------------- public */

/* What can be asked, by this config. */
static int check(const struct status_options *o, struct err *e)
{
    const struct config *c = o->config;
    const char *file = c->nfiles > 0 ? c->files[0].path : "";

    if (o->from_zookeeper && !c->zookeeper.enabled) {
        err_set(e, "%s has no [zookeeper] section: there is nothing to read",
                file);
        return -1;
    }
    if (!o->from_zookeeper && !c->http.enabled) {
        err_set(e,
                "%s has no [http] section, so its agent cannot be asked: add "
                "one and restart it, or name its address with --http%s",
                file, c->zookeeper.enabled ? ", or look --from-zookeeper" : "");
        return -1;
    }
    return o->fleet != NULL ? fleet_of(o->config, o->fleet, e) : 0;
}

static int prepare(struct status_reader *r, const struct status_options *o,
                   struct err *e)
{
    const char *host = o->config->http.host;
    struct net_addr parsed;

    if (o->from_zookeeper) {
        r->tree = tree_session_open(o->config, e);
        return r->tree != NULL ? 0 : -1;
    }
    if (host == NULL)
        return 0;
    if (!net_addr_parse(host, o->config->http.port, &parsed))
        return look_up(r, e);
    strcpy(r->addresses[r->naddresses++], host);
    return 0;
}

struct status_reader *status_reader_open(const struct status_options *o,
                                         struct err *e)
{
    struct status_reader *r;

    if (check(o, e) != 0)
        return NULL;
    r = calloc(1, sizeof *r);
    if (r == NULL) {
        err_set(e, "out of memory for the reader");
        return NULL;
    }
    r->config = o->config;
    r->fleet = o->fleet != NULL;
    if (prepare(r, o, e) == 0)
        return r;
    /* Nothing was looked up yet: no thread can be left. */
    (void)!status_reader_close(r);
    return NULL;
}

bool status_reader_close(struct status_reader *r)
{
    if (r == NULL)
        return true;
    bool clean = tree_session_close(r->tree);
    targets_list_free(&r->lists[0]);
    targets_list_free(&r->lists[1]);
    free(r);
    return clean;
}

enum status_look status_reader_look(struct status_reader *r, int cancel_fd,
                                    struct status_view *out, struct err *e)
{
    *out = (struct status_view){ 0 };
    return r->tree != NULL ? look_at_tree(r, cancel_fd, out, e)
                           : look_at_page(r, cancel_fd, out, e);
}
