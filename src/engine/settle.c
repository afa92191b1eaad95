/*
 * A round is settled when everything that was due in it has a result, or when
 * the next one begins; the first of the two counts.
 */
#include <unistd.h>

#include "agent/clock.h"
#include "agent/process.h"

#include "settle.h"

void settle_heartbeat(struct rounds *r)
{
    const struct pool_parts pool = pool_parts(r->pool);
    struct document_heartbeat d = {
        .agent = pool.id,
        .host = pool.host,
        .pid = (long)getpid(),
        .started_wall_ms = r->started_wall_ms,
        .round = r->clock.round,
        .interval_ms = r->settings.interval_ms,
        .time_wall_ms = clock_wall_ms(),
        .instances = pool.count,
        .fleet = r->fleet_says.name,
        .basis = r->fleet_says.basis,
    };
    r->inherited.vouching = true;
    pool_tally(r->pool, d.by_status);
    pool_heartbeat(r->pool, &d);
}

void settle_note(struct rounds *r)
{
    struct rounds_settled *s = &r->settled;
    if (s->round == r->clock.round)
        return;
    s->round = r->clock.round;
    s->mono_ms = clock_mono_ms();
    s->wall_ms = clock_wall_ms();
    s->round_us = clock_mono_us() - r->clock.began_us;
    long threads = process_threads();
    s->threads[s->nthreads++ % ROUNDS_THREADS] =
        (uint16_t)(threads < 0 ? 0 : threads);
}

void settle_round(struct rounds *r)
{
    settle_note(r);
    if (!r->settled.heartbeat_due || !r->inherited.heartbeat_found ||
        r->inherited.count > 0 || r->fleet_says.withheld)
        return;
    r->settled.heartbeat_due = false;
    settle_heartbeat(r);
}

void settle_begin(struct rounds *r)
{
    r->settled.heartbeat_due = true;
    r->settled.awaited = 0;
}

void settle_await(struct rounds *r, struct instance *i, bool awaited)
{
    i->pace.awaited = awaited;
    r->settled.awaited += awaited;
}

void settle_not_awaited(struct rounds *r, struct instance *i)
{
    if (!i->pace.awaited)
        return;
    i->pace.awaited = false;
    r->settled.awaited--;
    if (r->settled.awaited == 0)
        settle_round(r);
}
