/*
 * The reader is strict on purpose: the log promises that each of its lines
 * can be parsed whatever was logged, so a line is taken apart to its end even
 * if only one key of it is wanted.
 */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/clock.h"

#include "log_bench.h"
#include "scratch.h"

char log_file[256];
char old_log_file[256];

static char dir[SCRATCH_SIZE];

int log_bench_set_up(void **state)
{
    (void)state;
    scratch_dir(dir);
    snprintf(log_file, sizeof log_file, "%s/log", dir);
    snprintf(old_log_file, sizeof old_log_file, "%s/log.1", dir);
    return 0;
}

int log_bench_tear_down(void **state)
{
    (void)state;
    unlink(old_log_file);
    unlink(log_file);
    return rmdir(dir);
}

void open_log(const char *target, enum log_form form)
{
    struct err e = { "" };
    struct log_options o = { target, LOG_LEVEL_INFO, form };
    if (log_open(&o, &e) < 0)
        fail_msg("%s", e.text);
}

void reopen_log(const char *target)
{
    struct err e = { "" };
    struct log_options o = { target, LOG_LEVEL_INFO, LOG_FORM_LOGFMT };
    if (log_reopen(&o, &e) < 0)
        fail_msg("%s", e.text);
}

void tick(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        LOG_EVENT(LOG_LEVEL_INFO, "tick", LOG_UINT("i", i));
}

char *slurp(const char *file)
{
    FILE *f = fopen(file, "r");
    assert_non_null(f);
    char *text = calloc(1, 1 << 22);
    assert_non_null(text);
    size_t n = fread(text, 1, (1 << 22) - 1, f);
    text[n] = '\0';
    fclose(f);
    return text;
}

static int hex(char c)
{
    return c >= 'a' ? c - 'a' + 10 : c - '0';
}

/* Undoes the quotes at *AT into OUT; false if they are not well-formed. */
static bool unquote(const char **at, char *out)
{
    const char *p = *at + 1;
    for (; *p != '"'; p++) {
        if ((unsigned char)*p < ' ')
            return false;
        if (*p != '\\') {
            *out++ = *p;
            continue;
        }
        p++;
        if (*p == 'x') {
            *out++ = (char)(hex(p[1]) << 4 | hex(p[2]));
            p += 2;
        } else if (strchr("nt\"\\", *p)) {
            *out++ = *p == 'n' ? '\n' : *p == 't' ? '\t' : *p;
        } else {
            return false;
        }
    }
    *out = '\0';
    *at = p + 1;
    return true;
}

bool logfmt_get(const char *line, const char *key, char out[LINE_SIZE])
{
    bool found = false;
    const char *p = line;
    for (;;) {
        char value[LINE_SIZE];
        size_t nkey = strcspn(p, "=\n ");
        if (nkey == 0 || p[nkey] != '=')
            fail_msg("no key at: %.200s", p);
        const char *v = p + nkey + 1;
        const char *end = v;
        if (*v == '"') {
            if (!unquote(&end, value))
                fail_msg("bad quotes at: %.200s", v);
        } else {
            end = v + strcspn(v, " \n\"=\\");
            memcpy(value, v, (size_t)(end - v));
            value[end - v] = '\0';
        }
        if (strlen(key) == nkey && memcmp(p, key, nkey) == 0) {
            strcpy(out, value);
            found = true;
        }
        if (*end == '\n')
            return found;
        if (*end != ' ')
            fail_msg("garbage at: %.200s", end);
        p = end + 1;
    }
}

bool has_event(const char *line, const char *event)
{
    char value[LINE_SIZE];
    return logfmt_get(line, "event", value) && strcmp(value, event) == 0;
}

uint64_t tally(const char *text, const char *event, const char *key)
{
    uint64_t sum = 0;
    while (*text) {
        const char *end = strchr(text, '\n');
        if (!end)
            fail_msg("a line without an end: %.200s", text);
        char value[LINE_SIZE] = "1";
        if (has_event(text, event) && (!key || logfmt_get(text, key, value)))
            sum += strtoull(value, NULL, 10);
        text = end + 1;
    }
    return sum;
}

uint64_t tally_file(const char *file, const char *event, const char *key)
{
    char *text = slurp(file);
    uint64_t sum = tally(text, event, key);
    free(text);
    return sum;
}

void stderr_pipe_open(struct stderr_pipe *p)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    p->out = ends[0];
    p->in = ends[1];
    p->saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
    assert_true(p->saved >= 0);
    assert_true(dup2(p->in, STDERR_FILENO) >= 0);
}

void stderr_pipe_restore(struct stderr_pipe *p)
{
    dup2(p->saved, STDERR_FILENO);
    close(p->saved);
}

void stderr_pipe_close(struct stderr_pipe *p)
{
    close(p->out);
    close(p->in);
}

uint64_t drain(int fd, uint64_t total)
{
    char *text = calloc(1, 1 << 22);
    assert_non_null(text);
    size_t n = 0;
    uint64_t lost = 0, seen = 0;
    uint64_t until_ms = clock_mono_ms() + PATIENCE_MS;
    while (seen + lost < total && clock_mono_ms() < until_ms) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        if (poll(&p, 1, 100) <= 0)
            continue;
        ssize_t got = read(fd, text + n, (1 << 22) - 1 - n);
        if (got <= 0)
            break;
        n += (size_t)got;
        text[n] = '\0';
        if (text[n - 1] == '\n') {
            seen = tally(text, "tick", NULL);
            lost = tally(text, "log_dropped", "count");
        }
    }
    assert_int_equal(seen + lost, total);
    free(text);
    return lost;
}
