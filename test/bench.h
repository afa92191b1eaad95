#ifndef TEST_BENCH_H
#define TEST_BENCH_H

#include "agent/config.h"
#include "agent/probe.h"
#include "agent/resolver.h"

/*
 * One probe on a plain loop, in the test's own thread, and what tests of
 * probes and workers share.  Failures of the set-up abort the test.
 */
struct bench;

/* KEYS: lines of the instance's section, "timeout = 300ms\n"; or "". */
struct bench *bench_open(const char *address, const char *keys);

/* Its addresses must be within ALLOW, as those of a fleet's target; once. */
void bench_allow(struct bench *b, const char *allow);

/* One probe, from start to end.  The result lives until the next. */
const struct result *bench_probe(struct bench *b);
const struct result *bench_probe_info(struct bench *b); /* want_info */

/* In pieces: start it, then turn the loop until it has ended. */
void bench_start(struct bench *b);
const struct result *bench_finish(struct bench *b);

/* One turn of the loop that does not wait. */
void bench_turn(struct bench *b);

/* How often it was told that the kept connection is gone. */
unsigned bench_lost(const struct bench *b);

/* How often it was told that an answer came too late. */
unsigned bench_late(const struct bench *b);

/* What the loop holds of the instance when it asks for the next probe; at
 * first STATUS_UNKNOWN, which nothing contradicts. */
void bench_holds(struct bench *b, enum status status);

/* Tells the probe that something new is known of a name. */
void bench_resolved(struct bench *b);

enum probe_phase bench_phase(const struct bench *b);

/* Fails unless every handle of the probe closes. */
void bench_close(struct bench *b);

/* The settings that TEXT, a whole file, gives. */
struct config *bench_config(const char *text);

/* Open descriptors of this process. */
size_t bench_fds(void);

/* Waits until HOLDS(ARG), for ten seconds at most. */
bool bench_until(bool (*holds)(void *arg), void *arg);

/* DETAIL: part of it. */
#define assert_saw(r, want, part) \
    bench_assert_saw((r), (want), (part), __FILE__, __LINE__)
void bench_assert_saw(const struct result *r, enum reason want,
                      const char *part, const char *file, int line);

#endif
