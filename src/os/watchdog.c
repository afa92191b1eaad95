/*
 * One thread that compares counters a few times a second.
 *
 *     watched thread ── beats ──> pulse <── looks, a turn at a time ── we
 *           ^─────────────── nudge, when it is quiet ──────────────────┘
 *
 * A busy thread beats by itself and costs nothing; a quiet one is nudged, and
 * what does not answer that is wedged.  Silence is counted in turns of this
 * thread, and no turn counts for more than two: so neither a stopped process
 * nor a machine without a free processor makes anybody silent.  Where a turn
 * came more than STALL_MS late, all waiting begins anew.
 *
 * A thread in a task does not answer, lawfully.  The resolver's helpers are:
 * getaddrinfo cannot be cancelled, and with three mute servers glibc gives up
 * after half a minute, with longer search lists or other options after some
 * more.  So it is named late, and its time to the end begins when the task has
 * taken longer than is lawful.
 *
 * It does nothing by itself that can wait: pulses are atomics, the list of
 * them does not change while it runs, and nudges take no lock.  But whoever
 * is wedged may hold a lock of the C library's or the log's, which a line to
 * the log needs.  Hence the timer: it signals this very thread, which ends the
 * process from the handler when several ticks have found the same turn not
 * over.  Ticks that a stopped process missed come as one.
 *
 * Not watched: the log's writer, for which a full disk is no reason to end;
 * the threads of ZooKeeper's library, which the publisher's deadlines cover.
 */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/clock.h"
#include "agent/log.h"
#include "agent/thread.h"

#include "agent/watchdog.h"

#define THREAD_NAME "watchdog"

#define EXIT_WEDGED 1

#define NAMED_MIN_MS 1000
#define TURN_MAX_MS  2000
#define STALL_MS     1000

/* How long the end waits for the log. */
#define LOG_CLOSE_MS 100

/* A turn of our own that is not over after so many ticks never will be. */
#define TICK_SIGNAL SIGRTMIN
#define TICKS_MAX   5

/* One watched thread.  Watchdog's thread. */
struct watched {
    struct watch watch;
    unsigned beats;    /* as last seen */
    uint64_t quiet_ms; /* since then, in turns of ours */
    uint64_t heard_mono_ms;
};

struct watchdog {
    struct watchdog_options options;
    unsigned named_ms;
    unsigned rest_ms;
    unsigned turn_ms;
    uint64_t told_alive_mono_ms;
    struct watched watched[WATCHDOG_THREADS];
    size_t nwatched;
    atomic_uint nwedged;

    bool started;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wakeup;
    bool stopping; /* lock */
};

/* Since the last turn began.  The handler has no argument. */
static atomic_uint ticks;

/* ------------------------------------------------------------------ pulses */

void pulse_beat(struct pulse *p)
{
    /* Nobody else writes it. */
    unsigned beats = atomic_load_explicit(&p->beats, memory_order_relaxed);
    atomic_store_explicit(&p->beats, beats + 1, memory_order_release);
}

void pulse_task(struct pulse *p, const char *what)
{
    size_t i = 0;
    for (; what != NULL && what[i] != '\0' && i < PULSE_TASK_SIZE - 1; i++)
        atomic_store_explicit(&p->task[i], what[i], memory_order_relaxed);
    atomic_store_explicit(&p->task[i], '\0', memory_order_relaxed);
    atomic_store_explicit(&p->in_task, what != NULL, memory_order_relaxed);
    pulse_beat(p);
}

bool pulse_wedged(const struct pulse *p)
{
    return atomic_load(&p->wedged) &&
           atomic_load(&p->beats) == atomic_load(&p->wedged_beats);
}

/* NULL if it is in none. */
static const char *task_of(const struct pulse *p, char out[PULSE_TASK_SIZE])
{
    if (!atomic_load_explicit(&p->in_task, memory_order_relaxed))
        return NULL;
    for (size_t i = 0; i < PULSE_TASK_SIZE; i++)
        out[i] = atomic_load_explicit(&p->task[i], memory_order_relaxed);
    return out;
}

/* ------------------------------------------------------------ one thread */

