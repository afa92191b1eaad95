/*
 * The view: what was read is put in order and judged as the contract tells a
 * reader to: a status counts while the heartbeat of the agent that wrote it
 * exists, is valid, and does not except the instance.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/config.h"
#include "status_json.h"
#include "table.h"

#include "status_view.h"

/* ------------------------------------------------------------------ order */

static int severity(enum status s)
{
    switch (s) {
    case STATUS_DOWN:
        return 0;
    case STATUS_DEGRADED:
        return 1;
    case STATUS_UNKNOWN:
        return 2;
    case STATUS_UP:
        return 3;
    }
    return 2;
}

/* Of what is not trusted, what was worst comes first. */
static int by_severity(const void *a, const void *b, void *arg)
{
    const struct status_view *v = arg;
    const struct status_row *x = a, *y = b;
    int differ = status_row_removed(x) - status_row_removed(y);

    if (differ == 0)
        differ = severity(status_row_verdict(v, x)) -
                 severity(status_row_verdict(v, y));
    if (differ == 0)
        differ = severity(x->status) - severity(y->status);
    return differ != 0 ? differ : strcmp(x->instance, y->instance);
}

void status_view_sort(struct status_view *v)
{
    qsort_r(v->rows, v->nrows, sizeof *v->rows, by_severity, v);
}

static int by_id(const void *a, const void *b)
{
    const struct status_writer *x = a, *y = b;

    return strcmp(x->id, y->id);
}

/* ------------------------------------------------------------- the agents */

static void read_writer(struct status_view *v, const struct status_node *n,
                        int64_t now, struct status_writer *w,
                        bool *out_of_memory)
{
    *w = (struct status_writer){ .id = n->name,
                                 .host = "",
                                 .round = -1,
                                 .instances = -1,
                                 .pulse = PULSE_UNREADABLE,
                                 .persistent = n->owner == 0 };
    if (n->data == NULL)
        return;
    w->pulse = PULSE_GARBLED;
    if (!status_json_heartbeat(
            status_json_keep(v, n->data, n->len, out_of_memory), w))
        return;
    w->pulse = w->valid_until_wall_ms > now ? PULSE_ALIVE : PULSE_EXPIRED;
}

/* The agent that a document names; noted as gone when it has no node.  Of
 * V->writers the first KNOWN are sorted, and those behind them are gone. */
static struct status_writer *find_writer(struct status_view *v, size_t known,
                                         const char *id)
{
    const struct status_writer key = { .id = id };
    struct status_writer *w =
        bsearch(&key, v->writers, known, sizeof *w, by_id);

    if (w != NULL)
        return w;
    for (size_t i = known; i < v->nwriters; i++)
        if (strcmp(v->writers[i].id, id) == 0)
            return &v->writers[i];
    w = &v->writers[v->nwriters++];
    *w = (struct status_writer){
        .id = id, .host = "", .round = -1, .instances = -1, .pulse = PULSE_GONE
    };
    return w;
}

static int read_writers(struct status_view *v, int64_t now, bool *out_of_memory)
{
    /* Each document may name one that is gone. */
    v->writers =
        calloc(v->tree.nagents + v->tree.ninstances + 1, sizeof *v->writers);
    if (v->writers == NULL)
        return -1;
    v->nwriters = v->tree.nagents;
    for (size_t i = 0; i < v->tree.nagents; i++)
        read_writer(v, &v->tree.agents[i], now, &v->writers[i], out_of_memory);
    qsort(v->writers, v->nwriters, sizeof *v->writers, by_id);
    return 0;
}

/* ---------------------------------------------------------- the instances */

static const struct status_row NOTHING_SAID = {
    .status = STATUS_UNKNOWN,
    .address = "",
    .reason = "",
    .detail = "",
    .role = "",
    .version = "",
    .agent = "",
    .maintenance_owner = "",
    .maintenance_reason = "",
    .rival = "",
    .rival_host = "",
    .rtt_us = -1,
};

static void read_node(struct status_view *v, const struct status_node *n,
                      struct status_row *row, bool *out_of_memory)
{
    struct json_t *object;

    *row = NOTHING_SAID;
    row->source = SOURCE_UNREADABLE;
    if (n->data != NULL) {
        object = status_json_keep(v, n->data, n->len, out_of_memory);
        row->source =
            status_json_row(object, row) ? SOURCE_DOCUMENT : SOURCE_GARBLED;
    }
    row->instance = n->name;
}

