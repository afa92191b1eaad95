/*
 * What the log writes, and where to: the lines of both forms are read back by
 * a parser (jansson, or the bench's logfmt reader) before anything is said
 * about them.  That lines are lost, and what is said then: test_log_loss.c.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "agent/clock.h"
#include "agent/log.h"

#include "log_bench.h"

static const char *const HOSTILE[] = {
    "",
    "-",
    "plain",
    "two words",
    "a=b",
    "say \"hi\"",
    "back\\slash \\x41",
    "line\nlevel=error event=fake\r\n",
    "tab\there",
    "\x1b[31mred\x1b[0m",
    "\x7f",
    "gr\xc3\xbc\xc3\x9f",
    "\xe2\x9c\x93 \xf0\x9f\x98\x80",
    "\xff\xfe",
    "cut short \xe2\x9c",
    "overlong \xc0\xaf",
    "surrogate \xed\xa0\x80",
    "too high \xf4\x90\x80\x80",
    "c1 \xc2\x9b",
    "bidi \xe2\x80\xae txt",
    "\xe2\x80\xa8",
};
#define NHOSTILE (sizeof HOSTILE / sizeof HOSTILE[0])

static void write_hostile(enum log_form form)
{
    open_log(log_file, form);
    for (size_t i = 0; i < NHOSTILE; i++) {
        LOG_EVENT(LOG_LEVEL_INFO, "hostile", LOG_STR("s", HOSTILE[i]),
                  LOG_UINT("i", i));
    }
    log_close(PATIENCE_MS);
}

static void logfmt_gives_back_every_hostile_value(void **state)
{
    (void)state;
    write_hostile(LOG_FORM_LOGFMT);
    char *text = slurp(log_file);
    const char *line = text;
    for (size_t i = 0; i < NHOSTILE; i++) {
        char value[LINE_SIZE];
        assert_true(logfmt_get(line, "s", value));
        assert_string_equal(value, HOSTILE[i]);
        assert_true(logfmt_get(line, "i", value));
        assert_int_equal(atoi(value), i);
        line = strchr(line, '\n') + 1;
    }
    assert_string_equal(line, "");
    assert_null(strchr(text, '\x1b'));
    assert_null(strchr(text, '\x7f'));
    assert_null(strstr(text, "\xc2\x9b"));
    assert_null(strstr(text, "\xe2\x80\xae"));
    assert_non_null(strstr(text, "gr\xc3\xbc\xc3\x9f"));
    free(text);
}

static json_t *load_line(const char **line)
{
    const char *end = strchr(*line, '\n');
    assert_non_null(end);
    json_error_t why;
    json_t *j =
        json_loadb(*line, (size_t)(end - *line), JSON_REJECT_DUPLICATES, &why);
    if (!j)
        fail_msg("%s: %.*s", why.text, (int)(end - *line), *line);
    *line = end + 1;
    return j;
}

static void json_gives_back_every_value_that_is_utf8(void **state)
{
    (void)state;
    write_hostile(LOG_FORM_JSON);
    char *text = slurp(log_file);
    const char *line = text;
    for (size_t i = 0; i < NHOSTILE; i++) {
        json_t *j = load_line(&line);
        json_t *direct = json_string(HOSTILE[i]);
        const char *value = json_string_value(json_object_get(j, "s"));
        assert_non_null(value);
        if (direct)
            assert_string_equal(value, HOSTILE[i]);
        else
            assert_non_null(strstr(value, "\\x"));
        json_decref(direct);
        json_decref(j);
    }
    assert_string_equal(line, "");
    assert_null(strchr(text, '\x7f'));
    assert_null(strstr(text, "\xe2\x80\xa8"));
    free(text);
}

static void a_line_carries_its_head_and_bare_numbers(void **state)
{
    (void)state;
    log_thread("loop");
    open_log(log_file, LOG_FORM_LOGFMT);
    LOG_EVENT(LOG_LEVEL_WARN, "started", LOG_STR("none", NULL),
              LOG_INT("i", INT64_MIN), LOG_UINT("u", UINT64_MAX),
              LOG_BOOL("b", true));
    log_close(PATIENCE_MS);
    char *text = slurp(log_file);
    assert_int_equal(strncmp(text, "ts=20", 5), 0);
    const char *rest = strchr(text, ' ');
    assert_int_equal(rest[-1], 'Z');
    assert_string_equal(rest, " level=warn thread=loop event=started none=- "
                              "i=-9223372036854775808 "
                              "u=18446744073709551615 b=true\n");
    free(text);
}

static void json_keeps_the_types(void **state)
{
    (void)state;
    log_thread("loop");
    open_log(log_file, LOG_FORM_JSON);
    LOG_EVENT(LOG_LEVEL_ERROR, "started", LOG_STR("none", NULL),
              LOG_INT("i", -7), LOG_BOOL("b", false));
    log_close(PATIENCE_MS);
    char *text = slurp(log_file);
    const char *line = text;
    json_t *j = load_line(&line);
    const char *level, *thread, *event, *ts;
    json_t *none;
    json_int_t i;
    int b;
    assert_int_equal(json_unpack(j, "{s:s, s:s, s:s, s:s, s:o, s:I, s:b !}",
                                 "ts", &ts, "level", &level, "thread", &thread,
                                 "event", &event, "none", &none, "i", &i, "b",
                                 &b),
                     0);
    assert_string_equal(level, "error");
    assert_string_equal(thread, "loop");
    assert_string_equal(event, "started");
    assert_true(json_is_null(none));
    assert_int_equal(i, -7);
    assert_false(b);
    json_decref(j);
    free(text);
}

/* Values of every length up to well over the limit, of the worst bytes. */
static void write_long(enum log_form form)
{
    static char worst[3000];
    static char plain[3000];
    memset(worst, '\x01', sizeof worst - 1);
    memset(plain, 'a', sizeof plain - 1);
    open_log(log_file, form);
    for (size_t n = 0; n < sizeof worst; n += 7) {
        const char *w = worst + sizeof worst - 1 - n;
        const char *p = plain + sizeof plain - 1 - n;
        LOG_EVENT(LOG_LEVEL_INFO, "long", LOG_STR("one", w), LOG_STR("two", p),
                  LOG_STR("three", w), LOG_STR("four", p), LOG_STR("five", w),
                  LOG_UINT("n", n));
    }
    log_close(PATIENCE_MS);
}

