/*
 * From arguments and config to what was asked for, and to an exit code.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/check_once.h"
#include "agent/config.h"
#include "agent/daemon.h"
#include "agent/fleet_command.h"
#include "agent/guard.h"
#include "agent/maintain.h"
#include "agent/status.h"
#include "agent/supervisor.h"
#include "agent/targets_command.h"

#include "args.h"
#include "background.h"
#include "run.h"

#define MMAP_THRESHOLD (128 * 1024)

static void keep_secrets(const struct config *c)
{
    if (config_has_secrets(c))
        daemon_hide_memory();
}

/* The next step of a person who has just installed it, or may not read it. */
static void advise(const struct args *a)
{
    if (access(a->file, R_OK) == 0)
        return;
    if (errno == ENOENT)
        fprintf(stderr,
                "sentinel-agent: an example to begin with is " AGENT_EXAMPLE
                "\n");
    else if (a->mode == MODE_STATUS && !a->from_zookeeper)
        fprintf(stderr,
                "sentinel-agent: --status --http ADDRESS needs no config\n");
}

static struct config *load_to_look(const struct args *a,
                                   struct config_faults *faults)
{
    struct err e;
    if (a->http == NULL)
        return config_load_to_look(a->file, a->from_zookeeper, faults);
    *faults = (struct config_faults){ 0 };
    struct config *c = config_of_http(a->http, &e);
    if (c == NULL)
        fprintf(stderr, "sentinel-agent: --http %s\n", e.text);
    return c;
}

static struct config *load_for(const struct args *a,
                               struct config_faults *faults)
{
    if (a->mode == MODE_STATUS)
        return load_to_look(a, faults);
    if (a->mode == MODE_MAINTENANCE || a->mode == MODE_TARGETS ||
        a->mode == MODE_FLEET)
        return config_load_to_look(a->file, true, faults);
    if (a->mode == MODE_TEST)
        return config_load_to_test(a->file, faults);
    return config_load(a->file, faults);
}

static struct config *load(const struct args *a)
{
    struct config_faults faults;
    struct config *c = load_for(a, &faults);
    for (size_t i = 0; i < faults.count; i++)
        fprintf(stderr, "%s%s\n", c != NULL ? "warning: " : "",
                faults.lines[i]);
    if (c == NULL && faults.count == 0 && a->http == NULL)
        fprintf(stderr, "%s: out of memory\n", a->file);
    if (c == NULL && a->http == NULL)
        advise(a);
    if (c == NULL && a->mode == MODE_ONCE && faults.count > 0)
        report_trouble(faults.lines[0], a->format, stdout);
    config_faults_free(&faults);
    if (c != NULL)
        keep_secrets(c);
    return c;
}

static int fail(const struct err *e)
{
    char text[sizeof e->text + 32];
    snprintf(text, sizeof text, "sentinel-agent: %s", e->text);
    daemon_complain(text);
    return AGENT_EXIT_FAILURE;
}

static int tell_good(struct config *c)
{
    const char *file = c->files[0].path;
    for (size_t i = 1; i < c->nfiles; i++)
        printf("%s includes %s\n", file, c->files[i].path);
    for (size_t i = 0; i < c->nfiles; i++)
        if (c->files[i].cut_line > 0)
            fprintf(stderr,
                    "%s:%u: warning: blanks at its end or a comment are not "
                    "part of the password (use password_file)\n",
                    c->files[i].path, c->files[i].cut_line);
    printf("%s is good: %zu instance%s\n", file, c->ninstances,
           c->ninstances == 1 ? "" : "s");
    config_free(c);
    return AGENT_EXIT_OK;
}

static int print_config(struct config *c)
{
    config_print(c, stdout);
    config_free(c);
    /* A reader such as head(1) had enough of it. */
    if (fflush(stdout) == 0 || errno == EPIPE)
        return AGENT_EXIT_OK;
    fprintf(stderr, "sentinel-agent: stdout: %s\n", strerror(errno));
    return AGENT_EXIT_FAILURE;
}

/*
 * In this order: root may raise the hard limit, and the kernel forgets with
 * the user that the memory was to be hidden.
 */
static int become_fit(const struct config *c, struct err *e)
{
    if (agent_need_fds(c, e) != 0)
        return -1;
    if (c->agent.user != NULL && daemon_drop_privileges(c->agent.user, e) != 0)
        return -1;
    keep_secrets(c);
    return 0;
}

/* A lock in /run needs root, and one in the state_dir the user. */
static int become_fit_once(const struct args *a, const struct config *c,
                           struct err *e)
{
    bool locks = a->publish && c->zookeeper.enabled;
    bool as_user = c->agent.state_dir != NULL;
    if (locks && !as_user && check_once_lock(c, e) != 0)
        return -1;
    if (become_fit(c, e) != 0)
        return -1;
    return locks && as_user ? check_once_lock(c, e) : 0;
}

static int run_check_once(const struct args *a, struct config *c,
                          bool *must_exit)
{
    const struct check_once_options o = {
        .config = c,
        .names = a->names,
        .nnames = a->nnames,
        .format = a->format,
        .publish = a->publish,
    };
    struct err e;
    if (become_fit_once(a, c, &e) == 0)
        return check_once_run(&o, must_exit);
    fail(&e);
    report_trouble(e.text, a->format, stdout);
    config_free(c);
    return EXIT_ONCE_BAD;
}

static void complain(const char *text)
{
    struct err e;
    err_set(&e, "%s", text);
    fail(&e);
}

