#ifndef TEST_SCRATCH_H
#define TEST_SCRATCH_H

#include <stddef.h>

/*
 * What a test takes from this machine for itself alone.  Failures abort the
 * test.
 */

/* So short that a socket in such a directory still has a path. */
#define SCRATCH_SIZE 88

/* A new directory, or a file with TEXT in it, below $TMPDIR (else /tmp); the
 * caller removes it. */
void scratch_dir(char path[SCRATCH_SIZE]);
void scratch_file(char path[SCRATCH_SIZE], const char *text);

/* A port of 127.0.0.1 at which nobody listens, taken as long as *FD is open. */
unsigned scratch_port(int *fd);

/* How many entries a directory has, "." and ".." too: of /proc/self/fd or
 * /proc/self/task, say. */
size_t scratch_entries(const char *dir);

#endif
