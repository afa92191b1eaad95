/*
 * The view as text: what matters most first, in words that need no key.
 *
 * Text that a reader may not rely on stands in brackets, and the status beside
 * it reads "unknown (was up)", so that a glance does not deceive.  Colours
 * only repeat what the words say.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "agent/clock.h"
#include "agent/reason.h"
#include "status_cells.h"
#include "status_json.h"
#include "status_tables.h"
#include "table.h"

#include "status_view.h"

/* -------------------------------------------------------------- sentences */

/* Words that flow into lines as wide as the screen. */
struct flow {
    FILE *out;
    const struct status_style *style;
    size_t at; /* where in the line */
};

static void new_line(struct flow *f)
{
    fputc('\n', f->out);
    f->at = 0;
}

/* One word, with a space before it where it does not begin a line.  What is
 * longer than a line goes on in the next one. */
static void word(struct flow *f, const char *text, size_t len,
                 const char *paint)
{
    size_t width = f->style->width > 0 ? f->style->width : SIZE_MAX;

    if (f->at > 0 && len + 1 > width - f->at)
        new_line(f);
    if (f->at > 0)
        f->at += (size_t)fprintf(f->out, " ");
    while (len > 0) {
        size_t part = len < width - f->at ? len : width - f->at;

        if (paint != NULL && f->style->colours)
            fprintf(f->out, "\033[%sm%.*s\033[0m", paint, (int)part, text);
        else
            fprintf(f->out, "%.*s", (int)part, text);
        text += part;
        len -= part;
        f->at += part;
        if (len > 0)
            new_line(f);
    }
}

static void vsay(struct flow *f, const char *paint, const char *format,
                 va_list args) __attribute__((format(printf, 3, 0)));

static void vsay(struct flow *f, const char *paint, const char *format,
                 va_list args)
{
    char text[3 * TABLE_CELL];

    vsnprintf(text, sizeof text, format, args);
    for (const char *at = text; *at != '\0';) {
        size_t len = strcspn(at, " ");

        if (len > 0)
            word(f, at, len, paint);
        at += len + (at[len] != '\0');
    }
}

