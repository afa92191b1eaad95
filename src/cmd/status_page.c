/*
 * The status page of one agent as a view.
 */
#include <stdlib.h>

#include <jansson.h>

#include "status_json.h"

#include "status_view.h"

static int read_rows(struct status_view *v, const json_t *list)
{
    size_t n = json_array_size(list);

    v->rows = calloc(n + 1, sizeof *v->rows);
    if (v->rows == NULL)
        return -1;
    for (size_t i = 0; i < n; i++) {
        json_t *object = json_array_get(list, i);
        struct status_row *row = &v->rows[v->nrows];

        if (!status_json_row(object, row))
            row->source = SOURCE_GARBLED;
        row->instance = status_json_text(object, "instance");
        v->nrows += json_is_object(object);
    }
    return 0;
}

static void read_page(struct status_view *v, const json_t *page)
{
    const json_t *agent = json_object_get(page, "agent");
    const json_t *pool = json_object_get(page, "pool");
    const json_t *zk = json_object_get(page, "zookeeper");

    v->time_wall_ms = status_json_time(page, "time");
    v->page.id = status_json_text(agent, "id");
    v->page.host = status_json_text(agent, "host");
    v->page.version = status_json_text(agent, "version");
    v->page.pid = status_json_number(agent, "pid", 0);
    v->page.started_wall_ms = status_json_time(agent, "started");
    v->page.round = status_json_number(agent, "round", 0);
    v->page.interval_ms = status_json_number(agent, "interval_ms", 0);
    v->page.well = !json_is_false(json_object_get(agent, "healthy"));
    v->page.needs_restart = status_json_text(agent, "needs_restart");
    v->page.trouble = json_object_get(agent, "trouble");
    v->page.workers = status_json_number(pool, "workers", 0);
    v->page.jobs = status_json_number(pool, "jobs_active", 0);
    v->page.threads = status_json_number(pool, "threads", 0);
    v->page.publishes = json_is_true(json_object_get(zk, "configured"));
    v->page.zk_state = status_json_text(zk, "state");
    v->page.zk_server = status_json_text(zk, "server");
    v->page.zk_since_wall_ms = status_json_time(zk, "since");
    v->page.zk_pending = status_json_number(zk, "pending", 0);
    v->page.zk_trouble = status_json_text(zk, "trouble");
}

int status_view_of_page(struct status_view *v, const char *body, size_t len,
                        struct err *e)
{
    bool out_of_memory = false;

    *v = (struct status_view){ 0 };
    json_t *page = status_json_keep(v, body, len, &out_of_memory);
    if (out_of_memory) {
        err_set(e, "out of memory for a page of %zu bytes", len);
        goto failed;
    }
    if (!status_json_has_schema(page) ||
        !json_is_object(json_object_get(page, "agent")) ||
        !json_is_array(json_object_get(page, "instances"))) {
        err_set(e, "what answers is no sentinel-agent's status page");
        goto failed;
    }
    read_page(v, page);
    if (read_rows(v, json_object_get(page, "instances")) != 0) {
        err_set(e, "out of memory for a page of %zu bytes", len);
        goto failed;
    }
    status_view_sort(v);
    return 0;

failed:
    status_view_free(v);
    return -1;
}
