/*
 * What follows from the entries: which of them are in force, which instance is
 * covered, and what becomes of those whose time is over.
 *
 * An entry that is over is ignored by everybody, so its node may as well go.
 * An agent deletes those of its own scope.  In a fleet exactly one member
 * does, without a word to the others: the one that ranks first for the entry's
 * KEY, be it a name (then that is who speaks for the target), a pattern or a
 * member.  Should two differ for a moment, the version that is to be deleted
 * keeps them from doing harm.
 *
 * Nothing is walked unless entries or instances changed, or an end has come.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/config.h"
#include "agent/log.h"
#include "agent/rank.h"
#include "fleet.h"
#include "fleet_members.h"
#include "verdicts.h"

#include "rounds.h"

/* The clock has moved, or ours was set. */
#define MOVED_MS 500

/* An order is given again … */
#define GONE_SOON_MS 60000  /* … if what was deleted does not vanish */
#define AGAIN_MS     5000   /* … that may not have been carried out */
#define REFUSED_MS   300000 /* … that was refused */

/* How often it is looked whether a member is to delete for one that died. */
#define HEIR_MS 5000

/* ----------------------------------------------------------------- deleting */

/* We are the one to delete KEY. */
static bool is_mine(const struct rounds *r, enum maintenance_of scope,
                    const char *key)
{
    struct rank rank;

    if (scope == MAINTENANCE_OWN)
        return true;
    rank_init(&rank, key);
    (void)roster_rank(r->fleet->members.roster, &rank);
    return fleet_members_mine(r->fleet, &rank);
}

static void order(struct rounds *r, enum maintenance_of scope,
                  struct maintenance_node *n, uint64_t now)
{
    char name[MAINTENANCE_SCOPE_SIZE];
    char path[MAINTENANCE_SCOPE_SIZE + MAINTENANCE_KEY_SIZE + 16];
    struct publisher_order o = {
        .path = path,
        .version = n->version,
        .token = n->serial,
    };
    struct err e;

    maintenance_scope_name(&r->maintenance, scope, name);
    snprintf(path, sizeof path, "maintenance/%s/%s", name, n->entry.key);
    n->delete_mono_ms = now + AGAIN_MS;
    /* Without room for it, or memory, it is tried again. */
    n->ordered = publisher_order(pool_parts(r->pool).publisher, &o, &e) == 0;
    r->maintenance.orders += n->ordered;
}

static struct maintenance_node *by_serial(struct maintenance *m,
                                          uint64_t serial,
                                          enum maintenance_of *scope)
{
    for (*scope = MAINTENANCE_OWN; *scope < MAINTENANCE_SCOPES; ++*scope) {
        struct maintenance_scope *s = &m->scopes[*scope];
        for (size_t k = 0; k < s->n; k++)
            if (s->nodes[k].serial == serial)
                return &s->nodes[k];
    }
    return NULL;
}

static void say_kept(const struct rounds *r, enum maintenance_of scope,
                     struct maintenance_node *n, const char *detail)
{
    char name[MAINTENANCE_SCOPE_SIZE];

    if (n->denied)
        return;
    n->denied = true;
    maintenance_scope_name(&r->maintenance, scope, name);
    LOG_EVENT(LOG_LEVEL_WARN, "maintenance_kept", LOG_STR("scope", name),
              LOG_STR("entry", n->entry.key), LOG_STR("detail", detail));
}

static uint64_t again_after(enum store_code code)
{
    switch (code) {
    case STORE_OK:
    case STORE_NO_NODE:
    case STORE_BAD_VERSION:
        return GONE_SOON_MS;
    case STORE_NO_AUTH:
    case STORE_FAILED:
        return REFUSED_MS;
    case STORE_NODE_EXISTS:
    case STORE_UNCERTAIN:
    case STORE_SESSION_GONE:
    case STORE_BUSY:
        break;
    }
    return AGAIN_MS;
}

static void take_answers(struct rounds *r, uint64_t now)
{
    struct maintenance *m = &r->maintenance;
    struct publisher_ordered o;
    enum maintenance_of scope;

    while (m->orders > 0 &&
           publisher_order_take(pool_parts(r->pool).publisher, &o)) {
        struct maintenance_node *n = by_serial(m, o.token, &scope);
        m->orders--;
        if (n == NULL)
            continue; /* it is gone, or another version by now */
        n->ordered = false;
        n->delete_mono_ms = now + again_after(o.code);
        m->stale = true;
        if (o.code == STORE_NO_AUTH || o.code == STORE_FAILED)
            say_kept(r, scope, n, o.detail);
    }
}

/* ------------------------------------------------------------------- acting */

/* The moment at which an act takes place. */
struct moment {
    uint64_t mono_ms;
    int64_t wall_ms; /* of the ensemble */
    bool known;
};

static void due_by(struct maintenance *m, int64_t wall_ms)
{
    if (wall_ms < m->next_wall_ms)
        m->next_wall_ms = wall_ms;
}

/* Where nothing of ours is covered, one member says it. */
static bool is_ours_to_say(const struct rounds *r, enum maintenance_of scope,
                           const char *key)
{
    for (size_t k = 0; k < pool_size(r->pool); k++) {
        const struct instance *i = pool_instance(r->pool, k);
        if (maintenance_concerns(scope, i) && i->share.share != SHARE_PENDING &&
            maintenance_matches(key, i->config->name))
            return true;
    }
    return is_mine(r, scope, key);
}

