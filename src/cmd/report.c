/*
 * The three faces of one --check-once.  The table is for people: human units,
 * a sentence instead of a code word.  JSON has the status document's keys.
 * The Nagios line follows the plugin guidelines: one line of text, a bar,
 * perfdata; whatever comes from outside is stripped of bars and newlines, and
 * where many instances are in trouble only the first are named, because
 * Nagios cuts long lines.
 */
#include <inttypes.h>
#include <string.h>

#include "agent/clock.h"
#include "agent/json_writer.h"
#include "table.h"

#include "agent/report.h"

/* Instances that the Nagios line names for each status. */
#define NAMED_MAX 10

enum column {
    COL_INSTANCE,
    COL_ADDRESS,
    COL_STATUS,
    COL_RTT,
    COL_ROLE,
    COL_VERSION,
    COL_WHY
};
static const struct table_column COLUMNS[] = {
    [COL_INSTANCE] = { .title = "INSTANCE" },
    [COL_ADDRESS] = { .title = "ADDRESS" },
    [COL_STATUS] = { .title = "STATUS" },
    [COL_RTT] = { .title = "RTT" },
    [COL_ROLE] = { .title = "ROLE" },
    [COL_VERSION] = { .title = "VERSION" },
    [COL_WHY] = { .title = "WHY" },
};

static const char *const FORMATS[] = {
    [REPORT_TEXT] = "text",
    [REPORT_JSON] = "json",
    [REPORT_NAGIOS] = "nagios",
};

static const char *const NAGIOS_WORDS[] = { "OK", "WARNING", "CRITICAL",
                                            "UNKNOWN" };

static void count(const struct report *r, size_t by_status[STATUS_COUNT])
{
    memset(by_status, 0, STATUS_COUNT * sizeof *by_status);
    for (size_t i = 0; i < r->nrows; i++)
        by_status[r->rows[i].status]++;
}

static void format_why(const struct document_status *row, char out[TABLE_CELL])
{
    char detail[TABLE_CELL];

    out[0] = '\0';
    if (row->reason == REASON_OK)
        return;
    if (row->detail[0])
        snprintf(out, TABLE_CELL, "%s: %.120s (%.200s)",
                 reason_name(row->reason), reason_sentence(row->reason),
                 table_text(row->detail, detail));
    else
        snprintf(out, TABLE_CELL, "%s: %.120s", reason_name(row->reason),
                 reason_sentence(row->reason));
}

static void format_cell(const void *arg, size_t at, size_t column,
                        char out[TABLE_CELL])
{
    const struct report *r = arg;
    const struct document_status *row = &r->rows[at];

    switch ((enum column)column) {
    case COL_INSTANCE:
        table_text(row->instance, out);
        break;
    case COL_ADDRESS:
        table_text(row->address, out);
        break;
    case COL_STATUS:
        snprintf(out, TABLE_CELL, "%s%s", status_name(row->status),
                 row->maintenance ? " (maintenance)" : "");
        break;
    case COL_RTT:
        table_rtt(row->rtt_us, out);
        break;
    case COL_ROLE:
        table_text(row->role[0] ? row->role : "-", out);
        break;
    case COL_VERSION:
        table_text(row->version[0] ? row->version : "-", out);
        break;
    case COL_WHY:
        format_why(row, out);
        break;
    }
}

/* The day alone: the rest is of no use to who renews it. */
static const char *ending_day(const struct report_ending *e,
                              char day[CLOCK_RFC3339_SIZE])
{
    clock_rfc3339(e->ends_wall_ms, day);
    day[strcspn(day, "T")] = '\0';
    return day;
}

static void print_endings(const struct report *r, FILE *out)
{
    char day[CLOCK_RFC3339_SIZE], name[TABLE_CELL];

    for (size_t i = 0; i < r->nendings; i++)
        fprintf(out, "%s: a certificate of its server ends on %s\n",
                table_text(r->endings[i].instance, name),
                ending_day(&r->endings[i], day));
}

