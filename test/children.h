#ifndef CHILDREN_H
#define CHILDREN_H

#include <stddef.h>
#include <sys/types.h>

/*
 * What tests that fork share.  In the test's own process a failure fails the
 * test; only hold_on is for the children.
 */
#define PATIENCE_MS 5000

void make_pipe(int ends[2]);

/* Reads FD to its end, which must come in time; OUT becomes a string. */
void read_all(int fd, char *out, size_t size);

/* As fork, which must not fail. */
pid_t fork_child(void);

/* Daemons whose parent ended become our children. */
void become_subreaper(void);

/* Waits for PID, however it ends. */
int wait_for(pid_t pid);

/* Waits for PID, which must end by itself. */
int exit_code(pid_t pid);

/* Waits until no child is left. */
void reap_all(void);

/* Returns when the other end of HOLD is closed. */
void hold_on(int hold);

#endif
