/*
 * The mirror.  What is wrong with an entry is said when it is read, so once
 * for each of its versions; what follows from the good ones is not decided
 * here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/clock.h"
#include "agent/config.h"
#include "agent/log.h"
#include "rounds.h"

/* Rounds that begin before what is said of instances waits no longer. */
#define WAITS_MAX 3

/* What another member knows of the ensemble's clock may differ by so much. */
#define SAME_MOMENT_MS 2000

const char *maintenance_scope_name(const struct maintenance *m,
                                   enum maintenance_of scope, char *out)
{
    snprintf(out, MAINTENANCE_SCOPE_SIZE, "%s%s",
             scope == MAINTENANCE_OWN ? "@" : "", m->scopes[scope].name);
    return out;
}

static int follow(struct rounds *r, enum maintenance_of scope, const char *name,
                  struct err *e)
{
    struct maintenance_scope *s = &r->maintenance.scopes[scope];
    char scope_name[MAINTENANCE_SCOPE_SIZE];
    char path[MAINTENANCE_SCOPE_SIZE + sizeof "maintenance/"];

    s->name = name;
    snprintf(path, sizeof path, "maintenance/%s",
             maintenance_scope_name(&r->maintenance, scope, scope_name));
    s->follow = publisher_follow(pool_parts(r->pool).publisher, path,
                                 FOLLOW_ENTRIES, e);
    return s->follow == SIZE_MAX ? -1 : 0;
}

int maintenance_start(struct rounds *r, const struct config *c, struct err *e)
{
    const struct pool_parts pool = pool_parts(r->pool);

    for (size_t s = 0; s < MAINTENANCE_SCOPES; s++)
        r->maintenance.scopes[s].follow = SIZE_MAX;
    r->maintenance.next_wall_ms = INT64_MAX;
    if (pool.publisher == NULL)
        return 0;
    if (follow(r, MAINTENANCE_OWN, pool.id, e) != 0)
        return -1;
    if (c->fleet.name == NULL)
        return 0;
    return follow(r, MAINTENANCE_FLEET, r->fleet_says.name, e);
}

void maintenance_free(struct maintenance *m)
{
    for (size_t s = 0; s < MAINTENANCE_SCOPES; s++) {
        free(m->scopes[s].nodes);
        free(m->scopes[s].acting);
    }
}

/* --------------------------------------------------------------- instances */

static enum maintenance_of scope_of(const struct instance *i)
{
    return i->share.fleet != NULL ? MAINTENANCE_FLEET : MAINTENANCE_OWN;
}

bool maintenance_concerns(enum maintenance_of scope, const struct instance *i)
{
    return i != NULL && scope_of(i) == scope;
}

void maintenance_point(const struct rounds *r, struct instance *i)
{
    const struct maintenance_scope *s = &r->maintenance.scopes[scope_of(i)];

    i->maintenance = NULL;
    /* Nothing of what is in force is over. */
    if (s->nacting > 0)
        i->maintenance = maintenance_cover(s->acting, s->nacting,
                                           i->config->name, INT64_MIN);
}

bool maintenance_drains(const struct rounds *r)
{
    const struct maintenance_scope *s =
        &r->maintenance.scopes[MAINTENANCE_FLEET];
    const char *id = pool_parts(r->pool).id;

    for (size_t k = 0; k < s->nacting; k++)
        if (s->acting[k].key[0] == '@' && strcmp(s->acting[k].key + 1, id) == 0)
            return true;
    return false;
}

static size_t covered(const struct rounds *r, enum maintenance_of scope,
                      const char *key)
{
    size_t n = 0;

    for (size_t k = 0; k < pool_size(r->pool); k++) {
        const struct instance *i = pool_instance(r->pool, k);
        n += maintenance_concerns(scope, i) &&
             maintenance_matches(key, i->config->name);
    }
    return n;
}

void maintenance_say(const struct rounds *r, enum maintenance_of scope,
                     const struct maintenance_node *n, const char *event)
{
    char name[MAINTENANCE_SCOPE_SIZE];
    char until[CLOCK_RFC3339_SIZE];

    maintenance_scope_name(&r->maintenance, scope, name);
    clock_rfc3339(n->entry.until_wall_ms, until);
    LOG_EVENT(LOG_LEVEL_INFO, event, LOG_STR("scope", name),
              LOG_STR("entry", n->entry.key), LOG_STR("owner", n->entry.owner),
              LOG_STR("reason", n->entry.reason), LOG_STR("until", until),
              LOG_UINT("instances", covered(r, scope, n->entry.key)));
}

size_t rounds_in_maintenance(const struct rounds *r)
{
    return r->maintenance.scopes[MAINTENANCE_OWN].nacting +
           r->maintenance.scopes[MAINTENANCE_FLEET].nacting;
}

bool rounds_maintenance(const struct rounds *r, size_t at,
                        struct rounds_maintenance *out)
{
    size_t own = r->maintenance.scopes[MAINTENANCE_OWN].nacting;
    enum maintenance_of scope = at < own ? MAINTENANCE_OWN : MAINTENANCE_FLEET;

    if (at >= rounds_in_maintenance(r))
        return false;
    out->fleet = scope == MAINTENANCE_FLEET;
    out->entry =
        &r->maintenance.scopes[scope].acting[out->fleet ? at - own : at];
    out->instances = covered(r, scope, out->entry->key);
    maintenance_scope_name(&r->maintenance, scope, out->scope);
    return true;
}

/* ------------------------------------------------------------------- nodes */

