/*
 * Which member is the master of a replica's data set: a hash table of all
 * masters under watch by replication id.  A pool of replicas whose masters
 * nobody watches would else look at each other in vain, all of them, at every
 * INFO.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/config.h"
#include "agent/hash.h"
#include "agent/role.h"
#include "pool_impl.h"

static void insert(struct masters *t, struct entry *n)
{
    LIST_INSERT_HEAD(&t->buckets[n->replid_hash & (t->size - 1)], n, same_hash);
}

int pool_masters_fit(struct pool *f, size_t capacity)
{
    struct masters old = f->masters;
    size_t size = old.size == 0 ? 64 : old.size;

    while (size < capacity)
        size *= 2;
    if (size == old.size)
        return 0;
    f->masters.buckets = calloc(size, sizeof *f->masters.buckets);
    if (f->masters.buckets == NULL) {
        f->masters = old;
        return -1;
    }
    f->masters.size = size;
    for (size_t i = 0; i < f->nentries; i++)
        if (f->entries[i] != NULL && f->entries[i]->is_master)
            insert(&f->masters, f->entries[i]);
    free(old.buckets);
    return 0;
}

void pool_masters_forget(struct entry *n)
{
    if (!n->is_master)
        return;
    LIST_REMOVE(n, same_hash);
    n->is_master = false;
}

void pool_masters_note(struct pool *f, struct entry *n)
{
    const struct instance *i = &n->member.instance;
    bool is_master = i->role == ROLE_MASTER && i->replid[0] != '\0';
    uint32_t hash = hash32(i->replid);

    if (is_master == n->is_master && hash == n->replid_hash)
        return;
    pool_masters_forget(n);
    n->replid_hash = hash;
    n->is_master = is_master;
    if (is_master)
        insert(&f->masters, n);
}

const struct instance *pool_masters_find(const struct pool *f,
                                         const char *replid)
{
    uint32_t hash = hash32(replid);
    const struct entry *n;

    if (replid[0] == '\0')
        return NULL;
    LIST_FOREACH(n, &f->masters.buckets[hash & (f->masters.size - 1)],
                 same_hash)
    if (n->replid_hash == hash &&
        strcmp(n->member.instance.replid, replid) == 0)
        return &n->member.instance;
    return NULL;
}
