/*
 * hiredis does the formatting; that needs no connection of its own.
 */
#include <string.h>

#include <hiredis/hiredis.h>

#include "request.h"

static const struct {
    int argc;
    const char *argv[3];
} COMMANDS[ASKS] = {
    [ASK_AUTH] = { 0, { NULL } }, /* each instance has its own */
    [ASK_SETNAME] = { 3, { "CLIENT", "SETNAME", "sentinel-agent" } },
    [ASK_VERSION] = { 2, { "INFO", "server" } },
    [ASK_PING] = { 1, { "PING" } },
    [ASK_INFO] = { 2, { "INFO", "replication" } },
    [ASK_CLUSTER] = { 2, { "CLUSTER", "INFO" } },
    [ASK_KEY] = { 0, { NULL } }, /* the same */
};

int request_format(struct request *out, int argc, const char **argv)
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

void request_clear(struct request *r)
{
    if (r->bytes == NULL)
        return;
    explicit_bzero(r->bytes, r->len);
    redisFreeCommand(r->bytes);
    r->bytes = NULL;
}

int requests_init(struct request requests[ASKS])
{
    memset(requests, 0, ASKS * sizeof requests[0]);
    for (int i = 0; i < ASKS; i++) {
        const char *argv[3];

        if (COMMANDS[i].argc == 0)
            continue;
        memcpy(argv, COMMANDS[i].argv, sizeof argv);
        if (request_format(&requests[i], COMMANDS[i].argc, argv) != 0) {
            requests_clear(requests);
            return -1;
        }
    }
    return 0;
}

void requests_clear(struct request requests[ASKS])
{
    for (int i = 0; i < ASKS; i++)
        request_clear(&requests[i]);
}
