/* --targets: the fleet that is meant, and what is to be done with it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config.h"
#include "agent/guard.h"
#include "agent/log.h"
#include "targets_change.h"
#include "targets_list.h"

#include "agent/targets_command.h"

#define DONE  0
#define NOT   1
#define USAGE 2

static void complain(const char *text)
{
    fprintf(stderr, "sentinel-agent: %s\n", text);
}

static int not_done(const struct err *e)
{
    complain(e->text);
    return NOT;
}

/* The very bytes. */
static int get(const struct targets_options *o, const struct fleet_tree *f)
{
    int code = DONE;
    for (size_t i = 0; i < o->nnames; i++) {
        const struct fleet_chunk *chunk = fleet_tree_chunk(f, o->names[i]);
        if (chunk != NULL) {
            fwrite(chunk->bytes, 1, chunk->len, stdout);
            continue;
        }
        fprintf(stderr, "sentinel-agent: fleet %s has no chunk %s\n",
                o->config->fleet.name, o->names[i]);
        code = NOT;
    }
    return code;
}

static int work(struct tree_session *t, const struct targets_options *o,
                const struct fleet_tree *f)
{
    struct err e;
    switch (o->verb) {
    case TARGETS_LIST:
        return targets_show(t, o, f, stdout, &e) == 0 ? DONE : not_done(&e);
    case TARGETS_GET:
        return get(o, f);
    case TARGETS_PUT:
    case TARGETS_REMOVE:
        break;
    }
    return targets_change(t, o, f);
}

static int run(struct tree_session *t, const struct targets_options *o)
{
    struct fleet_tree f;
    struct err e;
    /* Nothing calls us away. */
    if (fleet_tree_read(t, o->config, &f, &e) != TREE_DONE)
        return not_done(&e);
    int code = work(t, o, &f);
    fleet_tree_free(&f);
    guard_end();
    /* A reader such as head(1) may have had enough of it. */
    if (fflush(stdout) == 0 || errno == EPIPE)
        return code;
    fprintf(stderr, "sentinel-agent: stdout: %s\n", strerror(errno));
    return NOT;
}

int targets_run(const struct targets_options *o, bool *must_exit)
{
    struct tree_session *t = NULL;
    struct err e;
    guard_within("--targets", 8 * o->config->zookeeper.publish_timeout_ms);
    log_mute();
    int code = USAGE;
    if (fleet_of(o->config, o->fleet, &e) != 0) {
        complain(e.text);
    } else {
        t = tree_session_open(o->config, &e);
        code = t != NULL ? run(t, o) : not_done(&e);
    }
    *must_exit = !tree_session_close(t);
    config_free(o->config);
    return code;
}
