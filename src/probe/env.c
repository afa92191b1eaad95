/*
 * What probes of one worker share.  A probe is small because nearly all that
 * it needs for a moment is lent from here: the receive buffer for the length
 * of one read, a parser for as long as a reply is incomplete, what it takes
 * to connect until the connection stands.
 */
#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "dial.h"
#include "env.h"

int probe_env_init(struct probe_env *env, struct err *e)
{
    LIST_INIT(&env->waiting);
    env->nreaders = 0;
    env->dials.count = 0;
    env->connections.count = 0;
    env->buffer = malloc(REPLY_MAX);
    if (requests_init(env->requests) == 0 && env->buffer != NULL)
        return 0;
    err_set(e, "out of memory for the requests of a worker");
    probe_env_clear(env);
    return -1;
}

void probe_env_open(struct probe_env *env, uv_loop_t *loop)
{
    env->loop = loop;
    probe_watch_open(&env->watch, loop);
    deadlines_open(&env->deadlines, loop);
}

void probe_env_close(struct probe_env *env)
{
    probe_watch_close(&env->watch);
    deadlines_close(&env->deadlines);
}

static void *take(struct spares *s, size_t size)
{
    return s->count > 0 ? s->blocks[--s->count] : malloc(size);
}

static void give(struct spares *s, size_t max, void *block)
{
    if (s->count < max)
        s->blocks[s->count++] = block;
    else
        free(block);
}

static void free_all(struct spares *s)
{
    while (s->count > 0)
        free(s->blocks[--s->count]);
}

void probe_env_clear(struct probe_env *env)
{
    requests_clear(env->requests);
    while (env->nreaders > 0)
        reply_reader_free(env->readers[--env->nreaders]);
    free_all(&env->dials);
    free_all(&env->connections);
    free(env->buffer);
    env->buffer = NULL;
}

struct reply_reader *probe_env_reader(struct probe_env *env, struct err *e)
{
    if (env->nreaders > 0)
        return env->readers[--env->nreaders];
    return reply_reader_new(e);
}

void probe_env_reader_done(struct probe_env *env, struct reply_reader *r,
                           bool clean)
{
    if (clean && env->nreaders < ENV_READERS_SPARE)
        env->readers[env->nreaders++] = r;
    else
        reply_reader_free(r);
}

struct dial *probe_env_dial(struct probe_env *env)
{
    return take(&env->dials, sizeof(struct dial));
}

void probe_env_dial_done(struct probe_env *env, struct dial *d)
{
    give(&env->dials, ENV_DIALS_SPARE, d);
}

struct connection *probe_env_connection(struct probe_env *env)
{
    struct connection *c = take(&env->connections, sizeof *c);

    if (c != NULL)
        memset(c, 0, sizeof *c);
    return c;
}

void probe_env_connection_done(struct probe_env *env, struct connection *c)
{
    give(&env->connections, ENV_CONNECTIONS_SPARE, c);
}
