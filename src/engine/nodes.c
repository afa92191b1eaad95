/*
 * What is posted, and what is told of it, passes through here; how a node
 * comes to be as it was posted is the publisher's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/clock.h"
#include "agent/config.h"
#include "agent/log.h"
#include "agent/process.h"
#include "agent/session_file.h"
#include "agent/targets.h"
#include "agent/zk.h"

#include "nodes.h"

#define NO_SLOT SIZE_MAX

/* For how many intervals a refusal is tolerated before it is told: as long as a
 * heartbeat is valid. */
#define INTERVALS_BORNE UINT64_C(3)

/* Another agent is looked for at most so often, and within its session. */
#define RECHECK_MS 5000

/*
 * What lives in the session, beyond what the id says.  With another root, or
 * without presence, the next run would not know the old nodes: they are to
 * end with their session.  And a copy of this machine is not this agent, even
 * if it has its name: the two would take the session from each other for ever.
 */
static int open_session_file(const struct nodes_options *o, bool presence,
                             struct session_file **out, struct err *e)
{
    const struct config *c = o->pool->config;
    char scope[SESSION_SCOPE_SIZE];
    char boot[PROCESS_BOOT_SIZE];
    *out = NULL;
    if (!o->pool->resume || c->agent.state_dir == NULL)
        return 0;
    process_boot(boot);
    snprintf(scope, sizeof scope, "root=%s presence=%s host=%s boot=%s",
             c->zookeeper.root, presence ? "yes" : "no", o->host, boot);
    *out = session_file_open(c->agent.state_dir, o->agent, scope, e);
    return *out == NULL ? -1 : 0;
}

static struct store *open_store(const struct nodes_options *o, bool presence,
                                struct err *e)
{
    const struct config *c = o->pool->config;
    struct store_zk_options zk = {
        .servers = c->zookeeper.servers,
        .nservers = c->zookeeper.nservers,
        .session_timeout_ms = c->zookeeper.session_timeout_ms,
        .within_ms =
            o->pool->persistent_heartbeat ? c->zookeeper.publish_timeout_ms : 0,
        .acl = c->zookeeper.acl,
        .digest = c->zookeeper.digest,
        .digest_file = c->zookeeper.digest_file,
        .resolver = o->resolver,
    };
    if (open_session_file(o, presence, &zk.session_file, e) != 0)
        return NULL;
    return store_zk_new(&zk, e);
}

static struct publisher *start_publisher(const struct nodes_options *o,
                                         bool presence, struct err *e)
{
    const struct config *c = o->pool->config;
    bool once = o->pool->persistent_heartbeat;
    struct publisher_options p = {
        .store = open_store(o, presence, e),
        .root = c->zookeeper.root,
        .agent = o->agent,
        .host = o->host,
        .presence = presence,
        .fleet = once ? NULL : c->fleet.name,
        .fleet_settings = TARGETS_SETTINGS,
        .refresh_ms = once ? 0 : c->zookeeper.refresh_ms,
        .recheck_ms = c->zookeeper.session_timeout_ms < RECHECK_MS
                          ? c->zookeeper.session_timeout_ms
                          : RECHECK_MS,
        .wake = o->pool->wake,
        .arg = o->pool->wake_arg,
        /* --check-once waits for just that. */
        .wake_idle = once,
    };
    return p.store == NULL ? NULL : publisher_start(&p, e);
}

int nodes_start(struct nodes *k, const struct nodes_options *o, struct err *e)
{
    *k = (struct nodes){
        .hooks = o->pool->hooks,
        .hooks_arg = o->pool->hooks_arg,
        .agent = o->agent,
        .presence = o->pool->presence && o->pool->config->zookeeper.presence,
        .heartbeat_slot = NO_SLOT,
        .once = o->pool->persistent_heartbeat,
        .fleet = !o->pool->persistent_heartbeat &&
                 o->pool->config->fleet.name != NULL,
    };
    if (!o->pool->publish)
        return 0;
    k->publisher = start_publisher(o, k->presence, e);
    if (k->publisher == NULL)
        return -1;
    /* First in, first read: what the heartbeat vouches for decides what is
     * done about every other node. */
    k->heartbeat_slot =
        publisher_add(k->publisher,
                      o->pool->persistent_heartbeat ? SLOT_HEARTBEAT_PERSISTENT
                                                    : SLOT_HEARTBEAT,
                      o->agent, e);
    return k->heartbeat_slot == NO_SLOT ? -1 : 0;
}