static void say(struct flow *f, const char *paint, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void say(struct flow *f, const char *paint, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsay(f, paint, format, args);
    va_end(args);
}

/* -------------------------------------------------------------- headlines */

static void say_tally(struct flow *f, const struct status_view *v)
{
    static const enum status ORDER[] = { STATUS_UP, STATUS_DEGRADED,
                                         STATUS_DOWN, STATUS_UNKNOWN };
    size_t by_status[STATUS_COUNT];
    size_t maintenance = 0, removed = 0;

    status_view_tally(v, by_status);
    for (size_t i = 0; i < v->nrows; i++) {
        maintenance += v->rows[i].maintenance;
        removed += status_row_removed(&v->rows[i]);
    }
    for (size_t i = 0; i < STATUS_COUNT; i++)
        say(f, by_status[ORDER[i]] > 0 ? status_paints[ORDER[i]] : NULL,
            "%zu %s%s", by_status[ORDER[i]], status_name(ORDER[i]),
            i + 1 < STATUS_COUNT ? "," : "");
    if (maintenance > 0)
        say(f, NULL, "(%zu in maintenance)", maintenance);
    if (removed > 0)
        say(f, NULL, "(and %zu removed)", removed);
}

static void say_agent(struct flow *f, const struct status_view *v)
{
    char id[TABLE_CELL], host[TABLE_CELL], time[CLOCK_RFC3339_SIZE];
    const char *expected = f->style->expected_id;

    say(f, "1", "%s", table_text(v->page.id, id));
    say(f, NULL, "on %s at %s:", table_text(v->page.host, host),
        clock_rfc3339(v->time_wall_ms, time));
    say_tally(f, v);
    if (expected != NULL && strcmp(expected, v->page.id) != 0)
        say(f, PAINT_WARNING, "(another agent than this config's, which is %s)",
            table_text(expected, id));
    new_line(f);
}

static void say_health(struct flow *f, const struct status_view *v)
{
    char text[TABLE_CELL], span[TABLE_CELL];
    const char *said;

    say(f, v->page.well ? PAINT_GOOD : PAINT_BAD, "agent is %s",
        v->page.well ? "well:" : "NOT WELL:");
    for (size_t i = 0;
         (said = status_json_sentence(v->page.trouble, i)) != NULL; i++)
        say(f, PAINT_BAD, "%s;", table_text(said, text));
    say(f, NULL,
        "round %" PRId64 " every %gs, threads %" PRId64 ", workers %" PRId64
        ", jobs %" PRId64 "; version %s, pid %" PRId64 ", running for %s",
        v->page.round, (double)v->page.interval_ms / 1e3, v->page.threads,
        v->page.workers, v->page.jobs, table_text(v->page.version, text),
        v->page.pid,
        table_span(v->time_wall_ms - v->page.started_wall_ms, span));
    new_line(f);
}

static void say_restart(struct flow *f, const struct status_view *v)
{
    char text[TABLE_CELL];

    if (v->page.needs_restart[0] == '\0')
        return;
    say(f, PAINT_WARNING,
        "changed in the config, and waiting for a restart: %s",
        table_text(v->page.needs_restart, text));
    new_line(f);
}

static void say_publishing(struct flow *f, const struct status_view *v)
{
    bool connected = strcmp(v->page.zk_state, "connected") == 0;
    char text[TABLE_CELL];

    say(f, NULL, "ZooKeeper:");
    if (!v->page.publishes) {
        say(f, NULL, "not configured");
        new_line(f);
        return;
    }
    say(f, connected ? PAINT_GOOD : PAINT_BAD, "%s",
        table_text(v->page.zk_state, text));
    if (v->page.zk_server[0] != '\0')
        say(f, NULL, "to %s", table_text(v->page.zk_server, text));
    if (v->page.zk_since_wall_ms != 0)
        say(f, NULL, "for %s",
            table_span(v->time_wall_ms - v->page.zk_since_wall_ms, text));
    say(f, v->page.zk_pending > 0 ? PAINT_WARNING : NULL,
        "(%" PRId64 " pending)%s", v->page.zk_pending,
        v->page.zk_trouble[0] != '\0' ? ":" : "");
    if (v->page.zk_trouble[0] != '\0')
        say(f, PAINT_BAD, "%s", table_text(v->page.zk_trouble, text));
    new_line(f);
}

static void say_tree(struct flow *f, const struct status_view *v)
{
    char servers[TABLE_CELL], root[TABLE_CELL], time[CLOCK_RFC3339_SIZE];
    size_t doubted = 0, alive = 0;

    for (size_t i = 0; i < v->nrows; i++)
        doubted += !status_row_trusted(v, &v->rows[i]) &&
                   !status_row_removed(&v->rows[i]);
    for (size_t i = 0; i < v->nwriters; i++)
        alive += v->writers[i].pulse == PULSE_ALIVE;
    say(f, "1", "ZooKeeper %s, root %s%s",
        table_text(f->style->servers, servers),
        table_text(f->style->root, root), f->style->fleet != NULL ? "," : "");
    if (f->style->fleet != NULL)
        say(f, "1", "fleet %s", table_text(f->style->fleet, root));
    say(f, NULL, "at %s:", clock_rfc3339(v->time_wall_ms, time));
    say_tally(f, v);
    if (doubted > 0)
        say(f, PAINT_DOUBT, "(%zu not to be trusted)", doubted);
    new_line(f);
    say(f, alive < v->nwriters ? PAINT_BAD : PAINT_GOOD,
        "%zu of %zu agents alive", alive, v->nwriters);
    new_line(f);
}

/* ------------------------------------------------------------------- all */

void status_view_warn(const struct status_style *s, FILE *out,
                      const char *format, ...)
{
    struct flow f = { .out = out, .style = s };
    va_list args;

    va_start(args, format);
    vsay(&f, PAINT_BAD, format, args);
    va_end(args);
    new_line(&f);
}

void status_view_print(const struct status_view *v,
                       const struct status_style *s, FILE *out)
{
    struct flow f = { .out = out, .style = s };

    if (v->of_zookeeper) {
        say_tree(&f, v);
    } else {
        say_agent(&f, v);
        say_health(&f, v);
        say_restart(&f, v);
        say_publishing(&f, v);
    }
    status_print_rows(v, s, out);
    if (v->of_zookeeper)
        status_print_agents(v, s, out);
    if (s->height == 0 || v->nrows + v->nwriters + 6 <= s->height)
        return;
    /* The first lines have left the screen. */
    fputc('\n', out);
    if (v->of_zookeeper)
        say_tree(&f, v);
    else
        say_agent(&f, v);
}
