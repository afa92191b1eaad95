/*
 * --status --watch: look, show, wait, until a signal.
 *
 * On a terminal one picture is drawn over the other, on a page of its own,
 * which is left when we end or are suspended.  Elsewhere what is shown is
 * printed again only when there is something new in it.
 *
 * When nobody answers any more the last picture stays, below a line that says
 * so, and without colours: green would be a lie.
 *
 * Signals are read from a descriptor between looks and in them: a handler
 * could not leave the page in order.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "agent/clock.h"
#include "agent/config.h"
#include "status_reader.h"
#include "status_say.h"
#include "status_screen.h"
#include "status_view.h"
#include "table.h"

#include "status_watch.h"

/*
 * As often as a person can follow.  A status may change with any probe, so an
 * agent with a longer interval is not looked at less often; one with a shorter
 * interval is looked at more often.
 */
#define PACE_MS     2000
#define PACE_MIN_MS 500
/* Each look reads all nodes of ZooKeeper: at most 200 a second, as it serves
 * others too. */
#define NODE_PACE_MS 5

static const int CAUGHT[] = { SIGINT,  SIGTERM, SIGHUP,
                              SIGQUIT, SIGTSTP, SIGWINCH };

/* The last thing that was printed, where nothing is drawn. */
enum printed { PRINTED_NOTHING, PRINTED_VIEW, PRINTED_LOST };

struct watch {
    struct status_reader *reader;
    const struct status_options *options;
    struct status_terminal terminal;
    int signals; /* a signalfd */
    bool drawing;
    bool over;
    bool seen; /* VIEW is the last that was seen; ever */
    struct status_view view;
    enum printed printed;
    uint64_t digest; /* of PRINTED_VIEW */
    bool lost;       /* the last look failed, ... */
    struct err why;
    int64_t lost_wall_ms; /* ... and all since then */
    uint64_t lost_mono_ms;
};

static sigset_t caught(void)
{
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof CAUGHT / sizeof *CAUGHT; i++)
        sigaddset(&set, CAUGHT[i]);
    return set;
}

void status_watch_prepare(void)
{
    sigset_t set = caught();

    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

/* ---------------------------------------------------------------- drawing */

static void say_lost(const struct watch *w, const struct status_style *style,
                     FILE *out)
{
    char since[CLOCK_RFC3339_SIZE], span[TABLE_CELL];
    int64_t lost_ms = (int64_t)(clock_mono_ms() - w->lost_mono_ms);

    status_view_warn(style, out, "NO ANSWER since %s (%s): %s",
                     clock_rfc3339(w->lost_wall_ms, since),
                     table_span(lost_ms, span), w->why.text);
}

static void compose(const struct watch *w, FILE *out)
{
    struct status_style style = status_style_of(w->options, &w->terminal);

    /* On a page of its own nothing leaves the screen. */
    style.height = 0;
    if (w->lost) {
        say_lost(w, &style, out);
        style.colours = false;
        if (w->seen)
            status_view_warn(&style, out, "What was seen last:");
        fputc('\n', out);
    }
    if (w->seen)
        status_view_print(&w->view, &style, out);
    else if (!w->lost)
        fputs("asking ...\n", out);
}

static void draw(struct watch *w)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL)
        return;
    compose(w, out);
    if (fclose(out) == 0)
        status_screen_draw(text, &w->terminal);
    free(text);
}

/* --------------------------------------------------------------- printing */

static void print_view(struct watch *w)
{
    struct status_style style = status_style_of(w->options, &w->terminal);
    uint64_t digest = status_view_digest(&w->view);
    int rc = 0;

    if (w->printed == PRINTED_VIEW && digest == w->digest)
        return;
    if (w->options->json) {
        rc = status_view_print_json(&w->view,
                                    w->options->config->zookeeper.root, stdout);
    } else {
        style.height = 0;
        status_view_print(&w->view, &style, stdout);
        fputc('\n', stdout);
    }
    w->printed = PRINTED_VIEW;
    w->digest = digest;
    if (fflush(stdout) != 0 || rc != 0)
        w->over = true;
}