static void print_text(const struct report *r, FILE *out)
{
    size_t by_status[STATUS_COUNT];
    char time[CLOCK_RFC3339_SIZE], agent[TABLE_CELL], publishing[TABLE_CELL];
    const struct table table = {
        .columns = COLUMNS,
        .ncolumns = sizeof COLUMNS / sizeof *COLUMNS,
        .nrows = r->nrows,
        .cell = format_cell,
        .arg = r,
    };

    count(r, by_status);
    table_print(&table, out);
    fprintf(out,
            "\n%s at %s: %zu up, %zu degraded, %zu down, %zu unknown\n"
            "ZooKeeper: %s\n",
            table_text(r->agent, agent), clock_rfc3339(r->time_wall_ms, time),
            by_status[STATUS_UP], by_status[STATUS_DEGRADED],
            by_status[STATUS_DOWN], by_status[STATUS_UNKNOWN],
            table_text(r->publishing, publishing));
    print_endings(r, out);
}

/* Takes over T, a whole object. */
static void put_json(struct text *t, FILE *out)
{
    if (t->failed)
        fprintf(out,
                "{\"error\":\"out of memory for the report\","
                "\"exit_code\":%d}\n",
                status_nagios(STATUS_UNKNOWN));
    else
        fprintf(out, "%s\n", t->bytes);
    text_free(t);
}

static void put_endings(const struct report *r, struct text *t)
{
    jsonw_open(t, "certificates_expiring", '[');
    for (size_t i = 0; i < r->nendings; i++) {
        jsonw_open(t, NULL, '{');
        jsonw_cut(t, "instance", r->endings[i].instance);
        jsonw_time(t, "ends", r->endings[i].ends_wall_ms);
        jsonw_close(t, '}');
    }
    jsonw_close(t, ']');
}

static void print_json(const struct report *r, FILE *out)
{
    struct text t = { .bytes = NULL };

    jsonw_open(&t, NULL, '{');
    jsonw_cut(&t, "agent", r->agent);
    jsonw_time(&t, "time", r->time_wall_ms);
    jsonw_cut(&t, "publishing", r->publishing);
    jsonw_bool(&t, "publish_failed", r->publish_failed);
    jsonw_int(&t, "exit_code", report_exit_code(r));
    jsonw_open(&t, "instances", '[');
    for (size_t i = 0; i < r->nrows; i++) {
        jsonw_open(&t, NULL, '{');
        document_members_once(&r->rows[i], &t);
        jsonw_close(&t, '}');
    }
    jsonw_close(&t, ']');
    put_endings(r, &t);
    jsonw_close(&t, '}');
    put_json(&t, out);
}

/* A bar would begin the perfdata. */
static void nagios_text(const char *s, FILE *out)
{
    char text[TABLE_CELL];

    for (const char *p = table_text(s, text); *p; p++)
        fputc(*p == '|' ? '/' : *p, out);
}

/* " (cache-1 refused, cache-2 lag and 3 more)" */
static void nagios_names(const struct report *r, enum status s, FILE *out)
{
    size_t named = 0, left = 0;

    for (size_t i = 0; i < r->nrows; i++) {
        const struct document_status *row = &r->rows[i];

        if (row->status != s)
            continue;
        if (named == NAMED_MAX) {
            left++;
            continue;
        }
        fputs(named++ == 0 ? " (" : ", ", out);
        nagios_text(row->instance, out);
        fprintf(out, " %s", reason_name(row->reason));
    }
    if (left > 0)
        fprintf(out, " and %zu more", left);
    if (named > 0)
        fputc(')', out);
}

/* ", 2 certificates end soon (cache-1 2026-12-01, cache-2 2026-12-04)" */
static void nagios_endings(const struct report *r, FILE *out)
{
    char day[CLOCK_RFC3339_SIZE];

    if (r->nendings == 0)
        return;
    fprintf(out, ", %zu certificate%s soon (", r->nendings,
            r->nendings == 1 ? " ends" : "s end");
    for (size_t i = 0; i < r->nendings && i < NAMED_MAX; i++) {
        fputs(i == 0 ? "" : ", ", out);
        nagios_text(r->endings[i].instance, out);
        fprintf(out, " %s", ending_day(&r->endings[i], day));
    }
    if (r->nendings > NAMED_MAX)
        fprintf(out, " and %zu more", r->nendings - NAMED_MAX);
    fputc(')', out);
}

