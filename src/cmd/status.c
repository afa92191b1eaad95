/*
 * --status: one look and what it shows, or a watch.
 *
 * It ends whatever hangs: a look has its deadline, and until there is
 * something to print an alarm ends the process.  Printing may take as long as
 * the reader wants, which may be a pager.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config.h"
#include "agent/log.h"
#include "agent/guard.h"
#include "status_reader.h"
#include "status_say.h"
#include "status_screen.h"
#include "status_view.h"
#include "status_watch.h"

#include "agent/status.h"

#define SHOWN     0
#define NOT_SHOWN 1

static int print(const struct status_options *o, const struct status_view *v)
{
    struct status_terminal t;

    if (o->json)
        return status_view_print_json(v, o->config->zookeeper.root, stdout);
    status_terminal_look(&t);
    struct status_style style = status_style_of(o, &t);
    status_view_print(v, &style, stdout);
    return 0;
}

static int look_once(struct status_reader *r, const struct status_options *o)
{
    struct status_view view;
    struct err e = { "" };

    if (status_reader_look(r, -1, &view, &e) != LOOK_SEEN) {
        status_complain(e.text);
        return NOT_SHOWN;
    }
    guard_end();
    bool shown = print(o, &view) == 0 && fflush(stdout) == 0;
    int error = errno;
    status_view_free(&view);
    /* A reader such as head(1) may have had enough of it. */
    if (shown || error == EPIPE)
        return SHOWN;
    err_set(&e, "stdout: %s", strerror(error));
    status_complain(e.text);
    return NOT_SHOWN;
}

int status_run(const struct status_options *o, bool *must_exit)
{
    struct err e = { "" };
    int code = NOT_SHOWN;

    guard_within("--status", o->config->zookeeper.publish_timeout_ms);
    log_mute();
    if (o->watch)
        status_watch_prepare();
    struct status_reader *r = status_reader_open(o, &e);
    if (r == NULL)
        status_complain(e.text);
    else if (o->watch)
        code = status_watch(r, o);
    else
        code = look_once(r, o);
    *must_exit = !status_reader_close(r);
    config_free(o->config);
    return code;
}
