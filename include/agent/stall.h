#ifndef AGENT_STALL_H
#define AGENT_STALL_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Self-doubt: for how long the agent itself did not run (SIGSTOP, a paused
 * machine, no processor), and when that makes a result worthless.  Pure: time
 * comes in as an argument.
 *
 * A thread under watch gives a sign of life every STALL_TICK_MS; what is
 * missing between two of them was lost.  Many short gaps, as of a starved
 * thread, add up as one long one does.
 */

/* A sign of life is due after so long, and missed after twice as long. */
#define STALL_TICK_MS 20
/* A loss of more than this at one time is worth an event. */
#define STALL_EVENT_MS 1000

struct stall {
    uint64_t seen_mono_ms; /* the last sign of life */
    uint64_t lost_ms;      /* in all; only grows */
};

/* From now on signs of life are due: what was before does not count. */
void stall_begin(struct stall *s, uint64_t now_mono_ms);

/* A sign of life.  Returns what was lost since the last one, in ms: 0 when
 * it comes in time, never more than was really lost. */
uint64_t stall_look(struct stall *s, uint64_t now_mono_ms);

/*
 * What is lost of a span of time that begins and ends between signs of life:
 * stall_until at its end less stall_before at its begin, or 0 if that is
 * negative.
 */
uint64_t stall_before(const struct stall *s, uint64_t now_mono_ms);
uint64_t stall_until(const struct stall *s, uint64_t now_mono_ms);

/* The slip of a timer by which a stall is judged, whatever the timeouts:
 * one second, or half of the interval if that is longer. */
uint64_t stall_slip_limit_ms(unsigned interval_ms);

/*
 * Of a probe's time, how much may be lost before a missing answer means
 * nothing: half of its timeout, so that the server was heard for the other
 * half at least; and never more than the slip.
 */
uint64_t stall_loss_limit_ms(unsigned interval_ms, unsigned timeout_ms);

#endif
