/*
 * What -d is made of: daemon_fork, so that the caller hears how the start
 * went; the pid file, held by the supervisor; a child for each life of the
 * agent.
 *
 *     caller --fork--> supervisor --fork--> agent, agent again, …
 *
 * The first child takes the config that the caller has read and tested; the
 * supervisor wipes its copy, and a later child reads the file itself.  Should
 * that have faults by then, the child says so in the log, which it finds by
 * what its predecessor left in shared memory, and ends: the supervisor tries
 * again later.  Nothing in that memory is secret.
 */
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/config.h"
#include "agent/daemon.h"
#include "agent/log.h"
#include "agent/supervisor.h"
#include "agent/log_options.h"

#include "background.h"

#define LOG_CLOSE_MS 1000

/* How long the worker of a supervisor that was killed may still take. */
#define ORPHAN_GRACE_MS 1000

/* How a child logs when the config cannot be read. */
struct note {
    char user[LOGIN_NAME_MAX]; /* "": keep this process' user */
    char log[PATH_MAX];
    enum log_level level;
    enum log_form form;
};

/* In memory that all children share: one writes, and the next one reads.  Two
 * notes, so that a child that dies while it writes leaves the other whole. */
struct shared_notes {
    atomic_uint current;
    struct note notes[2];
};

static struct shared_notes *shared;

/* ------------------------------------------------------------- the child */

static void copy(char *out, size_t size, const char *text)
{
    /* Longer than that is no path and no user. */
    snprintf(out, size, "%s", text == NULL ? "" : text);
}

static void in_force(const struct config *c)
{
    unsigned other = 1 - atomic_load(&shared->current);
    const struct log_options log = agent_log_options(c, true);
    struct note *n = &shared->notes[other];
    copy(n->user, sizeof n->user, c->agent.user);
    copy(n->log, sizeof n->log, log.target);
    n->level = log.level;
    n->form = log.form;
    atomic_store(&shared->current, other);
    supervisor_ready(c->agent.stop_timeout_ms);
}

/* The log is open: how the child before ended can be said. */
static void tell_end(void)
{
    const struct supervisor_end *end = supervisor_last_end();
    if (end == NULL)
        return;
    char name[16] = "";
    bool killed = WIFSIGNALED(end->status);
    if (killed)
        snprintf(name, sizeof name, "SIG%s",
                 sigabbrev_np(WTERMSIG(end->status)));
    const struct log_pair pairs[] = {
        LOG_INT("pid", end->pid),
        killed ? (struct log_pair)LOG_STR("signal", name)
               : (struct log_pair)LOG_INT("exit", WEXITSTATUS(end->status)),
        LOG_BOOL("core", killed && WCOREDUMP(end->status)),
        LOG_UINT("ran_ms", end->ran_ms),
        LOG_UINT("restarts", end->restarts),
    };
    log_write(LOG_LEVEL_ERROR, "child_ended", pairs,
              sizeof pairs / sizeof pairs[0]);
    supervisor_told();
}

const struct agent_hooks BACKGROUND_HOOKS = {
    .log_opened = tell_end,
    .in_force = in_force,
    .ready = daemon_ready,
};

/* As the user that owns the log: root would make a file that the agent's user
 * cannot write to. */
static int open_kept_log(struct err *e)
{
    const struct note *n = &shared->notes[atomic_load(&shared->current)];
    const struct log_options log = {
        .target = n->log,
        .level = n->level,
        .form = n->form,
    };
    if (n->user[0] != '\0' && daemon_drop_privileges(n->user, e) != 0)
        return -1;
    return log_open(&log, e);
}

static int tell_faults(const struct config_faults *faults)
{
    struct err e;
    if (open_kept_log(&e) != 0) {
        daemon_complain(e.text);
        if (faults->count > 0)
            daemon_complain(faults->lines[0]);
        return AGENT_EXIT_USAGE;
    }
    log_thread("loop");
    tell_end();
    for (size_t i = 0; i < faults->count; i++)
        LOG_EVENT(LOG_LEVEL_ERROR, "config_error",
                  LOG_STR("fault", faults->lines[i]));
    LOG_EVENT(LOG_LEVEL_ERROR, "start_failed",
              LOG_STR("detail", "the config has faults"),
              LOG_UINT("faults", faults->count));
    log_close(LOG_CLOSE_MS);
    return AGENT_EXIT_USAGE;
}

static int work(const struct background_options *o, const char *file,
                struct config *c, bool *must_exit)
{
    if (c != NULL)
        return o->run(o->arg, file, c, must_exit);
    struct config_faults faults;
    c = config_load(file, &faults);
    int code = c == NULL ? tell_faults(&faults) : AGENT_EXIT_OK;
    config_faults_free(&faults);
    return c == NULL ? code : o->run(o->arg, file, c, must_exit);
}

