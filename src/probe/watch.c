/*
 * While any probe is under way a timer ticks; a tick that comes late, for
 * whatever reason, is time in which we did not listen to the servers.  That we
 * were busy with other probes is such a reason: where thousands begin at once,
 * their beginnings are no sign of life.  They and the ends only read the clock,
 * so that a probe is charged with what was lost in its own time and with no
 * more.  When no probe is under way nothing ticks: a steady round, answered at
 * once, costs nothing.
 */
#include <assert.h>

#include "agent/clock.h"
#include "agent/log.h"

#include "watch.h"

static void look(struct probe_watch *w, uint64_t now_ms)
{
    uint64_t lost_ms = stall_look(&w->stall, now_ms);

    if (lost_ms > STALL_EVENT_MS)
        LOG_EVENT(LOG_LEVEL_WARN, "stalled", LOG_UINT("late_ms", lost_ms),
                  LOG_UINT("probes", w->probes));
}

static void on_tick(uv_timer_t *tick)
{
    look(tick->data, clock_mono_ms());
}

void probe_watch_open(struct probe_watch *w, uv_loop_t *loop)
{
    w->probes = 0;
    w->stall = (struct stall){ .seen_mono_ms = 0 };
    uv_timer_init(loop, &w->tick);
    w->tick.data = w;
}

void probe_watch_close(struct probe_watch *w)
{
    uv_close((uv_handle_t *)&w->tick, NULL);
}

uint64_t probe_watch_begin(struct probe_watch *w, uint64_t now_ms)
{
    if (w->probes == 0) {
        stall_begin(&w->stall, now_ms);
        uv_timer_start(&w->tick, on_tick, STALL_TICK_MS, STALL_TICK_MS);
    }
    w->probes++;
    return stall_before(&w->stall, now_ms);
}

uint64_t probe_watch_end(struct probe_watch *w, uint64_t begun, uint64_t now_ms)
{
    uint64_t lost = stall_until(&w->stall, now_ms);

    assert(w->probes > 0);
    if (w->probes == 1) {
        look(w, now_ms);
        uv_timer_stop(&w->tick);
    }
    w->probes--;
    return lost > begun ? lost - begun : 0;
}
