#ifndef AGENT_JSON_WRITER_H
#define AGENT_JSON_WRITER_H

/*
 * JSON, member by member, into a text: all JSON that this program writes.
 * jansson, whose trees cost an allocation a value, only reads.  Commas come by
 * themselves.  Not named json_*, which is jansson's.  Pure.
 */
#include <stdbool.h>
#include <stdint.h>

#include "agent/text.h"

/* A key from outside, which is valid UTF-8, as printable ASCII; its value
 * follows with NULL for a key. */
void jsonw_key(struct text *t, const char *key);

/* KEY, which needs no escape, may be NULL: a member of an array, the whole, or
 * the value of jsonw_key.  BRACKET is { or [. */
void jsonw_open(struct text *t, const char *key, char bracket);
void jsonw_close(struct text *t, char bracket); /* } or ] */

void jsonw_string(struct text *t, const char *key, const char *s); /* or null */
/* At most JSONW_CUT bytes of S: the one measure for texts of which a document
 * must not become too large. */
#define JSONW_CUT 320
void jsonw_cut(struct text *t, const char *key, const char *s);
/* Of S, which is valid UTF-8, nothing but printable ASCII: for terminals. */
void jsonw_ascii(struct text *t, const char *key, const char *s);
void jsonw_uint(struct text *t, const char *key, uint64_t n);
void jsonw_int(struct text *t, const char *key, int64_t n);
/* Null for numbers below zero, and for no time (0). */
void jsonw_natural(struct text *t, const char *key, int64_t n);
void jsonw_time(struct text *t, const char *key, int64_t wall_ms);
void jsonw_bool(struct text *t, const char *key, bool b);
void jsonw_null(struct text *t, const char *key);
/* LEN bytes that are JSON already. */
void jsonw_raw(struct text *t, const char *key, const char *bytes, size_t len);

#endif
