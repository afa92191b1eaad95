/*
 * Changes of chunks are gathered for a second, as an edit of several nodes is
 * one edit to those who made it.  When more than the brake's part of all
 * targets is gone at once it may be a mistake: so it is held for a while.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/config.h"
#include "agent/log.h"
#include "come.h"
#include "fleet_members.h"

#include "fleet_set.h"

#define GATHER_MS 1000

int fleet_set_start(struct fleet *f, const struct config *c, struct err *e)
{
    f->set.chunks = targets_new(c, e);
    return f->set.chunks == NULL ? -1 : 0;
}

static void target_free(struct fleet_target *t)
{
    config_instance_unref(t->config);
    free(t);
}

void fleet_set_free(struct fleet_set *s)
{
    for (size_t i = 0; i < s->n; i++)
        target_free(s->targets[i]);
    free(s->targets);
    targets_free(s->chunks);
}

struct fleet_target *fleet_set_find(const struct fleet_set *s, const char *name)
{
    size_t low = 0;
    size_t high = s->n;

    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(s->targets[middle]->config->name, name);
        if (order == 0)
            return s->targets[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

bool fleet_may_have(const struct fleet *f, const char *name)
{
    return !f->set.read || fleet_set_find(&f->set, name) != NULL;
}

/* ---------------------------------------------------------------- news */

static void changed(struct fleet *f, uint64_t now)
{
    if (!f->set.changed)
        f->set.changed_mono_ms = now;
    f->set.changed = true;
}

void fleet_set_took(struct fleet *f, enum fleet_followed which,
                    const struct follow_event *e, uint64_t now)
{
    struct targets *t = f->set.chunks;
    const char *data = e->what == FOLLOW_IS ? e->data : NULL;
    struct err err;
    int rc = 0;

    switch (e->what) {
    case FOLLOW_IS:
    case FOLLOW_GONE:
        rc = which == FLEET_SETTINGS
                 ? targets_set(t, data, e->len, e->version, &err)
                 : targets_chunk(t, e->name, data, e->len, e->version, &err);
        changed(f, now);
        break;
    case FOLLOW_COMPLETE:
        f->followed[which].complete = true;
        if (!f->set.read)
            changed(f, now);
        break;
    case FOLLOW_DOUBT:
        f->followed[which].complete = false;
        break;
    case FOLLOW_DENIED:
    case FOLLOW_REFUSED:
        break; /* of entries alone */
    }
    if (rc != 0)
        LOG_EVENT(LOG_LEVEL_ERROR, "fleet_trouble",
                  LOG_STR("detail", err.text));
}

int fleet_set_reload(struct fleet *f, const struct config *c, uint64_t now,
                     struct err *e)
{
    int rc = targets_credentials(f->set.chunks, c, e);

    if (rc <= 0)
        return rc;
    /* There is nothing to gather. */
    changed(f, now);
    f->set.changed_mono_ms = now > GATHER_MS ? now - GATHER_MS : 0;
    return 0;
}

uint64_t fleet_set_due(const struct fleet *f)
{
    const struct fleet_set *s = &f->set;
    uint64_t due = s->held_mono_ms > 0 ? s->held_mono_ms : UINT64_MAX;

    if ((!s->changed && s->held_mono_ms == 0) ||
        !f->followed[FLEET_TARGETS].complete ||
        !f->followed[FLEET_SETTINGS].complete)
        return UINT64_MAX;
    /* The first time there is nothing to gather. */
    uint64_t gathered = s->read ? s->changed_mono_ms + GATHER_MS : 0;
    return s->changed && gathered < due ? gathered : due;
}

/* ------------------------------------------------------------ differences */

/* How many targets are not in L. */
static size_t count_gone(const struct fleet_set *s,
                         const struct targets_list *l)
{
    size_t gone = 0;
    size_t at = 0;

    for (size_t i = 0; i < s->n; i++) {
        const char *name = s->targets[i]->config->name;
        while (at < l->n && strcmp(l->targets[at]->name, name) < 0)
            at++;
        gone += at == l->n || strcmp(l->targets[at]->name, name) != 0;
    }
    return gone;
}

/* True while what is gone is to stay. */
static bool hold(struct fleet *f, const struct targets_list *l, uint64_t now)
{
    struct fleet_set *s = &f->set;
    size_t gone = count_gone(s, l);
    const struct targets_settings *set = &l->settings;
    bool held = s->held_mono_ms > 0;

    /* What comes meanwhile makes no smaller part of what is gone. */
    if (!held)
        s->held_of = s->n;
    if (set->brake_percent == 0 || gone < set->brake_min ||
        100 * gone <= (size_t)set->brake_percent * s->held_of ||
        (held && now >= s->held_mono_ms)) {
        s->held_mono_ms = 0;
        return false;
    }
    if (held)
        return true;
    s->held_mono_ms = now + set->brake_hold_ms;
    LOG_EVENT(LOG_LEVEL_WARN, "targets_held", LOG_STR("fleet", f->name),
              LOG_UINT("gone", gone), LOG_UINT("targets", s->n),
              LOG_UINT("hold_ms", set->brake_hold_ms));
    return true;
}

/* The settings that count: those that cannot be used replace none that can. */
static struct config_instance *choose(const struct fleet *f,
                                      struct fleet_target *old,
                                      struct config_instance *fresh)
{
    bool keep = old != NULL && old->config->fault == NULL &&
                fresh->fault != NULL &&
                targets_may_keep(f->set.chunks, old->config);

    return keep ? old->config : fresh;
}

static struct fleet_target *target_new(struct config_instance *config)
{
    struct fleet_target *t = calloc(1, sizeof *t);

    if (t == NULL)
        return NULL;
    t->config = config_instance_ref(config);
    rank_init(&t->rank, config->name);
    return t;
}

