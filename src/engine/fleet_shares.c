/*
 * Make before break: see share.h, which decides; here it is done.
 *
 * Who learned late of a change may have written a document that is ours by
 * then, after we did; it lets go, but nobody tells us.  So a document that was
 * taken over is looked at again a little later, twice; after that the refresh
 * of all nodes does.
 */
#include <string.h>

#include "agent/clock.h"
#include "agent/config.h"
#include "agent/hash.h"
#include "agent/log.h"
#include "come.h"
#include "fleet_members.h"
#include "fleet_set.h"
#include "verdicts.h"

#include "fleet_shares.h"

#define LOOK_MS       10000
#define LOOK_AGAIN_MS 50000

static void log_handover(const struct fleet *f, const struct fleet_target *t,
                         const char *what)
{
    const struct rank_member *first = t->rank.first;

    LOG_EVENT(LOG_LEVEL_DEBUG, "handover", LOG_STR("fleet", f->name),
              LOG_STR("instance", t->config->name), LOG_STR("share", what),
              LOG_STR("to", first != NULL ? first->id : NULL));
}

static void take(struct fleet *f, struct fleet_target *t, uint64_t now)
{
    struct err e;
    struct instance *i = come_add(f->rounds, t->config, &e);

    if (i == NULL) {
        LOG_EVENT(LOG_LEVEL_ERROR, "fleet_trouble", LOG_STR("detail", e.text));
        return;
    }
    i->share = (struct instance_share){
        .fleet = f->name,
        .target = t,
        .share = SHARE_PENDING,
    };
    t->instance = i;
    f->shares.unlisted = true;
    pool_share(f->rounds->pool, i);
    come_place(f->rounds, i, now);
    come_say_fault(f->rounds, i);
}

static void let_go(struct fleet *f, struct fleet_target *t)
{
    struct instance *i = t->instance;

    log_handover(f, t, "none");
    t->instance = NULL;
    f->shares.unlisted = true;
    /* Or what was posted last would be written before the slot ends. */
    i->share.share = SHARE_LEAVING;
    pool_share(f->rounds->pool, i);
    come_release(f->rounds, i);
}

static void look_later(struct fleet *f, struct instance *i, uint64_t in_ms,
                       uint64_t now)
{
    i->share.look_mono_ms = now + in_ms;
    if (i->share.look_mono_ms < f->shares.look_mono_ms)
        f->shares.look_mono_ms = i->share.look_mono_ms;
}

static void speak(struct fleet *f, struct instance *i, enum share before,
                  uint64_t now)
{
    if (before != SHARE_PENDING)
        return;
    i->share.looks = 0;
    look_later(f, i, LOOK_MS, now);
    if (!i->share.said)
        verdicts_post(f->rounds, i);
}

bool fleet_adopt(struct fleet *f, struct instance *i)
{
    struct fleet_target *t = fleet_set_find(&f->set, i->config->name);
    struct err e;

    if (t == NULL)
        return false;
    if (come_change(f->rounds, i, t->config, &e) != 0)
        LOG_EVENT(LOG_LEVEL_ERROR, "fleet_trouble", LOG_STR("detail", e.text));
    i->share = (struct instance_share){
        .fleet = f->name,
        .target = t,
        .share = SHARE_LEAVING,
        .ours = true,
    };
    t->own = false;
    t->instance = i;
    pool_share(f->rounds->pool, i);
    come_say_fault(f->rounds, i);
    return true;
}

static struct share_facts facts_of(const struct fleet *f,
                                   const struct fleet_target *t)
{
    const struct instance *i = t->instance;
    struct share_facts s = {
        .assigned = fleet_members_mine(f, &t->rank),
        /* A document is not to name who vouches for nothing yet. */
        .member = f->members.listed && f->membership.vouched,
    };

    if (i == NULL)
        return s;
    s.verdict = i->nodes.found && i->health.reason != REASON_PENDING;
    /* What we have written names us, too, whether it was read again or not. */
    s.ours = i->share.ours || i->share.said;
    s.displaced = i->share.displaced;
    return s;
}

static void step(struct fleet *f, struct fleet_target *t, uint64_t now)
{
    struct instance *i = t->instance;
    const struct share_facts facts = facts_of(f, t);
    enum share before = i != NULL ? i->share.share : SHARE_NONE;
    enum share next = share_next(before, &facts);

    if (next == before)
        return;
    if (before == SHARE_NONE) {
        take(f, t, now);
        return;
    }
    if (next == SHARE_NONE) {
        let_go(f, t);
        /* It may be ours again, and begins anew then. */
        f->shares.stale = f->shares.stale || facts.assigned;
        return;
    }
    log_handover(f, t, share_name(next));
    i->share.share = next;
    pool_share(f->rounds->pool, i);
    if (next == SHARE_SPEAKING)
        speak(f, i, before, now);
}

/* An own instance of the same name counts here: it has a document already, and
 * there are not to be two truths. */
static void mark_own(struct fleet *f)
{
    struct pool *pool = f->rounds->pool;

    for (size_t i = 0; i < f->set.n; i++)
        f->set.targets[i]->own = false;
    for (size_t k = 0; k < pool_size(pool); k++) {
        const struct instance *i = pool_instance(pool, k);
        struct fleet_target *t = NULL;
        if (i != NULL && i->share.fleet == NULL)
            t = fleet_set_find(&f->set, i->config->name);
        if (t == NULL)
            continue;
        t->own = true;
        t->instance = NULL;
    }
}

