#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/fleet.h"
#include "agent/instance.h"
#include "agent/json_writer.h"
#include "page_maintenance.h"
#include "page_time.h"

#include "page_fleet.h"

#define MEMBERS_SHOWN 256

static void add_member(const struct fleet_member_info *m, size_t share,
                       struct text *out)
{
    jsonw_open(out, NULL, '{');
    jsonw_string(out, "agent", m->id);
    jsonw_string(out, "host", m->says->host);
    jsonw_string(out, "zone", m->says->zone);
    jsonw_time(out, "since", m->says->since_wall_ms);
    jsonw_string(out, "version", m->says->version);
    jsonw_bool(out, "listed", m->listed);
    jsonw_bool(out, "this", m->me);
    jsonw_uint(out, "share", share);
    jsonw_close(out, '}');
}

static void add_members(const struct rounds *r, struct text *out)
{
    static size_t shares[MEMBERS_SHOWN];
    struct fleet_member_info m;

    rounds_fleet_shares(r, shares, MEMBERS_SHOWN);
    jsonw_open(out, "members", '[');
    for (size_t at = 0; at < MEMBERS_SHOWN && rounds_fleet_member(r, at, &m);
         at++)
        if (m.listed || m.acted)
            add_member(&m, shares[at], out);
    jsonw_close(out, ']');
}

static void add_targets(const struct rounds *r, const struct fleet_info *info,
                        struct text *out)
{
    const char *text;
    int32_t version;
    size_t fault = 0;

    jsonw_open(out, "targets", '{');
    jsonw_uint(out, "count", info->targets);
    jsonw_bool(out, "held", info->held_targets);
    jsonw_open(out, "chunks", '[');
    for (size_t at = 0; rounds_fleet_chunk(r, at, &text, &version); at++) {
        jsonw_open(out, NULL, '{');
        jsonw_string(out, "name", text);
        jsonw_int(out, "version", version);
        jsonw_close(out, '}');
    }
    jsonw_close(out, ']');
    jsonw_open(out, "faults", '[');
    while ((text = rounds_fleet_fault(r, &fault)) != NULL)
        jsonw_string(out, NULL, text);
    jsonw_close(out, ']');
    jsonw_close(out, '}');
}

static void add_moves(const struct fleet_info *info, struct text *out)
{
    jsonw_open(out, "moves", '{');
    jsonw_uint(out, "came", info->moves_came);
    jsonw_uint(out, "went", info->moves_went);
    jsonw_uint(out, "targets", info->moves_targets);
    jsonw_close(out, '}');
}

static void add_fleet(const struct rounds *r, const struct fleet_info *info,
                      struct text *out)
{
    char basis[9];

    snprintf(basis, sizeof basis, "%08" PRIx32, info->basis);
    jsonw_string(out, "name", info->name);
    jsonw_string(out, "zone", info->zone);
    jsonw_string(out, "basis", basis);
    jsonw_bool(out, "member", info->member);
    jsonw_string(out, "why", info->member ? NULL : info->why);
    jsonw_time(out, "since", info->since_wall_ms);
    jsonw_uint(out, "observing", info->observing);
    jsonw_uint(out, "speaking", info->speaking);
    jsonw_uint(out, "pending", info->pending);
    jsonw_uint(out, "leaving", info->leaving);
    jsonw_bool(out, "held", info->held_members);
    add_moves(info, out);
    add_members(r, out);
    add_targets(r, info, out);
    page_add_maintenance(r, true, out);
}

void page_fleet(const struct page_source *s, const struct page_query *q,
                struct text *out)
{
    struct fleet_info info;

    (void)q;
    jsonw_open(out, NULL, '{');
    jsonw_uint(out, "schema", 1);
    jsonw_time(out, "time", page_now().wall_ms);
    if (rounds_fleet(s->rounds, &info))
        add_fleet(s->rounds, &info, out);
    else
        jsonw_null(out, "name");
    jsonw_close(out, '}');
    text_add_char(out, '\n');
}

void page_add_share(const struct page_source *s, const struct instance *i,
                    struct text *out)
{
    size_t rank;

    if (i->share.fleet == NULL)
        return;
    const char *first = rounds_fleet_first(s->rounds, i, &rank);
    jsonw_string(out, "share", share_name(i->share.share));
    jsonw_uint(out, "rank", rank);
    jsonw_string(out, "speaker", first);
}
