#ifndef CMD_TREE_SESSION_H
#define CMD_TREE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/err.h"
#include "agent/store.h"

/*
 * What a command asks of the tree, and waits for: over the asynchronous seam
 * of the publisher (store.h), each call under a deadline.  Paths are those
 * below the root, without a slash before them; "" is the root.  One thread.
 */
struct config;
struct tree_session;

/* By C's [zookeeper]; each call waits for at most its publish_timeout.  Nothing
 * is waited for yet.  NULL and E on lack of memory. */
struct tree_session *tree_session_open(const struct config *c,
                                       struct err *e) MUST_USE;
/* Over STORE, which is owned from here on, whatever happens; ROOT is copied. */
struct tree_session *tree_session_new(struct store *store, const char *root,
                                      struct err *e) MUST_USE;

/* Each call waits for at most TIMEOUT_MS from now on. */
void tree_session_within(struct tree_session *t, unsigned timeout_ms);
/* Calls that wait end when FD becomes readable; -1, as at first: none. */
void tree_session_cancel_by(struct tree_session *t, int fd);

/* False: a thread had to be left behind, so the process should _exit.  NULL is
 * a no-op. */
bool tree_session_close(struct tree_session *t) MUST_USE;

/* What a server said, by itself, to one request. */
struct tree_answer {
    enum store_code code;
    char *data; /* owned; GET, LIST; a NUL is behind it */
    size_t len;
    int32_t version;
    int64_t owner;
    int64_t mtime_wall_ms; /* GET: by the ensemble's clock */
    char said[256];        /* unless STORE_OK: what, for people */
};
void tree_answer_free(struct tree_answer *a);

struct tree_ask {
    enum store_verb verb;
    const char *path; /* borrowed */
    const char *data; /* borrowed; SET, CREATE */
    size_t len;
    int32_t version; /* SET, DELETE; -1: whatever it is */
    bool large;      /* GET: up to STORE_LARGE_MAX bytes, else 16 KiB */
    struct tree_answer answer;
};

enum tree_end {
    TREE_DONE,      /* every answer is there */
    TREE_FAILED,    /* E says why; may be tried again */
    TREE_CANCELLED, /* as tree_session_cancel_by asked for */
};

/*
 * Asks all N at once, as many at a time as the store takes.  Reads that were
 * lost are asked again.  A write that was lost has the code STORE_UNCERTAIN:
 * it may have been done or not.  The answers are the caller's to free,
 * whatever is returned.
 */
enum tree_end tree_session_ask(struct tree_session *t, struct tree_ask *asks,
                               size_t n, struct err *e) MUST_USE;

/* 0 for STORE_OK and STORE_NO_NODE; else -1, and E in words. */
int tree_session_check(const struct tree_session *t, const struct tree_ask *a,
                       struct err *e) MUST_USE;

/* One read.  0; -1 and E for want of an answer, or for any code but STORE_OK
 * and STORE_NO_NODE. */
int tree_session_get(struct tree_session *t, const char *path,
                     struct tree_answer *out, struct err *e) MUST_USE;
/* The same of the names of PATH's children, each with a NUL behind it. */
int tree_session_list(struct tree_session *t, const char *path,
                      struct tree_answer *out, struct err *e) MUST_USE;

enum tree_write {
    TREE_WRITTEN,
    TREE_CHANGED,   /* nothing was written: somebody else has been there */
    TREE_UNWRITTEN, /* E says why, and whether it may have been written */
};

#define TREE_NEW (-2) /* for a version: the node is not there yet */

/*
 * Makes LEN bytes of DATA the content of PATH, which has VERSION or is not
 * there (TREE_NEW; then what is above it is made too).  A write that was lost
 * is looked for, and made again where it was not done.
 */
enum tree_write tree_session_put(struct tree_session *t, const char *path,
                                 const char *data, size_t len, int32_t version,
                                 struct err *e) MUST_USE;

/* Removes PATH, if it has VERSION; one that is gone was removed. */
enum tree_write tree_session_remove(struct tree_session *t, const char *path,
                                    int32_t version, struct err *e) MUST_USE;

/* Makes PATH, and what is above it, where it is not there. */
int tree_session_make(struct tree_session *t, const char *path,
                      struct err *e) MUST_USE;

/*
 * The ensemble's clock minus ours, in ms, exact to half a round trip: from a
 * write of nothing into PATH, a node without data that is made if need be.
 */
int tree_session_clock(struct tree_session *t, const char *path,
                       int64_t *offset_ms, struct err *e) MUST_USE;

#endif