static void tell_own(const struct fleet *f, struct fleet_target *t)
{
    if (t->own && !t->own_told)
        LOG_EVENT(LOG_LEVEL_WARN, "target_is_own", LOG_STR("fleet", f->name),
                  LOG_STR("instance", t->config->name),
                  LOG_STR("detail", "the agent's own config has this name: the "
                                    "fleet's target is left alone here"));
    t->own_told = t->own;
}

/* Members that work with the same say the same. */
static void say_basis(struct fleet *f)
{
    uint64_t hash = targets_hash(f->set.chunks, HASH64_START);
    size_t n;
    const struct rank_member *const *m = roster_acted(f->members.roster, &n);

    for (size_t i = 0; i < n; i++)
        hash = hash64(hash, m[i]->id, strlen(m[i]->id) + 1);
    f->rounds->fleet_says.basis = (uint32_t)(hash ^ hash >> 32);
}

static void count(struct fleet *f)
{
    struct fleet_shares *s = &f->shares;

    s->observing = s->speaking = s->pending = s->leaving = 0;
    for (size_t k = 0; k < f->set.n; k++) {
        const struct instance *i = f->set.targets[k]->instance;
        if (i == NULL)
            continue;
        s->observing++;
        s->pending += i->share.share == SHARE_PENDING;
        s->leaving += i->share.share == SHARE_LEAVING;
        s->speaking += i->share.share != SHARE_PENDING;
    }
}

/* In a new session the publisher leaves all to others until it is told. */
static void say_anew(struct fleet *f)
{
    for (size_t k = 0; k < f->set.n; k++)
        if (f->set.targets[k]->instance != NULL)
            pool_share(f->rounds->pool, f->set.targets[k]->instance);
}

static void look_at(struct fleet *f, struct instance *i, uint64_t now)
{
    if (i->share.look_mono_ms == 0)
        return;
    if (i->share.look_mono_ms > now) {
        look_later(f, i, i->share.look_mono_ms - now, now);
        return;
    }
    i->share.look_mono_ms = 0;
    publisher_look(f->publisher, i->nodes.status_slot);
    if (i->share.looks++ == 0)
        look_later(f, i, LOOK_AGAIN_MS, now);
}

static void look_at_documents(struct fleet *f, uint64_t now)
{
    if (now < f->shares.look_mono_ms)
        return;
    f->shares.look_mono_ms = UINT64_MAX;
    for (size_t k = 0; k < f->set.n; k++)
        if (f->set.targets[k]->instance != NULL)
            look_at(f, f->set.targets[k]->instance, now);
}

/* Nothing is decided by what may be old. */
static bool fresh(const struct fleet *f)
{
    struct publisher_info info;

    if (!f->members.hold.begun || !f->set.read ||
        !f->followed[FLEET_MEMBERS].complete)
        return false;
    publisher_info(f->publisher, &info);
    return info.store.sessions == f->members.sessions &&
           info.fenced == f->membership.fenced;
}

/* What we die with is looked at when we are back: it may be no target any
 * more, and nobody else's. */
static void list(struct fleet *f)
{
    struct err e;

    if (!f->shares.unlisted)
        return;
    f->shares.unlisted = pool_own(f->rounds->pool, false, &e) != 0;
    if (f->shares.unlisted)
        LOG_EVENT(LOG_LEVEL_ERROR, "fleet_trouble", LOG_STR("detail", e.text));
}

void fleet_shares_look(struct fleet *f, uint64_t now)
{
    look_at_documents(f, now);
    list(f);
    if ((!f->shares.stale && !f->shares.news) || !fresh(f))
        return;
    bool all = f->shares.stale;
    f->shares.stale = f->shares.news = false;
    if (all) {
        mark_own(f);
        say_basis(f);
    }
    for (size_t k = 0; k < f->set.n; k++) {
        struct fleet_target *t = f->set.targets[k];
        tell_own(f, t);
        if (!t->own && (all || t->instance != NULL))
            step(f, t, now);
    }
    /* After that: what is another's by now is not to be claimed once more. */
    if (all)
        say_anew(f);
    count(f);
    list(f);
}

void fleet_shares_contested(struct fleet *f)
{
    struct publisher_holder holder;

    for (size_t k = 0; k < f->set.n; k++) {
        const struct instance *i = f->set.targets[k]->instance;
        if (i != NULL &&
            publisher_conflict(f->publisher, i->nodes.status_slot, &holder))
            publisher_look(f->publisher, i->nodes.status_slot);
    }
}

uint64_t fleet_shares_due(const struct fleet *f)
{
    return f->shares.look_mono_ms;
}

bool fleet_shares_read(const struct fleet *f)
{
    if (f->shares.stale || !f->members.hold.begun || !f->set.read)
        return false;
    for (size_t k = 0; k < f->set.n; k++) {
        const struct instance *i = f->set.targets[k]->instance;
        if (i != NULL && !i->nodes.found)
            return false;
    }
    return true;
}
