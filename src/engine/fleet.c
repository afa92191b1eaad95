/*
 * A change goes its way in this order: what the chunks say, who the members
 * are, whether we are one of them, what is in our hands.  Each part says when
 * it wants to be looked at again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/clock.h"
#include "fleet_members.h"
#include "fleet_membership.h"
#include "fleet_set.h"
#include "fleet_shares.h"

#include "fleet.h"

static int follow(struct fleet *f, enum fleet_followed which, const char *below,
                  enum follow_kind kind, struct err *e)
{
    char path[128];

    snprintf(path, sizeof path, "fleets/%s%s", f->name, below);
    f->followed[which].follow = publisher_follow(f->publisher, path, kind, e);
    return f->followed[which].follow == SIZE_MAX ? -1 : 0;
}

static int follow_all(struct fleet *f, struct err *e)
{
    if (follow(f, FLEET_SETTINGS, "", FOLLOW_NODE, e) != 0 ||
        follow(f, FLEET_TARGETS, "/targets", FOLLOW_CHILDREN, e) != 0)
        return -1;
    return follow(f, FLEET_MEMBERS, "/members", FOLLOW_CHILDREN, e);
}

static struct fleet *fleet_new(struct rounds *r, const struct config *c,
                               struct err *e)
{
    struct fleet *f = calloc(1, sizeof *f);
    const struct pool_parts pool = pool_parts(r->pool);

    if (f == NULL) {
        err_set(e, "out of memory for fleet %s", c->fleet.name);
        return NULL;
    }
    f->rounds = r;
    f->publisher = pool.publisher;
    f->shares.look_mono_ms = UINT64_MAX;
    snprintf(f->name, sizeof f->name, "%s", c->fleet.name);
    if (c->fleet.zone != NULL)
        snprintf(f->zone, sizeof f->zone, "%s", c->fleet.zone);
    hold_init(&f->members.hold, c->zookeeper.session_timeout_ms);
    f->members.roster = roster_new(pool.id, e);
    if (f->members.roster == NULL || fleet_set_start(f, c, e) != 0) {
        fleet_free(f);
        return NULL;
    }
    return f;
}

int fleet_start(struct rounds *r, const struct config *c, struct err *e)
{
    if (c->fleet.name == NULL)
        return 0;
    struct fleet *f = fleet_new(r, c, e);
    if (f == NULL)
        return -1;
    r->fleet = f;
    r->fleet_says.name = f->name;
    r->fleet_says.withheld = true;
    return fleet_membership_start(f, e) != 0 ? -1 : follow_all(f, e);
}

void fleet_free(struct fleet *f)
{
    if (f == NULL)
        return;
    fleet_set_free(&f->set);
    roster_free(f->members.roster);
    free(f);
}

void fleet_took(struct fleet *f, const struct follow_event *e)
{
    uint64_t now = clock_mono_ms();

    if (e->follow == f->followed[FLEET_MEMBERS].follow)
        fleet_members_took(f, e, now);
    else if (e->follow == f->followed[FLEET_TARGETS].follow)
        fleet_set_took(f, FLEET_TARGETS, e, now);
    else if (e->follow == f->followed[FLEET_SETTINGS].follow)
        fleet_set_took(f, FLEET_SETTINGS, e, now);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t fleet_tick(struct fleet *f, uint64_t now)
{
    if (fleet_set_due(f) <= now)
        fleet_set_act(f, now);
    if (fleet_members_due(f) <= now)
        fleet_members_act(f, now);
    fleet_shares_look(f, now);
    fleet_membership_look(f, now);
    /* It may have joined or left. */
    fleet_shares_look(f, now);
    return earlier(earlier(fleet_set_due(f), fleet_members_due(f)),
                   earlier(fleet_shares_due(f), fleet_membership_due(f)));
}

void fleet_leave(struct fleet *f, uint64_t now)
{
    f->membership.stopping = true;
    f->membership.looked_mono_ms = 0;
    (void)fleet_tick(f, now);
}

bool fleet_left(const struct fleet *f)
{
    size_t heirs;

    /* Where there is none, nobody is waited for. */
    (void)roster_acted(f->members.roster, &heirs);
    return heirs == 0 || f->shares.observing == 0;
}
