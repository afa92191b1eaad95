/*
 * Faults are collected with their places, and told when all files were read.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "faults.h"

bool config_more_room(void **items, size_t used, size_t *size, size_t each)
{
    size_t wanted = *size > 0 ? *size * 2 : 16;
    void *grown;

    if (used < *size)
        return true;
    grown = reallocarray(*items, wanted, each);
    if (grown == NULL)
        return false;
    *items = grown;
    *size = wanted;
    return true;
}

static const struct config_source *source_of(const struct config_reading *r,
                                             unsigned at)
{
    const struct config_source *s = &r->sources[r->nsources - 1];

    while (s->base > at)
        s--;
    return s;
}

void config_fault(struct config_reading *r, unsigned at, const char *fmt, ...)
{
    const struct config_source *s = source_of(r, at);
    void *items = r->faults;
    char line[16] = "", *message, *text;
    va_list ap;
    int len;

    if (r->wanted == NULL || r->wanted == r->current)
        r->spoilt = true;
    va_start(ap, fmt);
    len = vasprintf(&message, fmt, ap);
    va_end(ap);
    if (len < 0) {
        r->out_of_memory = true;
        return;
    }
    if (at > s->base)
        snprintf(line, sizeof line, "%u:", at - s->base);
    len = asprintf(&text, "%s:%s %s", s->path, line, message);
    free(message);
    if (len >= 0 && config_more_room(&items, r->nfaults, &r->faults_size,
                                     sizeof *r->faults)) {
        r->faults = items;
        r->faults[r->nfaults] =
            (struct config_fault){ at, r->nfaults, text, r->current };
        r->nfaults++;
        return;
    }
    if (len >= 0)
        free(text);
    r->out_of_memory = true;
}

const char *config_earlier(const struct config_reading *r, unsigned at,
                           char out[CONFIG_PLACE_TEXT])
{
    const struct config_source *s = source_of(r, at);

    if (s == r->source)
        snprintf(out, CONFIG_PLACE_TEXT, "line %u", at - s->base);
    else
        snprintf(out, CONFIG_PLACE_TEXT, "%s:%u", s->path, at - s->base);
    return out;
}
