/*
 * /events: the last changes, newest first.
 */
#include "json_write.h"
#include "pages_impl.h"

void pages_event(const struct history_event *e, struct text *out)
{
    json_uint(out, "seq", e->seq);
    json_time(out, "time", e->time_wall_ms);
    json_string(out, "kind", e->from == e->to ? "reason" : "status");
    json_string(out, "instance", e->instance);
    json_string(out, "address", e->address);
    json_string(out, "from", status_name(e->from));
    json_string(out, "to", status_name(e->to));
    json_string(out, "from_reason", reason_name(e->from_reason));
    json_string(out, "reason", reason_name(e->reason));
    json_string(out, "detail", e->detail);
    json_uint(out, "round", e->round);
    json_string(out, "cause", e->cause);
}

/* What is kept and newer than K's number. */
void pages_events(const struct pages *p, const struct page_key *k,
                  struct text *out)
{
    const struct history *h = rounds_history(p->rounds);
    uint64_t newest = history_newest(h);
    uint64_t oldest = history_oldest(h);
    uint64_t n = 0;

    json_open(out, NULL, '{');
    json_uint(out, "schema", 1);
    json_time(out, "time", page_now().wall_ms);
    json_uint(out, "newest", newest);
    json_uint(out, "oldest", oldest);
    json_uint(out, "dropped", oldest > 0 ? oldest - 1 : 0);
    json_open(out, "events", '[');
    for (uint64_t seq = newest; seq > k->number && n < k->limit; seq--, n++) {
        const struct history_event *e = history_at(h, seq);

        if (e == NULL)
            break;
        json_open(out, NULL, '{');
        pages_event(e, out);
        json_close(out, '}');
    }
    json_close(out, ']');
    json_close(out, '}');
    text_add_char(out, '\n');
}
