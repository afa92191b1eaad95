/*
 * A ring of 32, a part of its instance.  Nearly all results are the same
 * plain answer on a connection that stood already, and for these nothing
 * is kept that follows from the rest: the round-trip time is the time in the
 * phases that talk, and a result's time is told from the one after it.  What
 * else there is to say, of a new connection or of a failure, stands in a
 * small array that comes and goes with it.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/string_pool.h"

#include "agent/recent.h"

#define EXTRAS_FIRST 1u

static const struct recent_extra NO_EXTRA = { .detail = "" };

static const struct recent_entry *entry_at(const struct recent *recent,
                                           size_t i)
{
    return &recent->ring[(recent->next + RECENT_MAX - 1 - i) % RECENT_MAX];
}

static const struct recent_extra *extra_of(const struct recent *recent,
                                           const struct recent_entry *e)
{
    return e->extra > 0 ? &recent->extras[e->extra - 1] : &NO_EXTRA;
}

/* Gives the array back with the last of it. */
static void drop_extra(struct recent *recent, struct recent_entry *e)
{
    if (e->extra == 0)
        return;
    string_pool_drop(recent->extras[e->extra - 1].detail);
    recent->extras[e->extra - 1].detail = NULL;
    e->extra = 0;
    for (size_t i = 0; i < recent->nextras; i++) {
        if (recent->extras[i].detail != NULL)
            return;
    }
    free(recent->extras);
    recent->extras = NULL;
    recent->nextras = 0;
}

/* An index of a free one, or nextras on lack of memory. */
static size_t free_extra(struct recent *recent)
{
    size_t before = recent->nextras;
    for (size_t i = 0; i < before; i++) {
        if (recent->extras[i].detail == NULL)
            return i;
    }
    size_t size = before == 0 ? EXTRAS_FIRST : before * 2;
    struct recent_extra *grown =
        reallocarray(recent->extras, size, sizeof *grown);
    if (grown == NULL)
        return before;
    memset(grown + before, 0, (size - before) * sizeof *grown);
    recent->extras = grown;
    recent->nextras = (uint8_t)size;
    return before;
}

static uint8_t keep_extra(struct recent *recent, const struct result *r,
                          const char *detail)
{
    if (detail[0] == '\0' && r->lookup_us == 0 && r->connect_us == 0 &&
        r->tls_us == 0 && r->auth_us == 0)
        return 0;
    size_t i = free_extra(recent);
    if (i == recent->nextras)
        return 0;
    recent->extras[i] = (struct recent_extra){
        .detail = string_pool_keep(detail),
        .lookup_us = r->lookup_us,
        .connect_us = r->connect_us,
        .tls_us = r->tls_us,
        .auth_us = r->auth_us,
    };
    return (uint8_t)(i + 1);
}

/* As large as the fields of recent_entry are. */
#define LATER_BITS  0xfffffffu
#define REPLY_BITS  0x3fffffffu
#define ROUND_BITS  0x1fffffu
#define REASON_BITS 0x1fu
#define EXTRA_BITS  0x3fu

static uint32_t later(int64_t ms)
{
    if (ms >= RECENT_LATER)
        ms = RECENT_LATER - 1;
    if (ms < -RECENT_LATER)
        ms = -RECENT_LATER;
    return (uint32_t)(ms + RECENT_LATER);
}

void recent_add(struct recent *recent, const struct result *r,
                enum reason reason, const char *detail, bool voided)
{
    struct recent_entry *e = &recent->ring[recent->next];
    /* First, so that there are never more than RECENT_MAX extras. */
    drop_extra(recent, e);
    *e = (struct recent_entry){
        .later_ms =
            later(r->ended_wall_ms - recent->newest_wall_ms) & LATER_BITS,
        .round = (uint32_t)r->round & ROUND_BITS,
        .reply_us =
            r->reply_us < REPLY_BITS ? r->reply_us & REPLY_BITS : REPLY_BITS,
        .reason = (uint32_t)reason & REASON_BITS,
        .extra = keep_extra(recent, r, detail) & EXTRA_BITS,
        .answered = r->rtt_us >= 0,
        .voided = voided,
        .info = r->fresh_info,
        .by_new = r->answered_by == ANSWERED_BY_NEW,
    };
    recent->newest_wall_ms = r->ended_wall_ms;
    recent->newest_round = (uint32_t)r->round;
    recent->next = (uint8_t)((recent->next + 1u) % RECENT_MAX);
    if (recent->count < RECENT_MAX)
        recent->count++;
}

int64_t recent_rtt_us(const struct recent *recent, size_t i)
{
    if (i >= recent->count)
        return -1;
    const struct recent_entry *e = entry_at(recent, i);
    if (!e->answered)
        return -1;
    return (int64_t)extra_of(recent, e)->auth_us + e->reply_us;
}

bool recent_next(struct recent_walk *w, struct recent_result *out)
{
    if (w->i >= w->recent->count)
        return false;
    const struct recent_entry *e = entry_at(w->recent, w->i);
    const struct recent_extra *extra = extra_of(w->recent, e);
    *out = (struct recent_result){
        .ended_wall_ms = w->recent->newest_wall_ms - w->earlier_ms,
        .round = w->recent->newest_round - w->earlier_rounds,
        .reason = (enum reason)e->reason,
        .detail = extra->detail,
        .lookup_us = extra->lookup_us,
        .connect_us = extra->connect_us,
        .tls_us = extra->tls_us,
        .auth_us = extra->auth_us,
        .reply_us = e->reply_us,
        .rtt_us = recent_rtt_us(w->recent, w->i),
        .voided = e->voided,
        .info = e->info,
        .by_new = e->by_new,
    };
    w->earlier_ms += (int64_t)e->later_ms - RECENT_LATER;
    w->i++;
    if (w->i < w->recent->count)
        w->earlier_rounds +=
            (e->round - entry_at(w->recent, w->i)->round) & ROUND_BITS;
    return true;
}

void recent_clear(struct recent *recent)
{
    for (size_t i = 0; i < RECENT_MAX; i++)
        drop_extra(recent, &recent->ring[i]);
    memset(recent, 0, sizeof *recent);
}
