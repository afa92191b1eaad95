/*
 * When all workers' results come before the loop runs, as after a start, each
 * takes a place of its own in the ring, whose pages then stay: so a result
 * that says nothing unusual is to be short.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "outbox.h"

/* What is not words is copied as it is. */
#define FIXED offsetof(struct result, role_word)

static const struct {
    size_t at;
    size_t size;
} WORDS[] = {
#define WORD(name)                                                         \
    {                                                                      \
        offsetof(struct result, name), sizeof((struct result *)NULL)->name \
    }
    WORD(role_word), WORD(server), WORD(version),
    WORD(refusal),   WORD(replid), WORD(detail),
#undef WORD
};
#define NWORDS (sizeof WORDS / sizeof WORDS[0])

/* The length of a result in the ring comes before it. */
_Static_assert(sizeof(struct result) <= UINT16_MAX, "a length is too short");
#define LONGEST (sizeof(uint16_t) + sizeof(struct result))

static size_t wrap(const struct outbox *o, size_t i)
{
    return i < o->capacity ? i : i - o->capacity;
}

static void get(const struct outbox *o, size_t from, void *out, size_t len)
{
    size_t here = o->capacity - from < len ? o->capacity - from : len;

    memcpy(out, o->ring + from, here);
    memcpy((unsigned char *)out + here, o->ring, len - here);
}

static void put(struct outbox *o, const void *bytes, size_t len)
{
    size_t at = wrap(o, o->first + o->used);
    size_t here = o->capacity - at < len ? o->capacity - at : len;

    memcpy(o->ring + at, bytes, here);
    memcpy(o->ring, (const unsigned char *)bytes + here, len - here);
    o->used += len;
}

int outbox_reserve(struct outbox *o, size_t n)
{
    size_t need = o->used + n * LONGEST;
    size_t capacity = o->capacity == 0 ? 16 * LONGEST : o->capacity * 2;
    unsigned char *ring;

    if (need <= o->capacity)
        return 0;
    if (capacity < need)
        capacity = need;
    ring = malloc(capacity);
    if (ring == NULL)
        return -1;
    if (o->used > 0)
        get(o, o->first, ring, o->used);
    free(o->ring);
    o->ring = ring;
    o->capacity = capacity;
    o->first = 0;
    return 0;
}

void outbox_pack(struct packed_result *out, const struct result *r)
{
    unsigned char *p = out->bytes;

    memcpy(p, r, FIXED);
    p += FIXED;
    for (size_t i = 0; i < NWORDS; i++) {
        const char *word = (const char *)r + WORDS[i].at;
        size_t len = strnlen(word, WORDS[i].size - 1);
        memcpy(p, word, len);
        p[len] = '\0';
        p += len + 1;
    }
    out->len = (size_t)(p - out->bytes);
}

static void unpack(const unsigned char *p, struct result *out)
{
    memcpy(out, p, FIXED);
    p += FIXED;
    for (size_t i = 0; i < NWORDS; i++) {
        size_t size = strlen((const char *)p) + 1;
        memcpy((char *)out + WORDS[i].at, p, size);
        p += size;
    }
}

void outbox_push(struct outbox *o, const struct packed_result *p)
{
    uint16_t len = (uint16_t)p->len;

    assert(o->used + sizeof len + len <= o->capacity);
    put(o, &len, sizeof len);
    put(o, p->bytes, len);
}

bool outbox_take(struct outbox *o, struct result *out)
{
    unsigned char bytes[sizeof(struct result)];
    uint16_t len;

    if (o->used == 0)
        return false;
    get(o, o->first, &len, sizeof len);
    get(o, wrap(o, o->first + sizeof len), bytes, len);
    unpack(bytes, out);
    o->used -= sizeof len + len;
    /* The same part of the ring is used again, while it is in the cache. */
    o->first = o->used == 0 ? 0 : wrap(o, o->first + sizeof len + len);
    return true;
}

void outbox_clear(struct outbox *o)
{
    free(o->ring);
    *o = (struct outbox){ .ring = NULL };
}
