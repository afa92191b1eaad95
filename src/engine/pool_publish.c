/*
 * The pool's way into ZooKeeper: which slot belongs to whom, what is posted
 * into it when, and what was found there at the first reading.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/clock.h"
#include "agent/config.h"
#include "agent/log.h"
#include "agent/process.h"
#include "agent/session_file.h"
#include "agent/zk.h"
#include "pool_impl.h"

#include "agent/pool.h"

/* Another agent is looked for at most so often, and within its session. */
#define RECHECK_MS 5000

/*
 * What lives in the session, beyond what the id says.  With another root, or
 * without presence, the next run would not know the old nodes: they are to
 * end with their session.  And a copy of this machine is not this agent, even
 * if it has its name: the two would take the session from each other for ever.
 */
static int open_session_file(struct pool *f, const struct config *c,
                             struct session_file **out, struct err *e)
{
    char scope[SESSION_SCOPE_SIZE];
    char boot[PROCESS_BOOT_SIZE];
    *out = NULL;
    if (!f->options.resume || c->agent.state_dir == NULL)
        return 0;
    process_boot(boot);
    snprintf(scope, sizeof scope, "root=%s presence=%s host=%s boot=%s",
             c->zookeeper.root, f->presence ? "yes" : "no", f->host, boot);
    *out = session_file_open(c->agent.state_dir, f->id, scope, e);
    return *out == NULL ? -1 : 0;
}

int pool_start_publisher(struct pool *f, const struct config *c, struct err *e)
{
    struct store_zk_options zk = {
        .servers = c->zookeeper.servers,
        .nservers = c->zookeeper.nservers,
        .session_timeout_ms = c->zookeeper.session_timeout_ms,
        .acl = c->zookeeper.acl,
        .digest = c->zookeeper.digest,
        .resolver = f->resolver,
    };
    struct publisher_options o = {
        .root = c->zookeeper.root,
        .agent = f->id,
        .host = f->host,
        .presence = f->presence,
        .refresh_ms =
            f->options.persistent_heartbeat ? 0 : c->zookeeper.refresh_ms,
        .recheck_ms = c->zookeeper.session_timeout_ms < RECHECK_MS
                          ? c->zookeeper.session_timeout_ms
                          : RECHECK_MS,
        .wake = f->options.wake,
        .arg = f->options.wake_arg,
        /* Who runs once waits for just that. */
        .wake_idle = f->options.persistent_heartbeat,
    };
    if (open_session_file(f, c, &zk.session_file, e) != 0)
        return -1;
    o.store = store_zk_new(&zk, e);
    if (o.store == NULL)
        return -1;
    f->publisher = publisher_start(&o, e);
    if (f->publisher == NULL)
        return -1;
    /* First in, first read: what the heartbeat vouches for decides what is
     * done about every other node. */
    f->heartbeat_slot = publisher_add(f->publisher,
                                      f->options.persistent_heartbeat
                                          ? SLOT_HEARTBEAT_PERSISTENT
                                          : SLOT_HEARTBEAT,
                                      f->id, e);
    return f->heartbeat_slot == NO_SLOT ? -1 : 0;
}

static int own_slot(struct pool *f, size_t slot, struct entry *n, struct err *e)
{
    if (slot >= f->nby_slot) {
        size_t size = slot < 32 ? 64 : slot * 2;
        struct entry **grown = realloc(f->by_slot, size * sizeof(*grown));
        if (grown == NULL) {
            err_set(e, "out of memory for %zu slots", size);
            return -1;
        }
        memset(grown + f->nby_slot, 0, (size - f->nby_slot) * sizeof(*grown));
        f->by_slot = grown;
        f->nby_slot = size;
    }
    f->by_slot[slot] = n;
    return 0;
}

void pool_give_slots_back(struct pool *f, struct entry *n)
{
    size_t slots[] = { n->status_slot, n->presence_slot };
    for (size_t i = 0; i < 2; i++) {
        if (slots[i] == NO_SLOT)
            continue;
        if (slots[i] < f->nby_slot)
            f->by_slot[slots[i]] = NULL;
        publisher_remove(f->publisher, slots[i]);
    }
}

int pool_take_slots(struct pool *f, struct entry *n, struct err *e)
{
    const char *name = n->member.instance.config->name;
    if (f->publisher == NULL)
        return 0;
    n->status_slot = publisher_add(f->publisher, SLOT_STATUS, name, e);
    if (n->status_slot == NO_SLOT || own_slot(f, n->status_slot, n, e) != 0)
        return -1;
    if (!f->presence)
        return 0;
    n->presence_slot = publisher_add(f->publisher, SLOT_PRESENCE, name, e);
    if (n->presence_slot == NO_SLOT || own_slot(f, n->presence_slot, n, e) != 0)
        return -1;
    return 0;
}

/* ------------------------------------------------------------- orphans */

static bool is_watched(const struct pool *f, const char *name)
{
    for (size_t i = 0; i < f->nentries; i++)
        if (f->entries[i] != NULL &&
            strcmp(f->entries[i]->member.instance.config->name, name) == 0)
            return true;
    return false;
}

/* An instance that left the config while no agent ran ends like one that
 * leaves it now: as pool_remove does, from what its document says. */
