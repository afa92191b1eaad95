/*
 * --check-once: the same road for one round.  Every chosen instance is
 * probed at once; one `ok` settles it, a bad result is asked again every
 * retry_interval until `fall` of them agree.  Then the documents are
 * published, as far as no running agent of the same id does that, and the
 * table is printed.
 *
 * The whole run is bounded: attempts are counted, every probe has its
 * deadline, and publishing has publish_timeout; should the loop itself be
 * held up, one alarm ends the process.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <uv.h>

#include "agent/clock.h"
#include "agent/config.h"
#include "agent/escape.h"
#include "agent/log.h"
#include "agent/log_options.h"
#include "agent/loop.h"
#include "agent/pool.h"
#include "agent/thread.h"
#include "agent/tls.h"
#include "check_once_limits.h"
#include "check_once_publish.h"
#include "check_once_targets.h"

#include "agent/check_once.h"

#define LOG_CLOSE_MS 100

/* One chosen instance. */
struct check {
    struct instance *instance; /* the pool's */
    unsigned attempts;
    uint64_t retry_mono_ms; /* 0: none is due */
    bool done;
};

struct once {
    const struct check_once_options *options;
    struct config *config;
    struct pool *pool;
    struct check *checks; /* owned */
    size_t nchecks;
    size_t ndone;
    struct once_publish publish;
    bool clean; /* no thread was left behind */
    struct loop loop;
    uv_timer_t timer;
};

/* ---------------------------------------------------------------- judging */

static void settle(struct once *o, struct check *c)
{
    c->done = true;
    c->retry_mono_ms = 0;
    o->ndone++;
}

/* This process was stalled, which is not the server's fault: ask again, the
 * first time at once. */
static void on_void(struct once *o, struct check *c, const struct result *r,
                    bool last)
{
    struct instance *i = c->instance;
    if (last) {
        char detail[ESCAPED_SIZE];
        snprintf(detail, sizeof detail,
                 "the agent was stalled: for %" PRIu64 " ms of the last probe",
                 r->stalled_ms);
        i->checked_wall_ms = r->ended_wall_ms;
        instance_doubt(i, REASON_DOUBT, detail, r->ended_wall_ms);
        settle(o, c);
        return;
    }
    c->retry_mono_ms = i->job.result_mono_ms;
    if (c->attempts > 1)
        c->retry_mono_ms += i->config->retry_interval_ms;
}

/*
 * Only here does a verdict start from `up`.  It is looked at only once it is
 * settled: then `fall` bad results in a row have lowered it, or the last one
 * said ok.
 */
static void on_result(void *arg, struct instance *i, const struct result *r,
                      enum reason reason)
{
    struct once *o = arg;
    /* As nothing is ever removed, an index is the place in the order. */
    struct check *c = &o->checks[i->job.index];
    const struct config_instance *config = i->config;
    const struct health_policy policy = { .rise = 1, .fall = config->fall };
    const struct health_policy last_word = { .rise = 1, .fall = 1 };

    c->attempts++;
    bool last = c->attempts >= ONCE_ATTEMPTS * config->fall;
    if (c->attempts == 1)
        instance_presume_up(i);
    if (instance_void(i, r)) {
        on_void(o, c, r, last);
        return;
    }
    enum health_edge edge =
        instance_judge(i, r, reason, last ? &last_word : &policy);
    if (reason == REASON_OK || edge == HEALTH_STATUS || last)
        settle(o, c);
    else
        c->retry_mono_ms = i->job.posted_mono_ms + config->retry_interval_ms;
}

static void on_found(void *arg, struct instance *i,
                     const struct publisher_event *e)
{
    struct once *o = arg;
    once_publish_found(&o->publish, i, e);
}

static void on_followed(void *arg, const struct follow_event *e)
{
    struct once *o = arg;
    once_maintenance_took(&o->publish.maintenance, e);
}

static const struct pool_hooks HOOKS = {
    .result = on_result,
    .found = on_found,
    .followed = on_followed,
};

/* ------------------------------------------------------------------- loop */

static uint64_t next_due(const struct once *o)
{
    uint64_t next =
        o->publish.until_mono_ms > 0 ? o->publish.until_mono_ms : UINT64_MAX;
    for (size_t i = 0; i < o->nchecks; i++) {
        uint64_t due = o->checks[i].retry_mono_ms;
        if (due > 0 && due < next)
            next = due;
    }
    return next;
}

