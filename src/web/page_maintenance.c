#include "agent/json_writer.h"
#include "agent/maintenance.h"
#include "agent/rounds.h"

#include "page_maintenance.h"

/* Somebody's tool may have set thousands; the metric tells how many. */
#define ENTRIES_SHOWN 256

static void add_entry(const struct rounds_maintenance *m, struct text *out)
{
    jsonw_open(out, NULL, '{');
    jsonw_string(out, "scope", m->scope);
    jsonw_string(out, "entry", m->entry->key);
    jsonw_string(out, "owner", m->entry->owner);
    jsonw_string(out, "reason", m->entry->reason);
    jsonw_time(out, "since", m->entry->since_wall_ms);
    jsonw_time(out, "until", m->entry->until_wall_ms);
    jsonw_uint(out, "instances", m->instances);
    jsonw_close(out, '}');
}

void page_add_maintenance(const struct rounds *r, bool fleet_only,
                          struct text *out)
{
    struct rounds_maintenance m;
    size_t shown = 0;

    jsonw_open(out, "maintenance", '[');
    for (size_t at = 0; shown < ENTRIES_SHOWN && rounds_maintenance(r, at, &m);
         at++) {
        if (fleet_only && !m.fleet)
            continue;
        add_entry(&m, out);
        shown++;
    }
    jsonw_close(out, ']');
}
