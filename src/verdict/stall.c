/*
 * The arithmetic of self-doubt.  A gap counts from the moment at which a sign
 * of life was due, and only when it is clear: a timer that is a little late is
 * no loss.
 */
#include "agent/stall.h"

void stall_begin(struct stall *s, uint64_t now_mono_ms)
{
    s->seen_mono_ms = now_mono_ms;
}

/* Since the last sign of life. */
static uint64_t gap_ms(const struct stall *s, uint64_t now_mono_ms)
{
    return now_mono_ms > s->seen_mono_ms ? now_mono_ms - s->seen_mono_ms : 0;
}

uint64_t stall_look(struct stall *s, uint64_t now_mono_ms)
{
    uint64_t lost = stall_until(s, now_mono_ms) - s->lost_ms;

    s->seen_mono_ms = now_mono_ms;
    s->lost_ms += lost;
    return lost;
}

uint64_t stall_before(const struct stall *s, uint64_t now_mono_ms)
{
    uint64_t gap = gap_ms(s, now_mono_ms);

    return s->lost_ms + (gap > STALL_TICK_MS ? gap - STALL_TICK_MS : 0);
}

uint64_t stall_until(const struct stall *s, uint64_t now_mono_ms)
{
    uint64_t gap = gap_ms(s, now_mono_ms);

    return s->lost_ms + (gap > 2 * STALL_TICK_MS ? gap - STALL_TICK_MS : 0);
}

uint64_t stall_slip_limit_ms(unsigned interval_ms)
{
    return interval_ms / 2 > 1000 ? interval_ms / 2 : 1000;
}

uint64_t stall_loss_limit_ms(unsigned interval_ms, unsigned timeout_ms)
{
    uint64_t slip = stall_slip_limit_ms(interval_ms);

    return timeout_ms / 2 < slip ? timeout_ms / 2 : slip;
}
