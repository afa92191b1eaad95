#ifndef CONFIG_READ_H
#define CONFIG_READ_H

#include "config_keys.h"

#include <stddef.h>

/*
 * Inside the config room: a file's lines become sections whose values are
 * set where the file sets them and nowhere else.  What is inherited, and
 * what must be there, is decided by config.c when the whole file is known.
 */
struct config_section {
    const struct config_keyset *set; /* NULL: unknown, its keys are skipped */
    void *base;    /* borrowed: where the values of SET go; for an instance or
                      the defaults a struct config_instance */
    unsigned line; /* of its header; 0: not in the file */
    unsigned lines[CONFIG_KEYS_MAX]; /* of its keys; 0: not in the file */
};

struct config_fault {
    unsigned line;
    size_t order; /* of detection */
    char *text;   /* owned */
};

struct config_reading {
    const char *file; /* borrowed */
    struct config_section agent;
    struct config_section zookeeper;
    struct config_section defaults;
    struct config_section **instances; /* owned; in the file's order */
    size_t ninstances;
    size_t instances_size;
    void *by_name; /* of instances: a tree of search.h */

    struct config_fault *faults;
    size_t nfaults;
    size_t faults_size;
    bool out_of_memory;

    /* Of the lines, while they are read. */
    const char *text; /* borrowed */
    size_t text_len;
    size_t pos;
    unsigned line;
    struct config_section *current; /* NULL: before the first header */
    struct config_section unknown;
};

/*
 * Reads r->file into the sections, whose set and base are given.  Each fault
 * is kept; the caller releases what is in R in any case.  Returns false when
 * the file could not be read at all.
 */
bool config_read(struct config_reading *r);

/* Keeps "FILE:LINE: …"; LINE 0 is the file as a whole. */
void config_fault(struct config_reading *r, unsigned line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * All bytes of FILE, followed by a NUL that *LEN does not count; NULL and E
 * ("cannot open: …") if it cannot be read or has more than MAX.  To be freed
 * by config_wipe, for there may be secrets among them.
 */
char *config_slurp(const char *file, size_t max, size_t *len,
                   struct err *e) MUST_USE;
void config_wipe(char *bytes, size_t len);

/* In config.c: all zero but for the name; one reference. */
struct config_instance *config_instance_new(const char *name, unsigned line);

#endif
