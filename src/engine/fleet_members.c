/*
 * The list of members is acted upon when hold.h says so, and never while it
 * may be old.  The first time we count ourselves whatever we are: what would be
 * our share is then read, so that no document that names us from an earlier
 * life is vouched for without being looked at.
 */
#include "agent/clock.h"
#include "agent/log.h"

#include "fleet_members.h"

/* More members than this are better two fleets. */
#define OVERLOAD 64

static bool counts(const struct fleet *f, uint64_t now)
{
    return !f->members.hold.begun ||
           membership_counts(&f->membership.machine, &f->membership.facts, now);
}

static void warn_of_overload(struct fleet *f)
{
    size_t n = roster_size(f->members.roster);

    if ((n > OVERLOAD) == f->members.overload_told)
        return;
    f->members.overload_told = n > OVERLOAD;
    if (n > OVERLOAD)
        LOG_EVENT(LOG_LEVEL_WARN, "fleet_overload", LOG_STR("fleet", f->name),
                  LOG_UINT("members", n), LOG_UINT("most", OVERLOAD));
}

/* What was read is the whole list. */
static void complete(struct fleet *f, uint64_t now)
{
    struct fleet_members *m = &f->members;
    struct roster_differs d = roster_differs(m->roster, counts(f, now));
    struct publisher_info info;
    bool was = f->followed[FLEET_MEMBERS].complete;

    f->followed[FLEET_MEMBERS].complete = true;
    m->listed = roster_me(m->roster)->listed;
    pool_listed(f->rounds->pool, m->listed);
    publisher_info(f->publisher, &info);
    m->sessions = info.store.sessions;
    hold_changed(&m->hold, d.acted, d.missing, d.missing + d.fresh == 0, now);
    /* By an earlier life: the others never missed us. */
    if (!m->hold.begun && m->listed && !f->membership.machine.in)
        fleet_members_act(f, now);
    f->shares.news = true;
    /* Whose the documents are has to be said anew. */
    f->shares.stale = f->shares.stale || !was;
    warn_of_overload(f);
}

void fleet_members_took(struct fleet *f, const struct follow_event *e,
                        uint64_t now)
{
    struct member says;
    struct err err;

    switch (e->what) {
    case FOLLOW_IS:
        (void)member_read(e->data, e->len, &says);
        if (roster_is(f->members.roster, e->name, &says, &err) != 0)
            LOG_EVENT(LOG_LEVEL_ERROR, "fleet_trouble",
                      LOG_STR("detail", err.text));
        break;
    case FOLLOW_GONE:
        roster_gone(f->members.roster, e->name);
        break;
    case FOLLOW_COMPLETE:
        complete(f, now);
        break;
    case FOLLOW_DOUBT:
        f->followed[FLEET_MEMBERS].complete = false;
        break;
    case FOLLOW_DENIED:
    case FOLLOW_REFUSED:
        break; /* of entries alone */
    }
}

uint64_t fleet_members_due(const struct fleet *f)
{
    return f->followed[FLEET_MEMBERS].complete ? hold_due(&f->members.hold)
                                               : UINT64_MAX;
}

void fleet_members_act(struct fleet *f, uint64_t now)
{
    struct fleet_members *m = &f->members;
    bool count = counts(f, now);
    struct roster_differs d = roster_act(m->roster, count);
    size_t moved = 0;

    hold_acted(&m->hold, d.missing, now);
    for (size_t i = 0; i < f->set.n; i++)
        moved += roster_rank(m->roster, &f->set.targets[i]->rank);
    roster_ranked(m->roster);
    m->counted = count;
    f->shares.stale = true;
    f->shares.moves_came += d.fresh > 0 && d.missing == 0 ? moved : 0;
    f->shares.moves_went += d.missing > 0 ? moved : 0;
    if (d.fresh + d.missing > 0)
        LOG_EVENT(LOG_LEVEL_INFO, "fleet_changed", LOG_STR("fleet", f->name),
                  LOG_UINT("members", d.acted + d.fresh - d.missing),
                  LOG_UINT("came", d.fresh), LOG_UINT("went", d.missing),
                  LOG_UINT("moved", moved));
}

bool fleet_members_mine(const struct fleet *f, const struct rank *rank)
{
    return rank->first == &roster_me(f->members.roster)->rank;
}
