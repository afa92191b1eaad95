/*
 * Outlets that take no more: whoever logs is never held up, each line that
 * does not get out is counted, and the log tells the count as soon as it can.
 * The pipes, FIFOs and files are real; the kernel that hangs is played by a
 * write() of our own.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/clock.h"
#include "agent/log.h"

#include "log_bench.h"

static pthread_mutex_t hang_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t hang_changed = PTHREAD_COND_INITIALIZER;
static bool hang;       /* under the lock */
static unsigned inside; /* under the lock: writers that hang */

/* Ours in the place of the C library's: a dead disk can be had no other way.
 * The log is the only one here that calls it. */
ssize_t write(int fd, const void *buf, size_t n)
{
    pthread_mutex_lock(&hang_lock);
    inside++;
    pthread_cond_broadcast(&hang_changed);
    while (hang)
        pthread_cond_wait(&hang_changed, &hang_lock);
    inside--;
    pthread_mutex_unlock(&hang_lock);
    return syscall(SYS_write, fd, buf, n);
}

static void a_full_pipe_blocks_nobody_and_the_loss_is_told(void **state)
{
    (void)state;
    struct stderr_pipe p;
    stderr_pipe_open(&p);
    open_log("stderr", LOG_FORM_LOGFMT);
    uint64_t dropped = log_dropped();
    tick(10000);
    assert_true(log_dropped() > dropped);
    uint64_t told = drain(p.out, 10000);
    assert_int_equal(told, log_dropped() - dropped);
    assert_int_equal(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK, 0);
    log_close(PATIENCE_MS);
    stderr_pipe_restore(&p);
    stderr_pipe_close(&p);
}

static void closing_on_a_full_pipe_is_bounded(void **state)
{
    (void)state;
    struct stderr_pipe p;
    stderr_pipe_open(&p);
    open_log("stderr", LOG_FORM_LOGFMT);
    uint64_t dropped = log_dropped();
    tick(3000);
    uint64_t before_ms = clock_mono_ms();
    log_close(400);
    assert_true(clock_mono_ms() - before_ms < 5000);
    assert_true(log_dropped() > dropped);
    stderr_pipe_restore(&p);
    stderr_pipe_close(&p);
}

static void a_full_pipe_can_be_left_for_a_file(void **state)
{
    (void)state;
    struct stderr_pipe p;
    stderr_pipe_open(&p);
    open_log("stderr", LOG_FORM_LOGFMT);
    uint64_t dropped = log_dropped();
    tick(10000);
    reopen_log(log_file);
    log_close(PATIENCE_MS);
    stderr_pipe_restore(&p);
    assert_int_equal(tally_file(log_file, "log_dropped", "count"),
                     log_dropped() - dropped);
    assert_true(tally_file(log_file, "tick", NULL) > 0);
    stderr_pipe_close(&p);
}

static void a_full_disk_is_counted_and_told_when_there_is_room(void **state)
{
    (void)state;
    open_log("/dev/full", LOG_FORM_LOGFMT);
    uint64_t dropped = log_dropped();
    uint64_t until_ms = clock_mono_ms() + PATIENCE_MS;
    for (unsigned i = 0; i < 100; i++) {
        /* One by one: the events that tell of the loss are lost as well. */
        tick(1);
        while (log_dropped() <= dropped + i && clock_mono_ms() < until_ms)
            sched_yield();
    }
    assert_int_equal(log_dropped() - dropped, 100);
    reopen_log(log_file);
    log_close(PATIENCE_MS);
    assert_int_equal(tally_file(log_file, "log_dropped", "count"), 100);
}

static void set_hang(bool on)
{
    pthread_mutex_lock(&hang_lock);
    hang = on;
    pthread_cond_broadcast(&hang_changed);
    pthread_mutex_unlock(&hang_lock);
}

static void a_writer_that_hangs_in_the_kernel_is_left_behind(void **state)
{
    (void)state;
    set_hang(true);
    open_log(log_file, LOG_FORM_LOGFMT);
    uint64_t dropped = log_dropped();
    tick(1);
    pthread_mutex_lock(&hang_lock);
    while (inside == 0)
        pthread_cond_wait(&hang_changed, &hang_lock);
    pthread_mutex_unlock(&hang_lock);
    tick(9);
    uint64_t before_ms = clock_mono_ms();
    log_close(100);
    assert_true(clock_mono_ms() - before_ms < 5000);
    assert_int_equal(log_dropped() - dropped, 9);

    set_hang(false);
    open_log(old_log_file, LOG_FORM_LOGFMT);
    LOG_EVENT(LOG_LEVEL_INFO, "tock", LOG_UINT("i", 1));
    log_close(PATIENCE_MS);
    assert_int_equal(tally_file(old_log_file, "tock", NULL), 1);
}

