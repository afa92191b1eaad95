/*
 * The questions stand in the order in which they decide: a refusal hides all
 * else, as somebody has to do something about it.
 */
#include "why.h"
#include "slot.h"

static const struct {
    enum publisher_standing standing;
    const char *words;
} WHYS[] = {
    [WHY_WRITTEN] = { PUBLISHER_CLEAN, "the node is as it should be" },
    [WHY_NOT_POSTED] = { PUBLISHER_CLEAN, "there is nothing to write yet" },
    [WHY_QUEUED] = { PUBLISHER_PENDING, "its turn has not come yet" },
    [WHY_UNDER_WAY] = { PUBLISHER_PENDING, "a request is under way" },
    [WHY_OFFLINE] = { PUBLISHER_PENDING, "there is no connection" },
    [WHY_SLOWED] = { PUBLISHER_PENDING, "ZooKeeper asked to slow down" },
    [WHY_PARENTS] = { PUBLISHER_PENDING, "the nodes above are being made" },
    [WHY_RIVAL_ASKED] = { PUBLISHER_PENDING,
                          "the node names another agent, which is looked for" },
    [WHY_NOT_READ] = { PUBLISHER_WAITING, "the node was not read yet" },
    [WHY_NOT_ANSWERED] = { PUBLISHER_WAITING,
                           "there is no verdict since the node was read" },
    [WHY_LEASE_REFUSED] = { PUBLISHER_WAITING,
                            "the heartbeat of this agent cannot be read" },
    [WHY_RIVAL_GONE] = { PUBLISHER_WAITING,
                         "it was another agent's, and our heartbeat must "
                         "stand before it is taken over" },
    [WHY_NO_AUTH] = { PUBLISHER_REFUSED, "ZooKeeper denies us the right" },
    [WHY_FAILED] = { PUBLISHER_REFUSED, "ZooKeeper refuses it" },
    [WHY_NO_PARENT] = { PUBLISHER_REFUSED,
                        "the nodes above it cannot be made" },
    [WHY_NO_MEMORY] = { PUBLISHER_REFUSED, "the agent is out of memory" },
    [WHY_LEASE_CONTESTED] = { PUBLISHER_CONFLICT,
                              "another agent runs with our id" },
    [WHY_RIVAL_ALIVE] = { PUBLISHER_CONFLICT,
                          "the node is another agent's, which lives" },
    [WHY_HANDED_OVER] = { PUBLISHER_CONFLICT,
                          "another agent of the fleet speaks for it" },
};

static const char *const STANDINGS[PUBLISHER_STANDINGS] = {
    [PUBLISHER_CLEAN] = "clean",       [PUBLISHER_PENDING] = "pending",
    [PUBLISHER_WAITING] = "waiting",   [PUBLISHER_REFUSED] = "refused",
    [PUBLISHER_CONFLICT] = "conflict",
};

const char *publisher_standing_name(enum publisher_standing s)
{
    return STANDINGS[s];
}

const char *publisher_why_words(enum publisher_why why)
{
    return WHYS[why].words;
}

enum publisher_standing why_standing(enum publisher_why why)
{
    return WHYS[why].standing;
}

static enum publisher_why why_refused(enum cause cause)
{
    switch (cause) {
    case CAUSE_NO_AUTH:
        return WHY_NO_AUTH;
    case CAUSE_NO_PARENT:
        return WHY_NO_PARENT;
    case CAUSE_NO_MEMORY:
        return WHY_NO_MEMORY;
    case CAUSE_FAILED:
    case CAUSE_NONE:
    case CAUSE_BUSY:
        break;
    }
    return WHY_FAILED;
}

/* Nothing but time stands against it. */
static enum publisher_why why_pending(const struct lease *l,
                                      const struct slot *s)
{
    if (!l->connected)
        return WHY_OFFLINE;
    switch (s->wait.place) {
    case PLACE_FLIGHT:
        return WHY_UNDER_WAY;
    case PLACE_DELAYED:
        return WHY_SLOWED;
    case PLACE_PARENTS:
        return WHY_PARENTS;
    case PLACE_IDLE:
    case PLACE_QUEUE:
    case PLACE_REFRESH:
        break;
    }
    return WHY_QUEUED;
}

static enum publisher_why why_rival(const struct rival *r)
{
    switch (r->state) {
    case RIVAL_ASKED:
        return WHY_RIVAL_ASKED;
    case RIVAL_ALIVE:
        return WHY_RIVAL_ALIVE;
    case RIVAL_GONE:
        return WHY_RIVAL_GONE;
    }
    return WHY_RIVAL_ASKED;
}

/* A presence's status is not ours. */
static enum publisher_why why_partner(const struct slot *status)
{
    if (owner_is_fellows(status))
        return WHY_HANDED_OVER;
    return status->owner.fellow ? WHY_NOT_ANSWERED
                                : why_rival(status->owner.rival);
}

/* The node is not as posted, and ZooKeeper has not refused it. */
static enum publisher_why why_open(const struct owners *o, const struct slot *s)
{
    const struct lease *l = &o->lease;

    if (slot_is_shut(s))
        return s->wanted.gate == GATE_UNREAD ? WHY_NOT_READ : WHY_NOT_ANSWERED;
    if (s == l->heartbeat)
        return l->contested ? WHY_LEASE_CONTESTED : why_pending(l, s);
    if (l->state == LEASE_CONTESTED)
        return WHY_LEASE_CONTESTED;
    if (l->state == LEASE_REFUSED)
        return WHY_LEASE_REFUSED;
    if (owner_is_fellows(s))
        return WHY_HANDED_OVER;
    if (owner_is_partners(s))
        return why_partner(s->owner.partner);
    return owner_is_other(s) ? why_rival(s->owner.rival) : why_pending(l, s);
}

/* Its verdict is held back until it is known what was there before. */
static bool is_unread(const struct slot *s)
{
    return s->kind == SLOT_STATUS && s->wanted.gate == GATE_UNREAD &&
           !s->wanted.removed;
}

enum publisher_why why_not_written(const struct owners *o, const struct slot *s)
{
    if (s->refusal.cause != CAUSE_NONE)
        return why_refused(s->refusal.cause);
    if (s->wanted.want == WANT_NOTHING)
        return is_unread(s) ? WHY_NOT_READ : WHY_NOT_POSTED;
    if (slot_is_clean(s))
        return WHY_WRITTEN;
    return why_open(o, s);
}
