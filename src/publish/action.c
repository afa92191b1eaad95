/*
 * The next request follows from what is known and wanted, and from nothing
 * else: there is no state of a procedure that a lost reply, a new session or a
 * newer post could leave wrong.  The order of the questions is the order of
 * what must not happen: to write unread, to write another agent's, to write
 * before the loop has seen what is there.
 */
#include "action.h"
#include "slot.h"

/* Whether all that could be done is not ours to do, or not yet. */
static bool held(const struct owners *o, const struct slot *s)
{
    if (s == o->lease.heartbeat)
        return o->lease.contested;
    if (o->lease.state < LEASE_FREE || owner_is_unread(s) ||
        owner_is_other(s) || owner_is_fellows(s))
        return true;
    /* What others are to believe of us needs our heartbeat beside it.  That we
     * are a member does not: it is how those that begin find each other; and a
     * last word comes before the heartbeat that would vouch for an old one. */
    return s->owner.share == SLOT_SPEAKER && !s->last_word &&
           o->lease.state != LEASE_HELD;
}

static enum action persistent_action(const struct slot *s)
{
    if (slot_is_clean(s))
        return ACTION_NONE;
    return s->node.exists ? ACTION_SET : ACTION_CREATE;
}

static enum action ephemeral_action(const struct lease *l, const struct slot *s)
{
    if (!s->node.exists)
        return ACTION_CREATE;
    if (s->node.owner != l->session)
        return ACTION_TAKE_OVER;
    return slot_is_clean(s) ? ACTION_NONE : ACTION_SET;
}

/* Nothing was posted yet: the node is to outlive the session of an earlier
 * life, since readers that miss it would take all that we publish for left
 * behind. */
static enum action keep_action(const struct lease *l, const struct slot *s)
{
    if (!s->owner.kept ||
        (s->node.exists && (s->node.owner == l->session || !s->node.ours)))
        return ACTION_NONE;
    return ephemeral_action(l, s);
}

/* The status is another agent's, so what we had advertised goes, once that
 * agent is known to live: a document may name one that never was. */
static enum action yield_action(const struct lease *l, const struct slot *s)
{
    const struct rival *rival = s->owner.partner->owner.rival;

    /* A fellow takes it over in one transaction, so that it never vanishes; and
     * before we take over a status, its presence is the fellow's. */
    if (rival == NULL)
        return ACTION_NONE;
    bool goes = s->wanted.want == WANT_GONE || rival->state == RIVAL_ALIVE;

    return s->node.exists && s->node.owner == l->session && goes ? ACTION_DELETE
                                                                 : ACTION_NONE;
}

enum action action_next(const struct owners *o, const struct slot *s)
{
    if (!s->node.known)
        return ACTION_GET;
    if (held(o, s))
        return ACTION_NONE;
    if (owner_is_partners(s))
        return yield_action(&o->lease, s);
    if (s->wanted.want != WANT_NOTHING && slot_is_shut(s))
        return ACTION_NONE;
    switch (s->wanted.want) {
    case WANT_NOTHING:
        return keep_action(&o->lease, s);
    case WANT_NODE:
        return slot_is_ephemeral(s) ? ephemeral_action(&o->lease, s)
                                    : persistent_action(s);
    case WANT_GONE:
        return s->node.exists ? ACTION_DELETE : ACTION_NONE;
    }
    return ACTION_NONE;
}