static void end_orphan(struct pool *f, const struct publisher_event *e)
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
        .version = e->seen.version,
        .agent = f->id,
        .round = f->round,
    };
    struct err err;
    char doc[DOCUMENT_MAX];
    if (is_watched(f, e->name))
        return;
    size_t len = document_status(&d, doc, sizeof doc);
    size_t slot = len > 0
                      ? publisher_add(f->publisher, SLOT_STATUS, e->name, &err)
                      : NO_SLOT;
    if (slot == NO_SLOT)
        return; /* no memory now: the next start finds it again */
    publisher_post(f->publisher, slot, doc, len);
    publisher_remove(f->publisher, slot);
    LOG_EVENT(LOG_LEVEL_INFO, "orphan", LOG_STR("instance", e->name),
              LOG_STR("address", e->seen.address),
              LOG_STR("status", status_name(e->seen.status)));
}

void pool_seek_orphans(struct pool *f)
{
    if (f->publisher != NULL)
        publisher_seek_orphans(f->publisher);
}

static void take_event(struct pool *f, const struct publisher_event *e)
{
    if (e->orphan) {
        end_orphan(f, e);
        return;
    }
    if (e->slot == f->heartbeat_slot) {
        f->heartbeat_found = true;
        f->options.hooks->found(f->options.hooks_arg, NULL, e);
        return;
    }
    struct entry *n = e->slot < f->nby_slot ? f->by_slot[e->slot] : NULL;
    if (n == NULL || n->status_slot != e->slot)
        return;
    n->member.found = true;
    instance_seen(&n->member.instance, &e->seen);
    f->options.hooks->found(f->options.hooks_arg, &n->member, e);
}

void pool_take_events(struct pool *f)
{
    struct publisher_event event;
    while (f->publisher != NULL && publisher_take(f->publisher, &event))
        take_event(f, &event);
}

/* ----------------------------------------------------------- publishing */

static enum presence presence_due(const struct entry *n)
{
    const struct instance *i = &n->member.instance;
    if (i->config->paused)
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
    return n->presence;
}

static void post_presence(struct pool *f, struct entry *n)
{
    const struct config_instance *c = n->member.instance.config;
    enum presence due = presence_due(n);
    if (n->presence_slot == NO_SLOT || due == n->presence)
        return;
    n->presence = due;
    if (due == PRESENCE_GONE) {
        publisher_withdraw(f->publisher, n->presence_slot);
        return;
    }
    char doc[DOCUMENT_MAX];
    size_t len = document_presence(c->host != NULL ? c->host : c->address,
                                   c->port, c->name, f->id, doc, sizeof doc);
    if (len > 0)
        publisher_post(f->publisher, n->presence_slot, doc, len);
}

void pool_withdraw(struct pool *f, struct entry *n)
{
    n->presence = PRESENCE_GONE;
    if (n->presence_slot != NO_SLOT)
        publisher_withdraw(f->publisher, n->presence_slot);
}

void pool_post(struct pool *f, struct member *m)
{
    struct entry *n = entry_of(m);
    if (f->publisher == NULL)
        return;
    post_presence(f, n);
    if (!m->found)
        return;
    char doc[DOCUMENT_MAX];
    size_t len = instance_document(&m->instance, f->id, doc, sizeof doc);
    if (len > 0)
        publisher_post(f->publisher, n->status_slot, doc, len);
}

void pool_heartbeat(struct pool *f, const struct document_heartbeat *d)
{
    if (f->publisher == NULL || !f->heartbeat_found)
        return;
    char doc[DOCUMENT_MAX];
    size_t len = document_heartbeat(d, doc, sizeof doc);
    if (len > 0)
        publisher_post(f->publisher, f->heartbeat_slot, doc, len);
}

/* -------------------------------------------------------------- figures */

bool pool_publishing(const struct pool *f)
{
    return f->publisher != NULL;
}

bool pool_node(const struct pool *f, const struct member *m,
               struct publisher_node *out)
{
    if (f->publisher == NULL)
        return false;
    publisher_node(f->publisher, entry_of_const(m)->status_slot, out);
    return true;
}

bool pool_heartbeat_node(const struct pool *f, struct publisher_node *out)
{
    if (f->publisher == NULL)
        return false;
    publisher_node(f->publisher, f->heartbeat_slot, out);
    return true;
}

bool pool_contested(const struct pool *f, struct publisher_holder *out)
{
    return f->publisher != NULL &&
           publisher_conflict(f->publisher, f->heartbeat_slot, out);
}

size_t pool_node_document(const struct pool *f, const struct member *m,
                          char *out, size_t size)
{
    if (f->publisher == NULL)
        return 0;
    return publisher_node_document(f->publisher, entry_of_const(m)->status_slot,
                                   out, size);
}

const char *pool_presence(const struct pool *f, const struct member *m)
{
    const struct entry *n = entry_of_const(m);
    if (f->publisher == NULL || n->presence_slot == NO_SLOT)
        return NULL;
    switch (n->presence) {
    case PRESENCE_HERE:
        return "here";
    case PRESENCE_GONE:
        return "gone";
    case PRESENCE_AS_IT_IS:
        break;
    }
    return "as it is";
}

bool pool_conflict(const struct pool *f, const struct member *m,
                   struct publisher_holder *out)
{
    return f->publisher != NULL &&
           publisher_conflict(f->publisher, entry_of_const(m)->status_slot,
                              out);
}

void pool_publisher_info(const struct pool *f, struct publisher_info *out)
{
    memset(out, 0, sizeof *out);
    if (f->publisher != NULL)
        publisher_info(f->publisher, out);
}
