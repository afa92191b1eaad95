/*
 * For people and their programs: nothing here changes anything.
 */
#include <string.h>

#include "agent/config.h"
#include "fleet.h"

#include "agent/fleet.h"

bool rounds_fleet(const struct rounds *r, struct fleet_info *out)
{
    const struct fleet *f = r->fleet;

    if (f == NULL)
        return false;
    *out = (struct fleet_info){
        .name = f->name,
        .zone = f->zone,
        .basis = r->fleet_says.basis,
        .member = f->membership.machine.in,
        .why = leave_why_name(f->membership.machine.why),
        .since_wall_ms = f->membership.since_wall_ms,
        .targets = f->set.n,
        .observing = f->shares.observing,
        .speaking = f->shares.speaking,
        .pending = f->shares.pending,
        .leaving = f->shares.leaving,
        .moves_came = f->shares.moves_came,
        .moves_went = f->shares.moves_went,
        .moves_targets = f->shares.moves_targets,
        .held_members = f->members.hold.mass,
        .held_targets = f->set.held_mono_ms > 0,
        .withheld = r->fleet_says.withheld,
    };
    (void)roster_acted(f->members.roster, &out->members);
    return true;
}

bool rounds_fleet_member(const struct rounds *r, size_t at,
                         struct fleet_member_info *out)
{
    const struct roster *roster = r->fleet->members.roster;

    if (at >= roster_size(roster))
        return false;
    const struct roster_member *m = roster_at(roster, at);
    *out = (struct fleet_member_info){
        .id = m->rank.id,
        .says = &m->says,
        .listed = m->listed,
        .acted = m->acted,
        .me = m->me,
    };
    return true;
}

void rounds_fleet_shares(const struct rounds *r, size_t *shares, size_t n)
{
    const struct fleet *f = r->fleet;

    memset(shares, 0, n * sizeof *shares);
    for (size_t t = 0; t < f->set.n; t++)
        for (size_t m = 0; m < n && m < roster_size(f->members.roster); m++)
            if (f->set.targets[t]->rank.first ==
                &roster_at(f->members.roster, m)->rank)
                shares[m]++;
}

bool rounds_fleet_chunk(const struct rounds *r, size_t at, const char **name,
                        int32_t *version)
{
    const struct targets *t = r->fleet->set.chunks;

    if (at >= targets_chunks(t))
        return false;
    *name = targets_chunk_at(t, at, version);
    return true;
}

const char *rounds_fleet_fault(const struct rounds *r, size_t *at)
{
    const struct fleet_set *s = &r->fleet->set;

    while (*at < s->n) {
        const char *fault = s->targets[(*at)++]->config->fault;
        if (fault != NULL)
            return fault;
    }
    return NULL;
}

const char *rounds_fleet_first(const struct rounds *r, const struct instance *i,
                               size_t *rank)
{
    const struct roster *roster = r->fleet->members.roster;
    const struct rank *of = &i->share.target->rank;
    size_t n;
    const struct rank_member *const *m = roster_acted(roster, &n);

    *rank = rank_of(of, m, n, &roster_me(roster)->rank);
    return of->first != NULL ? of->first->id : NULL;
}
