#ifndef CMD_TREE_BRANCH_H
#define CMD_TREE_BRANCH_H

#include <stddef.h>

#include "agent/err.h"
#include "tree_session.h"

/* The children of one node, read all at once. */
struct tree_branch {
    const char *path;      /* borrowed */
    struct tree_ask *asks; /* owned, as are their paths; by the names */
    size_t n;
};

/*
 * All children of PATH, or none where it is not there; of those that went
 * since they were listed the code is STORE_NO_NODE, of those that may not be
 * read STORE_NO_AUTH.  OUT is the caller's to free, whatever is returned.
 */
enum tree_end tree_branch_read(struct tree_session *t, const char *path,
                               struct tree_branch *out, struct err *e) MUST_USE;
/* Those with these N NAMES alone, in their order. */
enum tree_end tree_branch_read_of(struct tree_session *t, const char *path,
                                  const char *const *names, size_t n,
                                  struct tree_branch *out,
                                  struct err *e) MUST_USE;
void tree_branch_free(struct tree_branch *b);

const char *tree_branch_name(const struct tree_branch *b, size_t at);

#endif