/* An event of the silent thread, which cannot speak for itself. */
static void log_silent(const struct watched *t, enum log_level level,
                       const char *event)
{
    char since[CLOCK_RFC3339_SIZE];
    char task[PULSE_TASK_SIZE];
    uint64_t silent_ms = clock_mono_ms() - t->heard_mono_ms;
    const struct log_pair pairs[] = {
        LOG_UINT("silent_ms", silent_ms),
        LOG_STR("since",
                clock_rfc3339(clock_wall_ms() - (int64_t)silent_ms, since)),
        LOG_STR("task", task_of(t->watch.pulse, task)),
    };
    log_write_of(t->watch.thread, level, event, pairs,
                 sizeof pairs / sizeof pairs[0]);
}

static void name_wedged(struct watchdog *w, struct watched *t)
{
    atomic_store(&t->watch.pulse->wedged_beats, t->beats);
    atomic_store(&t->watch.pulse->wedged, true);
    atomic_fetch_add(&w->nwedged, 1);
    /* First, as the log may be what is wedged. */
    w->options.changed(w->options.changed_arg);
    log_silent(t, LOG_LEVEL_ERROR, "wedged");
}

static void name_unwedged(struct watchdog *w, struct watched *t)
{
    atomic_store(&t->watch.pulse->wedged, false);
    atomic_fetch_sub(&w->nwedged, 1);
    w->options.changed(w->options.changed_arg);
    log_silent(t, LOG_LEVEL_WARN, "unwedged");
}

_Noreturn static void end_process(const struct watched *t)
{
    log_silent(t, LOG_LEVEL_ERROR, "wedged_exit");
    log_close(LOG_CLOSE_MS);
    _exit(EXIT_WEDGED);
}

static void take_beat(struct watchdog *w, struct watched *t, unsigned beats,
                      uint64_t now)
{
    if (atomic_load(&t->watch.pulse->wedged))
        name_unwedged(w, t);
    t->beats = beats;
    t->quiet_ms = 0;
    t->heard_mono_ms = now;
}

static void judge_silence(struct watchdog *w, struct watched *t)
{
    bool in_task =
        atomic_load_explicit(&t->watch.pulse->in_task, memory_order_relaxed);
    unsigned named_ms = w->rest_ms + w->named_ms;
    uint64_t end_ms = (uint64_t)w->rest_ms + w->options.wedge_timeout_ms;
    if (in_task) {
        if (named_ms < t->watch.task_named_ms)
            named_ms = t->watch.task_named_ms;
        end_ms += t->watch.task_lawful_ms;
    }
    if (t->quiet_ms >= w->rest_ms && t->watch.nudge != NULL)
        t->watch.nudge(t->watch.arg);
    if (t->quiet_ms >= named_ms && !atomic_load(&t->watch.pulse->wedged))
        name_wedged(w, t);
    if (t->quiet_ms >= end_ms)
        end_process(t);
}

/* ------------------------------------------------------------------- turns */

static bool hangs(const struct watched *t)
{
    const struct pulse *p = t->watch.pulse;
    return pulse_wedged(p) &&
           !atomic_load_explicit(&p->in_task, memory_order_relaxed);
}

/* By half a turn too early rather than by as much too late. */
static void tell_alive(struct watchdog *w, uint64_t now)
{
    if (w->options.alive_ms == 0 ||
        now + w->turn_ms / 2 < w->told_alive_mono_ms + w->options.alive_ms)
        return;
    for (size_t i = 0; i < w->nwatched; i++)
        if (hangs(&w->watched[i]))
            return;
    w->told_alive_mono_ms = now;
    w->options.alive(w->options.alive_arg);
}

static void turn(struct watchdog *w, uint64_t passed_ms, uint64_t now)
{
    bool late = passed_ms > w->turn_ms + STALL_MS;
    if (passed_ms > 2ULL * w->turn_ms)
        passed_ms = 2ULL * w->turn_ms;
    for (size_t i = 0; i < w->nwatched; i++) {
        struct watched *t = &w->watched[i];
        unsigned beats =
            atomic_load_explicit(&t->watch.pulse->beats, memory_order_acquire);
        if (beats != t->beats) {
            take_beat(w, t, beats, now);
            continue;
        }
        t->quiet_ms = late ? 0 : t->quiet_ms + passed_ms;
        judge_silence(w, t);
    }
    tell_alive(w, now);
}

/* False when it is time to end. */
static bool nap(struct watchdog *w, uint64_t until_mono_ms)
{
    pthread_mutex_lock(&w->lock);
    while (!w->stopping && thread_wait(&w->wakeup, &w->lock, until_mono_ms))
        continue;
    bool go_on = !w->stopping;
    pthread_mutex_unlock(&w->lock);
    return go_on;
}

/* -------------------------------------------------- what watches this one */

