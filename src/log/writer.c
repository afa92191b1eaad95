/*
 * The log: callers format a line on their own stack and copy it into a ring
 * of bytes under a mutex that is only ever held for a copy; one writer thread
 * takes the lines out and is the only one that meets the disk, the pipe or
 * syslog, and so the only one that can hang there.
 *
 *   callers --log_write--> [ ring, 256 KiB ] --writer--> file | pipe | syslog
 *
 * Lines that found no room, or that could not be written, are counted.  Once
 * lines were lost the ring takes no more until it is half empty: the loss is
 * then one gap, marked by one log_dropped event where it happened, instead of
 * a thousand small ones.
 *
 * A writer that waits for a full pipe (sink.c) can be told to stop.  One
 * that hangs in the kernel (a dead NFS server) is left behind by log_close;
 * what it could touch later is its own, or this file's static data.
 */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/clock.h"
#include "agent/thread.h"
#include "format.h"
#include "sink.h"
#include "agent/log.h"

#define RING_SIZE (256 * 1024)

/* After a failed write, and without new lines: when to try again to tell. */
#define RETRY_MS 1000

#define WRITER_NAME "log"

#define PS_NAME_SIZE 16

/* A line in the ring: this, then its LEN bytes. */
struct record {
    uint64_t tells; /* a log_dropped: how many it tells of; otherwise 0 */
    uint32_t len;
    enum log_level level;
};

/* The writer thread's own; freed by it, or after it was joined. */
struct writer {
    pthread_t thread;
    struct sink sink;
    bool failed; /* the last line could not be written */
};

/* Read by any thread without a lock. */
static atomic_int level_now = LOG_LEVEL_INFO;
static atomic_int form_now = LOG_FORM_LOGFMT;
static atomic_uint_fast64_t dropped_total;

static __thread const char *thread_name;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER;
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;

/* All of this under the lock. */
static struct {
    struct writer *writer; /* the one in charge */
    bool taking;           /* false: lines go straight to stderr */
    bool stopping;
    uint64_t stop_mono_ms; /* when stopping: no waiting for a pipe after it */
    bool has_next;
    struct sink next; /* to be taken over by the writer */
    uint64_t untold;  /* dropped, and no log_dropped told of it yet */
    size_t head;      /* of the oldest record */
    size_t used;      /* bytes */
    unsigned char ring[RING_SIZE];
} log_state;

static void ring_copy_in(const void *from, size_t n)
{
    size_t at = (log_state.head + log_state.used) % RING_SIZE;
    size_t first = n < RING_SIZE - at ? n : RING_SIZE - at;
    memcpy(log_state.ring + at, from, first);
    memcpy(log_state.ring, (const unsigned char *)from + first, n - first);
    log_state.used += n;
}

static void ring_copy_out(void *to, size_t n)
{
    size_t first =
        n < RING_SIZE - log_state.head ? n : RING_SIZE - log_state.head;
    memcpy(to, log_state.ring + log_state.head, first);
    memcpy((unsigned char *)to + first, log_state.ring, n - first);
    log_state.head = (log_state.head + n) % RING_SIZE;
    log_state.used -= n;
}

static bool ring_push(const struct record *rec, const char *line)
{
    if (sizeof *rec + rec->len > RING_SIZE - log_state.used)
        return false;
    ring_copy_in(rec, sizeof *rec);
    ring_copy_in(line, rec->len);
    return true;
}

static void count_lost(const struct record *rec)
{
    if (rec->tells > 0) {
        log_state.untold += rec->tells;
        return;
    }
    log_state.untold++;
    atomic_fetch_add(&dropped_total, 1);
}

/* For a ring that is at least half empty: there is room. */
static void push_told(void)
{
    const struct log_pair pairs[] = { LOG_UINT("count", log_state.untold) };
    const struct log_event ev = {
        .wall_ms = clock_wall_ms(),
        .level = LOG_LEVEL_WARN,
        .thread = WRITER_NAME,
        .event = "log_dropped",
        .pairs = pairs,
        .npairs = 1,
    };
    char line[LOG_LINE_MAX];
    size_t len = log_format((enum log_form)atomic_load(&form_now), &ev, line);
    struct record rec = { .tells = log_state.untold,
                          .len = (uint32_t)len,
                          .level = LOG_LEVEL_WARN };
    bool pushed = ring_push(&rec, line);
    assert(pushed);
    (void)pushed;
    log_state.untold = 0;
}