static int by_name(const void *a, const void *b)
{
    const struct status_row *x = a, *y = b;

    return strcmp(x->instance, y->instance);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/*
 * What this config names and ZooKeeper lacks becomes a row; what its agent
 * wrote and it does not name is a stray.
 */
static int compare_config(struct status_view *v, const struct config *c)
{
    const char **names = calloc(c->ninstances + 1, sizeof *names);
    size_t nnodes = v->nrows;

    if (names == NULL)
        return -1;
    for (size_t i = 0; i < c->ninstances; i++)
        names[i] = c->instances[i]->name;
    qsort(names, c->ninstances, sizeof *names, by_text);
    qsort(v->rows, nnodes, sizeof *v->rows, by_name);
    for (size_t i = 0; i < nnodes; i++) {
        struct status_row *r = &v->rows[i];

        r->stray = strcmp(r->agent, c->agent.id) == 0 &&
                   !status_row_removed(r) &&
                   bsearch(&r->instance, names, c->ninstances, sizeof *names,
                           by_text) == NULL;
    }
    for (size_t i = 0; i < c->ninstances; i++) {
        const struct status_row key = { .instance = names[i] };
        struct status_row *r = &v->rows[v->nrows];

        if (bsearch(&key, v->rows, nnodes, sizeof key, by_name) != NULL)
            continue;
        *r = NOTHING_SAID;
        r->source = SOURCE_MISSING;
        r->instance = names[i];
        v->nrows++;
    }
    free(names);
    return 0;
}

static int read_instances(struct status_view *v, const struct config *c,
                          bool *out_of_memory)
{
    size_t known = v->nwriters;

    v->rows = calloc(v->tree.ninstances + c->ninstances + 1, sizeof *v->rows);
    if (v->rows == NULL)
        return -1;
    v->nrows = v->tree.ninstances;
    for (size_t i = 0; i < v->nrows; i++) {
        struct status_row *r = &v->rows[i];
        struct status_writer *w;

        read_node(v, &v->tree.instances[i], r, out_of_memory);
        if (r->source != SOURCE_DOCUMENT || r->agent[0] == '\0')
            continue;
        w = find_writer(v, known, r->agent);
        w->documents++;
        r->writer = w;
        r->excepted = status_json_excepts(w, r->instance);
    }
    return compare_config(v, c);
}

int status_view_of_tree(struct status_view *v, struct status_tree *t,
                        const struct config *c, int64_t now_wall_ms,
                        struct err *e)
{
    bool out_of_memory = false;

    *v = (struct status_view){ .of_zookeeper = true,
                               .time_wall_ms = now_wall_ms,
                               .tree = *t };
    *t = (struct status_tree){ 0 };
    if (read_writers(v, now_wall_ms, &out_of_memory) == 0 &&
        read_instances(v, c, &out_of_memory) == 0 && !out_of_memory) {
        status_view_sort(v);
        return 0;
    }
    err_set(e, "out of memory for %zu nodes",
            v->tree.ninstances + v->tree.nagents);
    status_view_free(v);
    return -1;
}

/* -------------------------------------------------------------- judgement */

bool status_row_trusted(const struct status_view *v, const struct status_row *r)
{
    if (!v->of_zookeeper)
        return true;
    return r->source == SOURCE_DOCUMENT && r->writer != NULL &&
           r->writer->pulse == PULSE_ALIVE && !r->excepted;
}

enum status status_row_verdict(const struct status_view *v,
                               const struct status_row *r)
{
    return status_row_trusted(v, r) ? r->status : STATUS_UNKNOWN;
}

static void excepted_why(const struct status_writer *w, char *out, size_t size)
{
    char id[TABLE_CELL];

    snprintf(out, size,
             "%.128s does not vouch for it: ZooKeeper refuses what it would "
             "write",
             table_text(w->id, id));
}

static void pulse_why(const struct status_view *v,
                      const struct status_writer *w, char *out, size_t size)
{
    char id[TABLE_CELL], span[TABLE_CELL];

    table_text(w->id, id);
    switch (w->pulse) {
    case PULSE_ALIVE:
        snprintf(out, size, "heartbeat of %.128s is valid", id);
        break;
    case PULSE_EXPIRED:
        table_span(v->time_wall_ms - w->valid_until_wall_ms, span);
        snprintf(out, size, "heartbeat of %.128s expired %s ago", id, span);
        break;
    case PULSE_GARBLED:
        snprintf(out, size, "agents/%.128s is no heartbeat", id);
        break;
    case PULSE_UNREADABLE:
        snprintf(out, size, "no right to read agents/%.128s", id);
        break;
    case PULSE_GONE:
        snprintf(out, size, "heartbeat of %.128s gone", id);
        break;
    }
}

void status_row_why(const struct status_view *v, const struct status_row *r,
                    char *out, size_t size)
{
    switch (r->source) {
    case SOURCE_DOCUMENT:
        if (r->writer == NULL)
            snprintf(out, size, "no agent named");
        else if (r->excepted && r->writer->pulse == PULSE_ALIVE)
            excepted_why(r->writer, out, size);
        else
            pulse_why(v, r->writer, out, size);
        break;
    case SOURCE_GARBLED:
        snprintf(out, size, "no status document");
        break;
    case SOURCE_UNREADABLE:
        snprintf(out, size, "no right to read it");
        break;
    case SOURCE_MISSING:
        snprintf(out, size, "%s",
                 v->of_targets ? "no document yet"
                               : "configured here, not in ZooKeeper");
        break;
    }
}

bool status_row_removed(const struct status_row *r)
{
    return strcmp(r->reason, reason_name(REASON_REMOVED)) == 0;
}

void status_view_tally(const struct status_view *v,
                       size_t by_status[STATUS_COUNT])
{
    memset(by_status, 0, STATUS_COUNT * sizeof *by_status);
    for (size_t i = 0; i < v->nrows; i++)
        if (!status_row_removed(&v->rows[i]))
            by_status[status_row_verdict(v, &v->rows[i])]++;
}

/* ---------------------------------------------------------------- freeing */

static void free_nodes(struct status_node *nodes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(nodes[i].name);
        free(nodes[i].data);
    }
    free(nodes);
}

void status_tree_free(struct status_tree *t)
{
    free_nodes(t->instances, t->ninstances);
    free_nodes(t->agents, t->nagents);
    *t = (struct status_tree){ 0 };
}

void status_view_free(struct status_view *v)
{
    free(v->rows);
    free(v->writers);
    status_json_free(v->json);
    status_tree_free(&v->tree);
    *v = (struct status_view){ 0 };
}
