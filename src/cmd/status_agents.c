/*
 * The table of the agents that write to ZooKeeper: those that are not alive
 * come first, with the number of documents that are in doubt for that.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/clock.h"
#include "status_cells.h"
#include "table.h"

#include "status_tables.h"

enum agent_column {
    COL_ID,
    COL_HOST,
    COL_PULSE,
    COL_ROUND,
    COL_WROTE,
    COL_UNTIL,
    COL_INSTANCES,
    COL_AGENT_NOTE,
};

static const struct table_column AGENT_COLUMNS[] = {
    [COL_ID] = { .title = "AGENT" },
    [COL_HOST] = { .title = "HOST", .yields = 1 },
    [COL_PULSE] = { .title = "HEARTBEAT" },
    [COL_ROUND] = { .title = "ROUND", .yields = 2 },
    [COL_WROTE] = { .title = "WRITTEN", .yields = 3 },
    [COL_UNTIL] = { .title = "VALID UNTIL", .yields = 4 },
    [COL_INSTANCES] = { .title = "INSTANCES", .yields = 5 },
    [COL_AGENT_NOTE] = { .title = "NOTE", .if_any = true },
};

/* The view, and its agents in the order in which they are shown. */
struct agents {
    const struct status_view *view;
    const struct status_writer **sorted; /* owned */
};

static void put_pulse(const struct status_view *v,
                      const struct status_writer *w, char out[TABLE_CELL])
{
    char span[TABLE_CELL];

    table_span(w->pulse == PULSE_ALIVE
                   ? w->valid_until_wall_ms - v->time_wall_ms
                   : v->time_wall_ms - w->valid_until_wall_ms,
               span);
    switch (w->pulse) {
    case PULSE_ALIVE:
        snprintf(out, TABLE_CELL, "valid for %.40s", span);
        break;
    case PULSE_EXPIRED:
        snprintf(out, TABLE_CELL, "EXPIRED %.40s ago", span);
        break;
    case PULSE_GARBLED:
        strcpy(out, "NO HEARTBEAT");
        break;
    case PULSE_UNREADABLE:
        strcpy(out, "NO RIGHT TO READ IT");
        break;
    case PULSE_GONE:
        strcpy(out, "GONE");
        break;
    }
}

static void put_number(int64_t n, char out[TABLE_CELL])
{
    if (n < 0)
        strcpy(out, "-");
    else
        snprintf(out, TABLE_CELL, "%" PRId64, n);
}

static void put_agent_notes(const struct status_writer *w, char out[TABLE_CELL])
{
    char note[64];

    if (w->persistent)
        status_add_note(out, "by --check-once");
    else if (w->pulse == PULSE_EXPIRED)
        status_add_note(out, "its session lives: it hangs, or clocks differ");
    if (w->pulse == PULSE_ALIVE || w->documents == 0)
        return;
    snprintf(note, sizeof note, "%zu document%s not to be trusted",
             w->documents, w->documents == 1 ? "" : "s");
    status_add_note(out, note);
}

static void agent_cell(const void *arg, size_t at, size_t column,
                       char out[TABLE_CELL])
{
    const struct agents *a = arg;
    const struct status_writer *w = a->sorted[at];

    switch ((enum agent_column)column) {
    case COL_ID:
        table_text(w->id, out);
        break;
    case COL_HOST:
        status_put_text(w->host, true, out);
        break;
    case COL_PULSE:
        put_pulse(a->view, w, out);
        break;
    case COL_ROUND:
        put_number(w->round, out);
        break;
    case COL_WROTE:
        status_put_age(a->view, w, out);
        break;
    case COL_UNTIL:
        strcpy(out, "-");
        if (w->valid_until_wall_ms != 0)
            clock_rfc3339(w->valid_until_wall_ms, out);
        break;
    case COL_INSTANCES:
        put_number(w->instances, out);
        break;
    case COL_AGENT_NOTE:
        put_agent_notes(w, out);
        break;
    }
}

static const char *paint_agent(const void *arg, size_t at, size_t column)
{
    const struct agents *a = arg;

    if (column != COL_PULSE)
        return NULL;
    return a->sorted[at]->pulse == PULSE_ALIVE ? PAINT_GOOD : PAINT_BAD;
}

static int not_alive_first(const void *a, const void *b)
{
    const struct status_writer *x = *(const struct status_writer *const *)a;
    const struct status_writer *y = *(const struct status_writer *const *)b;
    int differ = (x->pulse == PULSE_ALIVE) - (y->pulse == PULSE_ALIVE);

    return differ != 0 ? differ : strcmp(x->id, y->id);
}

void status_print_agents(const struct status_view *v,
                         const struct status_style *s, FILE *out)
{
    struct agents a = { .view = v };
    const struct table t = {
        .columns = AGENT_COLUMNS,
        .ncolumns = sizeof AGENT_COLUMNS / sizeof *AGENT_COLUMNS,
        .nrows = v->nwriters,
        .cell = agent_cell,
        .paint = paint_agent,
        .arg = &a,
        .width = s->width,
        .colours = s->colours,
    };

    if (v->nwriters == 0)
        return;
    a.sorted = calloc(v->nwriters, sizeof(*a.sorted));
    if (a.sorted == NULL)
        return;
    for (size_t i = 0; i < v->nwriters; i++)
        a.sorted[i] = &v->writers[i];
    qsort(a.sorted, v->nwriters, sizeof(*a.sorted), not_alive_first);
    fputc('\n', out);
    table_print(&t, out);
    free(a.sorted);
}
