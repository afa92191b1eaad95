#ifndef AGENT_LOG_H
#define AGENT_LOG_H

#include "agent/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One event a line: `ts=… level=… thread=… event=NAME key=value …`, or the
 * same as JSON.  A caller never waits for a disk or a pipe: lines go into a
 * bounded ring, and a writer thread of the log's own takes them out.  When
 * the ring is full lines are dropped and counted, and the count is logged
 * (event log_dropped) as soon as there is room.  Bytes from outside are
 * escaped here; secrets are the caller's not to pass.
 */
enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARN,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG
};
/* In that order; ends with NULL. */
extern const char *const LOG_LEVEL_NAMES[];

enum log_form { LOG_FORM_LOGFMT, LOG_FORM_JSON };

struct log_options {
    const char *target; /* "stderr", "syslog" or a path; copied */
    enum log_level level;
    enum log_form form;
};

/*
 * Starts the writer thread (never before a fork).  Until then, and after
 * log_close, events are written to stderr at once, or dropped if that is a
 * pipe that is full.  A path that cannot be opened is an error, and so is a
 * FIFO that nobody reads.  One log a process.  Thread: loop.
 */
int log_open(const struct log_options *o, struct err *e) MUST_USE;

/*
 * Re-opens a path (after logrotate) and takes over new options.  On failure
 * the old file stays in use.  Never waits for the writer.  Thread: loop.
 */
int log_reopen(const struct log_options *o, struct err *e) MUST_USE;

/* Writes what is queued, for at most BUDGET_MS, and ends the writer; a
 * writer that hangs in the kernel is left behind.  Lines that were not
 * written count as dropped.  Thread: loop. */
void log_close(unsigned budget_ms);

/* Lines dropped since the start.  Thread: any. */
uint64_t log_dropped(void);

/* Names the calling thread: the `thread` of its events, and in ps (15
 * characters there).  NAME must live as long as the thread. */
void log_thread(const char *name);

enum log_kind { LOG_KIND_STR, LOG_KIND_INT, LOG_KIND_UINT, LOG_KIND_BOOL };

struct log_pair {
    const char *key;
    enum log_kind kind;
    union {
        const char *s; /* NULL is written as - (JSON: null) */
        int64_t i;
        uint64_t u;
        bool b;
    } v;
};

#define LOG_STR(k, x)                                \
    {                                                \
        .key = (k), .kind = LOG_KIND_STR, .v.s = (x) \
    }
#define LOG_INT(k, x)                                \
    {                                                \
        .key = (k), .kind = LOG_KIND_INT, .v.i = (x) \
    }
#define LOG_UINT(k, x)                                \
    {                                                 \
        .key = (k), .kind = LOG_KIND_UINT, .v.u = (x) \
    }
#define LOG_BOOL(k, x)                                \
    {                                                 \
        .key = (k), .kind = LOG_KIND_BOOL, .v.b = (x) \
    }

/* LOG_EVENT(LOG_LEVEL_INFO, "started", LOG_STR("version", v), …); at least
 * one pair.  Thread: any; async-signal-unsafe. */
#define LOG_EVENT(level, event, ...)                          \
    do {                                                      \
        const struct log_pair log_pairs_[] = { __VA_ARGS__ }; \
        log_write((level), (event), log_pairs_,               \
                  sizeof log_pairs_ / sizeof log_pairs_[0]);  \
    } while (0)

void log_write(enum log_level level, const char *event,
               const struct log_pair *pairs, size_t npairs);

/* As log_write, for an event of another thread, called THREAD. */
void log_write_of(const char *thread, enum log_level level, const char *event,
                  const struct log_pair *pairs, size_t npairs);

/* No event is written from here on: for a command whose output is all that
 * it has to say. */
void log_mute(void);

/* True when events of LEVEL are written at all. */
bool log_enabled(enum log_level level);

#endif
