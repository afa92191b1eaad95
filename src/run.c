/*
 * The long run: the loop thread with its signals, one timer and one wake.
 * The timer follows rounds_fire; everything that other threads have to say
 * comes through the wake, of which many become one: it drains everything.
 *
 * Only at SIGHUP, when an administrator asks for it, does this thread wait for
 * a disk: to read the config and its secret files, and to open the log anew.
 */
#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include <uv.h>

#include "agent/clock.h"
#include "agent/config.h"
#include "agent/daemon.h"
#include "agent/httpd.h"
#include "agent/log.h"
#include "agent/sd_notify.h"
#include "agent/pages.h"
#include "agent/rounds.h"
#include "agent/log_options.h"
#include "agent/loop.h"

#include "run.h"

/* Descriptors besides one for each instance: libraries, log, pipes. */
#define FDS_BESIDES 128

/* Of stop_timeout: kept for what comes after the threads are joined. */
#define STOP_RESERVE_MS 200
/* … and all but this part of it may go into leaving a fleet. */
#define LEAVE_PARTS  4
#define LOG_CLOSE_MS 100

/* Nothing hurries a start that failed, and the log may be all that says why:
   its thread may not have run yet on a busy machine. */
#define FAILED_LOG_CLOSE_MS 2000

static const int SIGNALS[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1 };
#define NSIGNALS (sizeof SIGNALS / sizeof SIGNALS[0])

struct agent {
    struct config *config;  /* owned; as last read */
    struct config *started; /* owned; what needs a restart is in force as
                               it stands here; may be the same */
    const char *config_file;
    const struct agent_hooks *hooks;
    bool background;
    bool log_open;
    struct rounds *rounds;
    struct pages *pages; /* NULL without [http] */
    struct httpd *httpd; /* the same */
    struct loop loop;
    uv_timer_t timer;
    uv_signal_t signals[NSIGNALS];
    /* The changed keys that wait for a restart; "" for none. */
    char needs_restart[512];
    uint64_t told_round; /* the last that the service manager was told of */
    bool stopping;
    bool leaving; /* … and the fleet is waited for */
    uint64_t stop_mono_ms;
    int exit_code;
};

static const struct agent_hooks NO_HOOKS = { 0 };

int agent_need_fds(const struct config *c, struct err *e)
{
    unsigned long besides =
        FDS_BESIDES + (c->http.enabled ? HTTPD_CONNECTIONS : 0);
    return daemon_need_fds(2 * (unsigned long)c->ninstances + besides, e);
}

/* Thread: any. */
static void wake(void *arg)
{
    struct agent *a = arg;
    loop_wake_send(&a->loop.wake);
}

/* A stop that keeps the session is a restart to the fleet; any other is not,
 * and what is in our hands is left to others while there is time. */
static bool leaves(const struct agent *a, int exit_code)
{
    return exit_code == 0 && a->started->fleet.enabled &&
           a->started->agent.state_dir == NULL;
}

static void stop(struct agent *a, const char *why, int exit_code)
{
    if (a->stopping)
        return;
    a->stopping = true;
    a->exit_code = exit_code;
    a->stop_mono_ms = clock_mono_ms();
    LOG_EVENT(exit_code == 0 ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "stopping",
              LOG_STR("why", why));
    sd_notify_stopping();
    if (!leaves(a, exit_code)) {
        uv_stop(&a->loop.uv);
        return;
    }
    a->leaving = true;
    rounds_leave(a->rounds, a->stop_mono_ms);
}

/* When the fleet is not waited for any longer. */
static uint64_t leave_until(const struct agent *a)
{
    return a->stop_mono_ms +
           a->config->agent.stop_timeout_ms / LEAVE_PARTS * (LEAVE_PARTS - 1);
}

/* True when that is over. */
static bool leave_on(struct agent *a, uint64_t now)
{
    if (!rounds_left(a->rounds) && now < leave_until(a))
        return false;
    uv_stop(&a->loop.uv);
    return true;
}

static void on_timer(uv_timer_t *timer);

/* To the service manager, once a round. */
static void tell_status(struct agent *a)
{
    char text[SD_NOTIFY_STATUS_SIZE];
    uint64_t round = rounds_settled(a->rounds);
    if (round == a->told_round)
        return;
    a->told_round = round;
    rounds_describe(a->rounds, text, sizeof text);
    if (a->needs_restart[0] != '\0') {
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used,
                 "; waits for a restart: %.100s", a->needs_restart);
    }
    sd_notify_status(text);
}

