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

    if (!s->changed || !f->followed[FLEET_TARGETS].complete ||
        !f->followed[FLEET_SETTINGS].complete)
        return UINT64_MAX;
    if (s->held_mono_ms > 0)
        return s->held_mono_ms;
    /* The first time there is nothing to gather. */
    return s->read ? s->changed_mono_ms + GATHER_MS : 0;
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

/* True while what is gone is not to be acted upon. */
static bool hold(struct fleet *f, const struct targets_list *l, uint64_t now)
{
    struct fleet_set *s = &f->set;
    size_t gone = count_gone(s, l);
    const struct targets_settings *set = &l->settings;

    if (set->brake_percent == 0 || gone < set->brake_min ||
        100 * gone <= (size_t)set->brake_percent * s->n) {
        s->held_mono_ms = 0;
        return false;
    }
    if (s->held_mono_ms > 0 && now >= s->held_mono_ms) {
        s->held_mono_ms = 0;
        return false;
    }
    if (s->held_mono_ms == 0) {
        s->held_mono_ms = now + set->brake_hold_ms;
        LOG_EVENT(LOG_LEVEL_WARN, "targets_held", LOG_STR("fleet", f->name),
                  LOG_UINT("gone", gone), LOG_UINT("targets", s->n),
                  LOG_UINT("hold_ms", set->brake_hold_ms));
    }
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
 * and is asked from now on where it could not be used before. */
static void change(struct fleet *f, struct fleet_target *t,
                   struct config_instance *config, uint64_t now)
{
    struct instance *i = t->instance;
    struct err e;

    if (i != NULL && come_change(f->rounds, i, config, &e) != 0) {
        LOG_EVENT(LOG_LEVEL_ERROR, "fleet_trouble", LOG_STR("detail", e.text));
        return;
    }
    if (i != NULL) {
        come_place(f->rounds, i, now);
        come_say_fault(f->rounds, i);
    }
    config_instance_ref(config);
    config_instance_unref(t->config);
    t->config = config;
}

static void remove_target(struct fleet *f, struct fleet_target *t)
{
    if (t->instance != NULL)
        come_drop(f->rounds, t->instance);
    target_free(t);
}

struct changes {
    size_t added;
    size_t removed;
    size_t changed;
};

/* Merges L into the targets, both sorted.  False on lack of memory: nothing is
 * changed. */
static bool merge(struct fleet *f, const struct targets_list *l, uint64_t now,
                  struct changes *c)
{
    struct fleet_set *s = &f->set;
    struct fleet_target **merged = calloc(l->n + 1, sizeof *merged);
    size_t old = 0;

    if (merged == NULL)
        return false;
    for (size_t i = 0; i < l->n; i++) {
        const char *name = l->targets[i]->name;
        for (; old < s->n && strcmp(s->targets[old]->config->name, name) < 0;
             old++, c->removed++)
            remove_target(f, s->targets[old]);
        bool there =
            old < s->n && strcmp(s->targets[old]->config->name, name) == 0;
        struct fleet_target *t =
            there ? s->targets[old++] : target_new(l->targets[i]);
        if (t == NULL)
            abort(); /* half a set would be another one than others have */
        struct config_instance *config =
            choose(f, there ? t : NULL, l->targets[i]);
        if (there && !config_instance_equal(t->config, config)) {
            change(f, t, config, now);
            c->changed++;
        }
        if (!there) {
            (void)roster_rank(f->members.roster, &t->rank);
            c->added++;
        }
        merged[i] = t;
    }
    for (; old < s->n; old++, c->removed++)
        remove_target(f, s->targets[old]);
    free(s->targets);
    s->targets = merged;
    s->n = l->n;
    return true;
}

static void tell_faults(const struct fleet *f, const struct targets_list *l)
{
    for (size_t i = 0; i < l->nfaults; i++)
        LOG_EVENT(LOG_LEVEL_ERROR, "targets_rejected",
                  LOG_STR("fleet", f->name), LOG_STR("fault", l->faults[i]));
}

static void act(struct fleet *f, const struct targets_list *l, uint64_t now)
{
    struct changes c = { 0 };

    if (!merge(f, l, now, &c)) {
        LOG_EVENT(LOG_LEVEL_ERROR, "fleet_trouble",
                  LOG_STR("detail", "out of memory for the targets"));
        return;
    }
    f->set.changed = false;
    f->set.read = true;
    f->shares.stale = true;
    f->shares.moves_targets += c.added + c.removed;
    tell_faults(f, l);
    if (c.added + c.removed + c.changed > 0)
        LOG_EVENT(LOG_LEVEL_INFO, "targets_changed", LOG_STR("fleet", f->name),
                  LOG_UINT("targets", f->set.n), LOG_UINT("added", c.added),
                  LOG_UINT("removed", c.removed),
                  LOG_UINT("changed", c.changed));
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
    if (!hold(f, &l, now))
        act(f, &l, now);
    targets_list_free(&l);
}