/* Other settings for what is in our hands: it begins anew at another address,
 * and is asked from now on where it could not be used before.  False: it stays
 * as it is, for lack of memory. */
static bool change(struct fleet *f, struct fleet_target *t,
                   struct config_instance *config, uint64_t now)
{
    struct instance *i = t->instance;
    struct err e;

    if (i != NULL && come_change(f->rounds, i, config, &e) != 0) {
        LOG_EVENT(LOG_LEVEL_ERROR, "fleet_trouble", LOG_STR("detail", e.text));
        return false;
    }
    if (i != NULL) {
        come_place(f->rounds, i, now);
        come_say_fault(f->rounds, i);
    }
    config_instance_ref(config);
    config_instance_unref(t->config);
    t->config = config;
    return true;
}

static void remove_target(struct fleet *f, struct fleet_target *t)
{
    if (t->instance != NULL) {
        come_drop(f->rounds, t->instance);
        f->shares.unlisted = true;
    }
    target_free(t);
}

/* What is to become of the targets. */
struct merge {
    struct fleet_target **targets; /* those that stay and those that come */
    size_t n;
    bool keep_gone; /* what is not in the list stays, too */
    size_t added;
    size_t removed;
    size_t changed;
    bool failed; /* to change one: to be tried again */
};

static int by_name(const struct fleet_target *t,
                   const struct config_instance *config)
{
    return strcmp(t->config->name, config->name);
}

/* Makes those that come, before anything is changed: half a set would be
 * another one than others have.  False on lack of memory. */
static bool prepare(struct merge *m, const struct fleet_set *s,
                    const struct targets_list *l)
{
    size_t old = 0;

    m->targets = calloc(s->n + l->n + 1, sizeof(*m->targets));
    if (m->targets == NULL)
        return false;
    for (size_t i = 0; i < l->n; i++) {
        while (old < s->n && by_name(s->targets[old], l->targets[i]) < 0)
            old++;
        if (old < s->n && by_name(s->targets[old], l->targets[i]) == 0)
            continue;
        m->targets[m->n] = target_new(l->targets[i]);
        if (m->targets[m->n] == NULL)
            goto undo;
        m->n++;
    }
    m->added = m->n;
    return true;
undo:
    while (m->n > 0)
        target_free(m->targets[--m->n]);
    free(m->targets);
    return false;
}

static int by_target(const void *a, const void *b)
{
    const struct fleet_target *const *x = a;
    const struct fleet_target *const *y = b;

    return by_name(*x, (*y)->config);
}

static void keep_target(struct merge *m, struct fleet *f,
                        struct fleet_target *t, struct config_instance *fresh,
                        uint64_t now)
{
    struct config_instance *config = choose(f, t, fresh);

    if (!config_instance_equal(t->config, config)) {
        bool done = change(f, t, config, now);
        m->changed += done;
        m->failed = m->failed || !done;
    }
    m->targets[m->n++] = t;
}

/* Merges L into the targets, both sorted. */
static void merge(struct merge *m, struct fleet *f,
                  const struct targets_list *l, uint64_t now)
{
    struct fleet_set *s = &f->set;
    size_t at = 0;

    for (size_t i = 0; i < m->n; i++)
        (void)roster_rank(f->members.roster, &m->targets[i]->rank);
    for (size_t i = 0; i < s->n; i++) {
        struct fleet_target *t = s->targets[i];
        while (at < l->n && by_name(t, l->targets[at]) > 0)
            at++;
        if (at < l->n && by_name(t, l->targets[at]) == 0) {
            keep_target(m, f, t, l->targets[at], now);
        } else if (m->keep_gone) {
            m->targets[m->n++] = t;
        } else {
            remove_target(f, t);
            m->removed++;
        }
    }
    if (m->n > 0)
        qsort(m->targets, m->n, sizeof(*m->targets), by_target);
    free(s->targets);
    s->targets = m->targets;
    s->n = m->n;
}

static void tell_faults(const struct fleet *f, const struct targets_list *l)
{
    for (size_t i = 0; i < l->nfaults; i++)
        LOG_EVENT(LOG_LEVEL_ERROR, "targets_rejected",
                  LOG_STR("fleet", f->name), LOG_STR("fault", l->faults[i]));
}

static void act(struct fleet *f, const struct targets_list *l, uint64_t now)
{
    struct merge m = { .keep_gone = hold(f, l, now) };
    struct fleet_set *s = &f->set;

    s->changed_mono_ms = now;
    s->changed = true;
    if (!prepare(&m, s, l)) {
        LOG_EVENT(LOG_LEVEL_ERROR, "fleet_trouble",
                  LOG_STR("detail", "out of memory for the targets"));
        return;
    }
    merge(&m, f, l, now);
    s->changed = m.failed;
    s->read = true;
    f->shares.stale = true;
    f->shares.moves_targets += m.added + m.removed;
    tell_faults(f, l);
    if (m.added + m.removed + m.changed > 0)
        LOG_EVENT(LOG_LEVEL_INFO, "targets_changed", LOG_STR("fleet", f->name),
                  LOG_UINT("targets", s->n), LOG_UINT("added", m.added),
                  LOG_UINT("removed", m.removed),
                  LOG_UINT("changed", m.changed));
}

void fleet_set_act(struct fleet *f, uint64_t now)
{
    struct targets_list l;
    struct err e;

    if (targets_list(f->set.chunks, &l, &e) != 0) {
        LOG_EVENT(LOG_LEVEL_ERROR, "fleet_trouble", LOG_STR("detail", e.text));
        f->set.changed_mono_ms = now;
        return;
    }
    act(f, &l, now);
    targets_list_free(&l);
}