static void enqueue(const struct record *rec, const char *line)
{
    if (log_state.untold > 0) {
        if (log_state.used > RING_SIZE / 2) {
            count_lost(rec);
            return;
        }
        push_told();
    }
    if (!ring_push(rec, line))
        count_lost(rec);
}

/* The writer is wanted elsewhere, or nowhere: give up what is stuck. */
static bool must_give_up(void *arg)
{
    const struct writer *w = arg;
    pthread_mutex_lock(&lock);
    bool yes =
        log_state.writer != w || log_state.has_next ||
        (log_state.stopping && clock_mono_ms() >= log_state.stop_mono_ms);
    pthread_mutex_unlock(&lock);
    return yes;
}

/* Under the lock, which it leaves for the while: closing can hang, too. */
static void take_next_sink(struct writer *w)
{
    struct sink old = w->sink;
    w->sink = log_state.next;
    log_state.has_next = false;
    w->failed = false;
    pthread_mutex_unlock(&lock);
    sink_close(&old);
    sink_start(&w->sink);
    pthread_mutex_lock(&lock);
}

/* Waits for a line; false when the writer has to end.  Under the lock. */
static bool next_record(struct writer *w, struct record *rec, char *line)
{
    while (log_state.writer == w) {
        if (log_state.has_next) {
            take_next_sink(w);
        } else if (log_state.used > 0) {
            ring_copy_out(rec, sizeof *rec);
            ring_copy_out(line, rec->len);
            return true;
        } else if (log_state.untold > 0 && !w->failed) {
            push_told();
        } else if (log_state.stopping) {
            log_state.taking = false;
            return false;
        } else if (log_state.untold == 0) {
            pthread_cond_wait(&work, &lock);
        } else if (!thread_wait(&work, &lock, clock_mono_ms() + RETRY_MS)) {
            w->failed = false;
        }
    }
    return false;
}

static void *writer_main(void *arg)
{
    struct writer *w = arg;
    struct record rec;
    char buf[1 + LOG_LINE_MAX];

    log_thread(WRITER_NAME);
    pthread_mutex_lock(&lock);
    while (next_record(w, &rec, buf + 1)) {
        pthread_mutex_unlock(&lock);
        bool written =
            sink_write(&w->sink, rec.level, buf, rec.len, must_give_up, w);
        pthread_mutex_lock(&lock);
        w->failed = !written;
        if (!written)
            count_lost(&rec);
    }
    pthread_mutex_unlock(&lock);

    /* Before it says that it ended, since closing can hang as well. */
    sink_close(&w->sink);
    pthread_mutex_lock(&lock);
    bool left_behind = log_state.writer != w;
    if (!left_behind) {
        log_state.writer = NULL;
        pthread_cond_signal(&ended);
    }
    pthread_mutex_unlock(&lock);
    if (left_behind)
        free(w);
    return NULL;
}

static void drop_next_sink(void)
{
    if (log_state.has_next && log_state.next.kind == SINK_FILE)
        close(log_state.next.fd);
    log_state.has_next = false;
}

/* The first sink is handed over like any later one. */
static void set_next_sink(const struct sink *s)
{
    drop_next_sink();
    log_state.next = *s;
    log_state.has_next = true;
}

static void set_options(const struct log_options *o)
{
    atomic_store(&level_now, (int)o->level);
    atomic_store(&form_now, (int)o->form);
}

/* Counts the lines that a hanging writer will never write.  Under the lock. */
static void leave_behind(struct writer *w)
{
    log_state.writer = NULL;
    log_state.taking = false;
    drop_next_sink();
    while (log_state.used > 0) {
        struct record rec;
        char line[LOG_LINE_MAX];
        ring_copy_out(&rec, sizeof rec);
        ring_copy_out(line, rec.len);
        count_lost(&rec);
    }
    pthread_detach(w->thread);
}

