#ifndef CONFIG_READ_H
#define CONFIG_READ_H

#include "keys.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Files' lines become sections whose values are
 * set where a file sets them and nowhere else.  Later, when
 * all files are known, load.c decides what is inherited and what is missing.
 */
struct config_section {
    const struct config_keyset *set; /* NULL: unknown, its keys are skipped */
    void *base;  /* borrowed: where the values of SET go; for an instance or
                    the defaults a struct config_instance */
    unsigned at; /* place of its header; 0: in no file */
    unsigned keys_at[CONFIG_KEYS_MAX]; /* of its keys; 0: in no file */
};

/* Sections of instances, so many that their memory is a mapping of its own,
 * of which only what is used is touched. */
#define CONFIG_BLOCK_SECTIONS 1024
struct config_block {
    struct config_block *next; /* owned */
    size_t used;
    struct config_section sections[CONFIG_BLOCK_SECTIONS];
};

/*
 * A place is a number: the lines of all files are counted on, in the order
 * in which the files are read.  So places sort as faults are told, and one
 * unsigned names file and line.
 */
struct config_source {
    char *path;      /* owned */
    unsigned base;   /* the place of the file as a whole; line N: base + N */
    unsigned mode;   /* permission bits */
    bool secret;     /* a password stands in it */
    unsigned cut_at; /* the place of the first one that may be cut; 0: none */
};

struct config_fault {
    unsigned at;
    size_t order; /* of detection */
    char *text;   /* owned */
    /* Borrowed: whose fault it is; NULL or the unknown one: nobody's. */
    const struct config_section *section;
};

struct config_reading {
    struct config_source *sources; /* owned; the main file first */
    size_t nsources;
    struct config_section agent;
    struct config_section zookeeper;
    struct config_section http;
    struct config_section fleet;
    struct config_section defaults;
    struct config_section **instances; /* owned; in the files' order; what
                                          they point to is the blocks' */
    size_t ninstances;
    size_t instances_size;
    struct config_section *credentials; /* owned; in the files' order */
    size_t ncredentials;
    struct config_block *blocks; /* owned; the one that is filled first */
    void *by_name;               /* of instances: a tree of search.h */

    struct config_fault *faults;
    size_t nfaults;
    size_t faults_size;
    bool out_of_memory;
    bool targets; /* these are not files, but a fleet's nodes */
    /* Of targets: the agent's [credentials:NAME]; borrowed. */
    struct config_instance *const *known;
    size_t nknown;
    bool all_known; /* whatever they are called: the secrets are elsewhere */
    bool leave_passwords; /* in their files */
    bool leave_digest;    /* in its file */
    /* The one section that its reader is after, or NULL: all of them. */
    const struct config_section *wanted;
    bool spoilt; /* there was a fault in what is wanted */

    /* Of the lines, while they are read. */
    struct config_source *source; /* borrowed: the file that is read */
    const char *text;             /* borrowed */
    size_t text_len;
    size_t total_len; /* of all files so far */
    size_t pos;
    unsigned at; /* the line that is read */
    bool cut;    /* of which inih leaves something out */
    /* The one that is read, or completed; NULL: none, as before the first
     * header. */
    struct config_section *current;
    struct config_section unknown;
};

/*
 * Reads FILE, and then what its `include` names, into the sections, whose
 * set and base are given.  Each fault is kept; the caller releases what is
 * in R in any case.  Returns false when FILE itself could not be read.
 */
bool config_read(struct config_reading *r, const char *file);

/* Reads LEN bytes as if they were a file of that name.  There is room for it
 * among the sources. */
void config_read_bytes(struct config_reading *r, const char *name,
                       const char *bytes, size_t len);

#endif