static void end(struct rounds *r, enum maintenance_of scope,
                struct maintenance_node *n, const struct moment *now)
{
    bool mine = is_mine(r, scope, n->entry.key);

    if (!n->over_said && (n->said || mine)) {
        n->over_said = true;
        maintenance_say(r, scope, n, "maintenance_expired");
    }
    if (mine && !n->ordered && now->mono_ms >= n->delete_mono_ms)
        order(r, scope, n, now->mono_ms);
    uint64_t again = now->mono_ms + HEIR_MS;
    if (mine && n->delete_mono_ms > again)
        again = n->delete_mono_ms;
    due_by(&r->maintenance, now->wall_ms + (int64_t)(again - now->mono_ms));
}

static void look_at(struct rounds *r, enum maintenance_of scope,
                    struct maintenance_node *n, const struct moment *now)
{
    if (!n->good)
        return;
    if (maintenance_over(&n->entry, now->wall_ms)) {
        /* By our own clock alone nothing ends for good. */
        if (now->known)
            end(r, scope, n, now);
        return;
    }
    due_by(&r->maintenance, n->entry.until_wall_ms);
    if (!n->acted_upon && is_ours_to_say(r, scope, n->entry.key)) {
        n->said = true;
        maintenance_say(r, scope, n, "maintenance_set");
    }
    n->acted_upon = true;
}

/* What is in force now.  False on lack of memory. */
static bool in_force(const struct maintenance_scope *s, int64_t now_wall_ms,
                     struct maintenance_entry **out, size_t *n)
{
    *n = 0;
    *out = NULL;
    if (s->n == 0)
        return true;
    *out = calloc(s->n, sizeof **out);
    if (*out == NULL)
        return false;
    for (size_t k = 0; k < s->n; k++)
        if (s->nodes[k].good &&
            !maintenance_over(&s->nodes[k].entry, now_wall_ms))
            (*out)[(*n)++] = s->nodes[k].entry;
    return true;
}

static bool same(const struct maintenance_entry *a,
                 const struct maintenance_entry *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    return a->until_wall_ms == b->until_wall_ms &&
           strcmp(a->owner, b->owner) == 0 && strcmp(a->reason, b->reason) == 0;
}

static void apply_to(struct rounds *r, struct instance *i)
{
    const struct maintenance_entry *before = i->maintenance;
    bool held = i->nodes.held && !maintenance_awaited(r, i);

    maintenance_point(r, i);
    /* What an earlier life left gives way to the first verdict. */
    if (held || (!same(before, i->maintenance) && !i->pace.inherited))
        verdicts_post(r, i);
}

static void apply(struct rounds *r)
{
    r->maintenance.held = false;
    for (size_t k = 0; k < pool_size(r->pool); k++) {
        struct instance *i = pool_instance(r->pool, k);
        if (i == NULL)
            continue;
        apply_to(r, i);
        r->maintenance.held = r->maintenance.held || i->nodes.held;
    }
}

static void act(struct rounds *r, const struct moment *now)
{
    struct maintenance *m = &r->maintenance;
    struct maintenance_entry *old[MAINTENANCE_SCOPES] = { NULL };
    bool any = m->held;

    m->stale = false;
    m->clock_known = now->known;
    m->beyond_mono_ms = now->wall_ms - (int64_t)now->mono_ms;
    m->next_wall_ms = INT64_MAX;
    for (size_t k = 0; k < MAINTENANCE_SCOPES; k++) {
        struct maintenance_scope *s = &m->scopes[k];
        struct maintenance_entry *fresh;
        size_t n;

        any = any || s->nacting > 0;
        if (!in_force(s, now->wall_ms, &fresh, &n)) {
            due_by(m, now->wall_ms + AGAIN_MS);
            continue;
        }
        old[k] = s->acting;
        s->acting = fresh;
        s->nacting = n;
        any = any || n > 0;
    }
    if (any)
        apply(r);
    for (enum maintenance_of s = MAINTENANCE_OWN; s < MAINTENANCE_SCOPES; s++) {
        free(old[s]);
        for (size_t k = 0; k < m->scopes[s].n; k++)
            look_at(r, s, &m->scopes[s].nodes[k], now);
    }
}

static bool is_due(const struct maintenance *m, const struct moment *now)
{
    int64_t beyond = now->wall_ms - (int64_t)now->mono_ms;

    return m->stale || now->wall_ms >= m->next_wall_ms ||
           now->known != m->clock_known ||
           llabs(beyond - m->beyond_mono_ms) > MOVED_MS;
}

uint64_t maintenance_look(struct rounds *r, uint64_t now_mono_ms)
{
    struct maintenance *m = &r->maintenance;
    struct publisher *publisher = pool_parts(r->pool).publisher;
    struct moment now = { .mono_ms = now_mono_ms };

    if (publisher == NULL)
        return UINT64_MAX;
    take_answers(r, now_mono_ms);
    if (!m->stale && m->scopes[MAINTENANCE_OWN].n == 0 &&
        m->scopes[MAINTENANCE_FLEET].n == 0)
        return UINT64_MAX;
    now.known = publisher_clock(publisher, &now.wall_ms);
    if (is_due(m, &now))
        act(r, &now);
    if (m->next_wall_ms == INT64_MAX)
        return UINT64_MAX;
    int64_t left_ms = m->next_wall_ms - now.wall_ms;
    return now_mono_ms + (uint64_t)(left_ms > 0 ? left_ms : 0);
}
