/*
 * /events: the last changes, newest first.
 */
#include "agent/json_writer.h"
#include "pages_impl.h"

void pages_event(const struct history_event *e, struct text *out)
{
    emit_uint(out, "seq", e->seq);
    emit_time(out, "time", e->time_wall_ms);
    emit_string(out, "kind", e->from == e->to ? "reason" : "status");
    emit_string(out, "instance", e->instance);
    emit_string(out, "address", e->address);
    emit_string(out, "from", status_name(e->from));
    emit_string(out, "to", status_name(e->to));
    emit_string(out, "from_reason", reason_name(e->from_reason));
    emit_string(out, "reason", reason_name(e->reason));
    emit_string(out, "detail", e->detail);
    emit_uint(out, "round", e->round);
    emit_string(out, "cause", e->cause);
}

/* What is kept and newer than K's number. */
void pages_events(const struct pages *p, const struct page_key *k,
                  struct text *out)
{
    const struct history *h = rounds_history(p->rounds);
    uint64_t newest = history_newest(h);
    uint64_t oldest = history_oldest(h);
    uint64_t n = 0;

    emit_open(out, NULL, '{');
    emit_uint(out, "schema", 1);
    emit_time(out, "time", page_now().wall_ms);
    emit_uint(out, "newest", newest);
    emit_uint(out, "oldest", oldest);
    emit_uint(out, "dropped", oldest > 0 ? oldest - 1 : 0);
    emit_open(out, "events", '[');
    for (uint64_t seq = newest; seq > k->number && n < k->limit; seq--, n++) {
        const struct history_event *e = history_at(h, seq);

        if (e == NULL)
            break;
        emit_open(out, NULL, '{');
        pages_event(e, out);
        emit_close(out, '}');
    }
    emit_close(out, ']');
    emit_close(out, '}');
    text_add_char(out, '\n');
}
