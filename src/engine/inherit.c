/*
 * After a restart the documents of the earlier life are left alone for a
 * while: they give way to the first verdict, or to `pending` when the second
 * round begins and the earlier heartbeat vouches for them no longer.  Until
 * then there is no new heartbeat, so that nothing vouches for what was not
 * checked; and a restart that is quick does not lose `since`.
 */
#include <string.h>

#include "agent/clock.h"
#include "settle.h"
#include "verdicts.h"

#include "inherit.h"

static bool is_ours(const struct rounds *r, const struct publisher_event *e)
{
    return e->seen.valid && strcmp(e->seen.agent, pool_parts(r->pool).id) == 0;
}

static void found_instance(struct rounds *r, struct instance *i,
                           const struct publisher_event *e)
{
    /* Once we vouch for all of ours, nothing unchecked may stay. */
    if (is_ours(r, e) && !r->inherited.vouching &&
        i->health.reason == REASON_PENDING) {
        i->pace.inherited = true;
        r->inherited.count++;
        return;
    }
    verdicts_post(r, i);
}

static void found_heartbeat(struct rounds *r, const struct publisher_event *e)
{
    int64_t left_ms = e->seen.valid_until_wall_ms - clock_wall_ms();
    /* Where the wall clock was set back meanwhile it may seem hours. */
    int64_t most_ms = 3 * (int64_t)r->settings.interval_ms;
    r->inherited.heartbeat_found = true;
    if (e->exists && is_ours(r, e) &&
        strcmp(e->seen.host, pool_parts(r->pool).host) == 0 && left_ms > 0)
        r->inherited.until_mono_ms =
            clock_mono_ms() + (uint64_t)(left_ms < most_ms ? left_ms : most_ms);
    if (r->settled.awaited == 0)
        settle_round(r);
}

void inherit_found(struct rounds *r, struct instance *i,
                   const struct publisher_event *e)
{
    if (i == NULL)
        found_heartbeat(r, e);
    else
        found_instance(r, i, e);
}

void inherit_check(struct rounds *r, uint64_t now)
{
    if (r->inherited.count == 0 || now <= r->inherited.until_mono_ms)
        return;
    r->inherited.until_mono_ms = 0;
    for (size_t k = 0; k < pool_size(r->pool); k++) {
        struct instance *i = pool_instance(r->pool, k);
        if (i != NULL && i->pace.inherited)
            verdicts_post(r, i);
    }
}
