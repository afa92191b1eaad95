/*
 * Whose a node is.
 *
 * A status or presence that names another agent is that agent's as long as
 * its heartbeat exists (publisher_rivals.c looks).  Who is found gone has it
 * taken, by a write that names the version which was read, and only after our
 * own heartbeat stands: of several takers one comes off, and the others then
 * find an agent that lives.  A presence follows its status: whoever has the
 * one has the other.
 *
 * All this is worth something only while our own heartbeat is ours.  Two
 * agents with one id tell themselves apart by the session that holds it; as
 * long as that is another's, nothing is written at all.
 */
#include <stdio.h>
#include <string.h>

#include "agent/log.h"
#include "agent/process.h"

#include "internal.h"

bool owner_is_other(const struct slot *s)
{
    return s->rival != NULL && !s->rival_gone;
}

static void set_rival(struct publisher *p, struct slot *s, struct rival *r)
{
    struct rival *before = s->rival;

    s->rival = r;
    s->rival_gone = false;
    /* Another one than was said: to be said again. */
    if (s->conflict && r != NULL && r != before) {
        s->conflict = false;
        p->conflicts--;
    }
    if (before != NULL)
        rival_leave(p, before);
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
static bool names_other(const struct publisher *p, const struct slot *s,
                        const struct document_seen *seen)
{
    if (!s->readable || s->ours || !is_id(seen->agent))
        return false;
    /* No agent makes a presence that outlives it. */
    if (s->kind == SLOT_PRESENCE)
        return s->owner != 0 && s->owner != p->session;
    /* It has let go of the instance. */
    return seen->reason != REASON_REMOVED;
}

/*
 * A node in a session that lives and is not ours.  It may be that of our
 * own earlier life, unless that process is there or cannot be looked for
 * (a pid that passed to another agent costs no more than the wait for the end
 * of that session).  Who took it from us while we lived is another agent in
 * any case.
 */
static bool is_contested(const struct publisher *p, const struct slot *s,
                         const struct document_seen *seen)
{
    if (s->owner == 0 || s->owner == p->session)
        return false;
    if (s->kind == SLOT_HEARTBEAT_PERSISTENT)
        return true;
    if (!s->readable)
        return false;
    return !s->ours || s->owned || strcmp(seen->host, p->host) != 0 ||
           process_is_kin(seen->pid);
}

static void read_heartbeat(struct publisher *p, struct slot *s,
                           const struct document_seen *seen)
{
    s->contested = is_contested(p, s, seen);
    if (s->owner == p->session)
        s->owned = true;
    if (!s->contested)
        return;
    snprintf(p->contender.agent, sizeof p->contender.agent, "%s", seen->agent);
    snprintf(p->contender.host, sizeof p->contender.host, "%s", seen->host);
}

int owner_read(struct publisher *p, struct slot *s,
               const struct document_seen *seen, uint64_t now_mono_ms)
{
    struct rival *r = NULL;

    if (s == p->heartbeat) {
        read_heartbeat(p, s, seen);
        return 0;
    }
    if (names_other(p, s, seen)) {
        r = rival_find(p, seen->agent, now_mono_ms);
        if (r == NULL)
            return -1;
    }
    set_rival(p, s, r);
    return 0;
}

void owner_none(struct publisher *p, struct slot *s)
{
    set_rival(p, s, NULL);
    s->contested = false;
    if (s->kind == SLOT_HEARTBEAT && s->exists && s->owner == p->session)
        s->owned = true;
}

void owner_forget(struct publisher *p, struct slot *s)
{
    set_rival(p, s, NULL);
    p->conflicts -= s->conflict;
    if (s->partner != NULL)
        s->partner->partner = NULL;
    s->partner = NULL;
}

/* ---------------------------------------------------------------- footing */

static enum footing footing_of(const struct publisher *p)
{
    const struct slot *s = p->heartbeat;

    if (s == NULL)
        return FOOTING_FIRM;
    if (!s->known)
        return s->cause != CAUSE_NONE ? FOOTING_REFUSED : FOOTING_UNREAD;
    if (s->contested)
        return FOOTING_CONTESTED;
    if (s->kind == SLOT_HEARTBEAT_PERSISTENT ||
        (s->exists && s->owner == p->session))
        return FOOTING_FIRM;
    return FOOTING_FREE;
}

/* Another agent of our id may write what we know; or may have. */
static void doubt_others(struct publisher *p, bool forget)
{
    for (size_t i = 0; i < p->nslots; i++) {
        struct slot *s = p->slots[i];

        if (s == NULL || s == p->heartbeat)
            continue;
        s->sure = false;
        if (!forget)
            continue;
        slot_forget(s);
        s->stale = s->place == PLACE_FLIGHT;
    }
}

void footing_update(struct publisher *p)
{
    enum footing before = p->footing;
    enum footing now = footing_of(p);

    if (now == before)
        return;
    p->footing = now;
    if (now == FOOTING_CONTESTED || before == FOOTING_CONTESTED)
        doubt_others(p, before == FOOTING_CONTESTED);
    if (now == FOOTING_FIRM)
        rivals_ask_again(p);
    publisher_settle_all(p);
}

/* --------------------------------------------------------------- conflict */

/* Where its status is another's, a presence says nothing of its own. */
static bool in_conflict(const struct slot *s)
{
    if (s->contested)
        return true;
    if (!owner_is_other(s) || s->rival->state != RIVAL_ALIVE)
        return false;
    return s->kind != SLOT_PRESENCE ||
           (s->want != WANT_NOTHING &&
            (s->partner == NULL || !owner_is_other(s->partner)));
}

static void say_conflict(const struct publisher *p, const struct slot *s)
{
    bool id = s == p->heartbeat;
    /* A daemon beside --check-once is as it should be. */
    bool meant = id && s->kind == SLOT_HEARTBEAT_PERSISTENT;

    LOG_EVENT(meant ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN, "conflict",
              LOG_STR("kind", id ? "agent_id" : "instance"),
              LOG_STR("path", s->path),
              LOG_STR("agent", id ? p->contender.agent : s->rival->agent),
              LOG_STR("host", id ? p->contender.host : s->rival->host));
}

void conflict_say(struct publisher *p, struct slot *s)
{
    bool now = in_conflict(s);

    /* Not while it is not known how it ends. */
    if (now == s->conflict || !s->known ||
        (s->rival != NULL && s->rival->state != RIVAL_ALIVE))
        return;
    s->conflict = now;
    if (now) {
        p->conflicts++;
        say_conflict(p, s);
        return;
    }
    p->conflicts--;
    LOG_EVENT(LOG_LEVEL_INFO, "conflict_over",
              LOG_STR("kind", s == p->heartbeat ? "agent_id" : "instance"),
              LOG_STR("path", s->path));
}
