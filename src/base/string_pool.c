/*
 * A hash table of reference-counted strings, grown by doubling and gone with
 * its last string.  An instance that is well holds "", and one that fails
 * holds what a thousand others hold: so a record of 32 results costs a
 * pointer each, and a result that repeats the last one allocates nothing.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/hash.h"
#include "agent/objects.h"

#include "agent/string_pool.h"

#define FIRST_SIZE 64

struct word {
    struct word *next;
    uint32_t hash;
    uint32_t references;
    char text[];
};

/* These two need no memory and no count. */
static const char NOTHING[] = "";
static const char NO_MEMORY[] = "(no memory for what was said)";

static struct {
    struct word **buckets; /* owned; NULL: not one word is kept */
    size_t size;           /* a power of two */
    size_t count;
} table;

static struct word **bucket_of(uint32_t hash)
{
    return &table.buckets[hash & (table.size - 1)];
}

/* Where the word is, or where its chain ends. */
static struct word **find(uint32_t hash, const char *text)
{
    struct word **at = bucket_of(hash);

    while (*at != NULL &&
           ((*at)->hash != hash || strcmp((*at)->text, text) != 0))
        at = &(*at)->next;
    return at;
}

/* A table that could not grow has longer chains, and that is all. */
static void grow(void)
{
    size_t size = table.size == 0 ? FIRST_SIZE : table.size * 2;
    struct word **old = table.buckets;
    size_t old_size = table.size;
    struct word **buckets;

    if (table.count < table.size)
        return;
    buckets = calloc(size, sizeof(struct word *));
    if (buckets == NULL)
        return;
    table.buckets = buckets;
    table.size = size;
    for (size_t i = 0; i < old_size; i++) {
        for (struct word *w = old[i], *next; w != NULL; w = next) {
            struct word **at = bucket_of(w->hash);

            next = w->next;
            w->next = *at;
            *at = w;
        }
    }
    free(old);
}

static const char *add(uint32_t hash, const char *text)
{
    size_t size = strlen(text) + 1;
    struct word **at = bucket_of(hash);
    struct word *w = malloc(sizeof *w + size);

    if (w == NULL)
        return NO_MEMORY;
    *w = (struct word){ .next = *at, .hash = hash, .references = 1 };
    memcpy(w->text, text, size);
    *at = w;
    object_made(OBJECT_TEXT);
    table.count++;
    return w->text;
}

const char *string_pool_keep(const char *text)
{
    uint32_t hash;
    struct word *w;

    if (*text == '\0')
        return NOTHING;
    grow();
    if (table.buckets == NULL)
        return NO_MEMORY;
    hash = hash32(text);
    w = *find(hash, text);
    if (w == NULL)
        return add(hash, text);
    w->references++;
    return w->text;
}

void string_pool_drop(const char *words)
{
    struct word *w;
    struct word **at;

    if (words == NULL || words == NOTHING || words == NO_MEMORY)
        return;
    w = (struct word *)(uintptr_t)(words - offsetof(struct word, text));
    if (--w->references > 0)
        return;
    at = find(w->hash, w->text);
    *at = w->next;
    object_gone(OBJECT_TEXT);
    free(w);
    if (--table.count > 0)
        return;
    free(table.buckets);
    table.buckets = NULL;
    table.size = 0;
}

void string_pool_set(const char **held, const char *text)
{
    const char *before = *held;

    if (before != NULL && strcmp(before, text) == 0)
        return;
    *held = string_pool_keep(text);
    string_pool_drop(before);
}
