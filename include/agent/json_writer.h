#ifndef AGENT_JSON_WRITER_H
#define AGENT_JSON_WRITER_H

/*
 * JSON, member by member, into a text.  The documents in ZooKeeper are built
 * by jansson (document.c); a page of 2,000 instances would be a tree of a
 * hundred thousand values there, and the loop has better to do.  Commas come
 * by themselves.  Not named json_*, which is jansson's.  Pure.
 */
#include <stdbool.h>
#include <stdint.h>

#include "agent/text.h"

/* KEY may be NULL: a member of an array, or the whole.  BRACKET is { or [. */
void jsonw_open(struct text *t, const char *key, char bracket);
void jsonw_close(struct text *t, char bracket); /* } or ] */

void jsonw_string(struct text *t, const char *key, const char *s); /* or null */
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
