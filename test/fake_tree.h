#ifndef FAKE_TREE_H
#define FAKE_TREE_H

#include "fake_store.h"

/*
 * The nodes of the store in memory, without lock, session or fault.
 */
#define FAKE_NODES 256

struct fake_entry {
    char path[128];
    bool exists;
    struct fake_node node;
};

struct fake_tree {
    struct fake_entry entries[FAKE_NODES];
    size_t nentries;
};

/* Made if it was never asked for; then it does not exist. */
struct fake_entry *fake_tree_at(struct fake_tree *t, const char *path);
void fake_entry_fill(struct fake_entry *e, const char *data, size_t len);
void fake_entry_vanish(struct fake_entry *e);

/* Does what R asks for; what is ephemeral belongs to SESSION. */
enum store_code fake_tree_apply(struct fake_tree *t,
                                const struct store_request *r, int64_t session);

/* The names of PATH's children, each with its NUL; returns their length. */
size_t fake_tree_list(struct fake_tree *t, const char *path, char *out,
                      size_t size);

#endif