/* Does what is due, and sleeps until the next is. */
static void go_on(struct agent *a)
{
    struct err why;
    uv_update_time(&a->loop.uv);
    uint64_t now = clock_mono_ms();
    uint64_t next = rounds_fire(a->rounds, now);
    if (!rounds_well(a->rounds, &why))
        stop(a, why.text, AGENT_EXIT_FAILURE);
    tell_status(a);
    if (a->pages != NULL)
        pages_rest(a->pages, now);
    if (a->leaving) {
        /* libuv goes on with timers that are due, and sees the stop behind the
         * last: one that is due at once each time would be no end. */
        if (leave_on(a, now))
            return;
        next = next < leave_until(a) ? next : leave_until(a);
    }
    int rc =
        uv_timer_start(&a->timer, on_timer, next > now ? next - now : 0, 0);
    assert(rc == 0);
    (void)rc;
}

/* After a stall the timer comes before the wake: first hear what was
 * said, then judge silence. */
static void on_timer(uv_timer_t *timer)
{
    struct agent *a = timer->data;
    rounds_collect(a->rounds, clock_mono_ms());
    go_on(a);
}

static void on_wake(void *arg)
{
    struct agent *a = arg;
    rounds_collect(a->rounds, clock_mono_ms());
    go_on(a);
}

/* ----------------------------------------------------------------- reload */

static void in_force(const struct agent *a)
{
    if (a->hooks->in_force != NULL)
        a->hooks->in_force(a->config);
}

static void reopen_log(const struct agent *a, const struct config *c)
{
    struct err e;
    const struct log_options log = agent_log_options(c, a->background);
    if (log_reopen(&log, &e) != 0)
        LOG_EVENT(LOG_LEVEL_ERROR, "log_reopen_failed",
                  LOG_STR("detail", e.text));
}

/* Not a fault: to refuse the file would not hide what others have read. */
static void warn_of_exposed(const struct config *c)
{
    for (size_t i = 0; i < c->nfiles; i++) {
        const struct config_file *f = &c->files[i];
        char mode[16];
        if (!f->exposed)
            continue;
        snprintf(mode, sizeof mode, "%04o", f->mode);
        LOG_EVENT(LOG_LEVEL_WARN, "config_exposed", LOG_STR("file", f->path),
                  LOG_STR("mode", mode),
                  LOG_STR("detail", "others can read the passwords in it "
                                    "(chmod o-rwx)"));
    }
}

static void warn_of_cut_passwords(const struct config *c)
{
    for (size_t i = 0; i < c->nfiles; i++) {
        const struct config_file *f = &c->files[i];
        if (f->cut_line > 0)
            LOG_EVENT(LOG_LEVEL_WARN, "password_cut", LOG_STR("file", f->path),
                      LOG_UINT("line", f->cut_line),
                      LOG_STR("detail", "blanks at its end or a comment are "
                                        "not part of the password (use "
                                        "password_file)"));
    }
}

/* Whoever is at the other end could be anybody. */
static void warn_of_unverified(const struct config *c)
{
    for (size_t i = 0; i < c->ninstances; i++)
        if (c->instances[i]->tls && !c->instances[i]->tls_verify)
            LOG_EVENT(LOG_LEVEL_WARN, "tls_unverified",
                      LOG_STR("instance", c->instances[i]->name),
                      LOG_STR("detail", "tls_verify = no: anybody may be at "
                                        "the other end"));
}

static void log_fault(const char *fault)
{
    LOG_EVENT(LOG_LEVEL_ERROR, "config_error", LOG_STR("fault", fault));
}

/* A program that rotates logs does not care whether the config is good. */
static void reject(const struct agent *a, size_t nfaults)
{
    reopen_log(a, a->config);
    LOG_EVENT(LOG_LEVEL_ERROR, "reload_rejected",
              LOG_STR("file", a->config_file), LOG_UINT("faults", nfaults));
}

static void apply(struct agent *a, struct config *fresh)
{
    struct err e;
    struct rounds_change change;
    reopen_log(a, fresh);
    warn_of_exposed(fresh);
    warn_of_cut_passwords(fresh);
    if (config_has_secrets(fresh))
        daemon_hide_memory();
    a->needs_restart[0] = '\0';
    size_t nrestart = config_restart_keys(a->started, fresh, a->needs_restart,
                                          sizeof a->needs_restart);
    int rc = rounds_reload(a->rounds, fresh, &change, &e);
    LOG_EVENT(
        rc != 0        ? LOG_LEVEL_ERROR
        : nrestart > 0 ? LOG_LEVEL_WARN
                       : LOG_LEVEL_INFO,
        "reloaded", LOG_STR("file", a->config_file),
        LOG_UINT("kept", change.kept), LOG_UINT("added", change.added),
        LOG_UINT("changed", change.changed),
        LOG_UINT("removed", change.removed),
        LOG_STR("needs_restart", nrestart > 0 ? a->needs_restart : "nothing"),
        LOG_STR("trouble", rc == 0 ? NULL : e.text));
    if (a->config != a->started)
        config_free(a->config);
    else
        config_drop_instances(a->started);
    a->config = fresh;
    in_force(a);
}

