#ifndef LOG_BENCH_H
#define LOG_BENCH_H

#include "agent/log.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * What tests of the log share: a file to write to, a pipe in the place of
 * stderr, and a reader that fails the test over a line that is not
 * well-formed logfmt.
 */
#define PATIENCE_MS 20000
#define LINE_SIZE   2048

/* Two names in a fresh directory; for IN_DIR tests only. */
extern char log_file[256];
extern char old_log_file[256];

int log_bench_set_up(void **state);
int log_bench_tear_down(void **state);
#define IN_DIR(f) \
    cmocka_unit_test_setup_teardown(f, log_bench_set_up, log_bench_tear_down)

/* At level info.  Neither may fail. */
void open_log(const char *target, enum log_form form);
void reopen_log(const char *target); /* as logfmt */

/* Logs "tick" COUNT times. */
void tick(unsigned count);

/* The whole file as a string; freed by the caller. */
char *slurp(const char *file);

/*
 * The value of KEY in the logfmt line at LINE, into OUT; false without it.
 * Fails the test if the line, up to its newline, is not well-formed.
 */
bool logfmt_get(const char *line, const char *key, char out[LINE_SIZE]);
bool has_event(const char *line, const char *event);

/* Lines of EVENT in TEXT, or with KEY the sum of its values. */
uint64_t tally(const char *text, const char *event, const char *key);
uint64_t tally_file(const char *file, const char *event, const char *key);

/* A pipe in the place of stderr. */
struct stderr_pipe {
    int out; /* what was written to stderr */
    int in;
    int saved; /* the true stderr */
};
void stderr_pipe_open(struct stderr_pipe *p);
void stderr_pipe_restore(struct stderr_pipe *p); /* IN and OUT stay open */
/* Closes IN and OUT; without the restoring, stderr has no reader then. */
void stderr_pipe_close(struct stderr_pipe *p);

/* Reads FD until the lines of "tick" in it and those told lost make TOTAL,
 * which they must in time; returns those lost. */
uint64_t drain(int fd, uint64_t total);

#endif
