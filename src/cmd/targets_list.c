/*
 * A target's status is what a reader of ZooKeeper may rely on, by the same
 * rules as in --status --from-zookeeper.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/config.h"
#include "agent/json_writer.h"
#include "fleet_status.h"
#include "table.h"

#include "targets_list.h"

struct shown {
    const struct fleet_tree *f;
    const struct targets_list *targets;
    const struct status_view *view;
    const struct status_row **rows; /* owned; by the targets' order */
};

static int no_memory(struct err *e)
{
    err_set(e, "out of memory for the targets");
    return -1;
}

/* ----------------------------------------------------------------- reading */

static int by_name(const void *a, const void *b)
{
    const struct status_row *const *x = a, *const *y = b;
    return strcmp((*x)->instance, (*y)->instance);
}

/* There is one for each target: what has no document is said to be missing. */
static int order(struct shown *s, struct err *e)
{
    s->rows = calloc(s->view->nrows + 1, sizeof *s->rows);
    if (s->rows == NULL)
        return no_memory(e);
    for (size_t i = 0; i < s->view->nrows; i++)
        s->rows[i] = &s->view->rows[i];
    qsort(s->rows, s->view->nrows, sizeof *s->rows, by_name);
    return 0;
}

/* ---------------------------------------------------------------- printing */

enum column { NAME, ADDRESS, OBSERVERS, STATUS, REASON, WHY };

static const struct table_column COLUMNS[] = {
    [NAME] = { .title = "NAME" },
    [ADDRESS] = { .title = "ADDRESS" },
    [OBSERVERS] = { .title = "OBSERVERS" },
    [STATUS] = { .title = "STATUS" },
    [REASON] = { .title = "REASON", .if_any = true },
    [WHY] = { .title = "WHY", .if_any = true },
};

static void cell(const void *arg, size_t index, size_t column,
                 char out[TABLE_CELL])
{
    const struct shown *s = arg;
    const struct config_instance *i = s->targets->targets[index];
    const struct status_row *row = s->rows[index];
    switch ((enum column)column) {
    case NAME:
        table_text(i->name, out);
        break;
    case ADDRESS:
        table_text(i->address, out);
        break;
    case OBSERVERS: {
        const char *first = fleet_tree_first(s->f, i->name);
        table_text(*first != '\0' ? first : "nobody", out);
        break;
    }
    case STATUS:
        table_text(status_name(status_row_verdict(s->view, row)), out);
        break;
    case REASON:
        if (status_row_trusted(s->view, row))
            table_text(row->reason, out);
        break;
    case WHY:
        if (i->fault != NULL)
            table_text(i->fault, out);
        else if (!status_row_trusted(s->view, row))
            status_row_why(s->view, row, out, TABLE_CELL);
        break;
    }
}

static void print_table(const struct shown *s, FILE *out)
{
    const struct table table = {
        .columns = COLUMNS,
        .ncolumns = sizeof COLUMNS / sizeof *COLUMNS,
        .nrows = s->targets->n,
        .cell = cell,
        .arg = s,
    };
    char fault[TABLE_CELL];
    fprintf(out, "%zu targets in %zu chunks, %zu members\n", s->targets->n,
            s->f->nchunks, s->f->nmembers);
    if (fleet_tree_empty(s->f))
        fputs("ZooKeeper knows no fleet of that name.\n", out);
    if (s->targets->n > 0)
        table_print(&table, out);
    for (size_t i = 0; i < s->targets->nfaults; i++)
        fprintf(out, "fault: %s\n", table_text(s->targets->faults[i], fault));
}

static void add_target(struct text *t, const struct shown *s, size_t at)
{
    const struct config_instance *i = s->targets->targets[at];
    const struct status_row *row = s->rows[at];
    const char *first = fleet_tree_first(s->f, i->name);
    bool trusted = status_row_trusted(s->view, row);
    char why[TABLE_CELL] = "";
    if (!trusted)
        status_row_why(s->view, row, why, sizeof why);
    jsonw_open(t, NULL, '{');
    jsonw_string(t, "name", i->name);
    jsonw_string(t, "address", i->address);
    jsonw_open(t, "observers", '[');
    if (*first != '\0')
        jsonw_string(t, NULL, first);
    jsonw_close(t, ']');
    jsonw_string(t, "status", status_name(status_row_verdict(s->view, row)));
    jsonw_string(t, "reason", trusted ? row->reason : NULL);
    jsonw_bool(t, "trusted", trusted);
    jsonw_string(t, "why", trusted ? NULL : why);
    jsonw_string(t, "fault", i->fault);
    jsonw_close(t, '}');
}

static void add_chunks(struct text *t, const struct fleet_tree *f)
{
    jsonw_open(t, "chunks", '[');
    for (size_t i = 0; i < f->nchunks; i++) {
        jsonw_open(t, NULL, '{');
        jsonw_string(t, "name", f->chunks[i].name);
        jsonw_int(t, "version", f->chunks[i].version);
        jsonw_uint(t, "bytes", f->chunks[i].len);
        jsonw_close(t, '}');
    }
    jsonw_close(t, ']');
}

static int print_json(const struct shown *s, const char *fleet, FILE *out,
                      struct err *e)
{
    struct text t = { 0 };
    jsonw_open(&t, NULL, '{');
    jsonw_uint(&t, "schema", 1);
    jsonw_string(&t, "fleet", fleet);
    jsonw_open(&t, "members", '[');
    for (size_t i = 0; i < s->f->nmembers; i++)
        jsonw_string(&t, NULL, s->f->members[i].id);
    jsonw_close(&t, ']');
    add_chunks(&t, s->f);
    jsonw_open(&t, "targets", '[');
    for (size_t i = 0; i < s->targets->n; i++)
        add_target(&t, s, i);
    jsonw_close(&t, ']');
    jsonw_open(&t, "faults", '[');
    for (size_t i = 0; i < s->targets->nfaults; i++)
        jsonw_string(&t, NULL, s->targets->faults[i]);
    jsonw_close(&t, ']');
    jsonw_close(&t, '}');
    if (!t.failed)
        fprintf(out, "%s\n", t.bytes);
    int rc = t.failed ? no_memory(e) : 0;
    text_free(&t);
    return rc;
}

int targets_show(struct tree_session *t, const struct targets_options *o,
                 const struct fleet_tree *f, FILE *out, struct err *e)
{
    struct targets_list list;
    struct status_view view = { 0 };
    struct shown s = { .f = f, .targets = &list, .view = &view };
    if (fleet_tree_targets(f, o->config, &list, e) != 0)
        return -1;
    enum tree_end end = fleet_status_look(t, o->config, &list, &view, e);
    if (end == TREE_CANCELLED)
        err_set(e, "ZooKeeper: interrupted");
    int rc = end == TREE_DONE ? order(&s, e) : -1;
    if (rc == 0 && o->json)
        rc = print_json(&s, o->config->fleet.name, out, e);
    else if (rc == 0)
        print_table(&s, out);
    free(s.rows);
    status_view_free(&view);
    targets_list_free(&list);
    return rc;
}
