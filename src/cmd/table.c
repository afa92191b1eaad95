/*
 * Columns of text.  Each cell is asked for twice, to be measured and to be
 * printed, instead of being kept: a table of thousands of rows needs no
 * memory.
 *
 * What does not fit on a screen is left out column by column, the least
 * important first, and only what is left is cut: half a number would be read
 * as another one.
 */
#include <inttypes.h>
#include <string.h>

#include "agent/escape.h"

#include "table.h"

#define GAP 2

/* What the last column, which has the words, is left with as long as others
 * yield. */
#define LAST_MIN 24

static const char CUT[] = "...";

/* What of the table is shown.  On a screen no column takes more than half of
 * it, but the last one takes what is left: one name that is not of our making
 * would else be all there is to see. */
struct layout {
    const struct table *table;
    bool shown[TABLE_COLUMNS];
    size_t width[TABLE_COLUMNS];
    size_t last; /* the last column that is shown */
};

static void fill(const struct table *t, size_t row, size_t column,
                 char out[TABLE_CELL])
{
    out[0] = '\0';
    t->cell(t->arg, row, column, out);
}

static void measure(struct layout *l)
{
    const struct table *t = l->table;
    char cell[TABLE_CELL];

    for (size_t c = 0; c < t->ncolumns; c++) {
        bool any = false;

        l->width[c] = strlen(t->columns[c].title);
        for (size_t row = 0; row < t->nrows; row++) {
            fill(t, row, c, cell);
            any = any || cell[0] != '\0';
            if (strlen(cell) > l->width[c])
                l->width[c] = strlen(cell);
        }
        if (t->width > 0 && l->width[c] > t->width / 2)
            l->width[c] = t->width / 2;
        l->shown[c] = any || !t->columns[c].if_any;
        if (l->shown[c])
            l->last = c;
    }
}

/* The last column may be cut, down to LAST_MIN. */
static size_t needed(const struct layout *l)
{
    size_t sum = l->width[l->last] < LAST_MIN ? l->width[l->last] : LAST_MIN;

    for (size_t c = 0; c < l->last; c++)
        if (l->shown[c])
            sum += l->width[c] + GAP;
    return sum;
}

/* The shown column that yields next; TABLE_COLUMNS: none does. */
static size_t next_to_go(const struct layout *l)
{
    const struct table_column *columns = l->table->columns;
    size_t found = TABLE_COLUMNS;

    for (size_t c = 0; c < l->last; c++)
        if (l->shown[c] && columns[c].yields > 0 &&
            (found == TABLE_COLUMNS ||
             columns[c].yields > columns[found].yields))
            found = c;
    return found;
}

static void fit(struct layout *l)
{
    while (l->table->width > 0 && needed(l) > l->table->width) {
        size_t c = next_to_go(l);

        if (c == TABLE_COLUMNS)
            return;
        l->shown[c] = false;
    }
}

/* At most ROOM bytes of TEXT; returns how many. */
static size_t put(const char *text, size_t room, const char *paint, FILE *out)
{
    size_t len = strlen(text);
    size_t dots = room < strlen(CUT) ? room : strlen(CUT);

    if (paint != NULL)
        fprintf(out, "\033[%sm", paint);
    if (len <= room)
        fputs(text, out);
    else
        fprintf(out, "%.*s%.*s", (int)(room - dots), text, (int)dots, CUT);
    if (paint != NULL)
        fputs("\033[0m", out);
    return len < room ? len : room;
}

static const char *paint_of(const struct table *t, size_t row, size_t column)
{
    if (!t->colours)
        return NULL;
    if (row == SIZE_MAX)
        return "1";
    return t->paint != NULL ? t->paint(t->arg, row, column) : NULL;
}

/* ROW SIZE_MAX: the titles. */
static void print_row(const struct layout *l, size_t row, FILE *out)
{
    const struct table *t = l->table;
    size_t room = t->width > 0 ? t->width : SIZE_MAX;
    size_t gap = 0;
    char cell[TABLE_CELL];

    for (size_t c = 0; c < t->ncolumns; c++) {
        size_t len = 0;

        if (!l->shown[c])
            continue;
        if (row == SIZE_MAX)
            strcpy(cell, t->columns[c].title);
        else
            fill(t, row, c, cell);
        if (cell[0] != '\0' && gap < room) {
            size_t most = c < l->last && l->width[c] < room - gap ? l->width[c]
                                                                  : room - gap;
            fprintf(out, "%*s", (int)gap, "");
            len = put(cell, most, paint_of(t, row, c), out);
            room -= gap + len;
            gap = 0;
        }
        gap += l->width[c] + GAP - len;
    }
    fputc('\n', out);
}

void table_print(const struct table *t, FILE *out)
{
    struct layout l = { .table = t };

    measure(&l);
    fit(&l);
    print_row(&l, SIZE_MAX, out);
    for (size_t row = 0; row < t->nrows; row++)
        print_row(&l, row, out);
}

char *table_text(const char *s, char out[TABLE_CELL])
{
    char more[2 * TABLE_CELL] = "";

    out[0] = '\0';
    escape_add(out, TABLE_CELL - strlen(CUT), s, strlen(s));
    /* Longer than the cell if anything stayed behind. */
    escape_add(more, sizeof more, s, strlen(s));
    if (strlen(more) > strlen(out))
        strcat(out, CUT);
    return out;
}

char *table_rtt(int64_t us, char out[TABLE_CELL])
{
    if (us < 0)
        strcpy(out, "-");
    else if (us < 1000)
        snprintf(out, TABLE_CELL, "%" PRId64 " us", us);
    else if (us < 1000000)
        snprintf(out, TABLE_CELL, "%.2f ms", (double)us / 1e3);
    else
        snprintf(out, TABLE_CELL, "%.2f s", (double)us / 1e6);
    return out;
}

char *table_span(int64_t ms, char out[TABLE_CELL])
{
    int64_t s = ms > 0 ? ms / 1000 : 0;

    if (s < 60)
        snprintf(out, TABLE_CELL, "%" PRId64 "s", s);
    else if (s < 3600)
        snprintf(out, TABLE_CELL, "%" PRId64 "m %" PRId64 "s", s / 60, s % 60);
    else if (s < 86400)
        snprintf(out, TABLE_CELL, "%" PRId64 "h %" PRId64 "m", s / 3600,
                 s % 3600 / 60);
    else
        snprintf(out, TABLE_CELL, "%" PRId64 "d %" PRId64 "h", s / 86400,
                 s % 86400 / 3600);
    return out;
}
