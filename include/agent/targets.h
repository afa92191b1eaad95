#ifndef AGENT_TARGETS_H
#define AGENT_TARGETS_H

#include "agent/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The targets of a fleet, as its chunks in ZooKeeper say: INI text, with the
 * [redis:NAME] sections of a config file.  What a chunk gives depends on its
 * bytes and on the fleet's settings alone, and never on who reads it: a
 * section that cannot be used is a target all the same, whose settings have a
 * fault.  Thread: one.
 */
struct config;
struct config_instance;
struct targets;

/* What <root>/fleets/F holds where its first member makes it. */
#define TARGETS_SETTINGS \
    "[fleet]\n"          \
    "observers = 1\n"    \
    "brake = 50%\n"      \
    "brake_min = 5\n"    \
    "brake_hold = 60s\n" \
    "[defaults]\n"       \
    "; any key of [redis:NAME] that a target may have\n"

/* [fleet] in <root>/fleets/F. */
struct targets_settings {
    unsigned observers;
    unsigned brake_percent; /* 0: off */
    unsigned brake_min;
    unsigned brake_hold_ms;
};

/* Of the fleet NAME; C's targets_allow holds for all, and its
 * [credentials:NAME] for those that name them.  C is borrowed during the call.
 * NULL and E on lack of memory. */
struct targets *targets_new(const struct config *c, struct err *e) MUST_USE;
/* NULL is a no-op. */
void targets_free(struct targets *t);

/*
 * [credentials:NAME] of C count from now on.  Returns 1 when they are others
 * than before, 0 when they are the same, and -1 and E on lack of memory: those
 * of before then count.
 */
int targets_credentials(struct targets *t, const struct config *c,
                        struct err *e) MUST_USE;
/* Settings I, which were good, may be gone on with: the credentials that they
 * came with are there, and the same.  A secret that was taken away on purpose
 * is not used any more because of a fault elsewhere. */
bool targets_may_keep(const struct targets *t, const struct config_instance *i);

/* The chunk has these bytes now (copied), or is gone (NULL).  -1 and E on lack
 * of memory. */
int targets_chunk(struct targets *t, const char *chunk, const char *bytes,
                  size_t len, int32_t version, struct err *e) MUST_USE;
/* The same of the fleet's settings. */
int targets_set(struct targets *t, const char *bytes, size_t len,
                int32_t version, struct err *e) MUST_USE;

/* All targets, by the bytes of their names; each once. */
struct targets_list {
    struct config_instance **targets; /* references */
    size_t n;
    char **faults; /* "CHUNK:LINE: message", of whatever cannot be used */
    size_t nfaults;
    struct targets_settings settings;
};
/* -1 and E on lack of memory; OUT is then empty. */
int targets_list(const struct targets *t, struct targets_list *out,
                 struct err *e) MUST_USE;
void targets_list_free(struct targets_list *l);

/* A hash of the versions of settings and chunks, continued from HASH. */
uint64_t targets_hash(const struct targets *t, uint64_t hash);

/* The chunks, for people. */
size_t targets_chunks(const struct targets *t);
const char *targets_chunk_at(const struct targets *t, size_t at,
                             int32_t *version);

#endif
