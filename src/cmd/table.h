#ifndef CMD_TABLE_H
#define CMD_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * A table for people: columns as wide as what stands in them, two spaces
 * between them, none at the end of a line.  Pure but for the stream.
 */

/* Room for a cell with its NUL: whatever a document of ours holds, with every
 * byte of it escaped. */
#define TABLE_CELL 1400

struct table_column {
    const char *title;
    /* On a screen too narrow for all, those with a number go, the highest
     * first; 0: stays, and is cut where the screen ends. */
    unsigned yields;
    bool if_any; /* left out when every cell of it is "" */
};

struct table {
    const struct table_column *columns;
    size_t ncolumns;
    size_t nrows;
    /* Fills OUT, "" to begin with, with printable ASCII. */
    void (*cell)(const void *arg, size_t row, size_t column,
                 char out[TABLE_CELL]);
    /* How a cell is to be painted: the numbers of ECMA-48's SGR ("1;31"), or
     * NULL.  Asked with `colours` only; may be NULL. */
    const char *(*paint)(const void *arg, size_t row, size_t column);
    const void *arg;
    unsigned width; /* of the screen; 0: a line is as long as it is */
    bool colours;
};

/* At most TABLE_COLUMNS columns. */
#define TABLE_COLUMNS 16
void table_print(const struct table *t, FILE *out);

/*
 * What goes into cells.  All of them write to OUT, and return it.
 *
 * S without what a terminal or a line-based reader would stumble over; what
 * has no room ends with "...".
 */
char *table_text(const char *s, char out[TABLE_CELL]);
/* "118 us", "1.20 ms", "2.00 s"; "-" for less than 0. */
char *table_rtt(int64_t us, char out[TABLE_CELL]);
/* "12s", "3m 12s", "5h 1m", "3d 4h"; less than a second is "0s". */
char *table_span(int64_t ms, char out[TABLE_CELL]);

#endif
