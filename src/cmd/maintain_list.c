/*
 * What is in maintenance, until when, by whom, and what it covers.  The ends
 * are those of the ensemble's clock; what is over by it is marked, as an agent
 * that runs removes it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/clock.h"
#include "agent/escape.h"
#include "agent/json_writer.h"
#include "agent/maintenance.h"
#include "maintain_scope.h"
#include "table.h"

#include "maintain_list.h"

struct row {
    char scope[SCOPE_SIZE];
    struct maintenance_entry entry; /* its key alone with a fault */
    char fault[200];
    char *covers; /* owned: names with a blank between them */
    size_t ncovered;
};

struct rows {
    struct row *at; /* owned */
    size_t n;
    int64_t now_wall_ms;
};

static int no_memory(struct err *e)
{
    err_set(e, "out of memory for the entries of maintenance");
    return -1;
}

/* ----------------------------------------------------------------- reading */

static struct row *add(struct rows *r)
{
    struct row *more = realloc(r->at, (r->n + 1) * sizeof *more);
    if (more == NULL)
        return NULL;
    r->at = more;
    r->at[r->n] = (struct row){ .ncovered = 0 };
    return &r->at[r->n++];
}

static int cover(struct row *row, const struct scope_names *names)
{
    struct text t = { 0 };
    text_add(&t, "");
    for (size_t i = 0; i < names->n; i++) {
        if (!maintenance_matches(row->entry.key, names->names[i]))
            continue;
        if (row->ncovered++ > 0)
            text_add_char(&t, ' ');
        text_add(&t, names->names[i]);
    }
    row->covers = t.bytes;
    return t.failed ? -1 : 0;
}

/* As the agents do. */
static int read_bytes(const char *scope, const char *key,
                      const struct tree_answer *a,
                      struct maintenance_entry *out, struct err *e)
{
    if (*scope == '@' && *key == '@') {
        err_set(e, "only the members of a fleet can be drained");
        return -1;
    }
    return maintenance_read(key, a->data, a->len, out, e);
}

static int read_entry(struct tree_session *t, struct rows *r, const char *scope,
                      const char *key, const struct scope_names *names,
                      struct err *e)
{
    struct tree_answer a;
    struct err why;
    char *path;
    if (asprintf(&path, "maintenance/%s/%s", scope, key) < 0)
        return no_memory(e);
    int rc = tree_session_get(t, path, &a, e);
    free(path);
    /* What one entry hides must hide no other. */
    bool denied = rc != 0 && a.code == STORE_NO_AUTH;
    /* One that went since it was listed is none. */
    bool there = denied || (rc == 0 && a.code == STORE_OK);
    struct row *row = there ? add(r) : NULL;
    if (row == NULL) {
        tree_answer_free(&a);
        return there ? no_memory(e) : rc;
    }
    snprintf(row->scope, sizeof row->scope, "%s", scope);
    if (denied)
        err_set(&why, "no right to read it");
    if (denied || read_bytes(scope, key, &a, &row->entry, &why) != 0) {
        row->entry = (struct maintenance_entry){ .since_wall_ms = 0 };
        snprintf(row->entry.key, sizeof row->entry.key, "%s", key);
        snprintf(row->fault, sizeof row->fault, "%.190s", why.text);
    }
    tree_answer_free(&a);
    /* What is ignored covers nothing. */
    if (row->fault[0] != '\0')
        return 0;
    return cover(row, names) == 0 ? 0 : no_memory(e);
}

static int read_scope(struct tree_session *t, struct rows *r, const char *scope,
                      struct err *e)
{
    char path[SCOPE_SIZE + sizeof "maintenance/"];
    struct tree_answer list;
    struct scope_names names = { 0 };
    snprintf(path, sizeof path, "maintenance/%s", scope);
    int rc = tree_session_list(t, path, &list, e);
    if (rc == 0 && list.len > 0)
        rc = scope_names_read(t, scope, &names, e);
    for (size_t at = 0; rc == 0 && at < list.len;
         at += strlen(list.data + at) + 1)
        rc = read_entry(t, r, scope, list.data + at, &names, e);
    scope_names_free(&names);
    tree_answer_free(&list);
    return rc;
}

static int read_all(struct tree_session *t, struct rows *r, struct err *e)
{
    struct tree_answer list;
    int rc = tree_session_list(t, "maintenance", &list, e);
    for (size_t at = 0; rc == 0 && at < list.len;
         at += strlen(list.data + at) + 1)
        /* No agent ever reads what is below another node. */
        if (scope_is(list.data + at))
            rc = read_scope(t, r, list.data + at, e);
    tree_answer_free(&list);
    return rc;
}

static int by_scope_and_key(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    int order = strcmp(x->scope, y->scope);
    return order != 0 ? order : strcmp(x->entry.key, y->entry.key);
}

/*
 * A clock of ours that is an hour off must not call over what is in force.
 * Who has no right to write is left with it.
 */
static int64_t now_of(struct tree_session *t, const struct rows *r)
{
    char path[SCOPE_SIZE + sizeof "maintenance/"];
    int64_t offset = 0;
    struct err e;
    if (r->n == 0)
        return clock_wall_ms();
    snprintf(path, sizeof path, "maintenance/%s", r->at[0].scope);
    if (tree_session_clock(t, path, &offset, &e) != 0)
        offset = 0;
    return clock_wall_ms() + offset;
}

