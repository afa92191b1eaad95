/*
 * A ring of 32, embedded in whoever keeps it: some 1.3 KB an instance, which
 * is most of what an instance costs.  So nothing stands in it that follows
 * from the rest: the round-trip time is the time in the phases that talk,
 * and the words are shared.
 */
#include <string.h>

#include "agent/words.h"

#include "agent/recent.h"

void recent_add(struct recent *recent, const struct result *r,
                enum reason reason, bool voided)
{
    struct recent_result *slot = &recent->ring[recent->next];
    const char *before = slot->detail;

    *slot = (struct recent_result){
        .ended_wall_ms = r->ended_wall_ms,
        .detail = words_keep(r->detail),
        .round = (uint32_t)r->round,
        .lookup_us = r->lookup_us,
        .connect_us = r->connect_us,
        .auth_us = r->auth_us,
        .reply_us = r->reply_us,
        .reason = (uint8_t)reason,
        .answered = r->rtt_us >= 0,
        .voided = voided,
        .info = r->fresh_info,
    };
    words_drop(before);
    recent->next = (uint8_t)((recent->next + 1u) % RECENT_MAX);
    if (recent->count < RECENT_MAX)
        recent->count++;
}

const struct recent_result *recent_at(const struct recent *recent, size_t i)
{
    if (i >= recent->count)
        return NULL;
    return &recent->ring[(recent->next + RECENT_MAX - 1 - i) % RECENT_MAX];
}

int64_t recent_rtt_us(const struct recent_result *r)
{
    return r->answered ? (int64_t)r->auth_us + r->reply_us : -1;
}

void recent_clear(struct recent *recent)
{
    for (size_t i = 0; i < RECENT_MAX; i++)
        words_drop(recent->ring[i].detail);
    memset(recent, 0, sizeof *recent);
}
