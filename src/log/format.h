#ifndef LOG_FORMAT_H
#define LOG_FORMAT_H

#include "agent/log.h"

#include <stddef.h>
#include <stdint.h>

/* The longest line, its newline included.  Below PIPE_BUF, so that a line
 * goes into a pipe whole or not at all. */
#define LOG_LINE_MAX 2048

struct log_event {
    int64_t wall_ms;
    enum log_level level;
    const char *thread; /* NULL if the thread has no name */
    const char *event;
    const struct log_pair *pairs;
    size_t npairs;
};

/*
 * Writes EV as one line, newline included and no NUL, and returns its length.
 * A string that grows too long is cut and ends with "..."; a pair that has no
 * room at all is left out, and then the line ends with cut=true.  Keys and
 * event names are taken as they are: they are the program's own.  Pure.
 */
size_t log_format(enum log_form form, const struct log_event *ev,
                  char out[LOG_LINE_MAX]);

#endif
