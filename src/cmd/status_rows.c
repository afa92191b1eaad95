/*
 * The table of instances.  Columns that say nothing, such as those about
 * heartbeats on a status page, are not shown.
 */
#include <string.h>

#include "agent/clock.h"
#include "status_cells.h"
#include "table.h"

#include "status_tables.h"

enum column {
    COL_INSTANCE,
    COL_ADDRESS,
    COL_STATUS,
    COL_REASON,
    COL_SINCE,
    COL_ROLE,
    COL_VERSION,
    COL_RTT,
    COL_AGENT,
    COL_HEARTBEAT,
    COL_TRUSTED,
    COL_NOTE,
    COL_DETAIL,
};

static const struct table_column COLUMNS[] = {
    [COL_INSTANCE] = { .title = "INSTANCE" },
    [COL_ADDRESS] = { .title = "ADDRESS", .yields = 4 },
    [COL_STATUS] = { .title = "STATUS" },
    [COL_REASON] = { .title = "REASON" },
    [COL_SINCE] = { .title = "SINCE", .yields = 3 },
    [COL_ROLE] = { .title = "ROLE", .yields = 6 },
    [COL_VERSION] = { .title = "VERSION", .yields = 8 },
    [COL_RTT] = { .title = "RTT", .yields = 7 },
    [COL_AGENT] = { .title = "AGENT", .yields = 2, .if_any = true },
    [COL_HEARTBEAT] = { .title = "HEARTBEAT", .yields = 5, .if_any = true },
    [COL_TRUSTED] = { .title = "TRUSTED", .if_any = true },
    [COL_NOTE] = { .title = "NOTE", .if_any = true },
    [COL_DETAIL] = { .title = "DETAIL" },
};

static void put_status(const struct status_view *v, const struct status_row *r,
                       char out[TABLE_CELL])
{
    if (status_row_trusted(v, r) || r->source != SOURCE_DOCUMENT)
        strcpy(out, status_name(status_row_verdict(v, r)));
    else
        snprintf(out, TABLE_CELL, "%s (was %s)", status_name(STATUS_UNKNOWN),
                 status_name(r->status));
}

static void put_since(const struct status_view *v, const struct status_row *r,
                      bool trusted, char out[TABLE_CELL])
{
    char span[TABLE_CELL] = "";

    if (r->since_wall_ms != 0)
        table_span(v->time_wall_ms - r->since_wall_ms, span);
    status_put_text(span, trusted, out);
}

static void put_rtt(const struct status_row *r, bool trusted,
                    char out[TABLE_CELL])
{
    char rtt[TABLE_CELL] = "";

    if (r->rtt_us >= 0)
        table_rtt(r->rtt_us, rtt);
    status_put_text(rtt, trusted, out);
}

static void put_trusted(const struct status_view *v, const struct status_row *r,
                        char out[TABLE_CELL])
{
    char why[256];

    if (status_row_trusted(v, r)) {
        strcpy(out, "yes");
        return;
    }
    status_row_why(v, r, why, sizeof why);
    snprintf(out, TABLE_CELL, "NO: %s", why);
}

/* "maintenance until 2026-11-27T21:00:00.000Z, ops: kernel". */
static void add_maintenance(const struct status_row *r, char out[TABLE_CELL])
{
    char owner[TABLE_CELL], reason[TABLE_CELL], until[CLOCK_RFC3339_SIZE];
    char note[600];

    if (r->maintenance_until_wall_ms == 0) {
        status_add_note(out, "maintenance");
        return;
    }
    snprintf(note, sizeof note, "maintenance until %s, %.128s: %.256s",
             clock_rfc3339(r->maintenance_until_wall_ms, until),
             table_text(r->maintenance_owner, owner),
             table_text(r->maintenance_reason, reason));
    status_add_note(out, note);
}

static void put_notes(const struct status_row *r, char out[TABLE_CELL])
{
    char rival[TABLE_CELL], host[TABLE_CELL], note[512];

    if (r->maintenance)
        add_maintenance(r, out);
    if (r->conflict) {
        snprintf(note, sizeof note, "conflict: held by %.128s on %.128s",
                 table_text(r->rival, rival), table_text(r->rival_host, host));
        status_add_note(out, note);
    }
    /* A node that another agent holds is not about to be written. */
    if (r->pending && !r->conflict)
        status_add_note(out, "not yet published");
    if (status_row_removed(r))
        status_add_note(out, "removed: no longer watched");
    if (r->stray)
        status_add_note(out, "not in this config");
}

/* The server's words, or else what the reason means. */
static void put_detail(const struct status_row *r, bool trusted,
                       char out[TABLE_CELL])
{
    const char *text = r->detail;
    enum reason reason;

    if (text[0] == '\0' && reason_parse(r->reason, &reason) &&
        reason != REASON_OK)
        text = reason_sentence(reason);
    if (text[0] != '\0')
        status_put_text(text, trusted, out);
}

static void put_of_zookeeper(const struct status_view *v,
                             const struct status_row *r, enum column column,
                             char out[TABLE_CELL])
{
    if (!v->of_zookeeper)
        return;
    if (column == COL_AGENT)
        status_put_text(r->agent, true, out);
    else if (column == COL_HEARTBEAT)
        status_put_age(v, r->writer, out);
    else
        put_trusted(v, r, out);
}

static void cell(const void *arg, size_t at, size_t column,
                 char out[TABLE_CELL])
{
    const struct status_view *v = arg;
    const struct status_row *r = &v->rows[at];
    bool trusted = status_row_trusted(v, r);

    switch ((enum column)column) {
    case COL_INSTANCE:
        table_text(r->instance, out);
        break;
    case COL_ADDRESS:
        status_put_text(r->address, true, out);
        break;
    case COL_STATUS:
        put_status(v, r, out);
        break;
    case COL_REASON:
        status_put_text(r->reason, trusted, out);
        break;
    case COL_SINCE:
        put_since(v, r, trusted, out);
        break;
    case COL_ROLE:
        status_put_text(r->role, trusted, out);
        break;
    case COL_VERSION:
        status_put_text(r->version, trusted, out);
        break;
    case COL_RTT:
        put_rtt(r, trusted, out);
        break;
    case COL_AGENT:
    case COL_HEARTBEAT:
    case COL_TRUSTED:
        put_of_zookeeper(v, r, (enum column)column, out);
        break;
    case COL_NOTE:
        put_notes(r, out);
        break;
    case COL_DETAIL:
        put_detail(r, trusted, out);
        break;
    }
}

static const char *paint(const void *arg, size_t at, size_t column)
{
    const struct status_view *v = arg;
    const struct status_row *r = &v->rows[at];

    if (column == COL_TRUSTED && !status_row_trusted(v, r))
        return PAINT_DOUBT;
    if (column == COL_NOTE)
        return PAINT_WARNING;
    if (column != COL_STATUS || status_row_removed(r))
        return NULL;
    return status_paints[status_row_verdict(v, r)];
}

void status_print_rows(const struct status_view *v,
                       const struct status_style *s, FILE *out)
{
    const struct table t = {
        .columns = COLUMNS,
        .ncolumns = sizeof COLUMNS / sizeof *COLUMNS,
        .nrows = v->nrows,
        .cell = cell,
        .paint = paint,
        .arg = v,
        .width = s->width,
        .colours = s->colours,
    };

    fputc('\n', out);
    if (v->nrows > 0)
        table_print(&t, out);
    else
        fputs("no instances\n", out);
}
