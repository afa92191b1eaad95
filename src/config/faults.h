#ifndef CONFIG_FAULTS_H
#define CONFIG_FAULTS_H

#include <limits.h>

#include "read.h"

/* Keeps "FILE:LINE: …", or "FILE: …" at the place of a whole file. */
void config_fault(struct config_reading *r, unsigned at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* AT as "line 7" of the file that is read, or as FILE:LINE of another. */
#define CONFIG_PLACE_TEXT (PATH_MAX + 16)
const char *config_earlier(const struct config_reading *r, unsigned at,
                           char out[CONFIG_PLACE_TEXT]);

/* Room in ITEMS, of EACH bytes, for one more than USED: *ITEMS and *SIZE may
 * change.  False on lack of memory. */
bool config_more_room(void **items, size_t used, size_t *size, size_t each);

#endif