static void reload(struct agent *a)
{
    struct config_faults faults;
    struct err e;
    sd_notify_reloading();
    struct config *fresh = config_load(a->config_file, &faults);
    for (size_t i = 0; i < faults.count; i++)
        log_fault(faults.lines[i]);
    if (fresh == NULL) {
        reject(a, faults.count);
    } else if (agent_need_fds(fresh, &e) != 0) {
        log_fault(e.text);
        reject(a, 1);
        config_free(fresh);
    } else {
        apply(a, fresh);
    }
    config_faults_free(&faults);
    sd_notify_ready();
    go_on(a);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct agent *a = handle->data;
    /* Two signals at once: an agent that said it stops does not reload. */
    if (a->stopping)
        return;
    if (number == SIGHUP)
        reload(a);
    else if (number == SIGUSR1)
        rounds_dump(a->rounds, clock_mono_ms());
    else
        stop(a, number == SIGTERM ? "SIGTERM" : "SIGINT", AGENT_EXIT_OK);
    if (a->leaving)
        go_on(a);
}

/* --------------------------------------------------------- start and stop */

/*
 * The threads that are started now inherit a mask that blocks everything, so
 * that signals reach this one only.
 */
static void block_signals(void)
{
    sigset_t all;
    sigfillset(&all);
    int rc = pthread_sigmask(SIG_SETMASK, &all, NULL);
    assert(rc == 0);
    (void)rc;
}

/* Whatever mask the parent left us. */
static void unblock_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    int rc = pthread_sigmask(SIG_SETMASK, &none, NULL);
    assert(rc == 0);
    (void)rc;
}

static int start_loop(struct agent *a, struct err *e)
{
    if (loop_open(&a->loop, on_wake, a, "event loop", e) != 0)
        return -1;
    int rc = uv_timer_init(&a->loop.uv, &a->timer);
    for (size_t i = 0; rc == 0 && i < NSIGNALS; i++) {
        rc = uv_signal_init(&a->loop.uv, &a->signals[i]);
        a->signals[i].data = a;
        if (rc == 0)
            rc = uv_signal_start(&a->signals[i], on_signal, SIGNALS[i]);
    }
    if (rc != 0) {
        err_set(e, "event loop: %s", uv_strerror(rc));
        return -1;
    }
    a->timer.data = a;
    return 0;
}

/* The last resort against a hang in the stop itself. */
static volatile sig_atomic_t last_resort_code;

static void on_alarm(int number)
{
    (void)number;
    _exit(last_resort_code);
}

static void arm_last_resort(unsigned ms, int exit_code)
{
    last_resort_code = exit_code;
    const struct sigaction action = { .sa_handler = on_alarm };
    const struct itimerval in = {
        .it_value = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 },
    };
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &in, NULL);
}

static void log_started(const struct config *c)
{
    LOG_EVENT(LOG_LEVEL_INFO, "started", LOG_STR("version", AGENT_VERSION),
              LOG_STR("agent", c->agent.id), LOG_INT("pid", getpid()),
              LOG_UINT("instances", c->ninstances),
              LOG_UINT("workers", c->agent.workers),
              LOG_UINT("interval_ms", c->agent.interval_ms),
              LOG_STR("zookeeper",
                      c->zookeeper.enabled ? c->zookeeper.servers_text : "off"),
              LOG_STR("root", c->zookeeper.enabled ? c->zookeeper.root : NULL),
              LOG_STR("http", c->http.enabled ? c->http.listen : "off"));
}

static const char *session_end(const struct config *c, enum store_end end)
{
    if (!c->zookeeper.enabled)
        return NULL;
    switch (end) {
    case STORE_CLOSED:
        return "closed";
    case STORE_KEPT:
        return "kept";
    case STORE_LEFT:
        break;
    }
    return NULL; /* not known */
}

static void say_ready(struct agent *a)
{
    in_force(a);
    if (a->hooks->ready != NULL)
        a->hooks->ready();
    sd_notify_ready();
}

