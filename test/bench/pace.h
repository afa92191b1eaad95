#ifndef BENCH_PACE_H
#define BENCH_PACE_H

#include "agent/clock.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * How long one call of WORK takes: the median and the range of PACE_RUNS runs,
 * each of about the same length.
 */
#define PACE_RUNS   11
#define PACE_RUN_US 20000

static inline int pace_compare(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static inline double pace_run(void (*work)(unsigned i), unsigned calls)
{
    uint64_t began = clock_mono_us();

    for (unsigned i = 0; i < calls; i++)
        work(i);
    return (double)(clock_mono_us() - began);
}

static inline void pace(const char *what, void (*work)(unsigned i))
{
    double ns[PACE_RUNS];
    unsigned calls = 64;

    while (pace_run(work, calls) < PACE_RUN_US)
        calls *= 2;
    for (int i = 0; i < PACE_RUNS; i++)
        ns[i] = pace_run(work, calls) * 1000 / calls;
    qsort(ns, PACE_RUNS, sizeof ns[0], pace_compare);
    printf("%-32s %8.1f ns (%.1f to %.1f)\n", what, ns[PACE_RUNS / 2], ns[0],
           ns[PACE_RUNS - 1]);
}

#endif
