/*
 * A buffer grows in steps, so that documents whose length changes by a few
 * bytes at each write do not allocate at each write.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/objects.h"

#include "buffer.h"

#define STEP 32

int buffer_reserve(struct buffer *b, size_t size)
{
    if (b->size >= size)
        return 0;
    size = (size + STEP - 1) / STEP * STEP;
    char *bytes = realloc(b->bytes, size);
    if (bytes == NULL)
        return -1;
    if (b->bytes == NULL)
        object_made(OBJECT_DOCUMENT);
    b->bytes = bytes;
    b->size = size;
    return 0;
}

int buffer_set(struct buffer *b, const char *bytes, size_t len)
{
    if (buffer_reserve(b, len) != 0)
        return -1;
    if (len > 0)
        memcpy(b->bytes, bytes, len);
    b->len = len;
    return 0;
}

void buffer_clear(struct buffer *b)
{
    if (b->bytes == NULL)
        return;
    free(b->bytes);
    object_gone(OBJECT_DOCUMENT);
    *b = (struct buffer){ .bytes = NULL };
}
