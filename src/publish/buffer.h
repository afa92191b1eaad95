#ifndef PUBLISH_BUFFER_H
#define PUBLISH_BUFFER_H

#include "agent/err.h"

#include <stddef.h>

/*
 * Bytes that grow and are kept: a document as it was posted or sent.  Counted
 * as a document (agent/objects.h) while it holds memory.  All zero is empty.
 */
struct buffer {
    char *bytes; /* owned; NULL: no memory taken */
    size_t len;
    size_t size; /* of the memory at bytes */
};

/* Room for SIZE bytes.  -1 on lack of memory: B is then as it was. */
int buffer_reserve(struct buffer *b, size_t size) MUST_USE;

/* Replaces the content by a copy of LEN bytes.  -1 on lack of memory: B is
 * then as it was. */
int buffer_set(struct buffer *b, const char *bytes, size_t len) MUST_USE;

/* Gives the memory back; B is empty and can be used again. */
void buffer_clear(struct buffer *b);

#endif