/* ------------------------------------------------------------------- table */

enum column { SCOPE, NAME, UNTIL, LEFT, OWNER, REASON, COVERS };

static const struct table_column COLUMNS[] = {
    [SCOPE] = { .title = "SCOPE" },   [NAME] = { .title = "NAME" },
    [UNTIL] = { .title = "UNTIL" },   [LEFT] = { .title = "LEFT" },
    [OWNER] = { .title = "OWNER" },   [REASON] = { .title = "REASON" },
    [COVERS] = { .title = "COVERS" },
};

static void cell(const void *arg, size_t index, size_t column,
                 char out[TABLE_CELL])
{
    const struct rows *rows = arg;
    const struct row *row = &rows->at[index];
    const struct maintenance_entry *m = &row->entry;
    char time[CLOCK_RFC3339_SIZE];
    switch ((enum column)column) {
    case SCOPE:
        table_text(row->scope, out);
        break;
    case NAME:
        table_text(m->key, out);
        break;
    case UNTIL:
        if (row->fault[0] == '\0')
            table_text(clock_rfc3339(m->until_wall_ms, time), out);
        break;
    case LEFT:
        if (row->fault[0] != '\0')
            table_text("ignored", out);
        else if (maintenance_over(m, rows->now_wall_ms))
            table_text("over", out);
        else
            table_span(m->until_wall_ms - rows->now_wall_ms, out);
        break;
    case OWNER:
        table_text(m->owner, out);
        break;
    case REASON:
        table_text(row->fault[0] != '\0' ? row->fault : m->reason, out);
        break;
    case COVERS:
        if (*m->key == '@' && row->fault[0] == '\0')
            table_text("this member", out);
        else if (row->fault[0] == '\0')
            table_text(row->ncovered > 0 ? row->covers : "nothing yet", out);
        break;
    }
}

static void print_table(const struct rows *rows, FILE *out)
{
    const struct table table = {
        .columns = COLUMNS,
        .ncolumns = sizeof COLUMNS / sizeof *COLUMNS,
        .nrows = rows->n,
        .cell = cell,
        .arg = rows,
    };
    if (rows->n == 0)
        fputs("Nothing is in maintenance.\n", out);
    else
        table_print(&table, out);
}

/* -------------------------------------------------------------------- JSON */

static void add_covers(struct text *t, const struct row *row)
{
    jsonw_open(t, "covers", '[');
    for (char *name = row->covers; row->ncovered > 0 && name != NULL;) {
        char *end = strchr(name, ' ');
        if (end != NULL)
            *end++ = '\0';
        jsonw_string(t, NULL, name);
        name = end;
    }
    jsonw_close(t, ']');
}

static void add_row(struct text *t, const struct rows *rows,
                    const struct row *row)
{
    const struct maintenance_entry *m = &row->entry;
    bool good = row->fault[0] == '\0';
    jsonw_open(t, NULL, '{');
    jsonw_string(t, *row->scope == '@' ? "agent" : "fleet",
                 row->scope + (*row->scope == '@'));
    jsonw_string(t, "name", m->key);
    jsonw_string(t, "owner", good ? m->owner : NULL);
    jsonw_string(t, "reason", good ? m->reason : NULL);
    jsonw_time(t, "since", good ? m->since_wall_ms : 0);
    jsonw_time(t, "until", good ? m->until_wall_ms : 0);
    jsonw_bool(t, "over", good && maintenance_over(m, rows->now_wall_ms));
    jsonw_string(t, "fault", good ? NULL : row->fault);
    add_covers(t, row);
    jsonw_close(t, '}');
}

static int print_json(const struct rows *rows, const char *root, FILE *out,
                      struct err *e)
{
    struct text t = { 0 };
    jsonw_open(&t, NULL, '{');
    jsonw_uint(&t, "schema", 1);
    jsonw_string(&t, "root", root);
    jsonw_time(&t, "time", rows->now_wall_ms);
    jsonw_open(&t, "maintenance", '[');
    for (size_t i = 0; i < rows->n; i++)
        add_row(&t, rows, &rows->at[i]);
    jsonw_close(&t, ']');
    jsonw_close(&t, '}');
    if (!t.failed)
        fprintf(out, "%s\n", t.bytes);
    int rc = t.failed ? no_memory(e) : 0;
    text_free(&t);
    return rc;
}

/* ------------------------------------------------------------------ public */

int maintain_list(struct tree_session *t, const char *root, const char *scope,
                  bool json, FILE *out, struct err *e)
{
    struct rows rows = { .n = 0 };
    int rc =
        scope != NULL ? read_scope(t, &rows, scope, e) : read_all(t, &rows, e);
    if (rc == 0)
        rows.now_wall_ms = now_of(t, &rows);
    if (rc == 0 && rows.n > 1)
        qsort(rows.at, rows.n, sizeof *rows.at, by_scope_and_key);
    if (rc == 0 && json)
        rc = print_json(&rows, root, out, e);
    else if (rc == 0)
        print_table(&rows, out);
    for (size_t i = 0; i < rows.n; i++)
        free(rows.at[i].covers);
    free(rows.at);
    return rc;
}
