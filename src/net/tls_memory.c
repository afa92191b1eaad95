/*
 * Memory for OpenSSL: malloc's, but for the two large buffers of a connection,
 * for a record and for a handshake.  A handshake needs both, a probe one of
 * them, and an idle connection none.
 *
 * From malloc they would lie between what stays: after a start of 1,000
 * connections at once the heap has 30 KB of holes for each, for ever.  So they
 * are blocks of a size, in ranges of their own.  One that is free is kept for
 * the thread's next probe, where it is still in the processor's cache, a few
 * more for all threads; the memory of others goes back to the system, their
 * addresses wait for the next time.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tls_memory.h"

#define PAGE       4096u
#define BLOCK      (6 * PAGE) /* 16 KiB, and by a third more when it grows */
#define LEAST      12288u     /* what is smaller is no such buffer */
#define BLOCKS     64         /* of a range */
#define RANGE      (BLOCKS * BLOCK)
#define KEPT       8 /* free blocks with their memory, beside the threads' */
#define RANGES_MAX 4096

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* Guarded by it; a range is never given back. */
static char *ranges[RANGES_MAX];
static unsigned nranges; /* written under the lock, read by all */
/* Free blocks: the numbers of those without memory, the places of others. */
static uint32_t *empty; /* room for all blocks there are */
static size_t nempty;
static void *kept[KEPT];
static size_t nkept;

static __thread void *own; /* a free block of this thread, or NULL */

/* The block's number, or SIZE_MAX: P is malloc's. */
static size_t number_of(const void *p)
{
    uintptr_t at = (uintptr_t)p;
    if (at % PAGE != 0)
        return SIZE_MAX;
    unsigned n = __atomic_load_n(&nranges, __ATOMIC_ACQUIRE);
    for (unsigned r = 0; r < n; r++) {
        uintptr_t begin = (uintptr_t)ranges[r];
        if (at >= begin && at - begin < RANGE && (at - begin) % BLOCK == 0)
            return r * BLOCKS + (at - begin) / BLOCK;
    }
    return SIZE_MAX;
}

/* Under the lock. */
static bool add_range(void)
{
    if (nranges == RANGES_MAX)
        return false;
    size_t room = (nranges + 1) * BLOCKS * sizeof *empty;
    uint32_t *more = realloc(empty, room);
    if (more == NULL)
        return false;
    empty = more;
    void *range = mmap(NULL, RANGE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (range == MAP_FAILED)
        return false;
    ranges[nranges] = range;
    for (uint32_t b = BLOCKS; b-- > 0;)
        empty[nempty++] = nranges * BLOCKS + b;
    __atomic_store_n(&nranges, nranges + 1, __ATOMIC_RELEASE);
    return true;
}

static void *take_block(void)
{
    void *block = own;
    own = NULL;
    if (block != NULL)
        return block;
    pthread_mutex_lock(&lock);
    if (nkept > 0) {
        block = kept[--nkept];
    } else if (nempty > 0 || add_range()) {
        uint32_t b = empty[--nempty];
        block = ranges[b / BLOCKS] + b % BLOCKS * BLOCK;
    }
    pthread_mutex_unlock(&lock);
    return block;
}

static void give_block(void *block, size_t number)
{
    if (own == NULL) {
        own = block;
        return;
    }
    pthread_mutex_lock(&lock);
    bool keep = nkept < KEPT;
    if (keep)
        kept[nkept++] = block;
    pthread_mutex_unlock(&lock);
    if (keep)
        return;
    madvise(block, BLOCK, MADV_DONTNEED);
    pthread_mutex_lock(&lock);
    empty[nempty++] = (uint32_t)number;
    pthread_mutex_unlock(&lock);
}

bool tls_memory_fits(void)
{
    return sysconf(_SC_PAGESIZE) == PAGE;
}

void *tls_memory_take(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    void *block = size >= LEAST && size <= BLOCK ? take_block() : NULL;
    return block != NULL || size == 0 ? block : malloc(size);
}

void tls_memory_give(void *p, const char *file, int line)
{
    (void)file;
    (void)line;
    size_t number = number_of(p);
    if (number == SIZE_MAX)
        free(p);
    else
        give_block(p, number);
}

void *tls_memory_resize(void *p, size_t size, const char *file, int line)
{
    if (p == NULL)
        return tls_memory_take(size, file, line);
    size_t number = number_of(p);
    if (number == SIZE_MAX)
        return realloc(p, size);
    if (size > 0 && size <= BLOCK)
        return p;
    void *moved = size == 0 ? NULL : malloc(size);
    if (moved != NULL)
        memcpy(moved, p, BLOCK);
    if (moved != NULL || size == 0)
        tls_memory_give(p, file, line);
    return moved;
}
