/*
 * /events: the last changes, newest first.
 */
#include "agent/json_writer.h"
#include "pages_impl.h"

void pages_event(const struct history_event *e, struct text *out)
{
    jsonw_uint(out, "seq", e->seq);
    jsonw_time(out, "time", e->time_wall_ms);
    jsonw_string(out, "kind", e->from == e->to ? "reason" : "status");
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

/* What is kept and newer than K's number. */
void pages_events(const struct pages *p, const struct page_key *k,
                  struct text *out)
{
    const struct history *h = rounds_history(p->rounds);
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
    for (uint64_t seq = newest; seq > k->number && n < k->limit; seq--, n++) {
        const struct history_event *e = history_at(h, seq);

        if (e == NULL)
            break;
        jsonw_open(out, NULL, '{');
        pages_event(e, out);
        jsonw_close(out, '}');
    }
    jsonw_close(out, ']');
    jsonw_close(out, '}');
    text_add_char(out, '\n');
}
