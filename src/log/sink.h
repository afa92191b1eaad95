#ifndef LOG_SINK_H
#define LOG_SINK_H

#include "agent/log.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Where the log's lines go.  Everything but sink_open may hang with the disk
 * or the pipe behind it, and is for the log's writer thread only.
 */
enum sink_kind { SINK_STDERR, SINK_SYSLOG, SINK_FILE };

struct sink {
    enum sink_kind kind;
    int fd;    /* owned by a SINK_FILE; -1 for syslog */
    bool torn; /* the last byte written was not the end of a line */
};

/* TARGET: "stderr", "syslog" or a path.  Never waits for a reader. */
int sink_open(const char *target, struct sink *out, struct err *e) MUST_USE;

/* To be called once, by the thread that will write. */
void sink_start(const struct sink *s);

/*
 * Writes the LEN bytes at BUF + 1, a whole line; BUF[0] is a spare byte, and
 * the buffer may be altered.  While a pipe is full GIVE_UP(ARG) is asked every
 * now and then.  False: the line, or its end, is lost.
 */
bool sink_write(struct sink *s, enum log_level level, char *buf, size_t len,
                bool (*give_up)(void *), void *arg);

void sink_close(const struct sink *s);

#endif
