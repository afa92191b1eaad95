/*
 * Whether there is room for the ZooKeeper library.  It asserts that its two
 * threads start (ZOOKEEPER-5073), and it uses what malloc gave it without a
 * look, so that without memory or under a limit of processes it would end our
 * process.  So as many threads are started and joined first, and some address
 * space is asked for and given back: if that fails the handle is tried again
 * later, and if it does not the stacks are what the C library hands out next.
 *
 * What others take between the two, or when the agent has long been running,
 * is not guarded against.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#include "room.h"

#define THREADS 2

/* Its buffers are far smaller; the rest is for those of everybody else. */
#define HEADROOM ((size_t)32 << 20)

/* Held until all are there. */
static void *wait_for_all(void *arg)
{
    pthread_mutex_t *gate = arg;

    pthread_mutex_lock(gate);
    pthread_mutex_unlock(gate);
    return NULL;
}

static int try_threads(void)
{
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    pthread_t threads[THREADS];
    size_t n = 0;
    int rc = 0;

    pthread_mutex_lock(&gate);
    while (n < THREADS && rc == 0) {
        rc = pthread_create(&threads[n], NULL, wait_for_all, &gate);
        n += rc == 0;
    }
    pthread_mutex_unlock(&gate);
    while (n > 0)
        pthread_join(threads[--n], NULL);
    pthread_mutex_destroy(&gate);
    return rc;
}

static int try_memory(void)
{
    void *room = mmap(NULL, HEADROOM, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (room == MAP_FAILED)
        return errno;
    munmap(room, HEADROOM);
    return 0;
}

int zk_has_room(struct err *e)
{
    int rc = try_threads();

    if (rc != 0) {
        err_set(e, "no threads for the ZooKeeper library: %s", strerror(rc));
        return -1;
    }
    /* In this order: the stacks stay with us. */
    rc = try_memory();
    if (rc != 0) {
        err_set(e, "out of memory for the ZooKeeper library: %s", strerror(rc));
        return -1;
    }
    return 0;
}
