/*
 * The heartbeat's node says who we are to others, so it also says what we may
 * write.  Nobody hands the lease out: it is held as long as the node lives in
 * our session, and lost with it.
 */
#include <stdio.h>
#include <string.h>

#include "agent/process.h"

#include "lease.h"
#include "slot.h"

void lease_init(struct lease *l, const char *agent, const char *host)
{
    l->agent = agent;
    l->host = host;
    l->state = LEASE_HELD;
}

void lease_connection(struct lease *l, const struct store_status *status)
{
    if (status->session != 0)
        l->session = status->session;
    if (status->timeout_ms != 0)
        l->session_ms = status->timeout_ms;
    l->connected = status->state == STORE_CONNECTED;
}

void lease_new_session(struct lease *l)
{
    l->had = false;
}

void lease_heartbeat(struct lease *l, struct slot *s)
{
    l->heartbeat = s;
}

/*
 * The node lives in a session that is not ours.  That may be the session of
 * our own earlier life, unless that process still runs here or cannot be
 * looked for.  (If its process id has passed to another agent, that costs no
 * more than the wait for the end of that session.)  An agent that took the
 * node from us while we lived is another one in any case.
 */
static bool is_contested(const struct lease *l,
                         const struct document_seen *seen)
{
    const struct slot *s = l->heartbeat;

    if (s->node.owner == 0 || s->node.owner == l->session)
        return false;
    if (s->kind == SLOT_HEARTBEAT_PERSISTENT)
        return true;
    if (!s->node.readable)
        return false;
    return !s->node.ours || l->had || strcmp(seen->host, l->host) != 0 ||
           process_is_kin(seen->pid);
}

void lease_read(struct lease *l, const struct document_seen *seen)
{
    l->contested = is_contested(l, seen);
    if (l->heartbeat->node.owner == l->session)
        l->had = true;
    if (!l->contested)
        return;
    snprintf(l->contender.agent, sizeof l->contender.agent, "%s", seen->agent);
    snprintf(l->contender.host, sizeof l->contender.host, "%s", seen->host);
}

void lease_not_contested(struct lease *l)
{
    const struct slot *s = l->heartbeat;

    l->contested = false;
    if (s->kind == SLOT_HEARTBEAT && s->node.exists &&
        s->node.owner == l->session)
        l->had = true;
}

bool lease_is_contested(const struct lease *l, const struct slot *s)
{
    return s == l->heartbeat && l->contested;
}

static enum lease_state state_of(const struct lease *l)
{
    const struct slot *s = l->heartbeat;

    if (s == NULL)
        return LEASE_HELD;
    if (!s->node.known)
        return s->refusal.cause != CAUSE_NONE ? LEASE_REFUSED : LEASE_UNREAD;
    if (l->contested)
        return LEASE_CONTESTED;
    if (s->kind == SLOT_HEARTBEAT_PERSISTENT ||
        (s->node.exists && s->node.owner == l->session))
        return LEASE_HELD;
    return LEASE_FREE;
}

enum lease_state lease_update(struct lease *l)
{
    enum lease_state before = l->state;

    l->state = state_of(l);
    return before;
}
