#ifndef AGENT_PROCESS_H
#define AGENT_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Figures that the kernel has of this process and of others.  Reads /proc;
 * thread: any.
 */

/* The number of threads; -1 if it cannot be told. */
long process_threads(void);

/* The resident set in KiB; -1 if it cannot be told. */
long process_rss_kb(void);

/* A figure that cannot be told is 0. */
struct process_memory {
    /* Of malloc, in bytes (mallinfo2(3)), all arenas together. */
    uint64_t heap_in_use; /* handed out, mapped blocks with it */
    uint64_t heap_free;   /* given back to malloc, not to the kernel */
    uint64_t heap_mapped; /* handed out as mappings of their own */
    uint64_t heap_arena;  /* had from the kernel, but for those mappings */
    /* Of the kernel, in bytes. */
    uint64_t resident;
    uint64_t virtual_size;
    uint64_t virtual_max; /* UINT64_MAX: no limit */
};
void process_memory(struct process_memory *out);

/* The figures of the usual process_* metrics; one that cannot be told is 0. */
struct process_figures {
    struct process_memory memory;
    uint64_t cpu_us; /* user and system, of all threads, ended ones too */
    uint64_t open_fds;
    uint64_t max_fds;
    uint64_t threads;
};
void process_figures(struct process_figures *out);

/* When it began.  Fixed by the first call: a step of the clock is no
 * restart. */
int64_t process_started_wall_ms(void);

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
