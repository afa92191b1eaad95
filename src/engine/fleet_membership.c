/*
 * Ours is the only node by which the others know that they may rely on us.  The
 * loop takes it away when it finds that they should not; when it cannot find
 * out, because it hangs, the publisher's thread does.
 */
#include <stdatomic.h>
#include <stdio.h>

#include "agent/clock.h"
#include "agent/log.h"
#include "agent/watchdog.h"
#include "fleet_members.h"
#include "fleet_shares.h"
#include "settle.h"
#include "skew.h"

#include "fleet_membership.h"

#define LOOK_MS 1000

/* How often what others hold is read again. */
#define CONTESTED_MS 5000

/* What we left in an earlier life is a few names, and looked at in a moment; a
 * whole tree, where there is no list of them, is not waited for. */
#define SEARCH_MS 5000

/* As long as a heartbeat is valid. */
#define INTERVALS_BORNE 3

/* The loop's sign of life, for the publisher's thread, which may outlive
 * everything else: so it is the process's. */
static _Atomic uint64_t alive_mono_ms;
static _Atomic uint64_t borne_ms;

/* Thread: the publisher's. */
static bool is_fit(void *arg)
{
    (void)arg;
    return clock_mono_ms() - atomic_load(&alive_mono_ms) <=
           atomic_load(&borne_ms);
}

static void sign_of_life(const struct fleet *f, uint64_t now)
{
    atomic_store(&alive_mono_ms, now);
    atomic_store(&borne_ms,
                 (uint64_t)INTERVALS_BORNE * f->rounds->settings.interval_ms);
}

int fleet_membership_start(struct fleet *f, struct err *e)
{
    const struct pool_parts pool = pool_parts(f->rounds->pool);

    f->membership.slot = pool_member(f->rounds->pool, pool.id, e);
    if (f->membership.slot == SIZE_MAX)
        return -1;
    sign_of_life(f, clock_mono_ms());
    publisher_fence(f->publisher, f->membership.slot, is_fit, NULL);
    return 0;
}

/* Most of what it looks at it cannot judge for want of time. */
static bool in_doubt(const struct fleet *f)
{
    const struct pool *pool = f->rounds->pool;
    size_t n = 0;

    for (size_t k = 0; k < pool_size(pool); k++) {
        const struct instance *i = pool_instance(pool, k);
        n += i != NULL && i->health.reason == REASON_DOUBT;
    }
    return n > 0 && 2 * n > pool_parts(pool).count;
}

static bool other_protocol(const struct fleet *f)
{
    const struct roster *r = f->members.roster;

    for (size_t k = 0; k < roster_size(r); k++) {
        const struct roster_member *m = roster_at(r, k);
        if (!m->me && m->listed && m->says.protocol > 0 &&
            m->says.protocol != MEMBER_PROTOCOL)
            return true;
    }
    return false;
}

/*
 * Who begins makes its node before it knows its share, or agents that begin
 * together would see nobody, and each believe that all is its own.  It takes
 * nothing before hold.h lets it, and until then nobody has let go of anything.
 */
static bool is_ready(const struct fleet *f)
{
    if (!f->set.read || !f->followed[FLEET_MEMBERS].complete ||
        !maintenance_known(f->rounds, MAINTENANCE_FLEET))
        return false;
    return !f->members.hold.begun ||
           (f->rounds->inherited.vouching && fleet_shares_read(f));
}

static void find_facts(struct fleet *f, uint64_t now)
{
    struct fleet_membership *m = &f->membership;
    const struct watchdog *w = pool_parts(f->rounds->pool).watchdog;
    struct publisher_info info;

    publisher_info(f->publisher, &info);
    bool fenced = info.fenced != m->fenced;
    m->fenced = info.fenced;
    if (info.conflicts > 0 && now >= m->contested_mono_ms) {
        m->contested_mono_ms = now + CONTESTED_MS;
        fleet_shares_contested(f);
    }
    m->facts = (struct membership_facts){
        .stopping = m->stopping,
        .protocol = !m->machine.in && other_protocol(f),
        .wedged = fenced || (w != NULL && !watchdog_well(w)),
        .doubt = in_doubt(f),
        .drained = maintenance_drains(f->rounds),
        .clock = skew_is_too_much(f->rounds),
        .ready = is_ready(f),
    };
}

static void post(struct fleet *f)
{
    const struct pool_parts pool = pool_parts(f->rounds->pool);
    struct member m = {
        .protocol = MEMBER_PROTOCOL,
        .since_wall_ms = f->membership.since_wall_ms,
        .version = AGENT_VERSION,
    };
    char doc[MEMBER_MAX];

    snprintf(m.agent, sizeof m.agent, "%s", pool.id);
    snprintf(m.host, sizeof m.host, "%s", pool.host);
    snprintf(m.zone, sizeof m.zone, "%s", f->zone);
    size_t len = member_print(&m, doc, sizeof doc);
    /* Without memory it is tried again at the next look. */
    f->membership.posted =
        len > 0 && publisher_post(f->publisher, f->membership.slot, doc, len);
}

static void joined(struct fleet *f)
{
    f->membership.since_wall_ms = clock_wall_ms();
    f->membership.posted = false;
    LOG_EVENT(LOG_LEVEL_INFO, "fleet_joined", LOG_STR("fleet", f->name),
              LOG_UINT("observing", f->shares.observing));
}

static void left(struct fleet *f)
{
    enum leave_why why = f->membership.machine.why;

    f->membership.since_wall_ms = 0;
    publisher_withdraw(f->publisher, f->membership.slot);
    LOG_EVENT(why == LEAVE_STOP ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, "fleet_left",
              LOG_STR("fleet", f->name), LOG_STR("why", leave_why_name(why)),
              LOG_UINT("observing", f->shares.observing));
}

/* Until what an earlier life may have left in our name was looked at, nothing
 * vouches for it. */
static void let_vouch(struct fleet *f, uint64_t now)
{
    struct fleet_membership *m = &f->membership;
    struct publisher_info info;

    if (!f->rounds->fleet_says.withheld || !fleet_shares_read(f))
        return;
    if (!m->searched) {
        publisher_search(f->publisher);
        m->searched = true;
        m->searched_mono_ms = now;
    }
    publisher_info(f->publisher, &info);
    if (info.seeking && now < m->searched_mono_ms + SEARCH_MS)
        return;
    f->rounds->fleet_says.withheld = false;
    if (f->rounds->settled.awaited == 0)
        settle_round(f->rounds);
}

void fleet_membership_look(struct fleet *f, uint64_t now)
{
    struct fleet_membership *m = &f->membership;

    sign_of_life(f, now);
    if (f->rounds->inherited.vouching && !m->vouched)
        m->vouched = f->shares.news = true;
    if (now < m->looked_mono_ms + LOOK_MS && !f->shares.news && m->machine.in)
        return;
    m->looked_mono_ms = now;
    let_vouch(f, now);
    find_facts(f, now);
    if (membership_step(&m->machine, &m->facts, now)) {
        if (m->machine.in)
            joined(f);
        else
            left(f);
    }
    if (m->machine.in && !m->posted)
        post(f);
    /* What we do ourselves needs no waiting for. */
    if (f->members.hold.begun && !f->rounds->fleet_says.withheld &&
        membership_counts(&m->machine, &m->facts, now) != f->members.counted)
        fleet_members_act(f, now);
}

uint64_t fleet_membership_due(const struct fleet *f)
{
    return f->membership.looked_mono_ms + LOOK_MS;
}
