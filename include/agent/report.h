#ifndef AGENT_REPORT_H
#define AGENT_REPORT_H

#include "agent/document.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * What --check-once prints: a table for people, JSON, or one Nagios line
 * with perfdata.  Pure but for the stream.
 */
enum report_format { REPORT_TEXT, REPORT_JSON, REPORT_NAGIOS };

/* A certificate that the server sent ends within tls_min_days. */
struct report_ending {
    const char *instance;
    int64_t ends_wall_ms;
};

struct report {
    const char *agent;
    int64_t time_wall_ms;
    const struct document_status *rows;
    size_t nrows;
    const struct report_ending *endings; /* in the rows' order */
    size_t nendings;
    /* "published", "not configured", "not asked for", "left to the running
     * agent …", or what went wrong. */
    const char *publishing;
    bool publish_failed;
    bool left_to_agent; /* a running agent of this id publishes */
};

/* text, json, nagios; false if WORD is none of them. */
bool report_parse_format(const char *word, enum report_format *out);

/* The exit code: the worst Nagios code of all rows, and 3 if publishing
 * failed (worst first: 2, 1, 3, 0). */
int report_exit_code(const struct report *r);

/*
 * When nothing could be checked at all: the one line that Nagios reads, or an
 * object with `error`.  For people nothing: they read stderr.
 */
void report_trouble(const char *text, enum report_format f, FILE *out);

void report_print(const struct report *r, enum report_format f, FILE *out);

#endif