enum store_end nodes_stop(struct nodes *k, unsigned budget_ms)
{
    return publisher_stop(k->publisher, budget_ms, budget_ms);
}

void nodes_free(struct nodes *k)
{
    free(k->by_slot);
    k->by_slot = NULL;
    k->nby_slot = 0;
}

static int own_slot(struct nodes *k, size_t slot, struct instance *i,
                    struct err *e)
{
    if (slot >= k->nby_slot) {
        size_t size = slot < 32 ? 64 : slot * 2;
        struct instance **grown = realloc(k->by_slot, size * sizeof(*grown));
        if (grown == NULL) {
            err_set(e, "out of memory for %zu slots", size);
            return -1;
        }
        memset(grown + k->nby_slot, 0, (size - k->nby_slot) * sizeof(*grown));
        k->by_slot = grown;
        k->nby_slot = size;
    }
    k->by_slot[slot] = i;
    return 0;
}

void nodes_give_back(struct nodes *k, struct instance *i)
{
    size_t slots[] = { i->nodes.status_slot, i->nodes.presence_slot };
    for (size_t s = 0; s < 2; s++) {
        if (slots[s] == NO_SLOT)
            continue;
        if (slots[s] < k->nby_slot)
            k->by_slot[slots[s]] = NULL;
        publisher_remove(k->publisher, slots[s]);
    }
}

/* Only the targets of a fleet say where they may be. */
static bool is_target(const struct nodes *k, const struct instance *i)
{
    return k->fleet && i->config->allow != NULL;
}

static int take_slot(struct nodes *k, enum slot_kind kind, struct instance *i,
                     size_t *slot, struct err *e)
{
    const char *name = i->config->name;
    *slot = kind == SLOT_STATUS && is_target(k, i)
                ? publisher_add_target(k->publisher, name, e)
                : publisher_add(k->publisher, kind, name, e);
    return *slot == NO_SLOT ? -1 : own_slot(k, *slot, i, e);
}

int nodes_take(struct nodes *k, struct instance *i, struct err *e)
{
    i->nodes.status_slot = i->nodes.presence_slot = NO_SLOT;
    if (k->publisher == NULL)
        return 0;
    if (take_slot(k, SLOT_STATUS, i, &i->nodes.status_slot, e) != 0)
        return -1;
    if (!k->presence)
        return 0;
    return take_slot(k, SLOT_PRESENCE, i, &i->nodes.presence_slot, e);
}

/* ------------------------------------------------------------- orphans */

static bool is_watched(const struct nodes *k, const char *name)
{
    for (size_t s = 0; s < k->nby_slot; s++)
        if (k->by_slot[s] != NULL &&
            strcmp(k->by_slot[s]->config->name, name) == 0)
            return true;
    return false;
}

/* It went over to a fleet, which goes on with its document; or may have. */
static bool is_spared(const struct nodes *k, const struct publisher_event *e)
{
    return k->hooks->spared != NULL && k->hooks->spared(k->hooks_arg, e->name);
}

/* An instance that left the config while no agent ran ends like one that
 * leaves it now: as pool_remove does, from what its document says. */