static void after_a_torn_line_the_next_starts_a_line(void **state)
{
    (void)state;
    struct rlimit was;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    struct rlimit small = { .rlim_cur = 1000, .rlim_max = was.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    open_log(log_file, LOG_FORM_LOGFMT);
    uint64_t dropped = log_dropped();
    tick(50);
    uint64_t until_ms = clock_mono_ms() + PATIENCE_MS;
    while (log_dropped() < dropped + 30 && clock_mono_ms() < until_ms)
        sched_yield();
    setrlimit(RLIMIT_FSIZE, &was);
    LOG_EVENT(LOG_LEVEL_INFO, "last", LOG_UINT("i", 0));
    log_close(PATIENCE_MS);

    char *text = slurp(log_file);
    assert_true(strlen(text) > 1000);
    assert_int_not_equal(text[999], '\n');
    assert_int_equal(text[1000], '\n');
    uint64_t whole = 0;
    for (const char *p = text; p < text + 1000; p++)
        whole += *p == '\n';
    const char *rest = text + 1001;
    assert_int_equal(tally(rest, "last", NULL), 1);
    assert_int_equal(
        whole + tally(rest, "tick", NULL) + log_dropped() - dropped, 50);
    assert_int_equal(tally(rest, "log_dropped", "count"),
                     log_dropped() - dropped);
    free(text);
}

static void a_reader_that_went_away_is_harmless(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_DFL);
    struct stderr_pipe p;
    stderr_pipe_open(&p);
    stderr_pipe_close(&p);
    open_log("stderr", LOG_FORM_LOGFMT);
    uint64_t dropped = log_dropped();
    tick(1);
    log_close(PATIENCE_MS);
    stderr_pipe_restore(&p);
    assert_int_equal(log_dropped() - dropped, 1);
}

static void a_fifo_that_nobody_reads_is_an_error_at_once(void **state)
{
    (void)state;
    struct err e = { "" };
    assert_int_equal(mkfifo(log_file, 0600), 0);
    struct log_options o = { log_file, LOG_LEVEL_INFO, LOG_FORM_LOGFMT };
    assert_int_equal(log_open(&o, &e), -1);
    assert_non_null(strstr(e.text, log_file));
}

static void a_full_fifo_loses_lines_and_says_so(void **state)
{
    (void)state;
    assert_int_equal(mkfifo(log_file, 0600), 0);
    int fd = open(log_file, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(fd >= 0);
    open_log(log_file, LOG_FORM_LOGFMT);
    tick(10000);
    assert_true(drain(fd, 10000) > 0);
    log_close(PATIENCE_MS);
    close(fd);
}

static void without_a_writer_events_go_to_stderr(void **state)
{
    (void)state;
    struct stderr_pipe p;
    stderr_pipe_open(&p);
    tick(1);
    open_log(log_file, LOG_FORM_LOGFMT);
    LOG_EVENT(LOG_LEVEL_INFO, "elsewhere", LOG_UINT("i", 1));
    log_close(PATIENCE_MS);
    tick(1);
    stderr_pipe_restore(&p);
    close(p.in);
    drain(p.out, 2);
    close(p.out);
}

static void without_a_writer_a_full_pipe_blocks_nobody_either(void **state)
{
    (void)state;
    struct stderr_pipe p;
    stderr_pipe_open(&p);
    uint64_t dropped = log_dropped();
    tick(10000);
    stderr_pipe_restore(&p);
    close(p.in);
    assert_true(log_dropped() > dropped);
    drain(p.out, 10000 - (log_dropped() - dropped));
    close(p.out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_pipe_blocks_nobody_and_the_loss_is_told),
        cmocka_unit_test(closing_on_a_full_pipe_is_bounded),
        IN_DIR(a_full_pipe_can_be_left_for_a_file),
        IN_DIR(a_full_disk_is_counted_and_told_when_there_is_room),
        IN_DIR(a_writer_that_hangs_in_the_kernel_is_left_behind),
        IN_DIR(after_a_torn_line_the_next_starts_a_line),
        cmocka_unit_test(a_reader_that_went_away_is_harmless),
        IN_DIR(a_fifo_that_nobody_reads_is_an_error_at_once),
        IN_DIR(a_full_fifo_loses_lines_and_says_so),
        IN_DIR(without_a_writer_events_go_to_stderr),
        cmocka_unit_test(without_a_writer_a_full_pipe_blocks_nobody_either),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
