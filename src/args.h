#ifndef SRC_ARGS_H
#define SRC_ARGS_H

/*
 * The command line.  Thread: the first, before others.
 */
#include "agent/report.h"

#include <stdbool.h>
#include <stddef.h>

/* --check-once: bad usage or config is Nagios' "unknown". */
#define EXIT_ONCE_BAD 3

enum mode {
    MODE_RUN,
    MODE_ONCE,
    MODE_TEST,
    MODE_PRINT,
    MODE_STATUS,
    MODE_MAINTENANCE,
    MODE_TARGETS,
    MODE_FLEET
};

struct args {
    enum mode mode;
    bool background;
    const char *file;
    const char **names; /* owned array of borrowed strings */
    size_t nnames;
    const char **words; /* owned array of borrowed strings: those that are no
                           option, nor the value of one */
    size_t nwords;
    enum report_format format;
    bool formatted; /* --format was given */
    bool once_only; /* an option that only --check-once takes was given */
    bool publish;
    bool watch;
    bool from_zookeeper;
    bool file_given;
    const char *http;  /* the agent's address; NULL: as the config says */
    const char *fleet; /* those that were not given are NULL */
    const char *agent;
    const char *length;
    const char *reason;
    const char *owner;
    bool fleet_given; /* --fleet, with a name or, for a command, without */
    bool yes;
    bool force;
};

/*
 * Fills A, whose strings are those of ARGV; A->names and
 * A->words are the caller's to free.
 * Help, version and bad usage end the process, the last with 2, or
 * EXIT_ONCE_BAD beside --check-once.
 */
void args_parse(struct args *a, int argc, char **argv);

#endif
