/*
 * /events: the last changes, newest first.
 */
#include "agent/json_writer.h"
#include "agent/rounds.h"
#include "page_time.h"

#include "page_events.h"

static const char *kind_of(const struct history_event *e)
{
    switch (e->kind) {
    case HISTORY_RESTARTED:
        return "restarted";
    case HISTORY_ANOTHER_SERVER:
        return "another_server";
    case HISTORY_VERDICT:
        break;
    }
    return e->from == e->to ? "reason" : "status";
}

void page_add_event(const struct history_event *e, struct text *out)
{
    jsonw_uint(out, "seq", e->seq);
    jsonw_time(out, "time", e->time_wall_ms);
    jsonw_string(out, "kind", kind_of(e));
    jsonw_string(out, "instance", e->instance);
    jsonw_string(out, "address", e->address);
    jsonw_string(out, "from", status_name(e->from));
    jsonw_string(out, "to", status_name(e->to));
    jsonw_string(out, "from_reason", reason_name(e->from_reason));
    jsonw_string(out, "reason", reason_name(e->reason));
    jsonw_string(out, "detail", e->detail);
    jsonw_uint(out, "round", e->round);
    jsonw_string(out, "cause", e->cause);
}

void page_events(const struct page_source *s, const struct page_query *q,
                 struct text *out)
{
    const struct history *h = rounds_history(s->rounds);
    uint64_t newest = history_newest(h);
    uint64_t oldest = history_oldest(h);
    uint64_t n = 0;

    jsonw_open(out, NULL, '{');
    jsonw_uint(out, "schema", 1);
    jsonw_time(out, "time", page_now().wall_ms);
    jsonw_uint(out, "newest", newest);
    jsonw_uint(out, "oldest", oldest);
    jsonw_uint(out, "dropped", oldest > 0 ? oldest - 1 : 0);
    jsonw_open(out, "events", '[');
    for (uint64_t seq = newest; seq > q->number && n < q->limit; seq--, n++) {
        const struct history_event *e = history_at(h, seq);

        if (e == NULL)
            break;
        jsonw_open(out, NULL, '{');
        page_add_event(e, out);
        jsonw_close(out, '}');
    }
    jsonw_close(out, ']');
    jsonw_close(out, '}');
    text_add_char(out, '\n');
}
