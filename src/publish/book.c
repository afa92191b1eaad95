/*
 * What concerns more than one slot is here: a change of one may let another go
 * on (a presence follows its status, all follow the heartbeat).  A slot is
 * counted anew whenever it moves or is settled, so that the figures are right
 * at any moment without a walk over all.
 */
#include <assert.h>
#include <string.h>

#include "agent/clock.h"

#include "action.h"
#include "book.h"
#include "why.h"

/* Leaving slots are read again so often. */
#define HEIRS_MS 1000

int book_init(struct book *b, const struct book_options *o, struct err *e)
{
    b->root = o->root;
    b->refused_ms = o->refused_ms;
    b->recheck_ms = o->recheck_ms;
    b->refresh_ms = o->refresh_ms;
    b->wake_idle = o->wake_idle;
    places_init(&b->places);
    tally_init(&b->tally);
    TAILQ_INIT(&b->findings);
    lease_init(&b->owners.lease, o->agent, o->host);
    b->owners.fleet = o->fleet;
    b->owned.waits = o->fleet != NULL;
    b->owners.rivals.root = o->root;
    b->owners.rivals.recheck_ms = o->recheck_ms;
    b->heirs_mono_ms = UINT64_MAX;
    b->follows.watches_max = WATCHES_MAX;
    const struct parents_options parents = {
        .root = o->root,
        .presence = o->presence,
        .fleet = o->fleet,
        .fleet_settings = o->fleet_settings,
    };
    return parents_init(&b->parents, &parents, e);
}

void book_clear(struct book *b)
{
    table_clear(&b->table);
    rivals_free(&b->owners.rivals);
    orphans_free(&b->orphans);
    follows_free(&b->follows);
    orders_free(&b->orders);
    owned_free(&b->owned);
    parents_free(&b->parents);
}

struct slot *book_at(struct book *b, size_t slot)
{
    assert(slot < b->table.size && b->table.slots[slot] != NULL &&
           !b->table.slots[slot]->wanted.removed);
    return b->table.slots[slot];
}

/* ------------------------------------------------------- places and counts */

static void recount(struct book *b, struct slot *s)
{
    enum publisher_why why = why_not_written(&b->owners, s);

    if (tally_update(&b->tally, s, why_standing(why), clock_mono_ms()))
        b->tell = b->tell || b->wake_idle;
    if (b->tally.count[PUBLISHER_REFUSED] == 0)
        b->trouble[0] = '\0';
    owner_say_conflict(&b->owners, s);
}

void book_move(struct book *b, struct slot *s, enum place place)
{
    place_move(&b->places, s, place);
    recount(b, s);
}

void book_move_first(struct book *b, struct slot *s)
{
    place_first(&b->places, s);
    recount(b, s);
}

void book_send(struct book *b, struct slot *s, bool rereading)
{
    place_send(&b->places, s, rereading);
    recount(b, s);
}

void book_delay(struct book *b, struct slot *s, uint64_t retry_mono_ms)
{
    place_delay(&b->places, s, retry_mono_ms);
    recount(b, s);
}

void book_settle(struct book *b, struct slot *s)
{
    bool rests = s->wait.place == PLACE_IDLE || s->wait.place == PLACE_REFRESH;

    if (!rests || action_next(&b->owners, s) == ACTION_NONE) {
        recount(b, s);
        return;
    }
    /* A write shows by itself if the node is not as it was. */
    place_reread(s, false);
    book_move(b, s, PLACE_QUEUE);
    b->nudged = true;
}

static void settle_all(struct book *b)
{
    struct slot *s;

    TABLE_EACH(s, &b->table)
    {
        book_settle(b, s);
        book_sweep(b, s);
    }
}

void book_refuse(struct book *b, struct slot *s, const struct refused *what)
{
    struct refused full = *what;

    if (full.max_ms == 0 || full.max_ms > b->refused_ms)
        full.max_ms = b->refused_ms;
    unsigned ms =
        refusal_add(&s->refusal, &full, s->path, b->trouble, sizeof b->trouble);
    book_delay(b, s, what->now_mono_ms + ms);
}

/* ------------------------------------------------------ slots come and go */

static void end(struct book *b, struct slot *s)
{
    struct slot *partner = s->owner.partner;

    /* Otherwise its name stays in the list, for the next life. */
    if (s->last_word && s->wanted.want == WANT_NODE && slot_is_clean(s))
        b->orphans.owed--;
    wanted_give_up(&s->wanted);
    refusal_over(&s->refusal);
    book_move(b, s, PLACE_IDLE);
    b->nleaving -= s->owner.share == SLOT_LEAVING;
    owner_forget(&b->owners, s);
    if (partner != NULL)
        book_settle(b, partner);
    tally_remove(&b->tally);
    b->nremoved--;
    table_remove(&b->table, s);
    slot_free(s);
}

/* What was posted last is done, or is not ours to do. */
static bool is_finished(const struct book *b, const struct slot *s)
{
    return s->wanted.want == WANT_NOTHING || slot_is_clean(s) ||
           (s->counted.standing == PUBLISHER_CONFLICT &&
            b->owners.lease.state != LEASE_CONTESTED);
}

void book_sweep(struct book *b, struct slot *s)
{
    if (s->wanted.removed && s->wait.place != PLACE_FLIGHT &&
        s != b->owners.lease.heartbeat && is_finished(b, s))
        end(b, s);
}

/* Two slots must not write one node: what is left to do of a removed one is
 * given up. */
