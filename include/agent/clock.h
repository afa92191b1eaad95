#ifndef AGENT_CLOCK_H
#define AGENT_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/*
 * The two clocks.  Logic uses the monotonic one only; the wall clock may jump
 * and is for output.  Monotonic is CLOCK_MONOTONIC, which stands still while
 * the machine is suspended.  Thread: any.
 */

/* Room for "2026-11-23T05:29:00.123Z" and the final NUL. */
#define CLOCK_RFC3339_SIZE 25

uint64_t clock_mono_us(void);
uint64_t clock_mono_ms(void);

/* Milliseconds since 1970-01-01T00:00:00Z. */
int64_t clock_wall_ms(void);

/*
 * Writes WALL_MS as RFC 3339 UTC with milliseconds (the form of RFC 3339,
 * section 5.6) into OUT of at least CLOCK_RFC3339_SIZE bytes; returns OUT.
 * A time outside of the years 0 to 9999 becomes their first or last
 * millisecond.
 */
char *clock_rfc3339(int64_t wall_ms, char *out);

/*
 * The reverse; accepts exactly that form, with "Z" and one to nine digits
 * of fraction or none.  Returns 0, or -1 for anything else.
 */
int clock_parse_rfc3339(const char *text, int64_t *wall_ms);

#endif
