#include "agent/hold.h"

void hold_init(struct hold *h, unsigned session_ms)
{
    *h = (struct hold){ .session_ms = session_ms };
}

/* What went long ago says nothing of what goes now. */
static size_t lost_lately(const struct hold *h, uint64_t now)
{
    return now - h->lost_mono_ms <= h->session_ms ? h->lost : 0;
}

void hold_changed(struct hold *h, size_t acted, size_t missing, bool same,
                  uint64_t now)
{
    size_t lost = lost_lately(h, now);

    h->last_mono_ms = now;
    if (h->begun && same) {
        h->changed = h->mass = false;
        return;
    }
    if (!h->changed)
        h->changed_mono_ms = now;
    h->changed = true;
    h->mass = h->begun && missing > 0 && 2 * (missing + lost) > acted + lost;
}

uint64_t hold_due(const struct hold *h)
{
    if (!h->changed)
        return UINT64_MAX;
    if (!h->begun)
        return h->last_mono_ms + HOLD_FIRST_MS;
    if (h->mass)
        return h->changed_mono_ms + h->session_ms + HOLD_GATHER_MS;
    return h->changed_mono_ms + HOLD_GATHER_MS;
}

void hold_acted(struct hold *h, size_t went, uint64_t now)
{
    h->lost = lost_lately(h, now) + went;
    if (went > 0)
        h->lost_mono_ms = now;
    h->begun = true;
    h->changed = h->mass = false;
}
