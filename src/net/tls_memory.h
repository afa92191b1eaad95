#ifndef NET_TLS_MEMORY_H
#define NET_TLS_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* This machine's pages are as small as the blocks want them: larger ones would
 * go back to the system with parts of their neighbours. */
bool tls_memory_fits(void);

/* malloc, free and realloc in the shape that OpenSSL wants
 * (CRYPTO_set_mem_functions(3)); FILE and LINE are the caller's.  Thread: any.
 */
void *tls_memory_take(size_t size, const char *file, int line);
void tls_memory_give(void *p, const char *file, int line); /* NULL: a no-op */
void *tls_memory_resize(void *p, size_t size, const char *file, int line);

#endif
