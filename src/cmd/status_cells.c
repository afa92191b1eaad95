/*
 * What the tables of instances and of agents have in common.
 */
#include <stdio.h>
#include <string.h>

#include "status_cells.h"

const char *const status_paints[STATUS_COUNT] = {
    [STATUS_UP] = PAINT_GOOD,
    [STATUS_DEGRADED] = PAINT_WARNING,
    [STATUS_DOWN] = PAINT_BAD,
    [STATUS_UNKNOWN] = PAINT_DOUBT,
};

void status_put_text(const char *text, bool trusted, char out[TABLE_CELL])
{
    char plain[TABLE_CELL];

    table_text(text[0] != '\0' ? text : "-", plain);
    if (trusted || text[0] == '\0')
        strcpy(out, plain);
    else
        snprintf(out, TABLE_CELL, "(%.*s)", TABLE_CELL - 3, plain);
}

void status_put_age(const struct status_view *v, const struct status_writer *w,
                    char out[TABLE_CELL])
{
    char span[TABLE_CELL];

    strcpy(out, "-");
    if (w == NULL || w->time_wall_ms == 0)
        return;
    int64_t age_ms = v->time_wall_ms - w->time_wall_ms;
    if (age_ms <= -1000)
        snprintf(out, TABLE_CELL, "%s ahead", table_span(-age_ms, span));
    else
        snprintf(out, TABLE_CELL, "%s ago", table_span(age_ms, span));
}

void status_add_note(char out[TABLE_CELL], const char *note)
{
    size_t at = strlen(out);

    snprintf(out + at, TABLE_CELL - at, "%s%s", at > 0 ? ", " : "", note);
}
