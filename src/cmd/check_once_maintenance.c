/*
 * Under cron nobody else would heed them.  What is over is left where it is:
 * the end is judged by our own clock, as nothing was written yet.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config.h"
#include "agent/log.h"
#include "agent/maintenance.h"
#include "agent/pool.h"

#include "check_once_maintenance.h"

int once_maintenance_start(struct pool *pool, struct err *e)
{
    const struct pool_parts parts = pool_parts(pool);
    char path[sizeof "maintenance/@" + 256];

    snprintf(path, sizeof path, "maintenance/@%s", parts.id);
    return publisher_follow(parts.publisher, path, FOLLOW_ENTRIES, e) ==
                   SIZE_MAX
               ? -1
               : 0;
}

static void say_ignored(const char *key, const char *detail)
{
    LOG_EVENT(LOG_LEVEL_WARN, "maintenance_ignored", LOG_STR("entry", key),
              LOG_STR("detail", detail));
}

static void add(struct once_maintenance *m, const struct maintenance_entry *one)
{
    if (m->n == m->size) {
        size_t size = m->size == 0 ? 8 : 2 * m->size;
        void *grown = realloc(m->entries, size * sizeof *m->entries);
        m->failed = grown == NULL;
        if (m->failed)
            return;
        m->entries = grown;
        m->size = size;
    }
    m->entries[m->n++] = *one;
}

static void forget(struct once_maintenance *m, const char *key)
{
    for (size_t k = 0; k < m->n; k++) {
        if (strcmp(m->entries[k].key, key) != 0)
            continue;
        m->entries[k] = m->entries[--m->n];
        return;
    }
}

void once_maintenance_took(struct once_maintenance *m,
                           const struct follow_event *e)
{
    struct maintenance_entry one;
    struct err err;

    if (m->known)
        return; /* it has been acted upon */
    forget(m, e->name);
    switch (e->what) {
    case FOLLOW_IS:
        if (maintenance_read(e->name, e->data, e->len, &one, &err) == 0)
            add(m, &one);
        else
            say_ignored(e->name, err.text);
        break;
    case FOLLOW_DENIED:
        say_ignored(e->name, e->data);
        break;
    case FOLLOW_REFUSED:
        say_ignored("*", e->data);
        m->known = true;
        break;
    case FOLLOW_COMPLETE:
        m->known = !m->failed;
        break;
    case FOLLOW_GONE:
    case FOLLOW_DOUBT:
        break;
    }
}

void once_maintenance_apply(const struct once_maintenance *m, struct pool *pool)
{
    int64_t now_wall_ms;

    (void)publisher_clock(pool_parts(pool).publisher, &now_wall_ms);
    for (size_t k = 0; k < pool_size(pool); k++) {
        struct instance *i = pool_instance(pool, k);
        if (i != NULL)
            i->maintenance = maintenance_cover(m->entries, m->n,
                                               i->config->name, now_wall_ms);
    }
}

void once_maintenance_free(struct once_maintenance *m)
{
    free(m->entries);
}
