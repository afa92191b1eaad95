/*
 * A conflict is told once when it begins and once when it ends, and not while
 * it is still being found out.
 */
#include <string.h>

#include "agent/log.h"

#include "owner.h"
#include "slot.h"

void owner_pair(struct slot *status, struct slot *presence)
{
    status->owner.partner = presence;
    presence->owner.partner = status;
}

bool owner_is_other(const struct slot *s)
{
    return s->owner.rival != NULL && !s->owner.rival_gone;
}

bool owner_is_fellows(const struct slot *s)
{
    return s->owner.fellow && s->owner.share != SLOT_SPEAKER;
}

bool owner_is_partners(const struct slot *s)
{
    const struct slot *status = s->owner.partner;

    return s->kind == SLOT_PRESENCE && status != NULL && status->node.known &&
           (owner_is_other(status) || status->owner.fellow);
}

bool owner_is_unread(const struct slot *s)
{
    const struct slot *status = s->owner.partner;

    return s->kind == SLOT_PRESENCE && status != NULL && !status->node.known &&
           status->refusal.cause == CAUSE_NONE;
}

static void set_rival(struct owners *o, struct slot *s, struct rival *r)
{
    struct rival *before = s->owner.rival;

    s->owner.rival = r;
    s->owner.rival_gone = false;
    /* It is in conflict with another agent than was said: to be said again. */
    if (s->owner.conflict && r != NULL && r != before) {
        s->owner.conflict = false;
        o->conflicts--;
    }
    if (before != NULL)
        rival_leave(&o->rivals, before);
}