static void end_orphan(struct nodes *k, const struct publisher_event *e,
                       uint64_t round)
{
    const struct document_status d = {
        .instance = e->name,
        .address = e->seen.address,
        .status = STATUS_UNKNOWN,
        .reason = REASON_REMOVED,
        .detail = "no longer configured",
        .since_wall_ms =
            e->seen.status == STATUS_UNKNOWN && e->seen.since_wall_ms > 0
                ? e->seen.since_wall_ms
                : clock_wall_ms(),
        .checked_wall_ms = e->seen.checked_wall_ms,
        .rtt_us = -1,
        .role = e->seen.role,
        .server = e->seen.server,
        .version = e->seen.version,
        .started_wall_ms = e->seen.started_wall_ms,
        .agent = k->agent,
        .round = round,
        .fleet = e->seen.fleet[0] != '\0' ? e->seen.fleet : NULL,
    };
    struct err err;
    char doc[DOCUMENT_MAX];
    if (is_watched(k, e->name) || is_spared(k, e))
        return;
    size_t len = document_status(&d, doc, sizeof doc);
    size_t slot = len > 0
                      ? publisher_add(k->publisher, SLOT_STATUS, e->name, &err)
                      : NO_SLOT;
    if (slot == NO_SLOT)
        return; /* no memory now: the next start finds it again */
    bool posted = publisher_post(k->publisher, slot, doc, len);
    publisher_remove(k->publisher, slot);
    if (!posted)
        return; /* the same */
    LOG_EVENT(LOG_LEVEL_INFO, "orphan", LOG_STR("instance", e->name),
              LOG_STR("address", e->seen.address),
              LOG_STR("status", status_name(e->seen.status)));
}

static void take_event(struct nodes *k, const struct publisher_event *e,
                       uint64_t round)
{
    if (e->orphan) {
        end_orphan(k, e, round);
        return;
    }
    if (e->slot == k->heartbeat_slot) {
        k->heartbeat_found = true;
        k->hooks->found(k->hooks_arg, NULL, e);
        return;
    }
    struct instance *i = e->slot < k->nby_slot ? k->by_slot[e->slot] : NULL;
    if (i == NULL || i->nodes.status_slot != e->slot)
        return;
    if (e->displaced) {
        if (k->hooks->displaced != NULL)
            k->hooks->displaced(k->hooks_arg, i);
        return;
    }
    i->nodes.found = true;
    i->share.ours = e->seen.valid && strcmp(e->seen.agent, k->agent) == 0;
    instance_seen(i, &e->seen);
    k->hooks->found(k->hooks_arg, i, e);
}

void nodes_collect(struct nodes *k, uint64_t round)
{
    struct publisher_event event;
    while (k->publisher != NULL && publisher_take(k->publisher, &event))
        take_event(k, &event, round);
    struct follow_event followed;
    while (k->publisher != NULL && k->hooks->followed != NULL &&
           publisher_follow_take(k->publisher, &followed))
        k->hooks->followed(k->hooks_arg, &followed);
}

/* ----------------------------------------------------------- publishing */

static enum instance_presence presence_due(const struct instance *i)
{
    if (i->config->paused || i->maintenance != NULL)
        return PRESENCE_GONE;
    switch (i->health.status) {
    case STATUS_UP:
    case STATUS_DEGRADED:
        return PRESENCE_HERE;
    case STATUS_DOWN:
        return PRESENCE_GONE;
    case STATUS_UNKNOWN:
        break;
    }
    return i->nodes.presence;
}

/* Posts DOC, or remembers that it is lost. */
static void post(struct nodes *k, struct instance *i, size_t slot,
                 const char *doc, size_t len)
{
    if (len == 0 || publisher_post(k->publisher, slot, doc, len) ||
        i->nodes.lost)
        return;
    i->nodes.lost = true;
    k->nlost++;
}

static void post_presence(struct nodes *k, struct instance *i)
{
    const struct config_instance *c = i->config;
    enum instance_presence due = presence_due(i);
    if (i->nodes.presence_slot == NO_SLOT || due == i->nodes.presence)
        return;
    i->nodes.presence = due;
    if (due == PRESENCE_GONE) {
        publisher_withdraw(k->publisher, i->nodes.presence_slot);
        return;
    }
    char doc[DOCUMENT_MAX];
    size_t len = document_presence(c->host != NULL ? c->host : c->address,
                                   c->port, c->name, k->agent, doc, sizeof doc);
    post(k, i, i->nodes.presence_slot, doc, len);
}

