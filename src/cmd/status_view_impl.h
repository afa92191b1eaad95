#ifndef SRC_STATUS_VIEW_IMPL_H
#define SRC_STATUS_VIEW_IMPL_H

#include "status_view.h"
#include "table.h"

/*
 * Between the view (status_view.c), its JSON (status_json.c) and its text
 * (status_text.c, status_rows.c, status_agents.c).
 */

/* The status document OBJECT.  False when it is none. */
bool status_json_row(struct json_t *object, struct status_row *out);

/*
 * Parses LEN bytes; what comes of them lives as long as V->json.  NULL when
 * they are no JSON object; *OUT_OF_MEMORY only ever becomes true.
 */
struct json_t *status_json_keep(struct status_view *v, const char *bytes,
                                size_t len, bool *out_of_memory);

/* Fills W, which has its id, from OBJECT.  False when it is no heartbeat. */
bool status_json_heartbeat(struct json_t *object, struct status_writer *w);

/* The sentence number AT of a list; NULL when there is none. */
const char *status_json_sentence(const struct json_t *list, size_t at);

void status_json_free(struct json_t *json); /* NULL is a no-op */

/* Sorts the rows: the worst first, then by name. */
void status_view_sort(struct status_view *v);

/* How things are painted. */
#define PAINT_BAD     "1;31"
#define PAINT_GOOD    "32"
#define PAINT_WARNING "33"
#define PAINT_DOUBT   "35"
extern const char *const status_paints[STATUS_COUNT];

/* TEXT, "-" for nothing; in brackets if it is not to be relied on. */
void status_put_text(const char *text, bool trusted, char out[TABLE_CELL]);
/* How long ago the heartbeat was written; a clock that is ahead of ours is
 * not hidden.  W may be NULL. */
void status_put_age(const struct status_view *v, const struct status_writer *w,
                    char out[TABLE_CELL]);
/* Appends, with a comma where something is there. */
void status_add_note(char out[TABLE_CELL], const char *note);

void status_print_rows(const struct status_view *v,
                       const struct status_style *s, FILE *out);
void status_print_agents(const struct status_view *v,
                         const struct status_style *s, FILE *out);

#endif
