/*
 * What probes of one worker share.  A probe is small because nearly all that
 * it needs for a moment is lent from here: the receive buffer for the length
 * of one read, a parser for as long as a reply is incomplete.  Requests never
 * change, so hiredis formats them once.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "env.h"

static const struct {
    int argc;
    const char *argv[3];
} COMMANDS[PROBE_ASKS] = {
    [ASK_AUTH] = { 0, { NULL } },
    [ASK_SETNAME] = { 3, { "CLIENT", "SETNAME", "sentinel-agent" } },
    [ASK_VERSION] = { 2, { "INFO", "server" } },
    [ASK_PING] = { 1, { "PING" } },
    [ASK_INFO] = { 2, { "INFO", "replication" } },
};

int probe_request_format(struct probe_request *out, int argc, const char **argv)
{
    /* An int before hiredis 1.0. */
    long long len = redisFormatCommandArgv(&out->bytes, argc, argv, NULL);

    if (len < 0) {
        out->bytes = NULL;
        return -1;
    }
    out->len = (size_t)len;
    return 0;
}

void probe_request_clear(struct probe_request *r)
{
    if (r->bytes == NULL)
        return;
    explicit_bzero(r->bytes, r->len);
    redisFreeCommand(r->bytes);
    r->bytes = NULL;
}

int probe_env_init(struct probe_env *env, struct err *e)
{
    LIST_INIT(&env->waiting);
    memset(env->requests, 0, sizeof env->requests);
    env->nspare = 0;
    env->nspare_dials = 0;
    env->buffer = malloc(REPLY_MAX);
    if (env->buffer == NULL)
        goto no_memory;
    for (int i = 0; i < PROBE_ASKS; i++) {
        const char *argv[3];

        if (COMMANDS[i].argc == 0)
            continue;
        memcpy(argv, COMMANDS[i].argv, sizeof argv);
        if (probe_request_format(&env->requests[i], COMMANDS[i].argc, argv) < 0)
            goto no_memory;
    }
    return 0;

no_memory:
    err_set(e, "no memory for the requests of a worker");
    probe_env_clear(env);
    return -1;
}

void probe_env_open(struct probe_env *env, uv_loop_t *loop)
{
    env->loop = loop;
    probe_watch_open(&env->watch, loop);
    deadlines_open(&env->deadlines, loop, probe_expired);
}

void probe_env_close(struct probe_env *env)
{
    probe_watch_close(&env->watch);
    deadlines_close(&env->deadlines);
}

void probe_env_clear(struct probe_env *env)
{
    for (int i = 0; i < PROBE_ASKS; i++)
        probe_request_clear(&env->requests[i]);
    while (env->nspare > 0)
        reply_reader_free(env->spare[--env->nspare]);
    while (env->nspare_dials > 0)
        free(env->spare_dials[--env->nspare_dials]);
    free(env->buffer);
    env->buffer = NULL;
}

struct reply_reader *probe_env_reader(struct probe_env *env, struct err *e)
{
    if (env->nspare > 0)
        return env->spare[--env->nspare];
    return reply_reader_new(e);
}

void probe_env_reader_done(struct probe_env *env, struct reply_reader *r,
                           bool clean)
{
    if (clean && env->nspare < PROBE_READERS_SPARE)
        env->spare[env->nspare++] = r;
    else
        reply_reader_free(r);
}

struct probe_dial *probe_env_dial(struct probe_env *env)
{
    if (env->nspare_dials > 0)
        return env->spare_dials[--env->nspare_dials];
    return malloc(sizeof(struct probe_dial));
}

void probe_env_dial_done(struct probe_env *env, struct probe_dial *d)
{
    if (env->nspare_dials < PROBE_DIALS_SPARE)
        env->spare_dials[env->nspare_dials++] = d;
    else
        free(d);
}
