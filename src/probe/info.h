#ifndef PROBE_INFO_H
#define PROBE_INFO_H

#include "reply.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * INFO's text as it comes in, in pieces of any size.  Of a line no more is
 * kept than the longest that matters.
 */
#define INFO_LINE 128

struct info_reader {
    char line[INFO_LINE];
    size_t len;
    bool cut; /* the line is longer: nothing that matters */
};

/* Nothing is said yet. */
void info_begin(struct info_reader *r, struct reply_info *out);
void info_bytes(struct info_reader *r, const char *bytes, size_t len,
                struct reply_info *out);
/* The last line may lack its end.  OUT is complete. */
void info_end(struct info_reader *r, struct reply_info *out);

#endif