void nodes_withdraw(struct nodes *k, struct instance *i)
{
    i->nodes.presence = PRESENCE_GONE;
    if (i->nodes.presence_slot != NO_SLOT)
        publisher_withdraw(k->publisher, i->nodes.presence_slot);
}

void nodes_end(struct nodes *k, struct instance *i)
{
    i->nodes.found = true; /* its last document is posted in any case */
    nodes_post(k, i);
    nodes_withdraw(k, i);
}

/* Nothing is said of a target before we know it ourselves, nor before others
 * know us; but what names us already is ours to keep. */
static bool is_mute(const struct nodes *k, const struct instance *i)
{
    return i->share.share == SHARE_PENDING && !i->share.ours &&
           (!k->listed || i->health.reason == REASON_PENDING);
}

void nodes_share(struct nodes *k, const struct instance *i)
{
    enum slot_share share = SLOT_SPEAKER;

    if (k->publisher == NULL)
        return;
    if (i->share.fleet == NULL)
        share = SLOT_OWN;
    else if (i->share.share == SHARE_LEAVING)
        share = SLOT_LEAVING;
    publisher_share(k->publisher, i->nodes.status_slot, share);
}

void nodes_post(struct nodes *k, struct instance *i)
{
    if (k->publisher == NULL || is_mute(k, i))
        return;
    post_presence(k, i);
    if (!i->nodes.found)
        return;
    char doc[DOCUMENT_MAX];
    const struct document_status d = instance_document(i, k->agent);
    size_t len = document_status(&d, doc, sizeof doc);
    post(k, i, i->nodes.status_slot, doc, len);
    i->share.said = true;
}

/* Posts again what was lost. */
static void make_up(struct nodes *k)
{
    if (k->nlost == 0)
        return;
    k->nlost = 0;
    for (size_t s = 0; s < k->nby_slot; s++) {
        struct instance *i = k->by_slot[s];
        if (i == NULL || !i->nodes.lost || i->nodes.status_slot != s)
            continue;
        i->nodes.lost = false;
        i->nodes.presence = PRESENCE_AS_IT_IS;
        nodes_post(k, i);
    }
}

/* A reader that finds no heartbeat trusts nothing, which is right where more
 * is wrong than can be named. */
static bool too_much_refused(struct nodes *k)
{
    bool before = k->withheld;
    k->withheld = k->not_vouched.count > DOCUMENT_EXCEPT || k->nlost > 0;
    if (k->withheld && !before)
        LOG_EVENT(LOG_LEVEL_ERROR, "heartbeat_withheld",
                  LOG_UINT("refused", k->not_vouched.count),
                  LOG_UINT("no_memory", k->nlost));
    else if (before && !k->withheld)
        LOG_EVENT(LOG_LEVEL_INFO, "heartbeat_goes_on",
                  LOG_UINT("refused", k->not_vouched.count));
    return k->withheld;
}

void nodes_heartbeat(struct nodes *k, const struct document_heartbeat *d)
{
    if (k->publisher == NULL || !k->heartbeat_found)
        return;
    make_up(k);
    uint64_t borne_ms = k->once ? 0 : INTERVALS_BORNE * d->interval_ms;
    publisher_refused(k->publisher, borne_ms, &k->not_vouched);
    if (too_much_refused(k))
        return;
    struct document_heartbeat vouching = *d;
    vouching.except = k->not_vouched.names;
    vouching.nexcept = k->not_vouched.count;
    char doc[DOCUMENT_MAX];
    size_t len = document_heartbeat(&vouching, doc, sizeof doc);
    /* Lost, it is not renewed, and made anew in the next round. */
    if (len > 0)
        (void)!publisher_post(k->publisher, k->heartbeat_slot, doc, len);
}