static void on_tick(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    if (info->si_code == SI_TIMER && atomic_fetch_add(&ticks, 1) >= TICKS_MAX)
        _exit(EXIT_WEDGED);
}

/* False, and logged, if there is no timer: then it goes without. */
static bool timer_begin(const struct watchdog *w, timer_t *timer)
{
    const struct sigaction action = {
        .sa_sigaction = on_tick,
        .sa_flags = SA_SIGINFO | SA_RESTART,
    };
    struct sigevent to_us = {
        .sigev_notify = SIGEV_THREAD_ID,
        .sigev_signo = TICK_SIGNAL,
    };
    unsigned ms = w->options.wedge_timeout_ms / (TICKS_MAX - 1);
    const struct timespec each = thread_timespec(ms);
    const struct itimerspec every = { .it_interval = each, .it_value = each };
    sigset_t tick;

    atomic_store(&ticks, 0);
    sigaction(TICK_SIGNAL, &action, NULL);
    sigemptyset(&tick);
    sigaddset(&tick, TICK_SIGNAL);
    pthread_sigmask(SIG_UNBLOCK, &tick, NULL);
    to_us._sigev_un._tid = gettid();
    if (timer_create(CLOCK_MONOTONIC, &to_us, timer) != 0) {
        LOG_EVENT(LOG_LEVEL_WARN, "watchdog_unguarded",
                  LOG_STR("detail", strerror(errno)));
        return false;
    }
    timer_settime(*timer, 0, &every, NULL);
    return true;
}

static void *watchdog_main(void *arg)
{
    struct watchdog *w = arg;
    timer_t timer;

    log_thread(THREAD_NAME);
    bool guarded = timer_begin(w, &timer);
    uint64_t before = clock_mono_ms();
    while (nap(w, before + w->turn_ms)) {
        uint64_t now = clock_mono_ms();
        turn(w, now - before, now);
        before = now;
        atomic_store(&ticks, 0);
    }
    if (guarded)
        timer_delete(timer);
    return NULL;
}

/* ---------------------------------------------------------- start and stop */

struct watchdog *watchdog_new(const struct watchdog_options *o, struct err *e)
{
    struct watchdog *w = calloc(1, sizeof *w);
    if (w == NULL) {
        err_set(e, "out of memory for the watchdog");
        return NULL;
    }
    w->options = *o;
    w->named_ms = o->wedge_timeout_ms / 4;
    if (w->named_ms < NAMED_MIN_MS)
        w->named_ms = NAMED_MIN_MS;
    w->rest_ms = w->named_ms / 4;
    w->turn_ms = w->rest_ms < TURN_MAX_MS ? w->rest_ms : TURN_MAX_MS;
    if (o->alive_ms > 0 && o->alive_ms < w->turn_ms)
        w->turn_ms = o->alive_ms;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wakeup, NULL);
    return w;
}

void watchdog_watch(struct watchdog *w, const struct watch *watch)
{
    assert(!w->started && w->nwatched < WATCHDOG_THREADS);
    w->watched[w->nwatched++] = (struct watched){ .watch = *watch };
}

unsigned watchdog_rest_ms(const struct watchdog *w)
{
    return w->rest_ms;
}

int watchdog_start(struct watchdog *w, struct err *e)
{
    uint64_t now = clock_mono_ms();
    for (size_t i = 0; i < w->nwatched; i++)
        w->watched[i].heard_mono_ms = now;
    int rc = thread_start(&w->thread, watchdog_main, w, "watchdog", e);
    w->started = rc == 0;
    return rc;
}

void watchdog_stop(struct watchdog *w)
{
    if (w == NULL)
        return;
    if (w->started) {
        pthread_mutex_lock(&w->lock);
        w->stopping = true;
        pthread_cond_signal(&w->wakeup);
        pthread_mutex_unlock(&w->lock);
        pthread_join(w->thread, NULL);
    }
    pthread_cond_destroy(&w->wakeup);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

size_t watchdog_wedged(const struct watchdog *w, const char **names, size_t max)
{
    size_t n = 0;

    /* All are there before it starts, and none goes. */
    for (size_t i = 0; i < w->nwatched && n < max; i++) {
        if (pulse_wedged(w->watched[i].watch.pulse))
            names[n++] = w->watched[i].watch.thread;
    }
    return n;
}

bool watchdog_well(const struct watchdog *w)
{
    return atomic_load(&w->nwedged) == 0;
}
