/*
 * A hash table by replication id.  Without it replicas whose masters nobody
 * watches would search the whole pool in vain, each at every INFO.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/hash.h"
#include "agent/role.h"

#include "masters.h"

static struct masters_bucket *bucket_of(const struct masters *t, uint32_t hash)
{
    return &t->buckets[hash & (t->size - 1)];
}

static void insert(struct masters *t, struct instance *i)
{
    LIST_INSERT_HEAD(bucket_of(t, i->master.replid_hash), i, master.same_hash);
}

int masters_fit(struct masters *t, size_t capacity)
{
    struct masters old = *t;
    size_t size = old.size == 0 ? 64 : old.size;
    while (size < capacity)
        size *= 2;
    if (size == old.size)
        return 0;
    struct masters_bucket *buckets = calloc(size, sizeof *buckets);
    if (buckets == NULL)
        return -1;
    *t = (struct masters){ .buckets = buckets, .size = size };
    for (size_t b = 0; b < old.size; b++) {
        struct instance *i;
        while ((i = LIST_FIRST(&old.buckets[b])) != NULL) {
            LIST_REMOVE(i, master.same_hash);
            insert(t, i);
        }
    }
    free(old.buckets);
    return 0;
}

void masters_free(struct masters *t)
{
    free(t->buckets);
    *t = (struct masters){ 0 };
}

void masters_forget(struct instance *i)
{
    if (!i->master.listed)
        return;
    LIST_REMOVE(i, master.same_hash);
    i->master.listed = false;
}

void masters_note(struct masters *t, struct instance *i)
{
    bool is_master = i->role == ROLE_MASTER && i->replid[0] != '\0';
    uint32_t hash = hash32(i->replid);
    if (is_master == i->master.listed && hash == i->master.replid_hash)
        return;
    masters_forget(i);
    i->master.replid_hash = hash;
    i->master.listed = is_master;
    if (is_master)
        insert(t, i);
}

const struct instance *masters_find(const struct masters *t, const char *replid)
{
    uint32_t hash = hash32(replid);
    const struct instance *i;
    if (replid[0] == '\0')
        return NULL;
    LIST_FOREACH(i, bucket_of(t, hash), master.same_hash)
    if (i->master.replid_hash == hash && strcmp(i->replid, replid) == 0)
        return i;
    return NULL;
}