/* -------------------------------------------------------- the supervisor */

static int fail(const char *text)
{
    char line[sizeof(struct err) + 32];
    snprintf(line, sizeof line, "sentinel-agent: %s", text);
    daemon_complain(line);
    return AGENT_EXIT_FAILURE;
}

/* The first child was killed before it could say so itself. */
static void tell_caller(void)
{
    const struct supervisor_end *end = supervisor_last_end();
    char how[64];
    char text[128];
    if (supervisor_was_ready() || end == NULL || !WIFSIGNALED(end->status))
        return;
    snprintf(text, sizeof text, "failed to start: %s",
             supervisor_describe(end->status, how, sizeof how));
    fail(text);
}

static void forget(struct config *c)
{
    config_free(c);
    malloc_trim(0);
}

/* *CHILD: this is one. */
static int supervise(const struct background_options *o, const char *file,
                     bool *child, bool *must_exit)
{
    struct config *c = o->config;
    struct err e;
    int code = AGENT_EXIT_FAILURE;
    int rc = supervisor_fork(&e);
    if (rc == 1)
        goto worker;
    forget(c);
    c = NULL;
    if (rc != 0)
        return fail(e.text);
    while (supervisor_wait(&code)) {
        daemon_let_go();
        /* That it failed is survived: the next pause is a longer one. */
        if (supervisor_fork(&e) == 1)
            goto worker;
    }
    tell_caller();
    return code;

worker:
    *child = true;
    return work(o, file, c, must_exit);
}

static int share_notes(struct err *e)
{
    void *memory = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        err_set(e, "mmap: %s", strerror(errno));
        return -1;
    }
    shared = memory;
    return 0;
}

/* In the process that stays, and in its children.  A reader of our pid may send
 * a signal at once: so it is written once signals are blocked. */
static int stay(const struct background_options *o, const char *file, int lock,
                const char *pid_file, bool *must_exit)
{
    struct err e;
    bool child = false;
    if (share_notes(&e) != 0 ||
        supervisor_begin(o->config->agent.stop_timeout_ms, &e) != 0 ||
        daemon_pid_write(lock, &e) != 0) {
        config_free(o->config);
        return fail(e.text);
    }
    int code = supervise(o, file, &child, must_exit);
    if (!child)
        daemon_pid_release(lock, pid_file);
    return code;
}

/*
 * The daemon works in /; a reload reads the same file all the same.  Links
 * stay, as somebody may switch them.  NULL and errno on failure.
 */
static char *absolute(const char *file)
{
    char *path = NULL;
    char *here = file[0] == '/' ? strdup("") : getcwd(NULL, 0);
    if (here == NULL)
        return NULL;
    if (asprintf(&path, here[0] == '\0' ? "%s%s" : "%s/%s", here, file) < 0)
        path = NULL;
    free(here);
    return path;
}

/* While there still is somebody who can be told. */
static void warn_of_no_log(const struct config *c)
{
    const struct log_options log = agent_log_options(c, true);
    struct err e;
    if (strcmp(log.target, "syslog") != 0 || daemon_find_syslog(&e) == 0)
        return;
    fprintf(stderr,
            "sentinel-agent: nothing will be logged: %s there is no syslog "
            "(%s): let log name a file\n",
            strcmp(c->agent.log, "stderr") == 0
                ? "log = stderr is syslog for a daemon, and"
                : "log = syslog, and",
            e.text);
}

int background_run(const struct background_options *o, bool *must_exit)
{
    struct err e;
    int code = AGENT_EXIT_FAILURE;
    char *file = absolute(o->file);
    char *pid_file = strdup(o->config->agent.pid_file);
    if (file == NULL || pid_file == NULL) {
        err_set(&e, "%s: %s", o->file, strerror(errno));
        goto failed;
    }
    int lock = daemon_pid_lock(
        pid_file, o->config->agent.stop_timeout_ms + ORPHAN_GRACE_MS, &e);
    if (lock < 0)
        goto failed;
    warn_of_no_log(o->config);
    switch (daemon_fork(&code, &e)) {
    case -1:
        goto failed;
    case 0:
        code = stay(o, file, lock, pid_file, must_exit);
        break;
    default:
        config_free(o->config);
        break;
    }
    goto done;
failed:
    config_free(o->config);
    fail(e.text);
done:
    /* A thread that was left behind may still read them. */
    if (!*must_exit) {
        free(pid_file);
        free(file);
    }
    return code;
}
