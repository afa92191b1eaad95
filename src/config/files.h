#ifndef CONFIG_FILES_H
#define CONFIG_FILES_H

#include "agent/err.h"

#include <glob.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Inside the config folder: what is read from disk, and which files there are
 * to read.
 */
struct config_bytes {
    char *text; /* owned; followed by a NUL that len does not count */
    size_t len;
    unsigned mode; /* permission bits of the file that was read */
};

/*
 * All bytes of FILE; -1 and E ("cannot open: …") if it cannot be read or has
 * more than MAX.  To be freed by config_wipe, for there may be secrets in
 * them.
 */
int config_slurp(const char *file, size_t max, struct config_bytes *out,
                 struct err *e) MUST_USE;
void config_wipe(char *bytes, size_t len);

/*
 * The only line of FILE, without its end, owned by the caller, who wipes it.
 * NULL and E; a file that others may read or write is an error.
 */
char *config_secret(const char *file, struct err *e) MUST_USE;

/*
 * The files that PATTERN (glob(3), absolute or relative to the folder of
 * MAIN) names, in byte order; OUT is for globfree.  None is an error only
 * where PATTERN has no wildcard.  -1 and E; OUT then needs no globfree.
 */
int config_glob(const char *main, const char *pattern, glob_t *out,
                struct err *e) MUST_USE;

/* Two names of one file that is there. */
bool config_same_file(const char *a, const char *b);

#endif