/* An id as the config allows it: nothing else can have a heartbeat. */
static bool is_id(const char *agent)
{
    static const char CHARS[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

    return agent[0] != '\0' && agent[strspn(agent, CHARS)] == '\0' &&
           strcmp(agent, ".") != 0 && strcmp(agent, "..") != 0;
}

/* Whether the node names an agent that may hold it. */
static bool names_other(const struct lease *l, const struct slot *s,
                        const struct document_seen *seen)
{
    if (!s->node.readable || s->node.ours || !is_id(seen->agent))
        return false;
    /* No agent makes a presence that outlives it. */
    if (s->kind == SLOT_PRESENCE)
        return s->node.owner != 0 && s->node.owner != l->session;
    /* That agent has let go of the instance. */
    return seen->reason != REASON_REMOVED;
}

/* Whether its status, or that of which it is the presence, is shared. */
static bool is_shared(const struct slot *s)
{
    const struct slot *status = s->kind == SLOT_PRESENCE ? s->owner.partner : s;

    return status != NULL && status->owner.share != SLOT_OWN;
}

/*
 * The node names another agent of our fleet.  A presence does not say which
 * fleet: it goes with its status, and while that is another's, nothing is done
 * about it.
 */
static bool names_fellow(const struct owners *o, const struct slot *s,
                         const struct document_seen *seen)
{
    return is_shared(s) &&
           (s->kind == SLOT_PRESENCE || strcmp(seen->fleet, o->fleet) == 0);
}

bool owner_may_pass(const struct owners *o, const struct slot *s,
                    const struct document_seen *seen)
{
    if (!is_shared(s))
        return false;
    if (s->kind == SLOT_PRESENCE)
        return s->owner.partner->owner.share == SLOT_LEAVING ||
               s->owner.partner->owner.fellow;
    return seen->valid && strcmp(seen->agent, o->lease.agent) != 0 &&
           strcmp(seen->fleet, o->fleet) == 0;
}

/* What an earlier life left for us to keep as it is, until something is
 * posted.  A persistent heartbeat stays by itself. */
static bool is_kept(const struct lease *l, const struct slot *s)
{
    if (s->wanted.want != WANT_NOTHING || !s->node.ours)
        return false;
    return s->kind == SLOT_PRESENCE || s->kind == SLOT_MEMBER ||
           (s->kind == SLOT_HEARTBEAT && s->node.owner != 0 &&
            !lease_is_contested(l, s));
}

int owner_read(struct owners *o, struct slot *s,
               const struct document_seen *seen, uint64_t now_mono_ms)
{
    struct rival *r = NULL;

    if (s == o->lease.heartbeat) {
        lease_read(&o->lease, seen);
    } else {
        bool other = names_other(&o->lease, s, seen);
        bool fellow = other && names_fellow(o, s, seen);
        if (other && !fellow) {
            r = rivals_find(&o->rivals, seen->agent, now_mono_ms);
            if (r == NULL)
                return -1;
        }
        set_rival(o, s, r);
        s->owner.fellow = fellow && s->kind == SLOT_STATUS;
        s->owner.spoken = s->owner.spoken || s->node.ours;
    }
    s->owner.kept = is_kept(&o->lease, s);
    return 0;
}

void owner_none(struct owners *o, struct slot *s)
{
    set_rival(o, s, NULL);
    s->owner.fellow = s->owner.spoken = false;
    if (s == o->lease.heartbeat)
        lease_not_contested(&o->lease);
}

void owner_written(struct owners *o, struct slot *s)
{
    owner_none(o, s);
    s->owner.spoken = s->node.exists;
}

void owner_ask_rival(const struct owners *o, struct slot *s)
{
    s->owner.rival_gone = s->owner.rival->state == RIVAL_GONE &&
                          s->node.known && o->lease.state == LEASE_HELD;
}

void owner_share(struct slot *s, enum slot_share share)
{
    s->owner.share = share;
    s->owner.displaced = false;
}

bool owner_is_displaced(struct slot *s)
{
    bool now =
        s->owner.fellow && (s->owner.share == SLOT_LEAVING || s->owner.spoken);
    bool first = now && !s->owner.displaced;

    s->owner.displaced = now;
    s->owner.spoken = s->owner.spoken && !s->owner.fellow;
    return first;
}

void owner_forget(struct owners *o, struct slot *s)
{
    set_rival(o, s, NULL);
    s->owner.fellow = false;
    o->conflicts -= s->owner.conflict;
    if (s->owner.partner != NULL)
        s->owner.partner->owner.partner = NULL;
    s->owner.partner = NULL;
}

/* Where its status is another agent's, a presence says nothing of its own. */
static bool in_conflict(const struct owners *o, const struct slot *s)
{
    const struct slot *partner = s->owner.partner;

    if (lease_is_contested(&o->lease, s))
        return true;
    if (!owner_is_other(s) || s->owner.rival->state != RIVAL_ALIVE)
        return false;
    return s->kind != SLOT_PRESENCE ||
           (s->wanted.want != WANT_NOTHING &&
            (partner == NULL ||
             (!owner_is_other(partner) && !partner->owner.fellow)));
}

static const char *kind_of(const struct owners *o, const struct slot *s)
{
    return s == o->lease.heartbeat ? "agent_id" : "instance";
}

static void say(const struct owners *o, const struct slot *s)
{
    bool id = s == o->lease.heartbeat;
    const struct publisher_holder *contender = &o->lease.contender;
    /* A daemon beside --check-once is as it should be. */
    bool meant = id && s->kind == SLOT_HEARTBEAT_PERSISTENT;

    LOG_EVENT(meant ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN, "conflict",
              LOG_STR("kind", kind_of(o, s)), LOG_STR("path", s->path),
              LOG_STR("agent", id ? contender->agent : s->owner.rival->agent),
              LOG_STR("host", id ? contender->host : s->owner.rival->host));
}

void owner_say_conflict(struct owners *o, struct slot *s)
{
    const struct rival *rival = s->owner.rival;
    bool now = in_conflict(o, s);

    /* Not while it is not known how it ends. */
    if (now == s->owner.conflict || !s->node.known ||
        (rival != NULL && rival->state != RIVAL_ALIVE))
        return;
    s->owner.conflict = now;
    if (now) {
        o->conflicts++;
        say(o, s);
        return;
    }
    o->conflicts--;
    LOG_EVENT(LOG_LEVEL_INFO, "conflict_over", LOG_STR("kind", kind_of(o, s)),
              LOG_STR("path", s->path));
}
