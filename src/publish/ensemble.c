/*
 * The times are whole milliseconds, cut: hence one more on both sides.
 */
#include "ensemble.h"

static int64_t within(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* The leader took a write at TAKEN_WALL_MS, between SENT and DONE. */
static void learn(struct ensemble *c, int64_t taken_wall_ms, uint64_t sent,
                  uint64_t done, int64_t ours)
{
    int64_t believed = c->known ? c->beyond_mono_ms : ours;

    c->beyond_mono_ms = within(believed, taken_wall_ms - (int64_t)done - 1,
                               taken_wall_ms + 1 - (int64_t)sent);
    c->offset_ms = c->beyond_mono_ms - ours;
    c->known = true;
}

void ensemble_heard(struct ensemble *c, const struct store_reply *r,
                    uint64_t now_mono_ms, int64_t wall_ms)
{
    if (r->verb != STORE_SET || r->code != STORE_OK || r->mtime_wall_ms <= 0 ||
        r->done_mono_ms == 0)
        return;
    c->made = false;
    learn(c, r->mtime_wall_ms, r->sent_mono_ms, r->done_mono_ms,
          wall_ms - (int64_t)now_mono_ms);
}

bool ensemble_made(struct ensemble *c, const struct store_reply *r)
{
    c->made = !c->known && r->done_mono_ms != 0;
    c->made_sent_mono_ms = r->sent_mono_ms;
    c->made_done_mono_ms = r->done_mono_ms;
    return c->made;
}

void ensemble_read(struct ensemble *c, const struct store_reply *r,
                   int64_t session, uint64_t now_mono_ms, int64_t wall_ms)
{
    bool same = r->code == STORE_OK && r->version == 0 && r->owner == session;

    if (c->made && same)
        learn(c, r->mtime_wall_ms, c->made_sent_mono_ms, c->made_done_mono_ms,
              wall_ms - (int64_t)now_mono_ms);
    c->made = false;
}
