/*
 * The effect of a reload: whether an instance may go on as it is, and which
 * settings only a restart can take over.  Both walk the table of keys.
 */
#include <assert.h>
#include <string.h>

#include "keys.h"

bool config_instance_equal(const struct config_instance *a,
                           const struct config_instance *b)
{
    const struct config_keyset *set = &CONFIG_KEYSETS[SECTION_INSTANCE];

    for (size_t i = 0; i < set->nkeys; i++) {
        const struct config_key *k = &set->keys[i];

        if ((k->flags & CONFIG_COSMETIC) == 0 && !config_value_equal(k, a, b))
            return false;
    }
    /* What was refused left no value behind. */
    return a->fault == b->fault || (a->fault != NULL && b->fault != NULL &&
                                    strcmp(a->fault, b->fault) == 0);
}

struct key_list {
    char *out;
    size_t size;
    size_t count;
};

static void list_key(struct key_list *l, const char *section, const char *key)
{
    size_t used = strnlen(l->out, l->size);

    snprintf(l->out + used, l->size - used, "%s%s%s%s",
             l->count++ > 0 ? ", " : "", section,
             *section != '\0' && *key != '\0' ? "." : "", key);
}

size_t config_instance_keys(const struct config_instance *a,
                            const struct config_instance *b, char *out,
                            size_t size)
{
    const struct config_keyset *set = &CONFIG_KEYSETS[SECTION_INSTANCE];
    struct key_list l = { .out = out, .size = size };

    assert(size > 0);
    out[0] = '\0';
    for (size_t i = 0; i < set->nkeys; i++) {
        const struct config_key *k = &set->keys[i];

        if ((k->flags & CONFIG_COSMETIC) == 0 && !config_value_equal(k, a, b))
            list_key(&l, "", k->name);
    }
    return l.count;
}

static void list_changed(struct key_list *l, const struct config_keyset *set,
                         const struct config *a, const struct config *b)
{
    for (size_t i = 0; i < set->nkeys; i++) {
        const struct config_key *k = &set->keys[i];

        if ((k->flags & CONFIG_RESTART) != 0 && !config_value_equal(k, a, b))
            list_key(l, set->name, k->name);
    }
}

static bool same_digest(const struct config *a, const struct config *b)
{
    const char *x = a->zookeeper.digest, *y = b->zookeeper.digest;

    return x != NULL && y != NULL ? strcmp(x, y) == 0 : x == y;
}

size_t config_restart_keys(const struct config *a, const struct config *b,
                           char *out, size_t size)
{
    struct key_list l = { .out = out, .size = size };
    char *files[2] = { a->zookeeper.digest_file, b->zookeeper.digest_file };

    assert(size > 0);
    out[0] = '\0';
    list_changed(&l, &CONFIG_KEYSETS[SECTION_AGENT], a, b);
    if (a->http.enabled != b->http.enabled)
        list_key(&l, "http", "");
    else if (a->http.enabled)
        list_changed(&l, &CONFIG_KEYSETS[SECTION_HTTP], a, b);
    if (a->fleet.enabled != b->fleet.enabled)
        list_key(&l, "fleet", "");
    else if (a->fleet.enabled)
        list_changed(&l, &CONFIG_KEYSETS[SECTION_FLEET], a, b);
    if (a->zookeeper.enabled != b->zookeeper.enabled) {
        list_key(&l, "zookeeper", "");
        return l.count;
    }
    list_changed(&l, &CONFIG_KEYSETS[SECTION_ZOOKEEPER], a, b);
    /* The same file with another line in it. */
    if (files[0] != NULL && files[1] != NULL &&
        strcmp(files[0], files[1]) == 0 && !same_digest(a, b))
        list_key(&l, "zookeeper", "digest_file");
    return l.count;
}