static void give_up_removed(struct book *b, const char *path)
{
    struct slot *s;

    if (b->nremoved == 0)
        return;
    TABLE_EACH(s, &b->table)
    {
        if (!s->wanted.removed || strcmp(s->path, path) != 0)
            continue;
        wanted_give_up(&s->wanted);
        recount(b, s);
        book_sweep(b, s);
    }
}

static void pair_presence(struct book *b, struct slot *s, const char *name)
{
    size_t above = strlen(b->root) + strlen("/instances/");
    struct slot *status = table_find(&b->table, SLOT_STATUS, above, name);

    if (status != NULL)
        owner_pair(status, s);
}

int book_add(struct book *b, struct slot *s, const char *name)
{
    give_up_removed(b, s->path);
    if (table_add(&b->table, s) != 0)
        return -1;
    tally_add(&b->tally);
    s->last_word = s->kind == SLOT_STATUS && b->orphans.owed > 0 &&
                   strcmp(b->orphans.taken, name) == 0;
    switch (s->kind) {
    case SLOT_PRESENCE:
        pair_presence(b, s, name);
        break;
    case SLOT_HEARTBEAT:
    case SLOT_HEARTBEAT_PERSISTENT:
        lease_heartbeat(&b->owners.lease, s);
        book_update_lease(b);
        break;
    case SLOT_STATUS:
    case SLOT_MEMBER:
        break;
    }
    book_move(b, s, PLACE_QUEUE);
    b->nudged = true;
    return 0;
}

void book_remove(struct book *b, struct slot *s)
{
    wanted_remove(&s->wanted, &b->findings);
    b->nremoved++;
    book_settle(b, s);
    book_sweep(b, s);
}

/* ------------------------------------------------------------------ shares */

/* What was read of it was judged by other rules. */
static void judge_again(struct book *b, struct slot *s)
{
    if (s == NULL)
        return;
    node_doubt(&s->node, s->wait.place == PLACE_FLIGHT);
    book_settle(b, s);
}

void book_share(struct book *b, struct slot *s, enum slot_share share)
{
    enum slot_share before = s->owner.share;

    assert(s->kind == SLOT_STATUS);
    assert(share == SLOT_OWN || b->owners.fleet != NULL);
    if (share == before)
        return;
    b->nleaving -= before == SLOT_LEAVING;
    b->nleaving += share == SLOT_LEAVING;
    b->heirs_mono_ms = b->nleaving > 0 ? 0 : UINT64_MAX;
    owner_share(s, share);
    if (before == SLOT_OWN || share == SLOT_OWN) {
        judge_again(b, s);
        judge_again(b, s->owner.partner);
    }
    book_settle(b, s);
    b->nudged = true;
}

void book_leave_all(struct book *b)
{
    struct slot *s;

    TABLE_EACH(s, &b->table)
    {
        if (s->owner.share == SLOT_SPEAKER)
            book_share(b, s, SLOT_LEAVING);
    }
}

void book_look(struct book *b, struct slot *s)
{
    if (s->wait.place != PLACE_IDLE)
        return;
    place_reread(s, true);
    book_move(b, s, PLACE_REFRESH);
    b->nudged = true;
}

void book_look_for_heirs(struct book *b, uint64_t now_mono_ms)
{
    struct slot *s;

    if (now_mono_ms < b->heirs_mono_ms)
        return;
    b->heirs_mono_ms = now_mono_ms + HEIRS_MS;
    TABLE_EACH(s, &b->table)
    {
        if (s->owner.share == SLOT_LEAVING)
            book_look(b, s);
    }
}

/* ------------------------------------------- what concerns more than one slot
 */

void book_rival_known(struct book *b, const struct rival *r)
{
    struct slot *s;

    TABLE_EACH(s, &b->table)
    {
        if (s->owner.rival != r)
            continue;
        owner_ask_rival(&b->owners, s);
        book_settle(b, s);
        if (s->owner.partner != NULL)
            book_settle(b, s->owner.partner);
        book_sweep(b, s);
    }
}

void book_parents_made(struct book *b)
{
    struct slot *s;

    while ((s = TAILQ_FIRST(&b->places.parents)) != NULL)
        book_move(b, s, PLACE_QUEUE);
}

/* Another agent of our id may write what we know; or may have. */
static void doubt_others(struct book *b, bool forget)
{
    struct slot *s;

    TABLE_EACH(s, &b->table)
    {
        if (s == b->owners.lease.heartbeat)
            continue;
        drift_unsure(s);
        if (forget)
            node_doubt(&s->node, s->wait.place == PLACE_FLIGHT);
    }
}

void book_update_lease(struct book *b)
{
    enum lease_state before = lease_update(&b->owners.lease);
    enum lease_state now = b->owners.lease.state;

    if (now == before)
        return;
    if (now == LEASE_CONTESTED || before == LEASE_CONTESTED)
        doubt_others(b, before == LEASE_CONTESTED);
    if (now == LEASE_HELD)
        rivals_ask_again(&b->owners.rivals);
    settle_all(b);
}

void book_new_session(struct book *b)
{
    struct slot *s;

    /* The fellows may have taken it all meanwhile. */
    book_leave_all(b);
    TABLE_EACH(s, &b->table)
    {
        node_doubt(&s->node, s->wait.place == PLACE_FLIGHT);
        drift_session(s);
    }
    owned_forget(&b->owned);
    follow_doubt(b);
    lease_new_session(&b->owners.lease);
    book_update_lease(b);
    settle_all(b);
}
