#ifndef AGENT_PROCESS_H
#define AGENT_PROCESS_H

#include <stdbool.h>

/*
 * What the kernel says of this process and of others.  Reads /proc; thread:
 * any.
 */

/* The number of threads; -1 if it cannot be told. */
long process_threads(void);

/* The resident set in KiB; -1 if it cannot be told. */
long process_rss_kb(void);

/* Tells this boot of this machine from all others (random(4)): 36 characters,
 * or "" if it cannot be told. */
#define PROCESS_BOOT_SIZE 37
void process_boot(char out[PROCESS_BOOT_SIZE]);

/*
 * Another process of this machine than ours that has this PID, has not ended
 * and bears our name; also when it exists and its name cannot be told.
 */
bool process_is_kin(long pid);

#endif
