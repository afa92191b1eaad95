/*
 * --fleet: who shares the targets, who has how many, who is late, and whether
 * all work from the same members and targets.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/clock.h"
#include "agent/config.h"
#include "agent/guard.h"
#include "agent/json_writer.h"
#include "agent/log.h"
#include "fleet_members.h"
#include "table.h"

#include "agent/fleet_command.h"

#define SHOWN     0
#define NOT_SHOWN 1
#define USAGE     2

/* More are no fleet any more, but several. */
#define MEMBERS_MANY 64

/* ------------------------------------------------------------------- table */

enum column { MEMBER, HOST, ZONE, SHARE, SPEAKS, HEARTBEAT, BASIS, VERSION };

static const struct table_column COLUMNS[] = {
    [MEMBER] = { .title = "MEMBER" },
    [HOST] = { .title = "HOST" },
    [ZONE] = { .title = "ZONE", .if_any = true },
    [SHARE] = { .title = "SHARE" },
    [SPEAKS] = { .title = "SPEAKS" },
    [HEARTBEAT] = { .title = "HEARTBEAT" },
    [BASIS] = { .title = "BASIS" },
    [VERSION] = { .title = "VERSION" },
};

static const char *pulse_word(const struct fleet_row *r)
{
    static const char *const WORDS[] = {
        [PULSE_ALIVE] = "valid",     [PULSE_EXPIRED] = "expired",
        [PULSE_GARBLED] = "garbled", [PULSE_UNREADABLE] = "unreadable",
        [PULSE_GONE] = "gone",
    };
    return r->late ? "late" : WORDS[r->pulse];
}

static void say_heartbeat(const struct fleet_members *m,
                          const struct fleet_row *r, char out[TABLE_CELL])
{
    char span[TABLE_CELL] = "";
    if (r->time_wall_ms != 0)
        table_span(m->now_wall_ms - r->time_wall_ms, span);
    snprintf(out, TABLE_CELL, "%s%s%.64s%s", pulse_word(r),
             *span != '\0' ? ", " : "", span, *span != '\0' ? " ago" : "");
}

static void cell(const void *arg, size_t index, size_t column,
                 char out[TABLE_CELL])
{
    const struct fleet_members *m = arg;
    const struct fleet_row *r = &m->rows[index];
    const struct member *says = r->member != NULL ? &r->member->says : NULL;
    switch ((enum column)column) {
    case MEMBER:
        table_text(r->id, out);
        break;
    case HOST:
        table_text(says != NULL ? says->host : "(no member)", out);
        break;
    case ZONE:
        table_text(says != NULL ? says->zone : "", out);
        break;
    case SHARE:
        snprintf(out, TABLE_CELL, "%zu", r->share);
        break;
    case SPEAKS:
        snprintf(out, TABLE_CELL, "%zu", r->speaking);
        break;
    case HEARTBEAT:
        say_heartbeat(m, r, out);
        break;
    case BASIS:
        table_text(r->basis[0] != '\0' ? r->basis : "-", out);
        break;
    case VERSION:
        table_text(says != NULL ? says->version : "", out);
        break;
    }
}

/* What a person should know who looks, a line each. */
static void say_troubles(const struct fleet_members *m, FILE *out)
{
    size_t members = m->tree.nmembers;
    char text[TABLE_CELL];
    if (fleet_tree_empty(&m->tree))
        fputs("ZooKeeper knows no fleet of that name.\n", out);
    else if (members == 0)
        fputs("There are no members: nobody watches the targets.\n", out);
    if (!m->agree)
        fputs("The members do not work from the same members and targets "
              "(BASIS): a change is on its way, or one of them is stuck.\n",
              out);
    if (m->moving > 0)
        fprintf(out,
                "%zu documents are not by the member that is first for them: "
                "on the move, or taken by another agent.\n",
                m->moving);
    if (m->silent > 0)
        fprintf(out, "%zu targets have no document yet.\n", m->silent);
    for (size_t i = 0; i < m->n; i++)
        if (m->rows[i].share > 2 * (m->targets.n / (members + !members)) + 2)
            fprintf(out, "%s has more than twice the mean share.\n",
                    table_text(m->rows[i].id, text));
    if (members > MEMBERS_MANY)
        fprintf(out, "More than %d members: divide the fleet.\n", MEMBERS_MANY);
    for (size_t i = 0; i < m->targets.nfaults; i++)
        fprintf(out, "fault: %s\n", table_text(m->targets.faults[i], text));
}