static int run_here(const struct args *a, const char *file, struct config *c,
                    bool *must_exit)
{
    const struct agent_options o = {
        .config = c,
        .config_file = file,
        .background = a->background,
        .hooks = a->background ? &BACKGROUND_HOOKS : NULL,
        .complain = complain,
    };
    struct err e;
    if (become_fit(c, &e) != 0) {
        config_free(c);
        return fail(&e);
    }
    if (a->background)
        supervisor_tie();
    return agent_run(&o, must_exit);
}

static int run_worker(void *arg, const char *file, struct config *c,
                      bool *must_exit)
{
    return run_here(arg, file, c, must_exit);
}

/* The config is known to be good. */
static int run_in_background(struct args *a, struct config *c, bool *must_exit)
{
    const struct background_options o = {
        .file = a->file,
        .config = c,
        .run = run_worker,
        .arg = a,
    };
    return background_run(&o, must_exit);
}

static int show_status(const struct args *a, struct config *c, bool *must_exit)
{
    const struct status_options o = {
        .config = c,
        .from_zookeeper = a->from_zookeeper,
        .fleet = a->fleet,
        .watch = a->watch,
        .json = a->format == REPORT_JSON,
    };
    return status_run(&o, must_exit);
}

static int maintain(const struct args *a, struct config *c, bool *must_exit)
{
    struct maintain_options o = {
        .config = c,
        .fleet = a->fleet,
        .agent = a->agent,
        .length = a->length,
        .reason = a->reason,
        .owner = a->owner,
        .json = a->format == REPORT_JSON,
    };
    if (a->nwords > 0) {
        o.verb = strcmp(a->words[0], "set") == 0 ? MAINTAIN_SET : MAINTAIN_LIFT;
        o.names = a->words + 1;
        o.nnames = a->nwords - 1;
    }
    return maintain_run(&o, must_exit);
}

static int show_fleet(const struct args *a, struct config *c, bool *must_exit)
{
    const struct fleet_options o = {
        .config = c,
        .fleet = a->fleet,
        .json = a->format == REPORT_JSON,
    };
    return fleet_run(&o, must_exit);
}

static enum targets_verb targets_verb(const struct args *a)
{
    if (a->nwords == 0)
        return TARGETS_LIST;
    if (strcmp(a->words[0], "put") == 0)
        return TARGETS_PUT;
    return strcmp(a->words[0], "get") == 0 ? TARGETS_GET : TARGETS_REMOVE;
}

static int targets(const struct args *a, struct config *c, bool *must_exit)
{
    const struct targets_options o = {
        .config = c,
        .verb = targets_verb(a),
        .names = a->words + (a->nwords > 0),
        .nnames = a->nwords > 0 ? a->nwords - 1 : 0,
        .fleet = a->fleet,
        .yes = a->yes,
        .force = a->force,
        .json = a->format == REPORT_JSON,
    };
    return targets_run(&o, must_exit);
}

static int run(struct args *a, bool *must_exit)
{
    if (a->mode == MODE_ONCE)
        check_once_guard();
    if (a->mode == MODE_STATUS)
        guard_within("--status", 0);
    if (a->mode == MODE_MAINTENANCE)
        guard_within("--maintenance", 0);
    if (a->mode == MODE_TARGETS)
        guard_within("--targets", 0);
    if (a->mode == MODE_FLEET)
        guard_within("--fleet", 0);
    struct config *c = load(a);
    if (a->mode == MODE_TEST)
        return c == NULL ? AGENT_EXIT_FAILURE : tell_good(c);
    if (c == NULL)
        return a->mode == MODE_ONCE ? EXIT_ONCE_BAD : AGENT_EXIT_USAGE;
    switch (a->mode) {
    case MODE_PRINT:
        return print_config(c);
    case MODE_ONCE:
        return run_check_once(a, c, must_exit);
    case MODE_STATUS:
        return show_status(a, c, must_exit);
    case MODE_MAINTENANCE:
        return maintain(a, c, must_exit);
    case MODE_TARGETS:
        return targets(a, c, must_exit);
    case MODE_FLEET:
        return show_fleet(a, c, must_exit);
    case MODE_RUN:
    case MODE_TEST:
        break;
    }
    return a->background ? run_in_background(a, c, must_exit)
                         : run_here(a, a->file, c, must_exit);
}

/*
 * Some that start us leave descriptors 0, 1 or 2 closed.  A file that got
 * such a number would be taken for standard output, and be written into.
 */
static void fill_standard_descriptors(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

/*
 * A round allocates nothing, so threads need no arenas of their own; each
 * would keep the peak of its thread, most of all that of the first dials.
 * Large blocks, such as the files of the config, go back to the kernel when
 * they are freed, and do not raise the bound below which others do not.
 */
static void keep_memory_small(void)
{
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD);
    mallopt(M_TRIM_THRESHOLD, MMAP_THRESHOLD);
}

int main(int argc, char **argv)
{
    keep_memory_small();
    fill_standard_descriptors();
    struct args a;
    bool must_exit = false;
    /* A peer that goes away is an error of write(2), not our end. */
    signal(SIGPIPE, SIG_IGN);
    /* Nor is a file that may not grow. */
    signal(SIGXFSZ, SIG_IGN);
    args_parse(&a, argc, argv);
    if (a.mode == MODE_RUN && !a.background)
        agent_hold_signals();
    int code = run(&a, &must_exit);
    if (must_exit)
        _exit(code);
    free(a.names);
    free(a.words);
    return code;
}
