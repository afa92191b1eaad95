#ifndef CMD_STATUS_JSON_H
#define CMD_STATUS_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status_view.h"

/*
 * The JSON that views are made of.  What is read lives as long as the view
 * that keeps it.  Pure.
 */
struct json_t; /* jansson's */

/*
 * Parses LEN bytes; what comes of them lives as long as V->json.  NULL when
 * they are no JSON object; *OUT_OF_MEMORY only ever becomes true.
 */
struct json_t *status_json_keep(struct status_view *v, const char *bytes,
                                size_t len, bool *out_of_memory);
void status_json_free(struct json_t *json); /* NULL is a no-op */

/* A member of OBJECT (may be NULL); "", OTHERWISE and 0 when it is not there
 * or of another kind.  A time is in ms on the wall clock. */
const char *status_json_text(const struct json_t *object, const char *key);
int64_t status_json_number(const struct json_t *object, const char *key,
                           int64_t otherwise);
int64_t status_json_time(const struct json_t *object, const char *key);

/* It says that it has the one schema that we know. */
bool status_json_has_schema(const struct json_t *object);

/* The status document OBJECT.  False when it is none. */
bool status_json_row(struct json_t *object, struct status_row *out);

/* Fills W, which has its id, from OBJECT.  False when it is no heartbeat. */
bool status_json_heartbeat(struct json_t *object, struct status_writer *w);

/* The heartbeat of W says that it does not vouch for this instance. */
bool status_json_excepts(const struct status_writer *w, const char *instance);

/* The sentence number AT of a list; NULL when there is none. */
const char *status_json_sentence(const struct json_t *list, size_t at);

#endif