static void probe_due(struct once *o, uint64_t now)
{
    for (size_t i = 0; i < o->nchecks; i++) {
        struct check *c = &o->checks[i];
        if (c->retry_mono_ms == 0 || c->retry_mono_ms > now)
            continue;
        c->retry_mono_ms = 0;
        pool_probe(o->pool, c->instance, 1, true, now);
    }
    pool_begin(o->pool);
}

static void on_timer(uv_timer_t *timer);

static void go_on(struct once *o)
{
    uv_update_time(&o->loop.uv);
    uint64_t now = clock_mono_ms();
    probe_due(o, now);
    if (o->ndone == o->nchecks && once_publish_step(&o->publish, now)) {
        uv_stop(&o->loop.uv);
        return;
    }
    uint64_t next = next_due(o);
    if (next == UINT64_MAX)
        return;
    int rc =
        uv_timer_start(&o->timer, on_timer, next > now ? next - now : 0, 0);
    assert(rc == 0);
    (void)rc;
}

static void on_timer(uv_timer_t *timer)
{
    go_on(timer->data);
}

static void on_wake(void *arg)
{
    struct once *o = arg;
    pool_collect(o->pool, clock_mono_ms());
    go_on(o);
}

/* Thread: any. */
static void wake(void *arg)
{
    struct once *o = arg;
    loop_wake_send(&o->loop.wake);
}

/* ------------------------------------------------------------------ report */

/* Under cron nothing else would tell of them. */
static size_t find_endings(const struct once *o, int64_t now_wall_ms,
                           struct report_ending *out)
{
    struct tls_certificate c;
    size_t n = 0;
    for (size_t i = 0; i < o->nchecks; i++) {
        const struct instance *in = o->checks[i].instance;
        if (pool_certificate(in, &c) &&
            pool_certificate_ends(in, &c, now_wall_ms))
            out[n++] =
                (struct report_ending){ in->config->name, c.earliest_wall_ms };
    }
    return n;
}

static int report(const struct once *o)
{
    int64_t now_wall_ms = clock_wall_ms();
    struct document_status *rows = calloc(o->nchecks, sizeof *rows);
    struct report_ending *endings = calloc(o->nchecks, sizeof *endings);
    if (rows == NULL || endings == NULL) {
        fprintf(stderr, "sentinel-agent: out of memory for the report\n");
        free(rows);
        free(endings);
        return ONCE_UNKNOWN;
    }
    for (size_t i = 0; i < o->nchecks; i++) {
        const struct instance *n = o->checks[i].instance;
        rows[i] = instance_document(n, pool_parts(o->pool).id);
    }
    const struct report r = {
        .agent = pool_parts(o->pool).id,
        .time_wall_ms = now_wall_ms,
        .rows = rows,
        .nrows = o->nchecks,
        .endings = endings,
        .nendings = find_endings(o, now_wall_ms, endings),
        .publishing = o->publish.words,
        .publish_failed = o->publish.failed,
        .left_to_agent = o->publish.left_to_agent,
    };
    report_print(&r, o->options->format, stdout);
    int code = report_exit_code(&r);
    if (fflush(stdout) != 0) {
        fprintf(stderr, "sentinel-agent: stdout: %s\n", strerror(errno));
        code = nagios_worse(code, ONCE_UNKNOWN);
    }
    /* Under cron nobody reads stdout. */
    if (o->publish.failed)
        fprintf(stderr, "sentinel-agent: %s\n", o->publish.words);
    free(rows);
    free(endings);
    return code;
}

/* -------------------------------------------------------------------- start */

static bool chosen(const struct check_once_options *o, const char *name)
{
    for (size_t i = 0; i < o->nnames; i++)
        if (strcmp(o->names[i], name) == 0)
            return true;
    return o->nnames == 0;
}

static int names_exist(const struct check_once_options *o, struct err *e)
{
    for (size_t i = 0; i < o->nnames; i++) {
        size_t n = 0;
        while (n < o->config->ninstances &&
               strcmp(o->config->instances[n]->name, o->names[i]) != 0)
            n++;
        if (n == o->config->ninstances) {
            err_set(e, "no instance named %s in %s%s%s", o->names[i],
                    o->config->files[0].path,
                    o->config->fleet.enabled ? ", nor a target in fleet " : "",
                    o->config->fleet.enabled ? o->config->fleet.name : "");
            return -1;
        }
    }
    return 0;
}