static void over_long_values_are_cut_and_marked(void **state)
{
    (void)state;
    uint64_t dropped = log_dropped();
    write_long(LOG_FORM_LOGFMT);
    char *text = slurp(log_file);
    char value[LINE_SIZE];
    const char *last = NULL;
    size_t lines = 0;
    for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
        assert_true(strcspn(line, "\n") < LINE_SIZE);
        if (!has_event(line, "long"))
            continue;
        assert_true(logfmt_get(line, "one", value));
        last = line;
        lines++;
    }
    /* Fewer when the ring was full for a moment. */
    assert_int_equal(tally(text, "long", NULL) + log_dropped() - dropped, 429);
    assert_true(lines > 0);
    if (log_dropped() == dropped) {
        assert_true(logfmt_get(last, "two", value));
        assert_string_equal(value + strlen(value) - 6, "aaa...");
        assert_true(logfmt_get(last, "cut", value));
        assert_string_equal(value, "true");
    }
    free(text);
}

static void over_long_lines_stay_json(void **state)
{
    (void)state;
    write_long(LOG_FORM_JSON);
    char *text = slurp(log_file);
    const char *line = text;
    while (*line) {
        assert_true(strcspn(line, "\n") < LINE_SIZE);
        json_decref(load_line(&line));
    }
    free(text);
}