int log_open(const struct log_options *o, struct err *e)
{
    struct sink sink;
    if (sink_open(o->target, &sink, e) != 0)
        return -1;
    struct writer *w = calloc(1, sizeof *w);
    if (w == NULL) {
        err_set(e, "out of memory for the log");
        goto no_memory;
    }
    w->sink = (struct sink){ .kind = SINK_STDERR, .fd = STDERR_FILENO };

    pthread_mutex_lock(&lock);
    assert(log_state.writer == NULL);
    log_state.writer = w;
    log_state.stopping = false;
    log_state.untold = 0;
    set_next_sink(&sink);
    int rc = thread_start(&w->thread, writer_main, w, "log", e);
    if (rc != 0) {
        log_state.writer = NULL;
        log_state.has_next = false;
    }
    log_state.taking = rc == 0;
    pthread_mutex_unlock(&lock);
    if (rc != 0)
        goto no_thread;
    set_options(o);
    return 0;

no_thread:
    free(w);
no_memory:
    if (sink.kind == SINK_FILE)
        close(sink.fd);
    return -1;
}

int log_reopen(const struct log_options *o, struct err *e)
{
    struct sink sink;
    if (sink_open(o->target, &sink, e) != 0)
        return -1;
    set_options(o);
    pthread_mutex_lock(&lock);
    assert(log_state.writer != NULL);
    set_next_sink(&sink);
    pthread_cond_signal(&work);
    pthread_mutex_unlock(&lock);
    return 0;
}

void log_close(unsigned budget_ms)
{
    uint64_t deadline_mono_ms = clock_mono_ms() + budget_ms;

    pthread_mutex_lock(&lock);
    struct writer *w = log_state.writer;
    if (w == NULL) {
        pthread_mutex_unlock(&lock);
        return;
    }
    /* The last quarter is for the writer to notice that time is up. */
    log_state.stopping = true;
    log_state.stop_mono_ms = deadline_mono_ms - budget_ms / 4;
    pthread_cond_signal(&work);
    bool in_time = true;
    while (log_state.writer != NULL && in_time)
        in_time = thread_wait(&ended, &lock, deadline_mono_ms);
    bool hangs = log_state.writer != NULL;
    if (hangs)
        leave_behind(w);
    pthread_mutex_unlock(&lock);

    if (!hangs) {
        pthread_join(w->thread, NULL);
        free(w);
    }
}

uint64_t log_dropped(void)
{
    return atomic_load(&dropped_total);
}

void log_thread(const char *name)
{
    char ps_name[PS_NAME_SIZE];
    thread_name = name;
    /* The first thread's name is the process's, which pgrep looks for. */
    if (gettid() == getpid())
        return;
    snprintf(ps_name, sizeof ps_name, "%s", name);
    pthread_setname_np(pthread_self(), ps_name);
}

void log_mute(void)
{
    atomic_store(&level_now, LOG_LEVEL_ERROR - 1);
}

bool log_enabled(enum log_level level)
{
    return (int)level <= atomic_load(&level_now);
}

/* Without a writer nobody can wait for us: a full pipe loses the line. */
static void write_stderr(const char *line, size_t len)
{
    struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };
    ssize_t n = -1;
    if (poll(&p, 1, 0) > 0) {
        do {
            n = write(STDERR_FILENO, line, len);
        } while (n < 0 && errno == EINTR);
    }
    if (n < 0)
        atomic_fetch_add(&dropped_total, 1);
}

void log_write(enum log_level level, const char *event,
               const struct log_pair *pairs, size_t npairs)
{
    log_write_of(thread_name, level, event, pairs, npairs);
}

void log_write_of(const char *thread, enum log_level level, const char *event,
                  const struct log_pair *pairs, size_t npairs)
{
    if (!log_enabled(level))
        return;
    const struct log_event ev = {
        .wall_ms = clock_wall_ms(),
        .level = level,
        .thread = thread,
        .event = event,
        .pairs = pairs,
        .npairs = npairs,
    };
    char line[LOG_LINE_MAX];
    size_t len = log_format((enum log_form)atomic_load(&form_now), &ev, line);
    const struct record rec = { .len = (uint32_t)len, .level = level };

    pthread_mutex_lock(&lock);
    bool taken = log_state.taking;
    if (taken) {
        enqueue(&rec, line);
        pthread_cond_signal(&work);
    }
    pthread_mutex_unlock(&lock);
    if (!taken)
        write_stderr(line, len);
}