static int add_checks(struct once *o, struct err *e)
{
    o->checks = calloc(o->config->ninstances, sizeof *o->checks);
    if (o->checks == NULL) {
        err_set(e, "out of memory for %zu instances", o->config->ninstances);
        return -1;
    }
    uint64_t now = clock_mono_ms();
    for (size_t i = 0; i < o->config->ninstances; i++) {
        struct config_instance *config = o->config->instances[i];
        if (!chosen(o->options, config->name))
            continue;
        struct check *c = &o->checks[o->nchecks++];
        c->instance = pool_add(o->pool, config, e);
        if (c->instance == NULL)
            return -1;
        if (config->fault == NULL) {
            c->retry_mono_ms = now;
            continue;
        }
        /* A target whose section cannot be used is not connected to. */
        c->instance->checked_wall_ms = clock_wall_ms();
        instance_doubt(c->instance, REASON_SETTINGS, config->fault,
                       c->instance->checked_wall_ms);
        settle(o, c);
    }
    return pool_own(o->pool, o->options->nnames > 0, e);
}

static int start_loop(struct once *o, struct err *e)
{
    if (loop_open(&o->loop, on_wake, o, "event loop", e) != 0)
        return -1;
    int rc = uv_timer_init(&o->loop.uv, &o->timer);
    assert(rc == 0);
    (void)rc;
    o->timer.data = o;
    return 0;
}

static int start_pool(struct once *o, struct err *e)
{
    const struct pool_options options = {
        .config = o->config,
        .publish = o->publish.wanted,
        .persistent_heartbeat = true,
        .hooks = &HOOKS,
        .hooks_arg = o,
        .wake = wake,
        .wake_arg = o,
    };
    sigset_t before;
    thread_block_signals(&before);
    o->pool = pool_start(&options, e);
    thread_restore_signals(&before);
    o->publish.pool = o->pool;
    if (o->pool == NULL || add_checks(o, e) != 0)
        return -1;
    return o->publish.wanted ? once_maintenance_start(o->pool, e) : 0;
}

/*
 * What a person or cron sees on stderr is trouble only: cron mails the rest
 * every time.
 */
static void open_log(const struct config *c)
{
    struct err e;
    struct log_options log = agent_log_options(c, false);
    bool to_stderr = strcmp(log.target, "stderr") == 0;
    if (!to_stderr && log_open(&log, &e) == 0)
        return;
    if (!to_stderr)
        fprintf(stderr, "sentinel-agent: %s\n", e.text);
    log.target = "stderr";
    if (log.level > LOG_LEVEL_WARN)
        log.level = LOG_LEVEL_WARN;
    if (log_open(&log, &e) != 0)
        fprintf(stderr, "sentinel-agent: %s\n", e.text);
}

static int start(struct once *o, struct err *e)
{
    if (once_add_targets(o->config, o->options->names, o->options->nnames,
                         &o->clean, e) != 0 ||
        names_exist(o->options, e) != 0)
        return -1;
    /* The time that it took is not that of the run. */
    once_alarm(o->config);
    o->publish.config = o->config;
    /* Its heartbeat would vouch for what it speaks for in the fleet, too, and
     * nobody looks at that. */
    o->publish.wanted = o->options->publish && o->config->zookeeper.enabled &&
                        !o->config->fleet.enabled;
    if (!o->config->zookeeper.enabled)
        once_publish_say(&o->publish, "not configured");
    else if (!o->options->publish)
        once_publish_say(&o->publish, "not asked for");
    else if (!o->publish.wanted)
        once_publish_say(&o->publish, "left to the agent, which is a member "
                                      "of a fleet when it runs");
    if (start_loop(o, e) != 0)
        return -1;
    return start_pool(o, e);
}

int check_once_run(const struct check_once_options *options, bool *must_exit)
{
    /* Not on the stack: a thread that was left behind may still wake it. */
    static struct once o;
    struct err e;

    o = (struct once){ .options = options, .config = options->config };
    once_alarm(o.config);
    log_thread("loop");
    open_log(o.config);
    if (start(&o, &e) != 0) {
        fprintf(stderr, "sentinel-agent: %s\n", e.text);
        report_trouble(e.text, options->format, stdout);
        fflush(stdout);
        log_close(LOG_CLOSE_MS);
        *must_exit = true;
        return ONCE_UNKNOWN;
    }
    go_on(&o);
    uv_run(&o.loop.uv, UV_RUN_DEFAULT);
    int code = report(&o);
    *must_exit = pool_stop(o.pool, ONCE_STOP_MS) != STORE_CLOSED || !o.clean;
    log_close(LOG_CLOSE_MS);
    if (!*must_exit) {
        loop_close(&o.loop);
    }
    free(o.checks);
    once_maintenance_free(&o.publish.maintenance);
    config_free(o.config);
    return code;
}
