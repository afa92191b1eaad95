#include "agent/membership.h"

const char *leave_why_name(enum leave_why why)
{
    static const char *const NAMES[LEAVE_WHYS] = {
        [LEAVE_NOT] = "ready",       [LEAVE_STOP] = "stop",
        [LEAVE_DRAINED] = "drained", [LEAVE_PROTOCOL] = "protocol",
        [LEAVE_WEDGED] = "wedged",   [LEAVE_DOUBT] = "doubt",
        [LEAVE_CLOCK] = "clock",
    };

    return NAMES[why];
}

/* What somebody decided comes before what befell us. */
static enum leave_why unfit(const struct membership_facts *f)
{
    if (f->stopping)
        return LEAVE_STOP;
    if (f->drained)
        return LEAVE_DRAINED;
    if (f->protocol)
        return LEAVE_PROTOCOL;
    if (f->wedged)
        return LEAVE_WEDGED;
    if (f->doubt)
        return LEAVE_DOUBT;
    return f->clock ? LEAVE_CLOCK : LEAVE_NOT;
}

static bool recovered(const struct membership *m, uint64_t now)
{
    return !m->must_recover || now - m->unfit_mono_ms >= MEMBERSHIP_HEALTH_MS;
}

bool membership_step(struct membership *m, const struct membership_facts *f,
                     uint64_t now)
{
    enum leave_why why = unfit(f);

    if (why != LEAVE_NOT) {
        bool left = m->in;
        m->in = false;
        m->why = why;
        m->unfit_mono_ms = now;
        /* What somebody decided is over when he says so. */
        m->must_recover = m->must_recover || why >= LEAVE_WEDGED;
        return left;
    }
    if (m->in || !f->ready || !recovered(m, now))
        return false;
    *m = (struct membership){ .in = true };
    return true;
}

bool membership_counts(const struct membership *m,
                       const struct membership_facts *f, uint64_t now)
{
    return unfit(f) == LEAVE_NOT && (m->in || recovered(m, now));
}

uint64_t membership_due(const struct membership *m)
{
    return m->in || !m->must_recover ? UINT64_MAX
                                     : m->unfit_mono_ms + MEMBERSHIP_HEALTH_MS;
}