static void print(const struct fleet_members *m, const char *fleet, FILE *out)
{
    const struct table table = {
        .columns = COLUMNS,
        .ncolumns = sizeof COLUMNS / sizeof *COLUMNS,
        .nrows = m->n,
        .cell = cell,
        .arg = m,
    };
    fprintf(out, "Fleet %s: %zu members, %zu targets in %zu chunks\n", fleet,
            m->tree.nmembers, m->targets.n, m->tree.nchunks);
    if (m->n > 0)
        table_print(&table, out);
    say_troubles(m, out);
}

/* -------------------------------------------------------------------- JSON */

static void add_row(struct text *t, const struct fleet_row *r)
{
    const struct member *says = r->member != NULL ? &r->member->says : NULL;
    jsonw_open(t, NULL, '{');
    jsonw_string(t, "agent", r->id);
    jsonw_bool(t, "member", says != NULL);
    jsonw_string(t, "host", says != NULL ? says->host : NULL);
    jsonw_string(t, "zone", says != NULL ? says->zone : NULL);
    jsonw_time(t, "since", says != NULL ? says->since_wall_ms : 0);
    jsonw_string(t, "version", says != NULL ? says->version : NULL);
    jsonw_uint(t, "share", r->share);
    jsonw_uint(t, "speaking", r->speaking);
    jsonw_string(t, "heartbeat", pulse_word(r));
    jsonw_time(t, "time", r->time_wall_ms);
    jsonw_time(t, "valid_until", r->valid_until_wall_ms);
    jsonw_string(t, "basis", r->basis[0] != '\0' ? r->basis : NULL);
    jsonw_close(t, '}');
}

static int print_json(const struct fleet_members *m, const char *fleet,
                      FILE *out)
{
    struct text t = { 0 };
    jsonw_open(&t, NULL, '{');
    jsonw_uint(&t, "schema", 1);
    jsonw_string(&t, "fleet", fleet);
    jsonw_time(&t, "time", m->now_wall_ms);
    jsonw_uint(&t, "targets", m->targets.n);
    jsonw_uint(&t, "chunks", m->tree.nchunks);
    jsonw_bool(&t, "agree", m->agree);
    jsonw_uint(&t, "moving", m->moving);
    jsonw_uint(&t, "silent", m->silent);
    jsonw_open(&t, "agents", '[');
    for (size_t i = 0; i < m->n; i++)
        add_row(&t, &m->rows[i]);
    jsonw_close(&t, ']');
    jsonw_open(&t, "faults", '[');
    for (size_t i = 0; i < m->targets.nfaults; i++)
        jsonw_string(&t, NULL, m->targets.faults[i]);
    jsonw_close(&t, ']');
    jsonw_close(&t, '}');
    if (!t.failed)
        fprintf(out, "%s\n", t.bytes);
    int rc = t.failed ? -1 : 0;
    text_free(&t);
    return rc;
}

/* ------------------------------------------------------------------ public */

static int not_shown(const char *why)
{
    fprintf(stderr, "sentinel-agent: %s\n", why);
    return NOT_SHOWN;
}

static int show(struct tree_session *t, const struct fleet_options *o)
{
    struct fleet_members m;
    struct err e;
    int rc = 0;
    /* Nothing calls us away. */
    if (fleet_members_read(t, o->config, &m, &e) != TREE_DONE)
        return not_shown(e.text);
    guard_end();
    if (o->json)
        rc = print_json(&m, o->config->fleet.name, stdout);
    else
        print(&m, o->config->fleet.name, stdout);
    fleet_members_free(&m);
    if (rc != 0)
        return not_shown("out of memory for the members");
    /* A reader such as head(1) may have had enough of it. */
    if (fflush(stdout) == 0 || errno == EPIPE)
        return SHOWN;
    fprintf(stderr, "sentinel-agent: stdout: %s\n", strerror(errno));
    return NOT_SHOWN;
}

int fleet_run(const struct fleet_options *o, bool *must_exit)
{
    struct tree_session *t = NULL;
    struct err e;
    int code = USAGE;
    guard_within("--fleet", 8 * o->config->zookeeper.publish_timeout_ms);
    log_mute();
    if (fleet_of(o->config, o->fleet, &e) != 0) {
        (void)not_shown(e.text);
    } else {
        t = tree_session_open(o->config, &e);
        code = t != NULL ? show(t, o) : not_shown(e.text);
    }
    *must_exit = !tree_session_close(t);
    config_free(o->config);
    return code;
}