/* label=value[UOM];[warn];[crit];[min];[max]; names of instances need no
 * quotes around them, as they hold neither spaces nor equals signs. */
static void nagios_perfdata(const struct report *r,
                            const size_t by_status[STATUS_COUNT], FILE *out)
{
    char name[TABLE_CELL];

    for (enum status s = STATUS_UP; s <= STATUS_UNKNOWN; s++)
        fprintf(out, " %s=%zu;;;0;%zu", status_name(s), by_status[s], r->nrows);
    for (size_t i = 0; i < r->nrows; i++) {
        const struct document_status *row = &r->rows[i];

        fprintf(out, " %s_rtt=", table_text(row->instance, name));
        if (row->rtt_us < 0)
            fputc('U', out);
        else
            fprintf(out, "%" PRId64 ".%06" PRId64 "s;;;0;",
                    row->rtt_us / 1000000, row->rtt_us % 1000000);
    }
}

static void print_nagios(const struct report *r, FILE *out)
{
    /* The worst first: the start of the line is what a pager shows. */
    static const enum status ORDER[] = { STATUS_DOWN, STATUS_DEGRADED,
                                         STATUS_UNKNOWN, STATUS_UP };
    size_t by_status[STATUS_COUNT], maintenance = 0;
    const char *before = " - ";

    count(r, by_status);
    fprintf(out, "REDIS %s", NAGIOS_WORDS[report_exit_code(r)]);
    for (size_t i = 0; i < STATUS_COUNT; i++) {
        enum status s = ORDER[i];

        if (by_status[s] == 0 && !(s == STATUS_UP && r->nrows == 0))
            continue;
        fprintf(out, "%s%zu %s", before, by_status[s], status_name(s));
        before = ", ";
        if (s != STATUS_UP)
            nagios_names(r, s, out);
    }
    for (size_t i = 0; i < r->nrows; i++)
        maintenance += r->rows[i].maintenance;
    if (maintenance > 0)
        fprintf(out, ", %zu in maintenance", maintenance);
    if (r->publish_failed || r->left_to_agent) {
        fputs(", ", out);
        nagios_text(r->publishing, out);
    }
    nagios_endings(r, out);
    fputs(" |", out);
    nagios_perfdata(r, by_status, out);
    fputc('\n', out);
}

bool report_parse_format(const char *word, enum report_format *out)
{
    for (enum report_format f = REPORT_TEXT; f <= REPORT_NAGIOS; f++) {
        if (strcmp(word, FORMATS[f]) == 0) {
            *out = f;
            return true;
        }
    }
    return false;
}

int report_exit_code(const struct report *r)
{
    /* Where nothing was looked at nothing can be told. */
    int worst = status_nagios(r->nrows > 0 ? STATUS_UP : STATUS_UNKNOWN);

    for (size_t i = 0; i < r->nrows; i++)
        worst = nagios_worse(worst, status_nagios(r->rows[i].status));
    if (r->publish_failed)
        worst = nagios_worse(worst, status_nagios(STATUS_UNKNOWN));
    return worst;
}

void report_print(const struct report *r, enum report_format f, FILE *out)
{
    switch (f) {
    case REPORT_TEXT:
        print_text(r, out);
        break;
    case REPORT_JSON:
        print_json(r, out);
        break;
    case REPORT_NAGIOS:
        print_nagios(r, out);
        break;
    }
}

void report_trouble(const char *text, enum report_format f, FILE *out)
{
    struct text t = { .bytes = NULL };

    switch (f) {
    case REPORT_TEXT:
        break;
    case REPORT_JSON:
        jsonw_open(&t, NULL, '{');
        jsonw_cut(&t, "error", text);
        jsonw_int(&t, "exit_code", status_nagios(STATUS_UNKNOWN));
        jsonw_close(&t, '}');
        put_json(&t, out);
        break;
    case REPORT_NAGIOS:
        fprintf(out, "REDIS %s - ",
                NAGIOS_WORDS[status_nagios(STATUS_UNKNOWN)]);
        nagios_text(text, out);
        fputc('\n', out);
        break;
    }
}
