#ifndef CMD_STATUS_CELLS_H
#define CMD_STATUS_CELLS_H

#include <stdbool.h>

#include "status_view.h"
#include "table.h"

/* How things are painted: the numbers of ECMA-48's SGR. */
#define PAINT_BAD     "1;31"
#define PAINT_GOOD    "32"
#define PAINT_WARNING "33"
#define PAINT_DOUBT   "35"
extern const char *const status_paints[STATUS_COUNT];

/* TEXT, "-" for nothing; in brackets if it is not to be relied on. */
void status_put_text(const char *text, bool trusted, char out[TABLE_CELL]);

/* How long ago the heartbeat of W (NULL: none) was written; a clock that is
 * ahead of ours is not hidden. */
void status_put_age(const struct status_view *v, const struct status_writer *w,
                    char out[TABLE_CELL]);

/* Appends NOTE, with a comma where something is there. */
void status_add_note(char out[TABLE_CELL], const char *note);

#endif