/* Once, however long it lasts; what follows is new in any case. */
static void print_lost(struct watch *w)
{
    struct status_style style = { 0 };
    FILE *out = w->options->json ? stderr : stdout;

    if (w->printed == PRINTED_LOST)
        return;
    say_lost(w, &style, out);
    w->printed = PRINTED_LOST;
    if (fflush(out) != 0)
        w->over = true;
}

static void show(struct watch *w)
{
    if (w->drawing)
        draw(w);
    else if (w->lost)
        print_lost(w);
    else if (w->seen)
        print_view(w);
}

/* ---------------------------------------------------------------- signals */

static void suspend(struct watch *w)
{
    if (w->drawing)
        status_screen_leave();
    kill(getpid(), SIGSTOP);
    if (w->drawing)
        status_screen_enter();
}

static void take_signals(struct watch *w)
{
    struct signalfd_siginfo s;

    while (read(w->signals, &s, sizeof s) == (ssize_t)sizeof s) {
        if (s.ssi_signo == SIGTSTP)
            suspend(w);
        else if (s.ssi_signo != SIGWINCH)
            w->over = true;
    }
    status_terminal_look(&w->terminal);
    if (w->drawing && !w->over)
        draw(w);
}

/* ----------------------------------------------------------------- looking */

/* False: a signal came first. */
static bool look(struct watch *w)
{
    struct status_view view;

    switch (status_reader_look(w->reader, w->signals, &view, &w->why)) {
    case LOOK_SEEN:
        status_view_free(&w->view);
        w->view = view;
        w->seen = true;
        w->lost = false;
        return true;
    case LOOK_FAILED:
        if (!w->lost) {
            w->lost_wall_ms = clock_wall_ms();
            w->lost_mono_ms = clock_mono_ms();
        }
        w->lost = true;
        return true;
    case LOOK_CANCELLED:
        break;
    }
    return false;
}

static uint64_t pace_ms(const struct watch *w)
{
    uint64_t nodes = w->view.nrows + w->view.nwriters;
    uint64_t interval = (uint64_t)w->view.page.interval_ms;

    if (w->options->from_zookeeper)
        return nodes * NODE_PACE_MS > PACE_MS ? nodes * NODE_PACE_MS : PACE_MS;
    if (!w->seen || interval > PACE_MS)
        return PACE_MS;
    return interval > PACE_MIN_MS ? interval : PACE_MIN_MS;
}

/* Until the next look is due, or we are to end. */
static void rest(struct watch *w)
{
    uint64_t until = clock_mono_ms() + pace_ms(w);

    while (!w->over) {
        struct pollfd p[] = { { .fd = w->signals, .events = POLLIN },
                              { .fd = STDOUT_FILENO } };
        uint64_t now = clock_mono_ms();

        if (now >= until)
            return;
        if (poll(p, 2, (int)(until - now)) <= 0)
            continue;
        if (p[0].revents != 0)
            take_signals(w);
        /* Whoever read it is gone. */
        if (p[1].revents != 0)
            w->over = true;
    }
}

int status_watch(struct status_reader *reader, const struct status_options *o)
{
    sigset_t set = caught();
    struct watch w = { .reader = reader, .options = o };

    alarm(0);
    status_terminal_look(&w.terminal);
    w.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (w.signals < 0) {
        err_set(&w.why, "signalfd: %s", strerror(errno));
        status_complain(w.why.text);
        return 1;
    }
    w.drawing = w.terminal.screen && !o->json;
    if (w.drawing) {
        status_screen_enter();
        draw(&w);
    }
    while (!w.over) {
        if (look(&w)) {
            show(&w);
            rest(&w);
        } else {
            take_signals(&w);
        }
    }
    if (w.drawing)
        status_screen_leave();
    if (!w.seen && w.lost)
        status_complain(w.why.text);
    status_view_free(&w.view);
    close(w.signals);
    return w.seen ? 0 : 1;
}