static struct maintenance_node *find(struct maintenance_scope *s,
                                     const char *key)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->nodes[i].entry.key, key) == 0)
            return &s->nodes[i];
    return NULL;
}

/* NULL on lack of memory. */
static struct maintenance_node *node_of(struct maintenance_scope *s,
                                        const char *key)
{
    struct maintenance_node *n = find(s, key);

    if (n != NULL)
        return n;
    if (s->n == s->size) {
        size_t size = s->size == 0 ? 8 : 2 * s->size;
        void *grown = realloc(s->nodes, size * sizeof *s->nodes);
        if (grown == NULL)
            return NULL;
        s->nodes = grown;
        s->size = size;
    }
    n = &s->nodes[s->n++];
    memset(n, 0, sizeof *n);
    return n;
}

static void say_ignored(const struct rounds *r, enum maintenance_of scope,
                        const char *key, const char *detail)
{
    char name[MAINTENANCE_SCOPE_SIZE];

    maintenance_scope_name(&r->maintenance, scope, name);
    LOG_EVENT(LOG_LEVEL_WARN, "maintenance_ignored", LOG_STR("scope", name),
              LOG_STR("entry", key), LOG_STR("detail", detail));
}

/* 0; or -1 and E for what is to be ignored. */
static int read_entry(enum maintenance_of scope, const struct follow_event *e,
                      struct maintenance_entry *out, struct err *err)
{
    if (maintenance_read(e->name, e->data, e->len, out, err) != 0)
        return -1;
    if (scope == MAINTENANCE_OWN &&
        maintenance_key(e->name, NULL) == MAINTENANCE_MEMBER) {
        err_set(err, "only the members of a fleet can be drained");
        return -1;
    }
    return 0;
}

static void took_entry(struct rounds *r, enum maintenance_of scope,
                       const struct follow_event *e)
{
    struct maintenance *m = &r->maintenance;
    struct maintenance_node *n = node_of(&m->scopes[scope], e->name);
    struct err err;

    if (n == NULL) {
        say_ignored(r, scope, e->name, "out of memory");
        return;
    }
    /* Another version: whatever was ordered was for the one before. */
    *n = (struct maintenance_node){
        .serial = ++m->serial,
        .version = e->version,
    };
    snprintf(n->entry.key, sizeof n->entry.key, "%s", e->name);
    if (e->what == FOLLOW_DENIED)
        say_ignored(r, scope, e->name, e->data);
    else if (read_entry(scope, e, &n->entry, &err) != 0)
        say_ignored(r, scope, e->name, err.text);
    else
        n->good = true;
}

/* Somebody deleted it before its end; or a fellow, which knew the end to have
 * come a little earlier than we. */
static const char *why_gone(const struct rounds *r,
                            const struct maintenance_node *n)
{
    int64_t now_wall_ms;

    (void)publisher_clock(pool_parts(r->pool).publisher, &now_wall_ms);
    return maintenance_over(&n->entry, now_wall_ms + SAME_MOMENT_MS)
               ? "maintenance_expired"
               : "maintenance_lifted";
}

static void took_absence(struct rounds *r, enum maintenance_of scope,
                         const char *key)
{
    struct maintenance_scope *s = &r->maintenance.scopes[scope];
    struct maintenance_node *n = find(s, key);

    if (n == NULL)
        return;
    if (n->said && !n->over_said)
        maintenance_say(r, scope, n, why_gone(r, n));
    *n = s->nodes[--s->n];
}

bool maintenance_took(struct rounds *r, const struct follow_event *e)
{
    struct maintenance *m = &r->maintenance;
    enum maintenance_of scope = MAINTENANCE_OWN;

    if (e->follow == m->scopes[MAINTENANCE_FLEET].follow)
        scope = MAINTENANCE_FLEET;
    else if (e->follow != m->scopes[MAINTENANCE_OWN].follow)
        return false;
    switch (e->what) {
    case FOLLOW_IS:
    case FOLLOW_DENIED:
        took_entry(r, scope, e);
        break;
    case FOLLOW_GONE:
        took_absence(r, scope, e->name);
        break;
    case FOLLOW_REFUSED:
        say_ignored(r, scope, "*", e->data);
        m->scopes[scope].read = m->stale = true;
        break;
    case FOLLOW_COMPLETE:
        m->scopes[scope].read = m->stale = true;
        break;
    case FOLLOW_DOUBT:
        break; /* what was known holds on */
    }
    return true;
}

/* ------------------------------------------------------- the first picture */

bool maintenance_known(const struct rounds *r, enum maintenance_of scope)
{
    const struct maintenance_scope *s = &r->maintenance.scopes[scope];

    return s->follow == SIZE_MAX || s->read;
}

bool maintenance_awaited(const struct rounds *r, const struct instance *i)
{
    return !maintenance_known(r, scope_of(i));
}

bool maintenance_holds(struct rounds *r, struct instance *i)
{
    i->nodes.held = maintenance_awaited(r, i);
    r->maintenance.held = r->maintenance.held || i->nodes.held;
    return i->nodes.held;
}

void maintenance_round(struct rounds *r)
{
    struct maintenance *m = &r->maintenance;

    if (!r->inherited.heartbeat_found || m->waits >= WAITS_MAX ||
        ++m->waits < WAITS_MAX)
        return;
    for (enum maintenance_of s = MAINTENANCE_OWN; s < MAINTENANCE_SCOPES; s++) {
        if (maintenance_known(r, s))
            continue;
        say_ignored(r, s, "*", "ZooKeeper does not answer what there is");
        m->scopes[s].read = m->stale = true;
    }
}
