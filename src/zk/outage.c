/*
 * The book of an outage.  What matters to people is what the servers did, one
 * sentence for each: not what was tried, or how often.
 */
#include <stdio.h>
#include <string.h>

#include "outage.h"

void zk_outage_begin(struct zk_outage *o, uint64_t since_mono_ms)
{
    if (o->under_way)
        return;
    *o =
        (struct zk_outage){ .under_way = true, .since_mono_ms = since_mono_ms };
}

void zk_outage_end(struct zk_outage *o)
{
    *o = (struct zk_outage){ .under_way = false };
}

static void forget_cause(struct zk_outage *o, size_t i)
{
    o->ncauses--;
    memmove(o->causes + i, o->causes + i + 1,
            (o->ncauses - i) * sizeof o->causes[0]);
}

void zk_outage_note(struct zk_outage *o, const char *addr, const char *words)
{
    struct zk_outage_cause *c;
    size_t i = 0;

    while (i < o->ncauses && strcmp(o->causes[i].addr, addr) != 0)
        i++;
    if (i == ZK_OUTAGE_CAUSES)
        forget_cause(o, 0);
    if (i < o->ncauses)
        forget_cause(o, i);
    c = &o->causes[o->ncauses++];
    snprintf(c->addr, sizeof c->addr, "%s", addr);
    snprintf(c->words, sizeof c->words, "%s", words);
}

void zk_outage_text(const struct zk_outage *o, char *out, size_t size)
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < o->ncauses && used < size; i++) {
        const struct zk_outage_cause *c = &o->causes[i];
        int n = snprintf(out + used, size - used, "%s%s%s%s", i > 0 ? "; " : "",
                         c->addr, c->addr[0] != '\0' ? ": " : "", c->words);

        used += n > 0 ? (size_t)n : 0;
    }
}
