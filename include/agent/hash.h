#ifndef AGENT_HASH_H
#define AGENT_HASH_H

#include <stddef.h>
#include <stdint.h>

/*
 * FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/), to tell bytes apart
 * that nobody chose to collide: no defence against somebody who does.  Pure.
 */

/* Of a NUL-terminated text. */
uint32_t hash32(const char *text);

/* Of LEN bytes, continued from HASH: HASH64_START for the first ones. */
#define HASH64_START UINT64_C(0xcbf29ce484222325)
uint64_t hash64(uint64_t hash, const void *bytes, size_t len);

#endif