static enum store_end shut_down(struct agent *a)
{
    uint64_t began = clock_mono_ms();
    uint64_t spent = a->leaving ? began - a->stop_mono_ms : 0;
    unsigned most = a->config->agent.stop_timeout_ms;
    unsigned budget = spent < most ? most - (unsigned)spent : 1;
    arm_last_resort(budget, a->exit_code);
    unsigned reserve =
        budget > 2 * STOP_RESERVE_MS ? STOP_RESERVE_MS : budget / 2;
    /* First, as what the pages show is freed next. */
    httpd_stop(a->httpd);
    pages_free(a->pages);
    enum store_end end = rounds_stop(a->rounds, budget - reserve);
    LOG_EVENT(LOG_LEVEL_INFO, "stopped",
              LOG_UINT("after_ms", clock_mono_ms() - began),
              LOG_BOOL("clean", end != STORE_LEFT),
              LOG_STR("session", session_end(a->started, end)),
              LOG_INT("exit", a->exit_code));
    log_close(reserve < LOG_CLOSE_MS ? reserve : LOG_CLOSE_MS);
    return end;
}

static int start_http(struct agent *a, struct err *e)
{
    const struct pages_options p = {
        .config = a->config,
        .config_file = a->config_file,
        .needs_restart = a->needs_restart,
        .rounds = a->rounds,
    };
    a->pages = pages_new(&p, e);
    if (a->pages == NULL)
        return -1;
    const struct httpd_options o = {
        .config = a->config,
        .loop = &a->loop.uv,
        .answer = pages_answer,
        .arg = a->pages,
    };
    a->httpd = httpd_start(&o, e);
    return a->httpd == NULL ? -1 : 0;
}

static int start(struct agent *a, struct err *e)
{
    const struct log_options log = agent_log_options(a->config, a->background);
    sd_notify_open();
    if (log_open(&log, e) != 0)
        return -1;
    a->log_open = true;
    log_thread("loop");
    if (a->hooks->log_opened != NULL)
        a->hooks->log_opened();
    if (start_loop(a, e) != 0)
        return -1;
    a->rounds = rounds_start(a->config, wake, a, e);
    if (a->rounds == NULL)
        return -1;
    return a->config->http.enabled ? start_http(a, e) : 0;
}

/* Threads may already run: the process can only _exit. */
static int fail_start(struct agent *a, const struct agent_options *o,
                      const struct err *e)
{
    LOG_EVENT(LOG_LEVEL_ERROR, "start_failed", LOG_STR("detail", e->text));
    /* In the foreground the event may be on stderr already. */
    if (a->background ||
        (a->log_open && strcmp(a->config->agent.log, "stderr") != 0))
        o->complain(e->text);
    log_close(FAILED_LOG_CLOSE_MS);
    return AGENT_EXIT_FAILURE;
}

static void free_configs(struct agent *a)
{
    if (a->config != a->started)
        config_free(a->config);
    config_free(a->started);
}

void agent_hold_signals(void)
{
    sigset_t ours;
    sigemptyset(&ours);
    for (size_t i = 0; i < NSIGNALS; i++)
        sigaddset(&ours, SIGNALS[i]);
    int rc = pthread_sigmask(SIG_BLOCK, &ours, NULL);
    assert(rc == 0);
    (void)rc;
}

int agent_run(const struct agent_options *o, bool *must_exit)
{
    /* Not on the stack: a thread that was left behind may still wake it. */
    static struct agent a;
    struct err e;

    a = (struct agent){
        .config = o->config,
        .started = o->config,
        .config_file = o->config_file,
        .hooks = o->hooks == NULL ? &NO_HOOKS : o->hooks,
        .background = o->background,
    };
    block_signals();
    if (start(&a, &e) != 0) {
        *must_exit = true;
        return fail_start(&a, o, &e);
    }
    unblock_signals();
    log_started(a.config);
    warn_of_exposed(a.config);
    warn_of_cut_passwords(a.config);
    warn_of_unverified(a.config);
    say_ready(&a);
    go_on(&a);
    uv_run(&a.loop.uv, UV_RUN_DEFAULT);

    *must_exit = shut_down(&a) != STORE_CLOSED;
    /* Signals that come after their handles are closed must not kill a process
     * that is about to exit cleanly. */
    agent_hold_signals();
    if (!*must_exit) {
        loop_close(&a.loop);
        httpd_free(a.httpd);
    }
    free_configs(&a);
    return a.exit_code;
}
