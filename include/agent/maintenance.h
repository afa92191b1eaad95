#ifndef AGENT_MAINTENANCE_H
#define AGENT_MAINTENANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/err.h"

/*
 * Maintenance: what the nodes <root>/maintenance/SCOPE/KEY say.  SCOPE is a
 * fleet, or @ID for the own instances of an agent; KEY is an instance's name,
 * a pattern of names with `*` for any characters or none, or in a fleet @ID,
 * which drains that member.  Anybody may have written a node, so nothing in
 * it is believed unseen.  Pure; any thread.
 */

/* Bytes of what is kept; longer texts are cut between characters, so that the
 * status document, which repeats them, stays within its bound. */
#define MAINTENANCE_OWNER_MAX  64
#define MAINTENANCE_REASON_MAX 200
/* Room for a key and its NUL: a name, or an agent's id behind an @. */
#define MAINTENANCE_KEY_SIZE 257
#define MAINTENANCE_NAME_MAX 40
/* No entry is larger, and none that is larger is read. */
#define MAINTENANCE_ENTRY_MAX 2048
/* The longest that people may ask for at once: 30 days. */
#define MAINTENANCE_LONGEST_MS (INT64_C(30) * 24 * 60 * 60 * 1000)

struct maintenance_entry {
    char key[MAINTENANCE_KEY_SIZE]; /* the node's name */
    char owner[MAINTENANCE_OWNER_MAX + 1];
    char reason[MAINTENANCE_REASON_MAX + 1];
    int64_t since_wall_ms; /* 0: not said */
    int64_t until_wall_ms; /* by the ensemble's clock */
};

enum maintenance_key {
    MAINTENANCE_BAD, /* no key at all */
    MAINTENANCE_NAME,
    MAINTENANCE_PATTERN,
    MAINTENANCE_MEMBER, /* @ID */
};

/* What KEY is; E says what is wrong with a bad one and may be NULL. */
enum maintenance_key maintenance_key(const char *key, struct err *e);

/*
 * Reads the LEN bytes of the node KEY.  Returns 0; or -1 with E for what is
 * to be ignored: a bad key, no JSON object, another schema, no `until`.  OUT
 * is filled only with 0.
 */
int maintenance_read(const char *key, const char *bytes, size_t len,
                     struct maintenance_entry *out, struct err *e) MUST_USE;

/* The node's data, one line of JSON, into OUT of SIZE bytes; returns its
 * length without the NUL, 0 if it does not fit: MAINTENANCE_ENTRY_MAX bytes
 * are enough for each. */
size_t maintenance_write(const struct maintenance_entry *m, char *out,
                         size_t size) MUST_USE;

/* Its time is over at NOW, of the ensemble's clock. */
bool maintenance_over(const struct maintenance_entry *m, int64_t now_wall_ms);

/* KEY, a name or a pattern, is or matches NAME. */
bool maintenance_matches(const char *key, const char *name);

/*
 * The one of the N ENTRIES that covers NAME at NOW, or NULL.  Of several the
 * one that ends last, as NAME is in maintenance until then; of equal ends the
 * exact name, and then the first key in byte order: the same whatever the
 * order of ENTRIES is.
 */
const struct maintenance_entry *maintenance_cover(
    const struct maintenance_entry *entries, size_t n, const char *name,
    int64_t now_wall_ms) MUST_USE;

#endif