static void events_below_the_level_are_not_written(void **state)
{
    (void)state;
    struct err e;
    open_log(log_file, LOG_FORM_LOGFMT);
    assert_false(log_enabled(LOG_LEVEL_DEBUG));
    LOG_EVENT(LOG_LEVEL_DEBUG, "quiet", LOG_UINT("n", 1));
    struct log_options o = { log_file, LOG_LEVEL_DEBUG, LOG_FORM_LOGFMT };
    assert_int_equal(log_reopen(&o, &e), 0);
    assert_true(log_enabled(LOG_LEVEL_DEBUG));
    LOG_EVENT(LOG_LEVEL_DEBUG, "loud", LOG_UINT("n", 1));
    log_close(PATIENCE_MS);
    assert_int_equal(tally_file(log_file, "quiet", NULL), 0);
    assert_int_equal(tally_file(log_file, "loud", NULL), 1);
}

static void a_renamed_file_is_reopened_under_its_name(void **state)
{
    (void)state;
    open_log(log_file, LOG_FORM_LOGFMT);
    LOG_EVENT(LOG_LEVEL_INFO, "before", LOG_UINT("i", 1));
    struct stat st = { 0 };
    uint64_t until_ms = clock_mono_ms() + PATIENCE_MS;
    while (st.st_size == 0 && clock_mono_ms() < until_ms)
        assert_int_equal(stat(log_file, &st), 0);
    assert_int_equal(rename(log_file, old_log_file), 0);
    reopen_log(log_file);
    LOG_EVENT(LOG_LEVEL_INFO, "after", LOG_UINT("i", 1));
    log_close(PATIENCE_MS);
    assert_int_equal(tally_file(old_log_file, "before", NULL), 1);
    assert_int_equal(tally_file(log_file, "after", NULL), 1);
    assert_int_equal(tally_file(log_file, "before", NULL), 0);
}

static void a_reopen_that_fails_keeps_the_old_file(void **state)
{
    (void)state;
    struct err e = { "" };
    open_log(log_file, LOG_FORM_LOGFMT);
    struct log_options o = { "/nonexistent/dir/log", LOG_LEVEL_ERROR,
                             LOG_FORM_JSON };
    assert_int_equal(log_reopen(&o, &e), -1);
    assert_non_null(strstr(e.text, "/nonexistent/dir/log"));
    LOG_EVENT(LOG_LEVEL_INFO, "still", LOG_UINT("i", 1));
    log_close(PATIENCE_MS);
    assert_int_equal(tally_file(log_file, "still", NULL), 1);
}

static void *chatter(void *name)
{
    log_thread(name);
    tick(2000);
    return NULL;
}

static void lines_of_many_threads_do_not_mix(void **state)
{
    (void)state;
    static const char *const NAMES[] = { "one", "two", "three", "four" };
    pthread_t threads[4];
    open_log(log_file, LOG_FORM_LOGFMT);
    uint64_t dropped = log_dropped();
    for (size_t i = 0; i < 4; i++) {
        void *name = (void *)(uintptr_t)NAMES[i];
        int rc = pthread_create(&threads[i], NULL, chatter, name);
        assert_int_equal(rc, 0);
    }
    for (int i = 0; i < 20; i++)
        reopen_log(log_file);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    log_close(PATIENCE_MS);
    char *text = slurp(log_file);
    assert_int_equal(tally(text, "tick", NULL) + log_dropped() - dropped, 8000);
    assert_int_equal(tally(text, "log_dropped", "count"),
                     log_dropped() - dropped);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIR(logfmt_gives_back_every_hostile_value),
        IN_DIR(json_gives_back_every_value_that_is_utf8),
        IN_DIR(a_line_carries_its_head_and_bare_numbers),
        IN_DIR(json_keeps_the_types),
        IN_DIR(over_long_values_are_cut_and_marked),
        IN_DIR(over_long_lines_stay_json),
        IN_DIR(events_below_the_level_are_not_written),
        IN_DIR(a_renamed_file_is_reopened_under_its_name),
        IN_DIR(a_reopen_that_fails_keeps_the_old_file),
        IN_DIR(lines_of_many_threads_do_not_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
