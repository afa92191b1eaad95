#ifndef WEB_METRICS_LINE_H
#define WEB_METRICS_LINE_H

/*
 * Between the table of metrics (metrics.c) and the lines that they become
 * (metrics_line.c).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "metrics.h"

#define LABELS_MAX 2

struct metric;

/* Where samples go, and of what. */
struct out {
    struct text *text;
    const struct metric *metric;
    const struct metrics_source *source;
};

struct metric {
    const char *name;
    enum { GAUGE, COUNTER, HISTOGRAM } type;
    const char *help;
    const char *labels[LABELS_MAX];
    /* Its value: a number that stands there in struct metrics_source, or */
    size_t offset;
    size_t size;     /* 0: nowhere */
    unsigned places; /* the number is of 10^-places */
    bool unless_0;   /* 0 means that there is none */
    /* one that a function writes, for one instance or for all. */
    void (*each)(const struct out *o, const struct metrics_instance *i);
    void (*samples)(const struct out *o);
    bool zookeeper; /* only when that is configured */
    bool fleet;     /* the same */
};

/* The lines above the samples of a metric.  All of this is pure. */
void metrics_head(const struct out *o);

/* One sample of VALUE * 10^-PLACES; FIRST and SECOND: the values of the
 * labels that the metric has. */
void metrics_put(const struct out *o, const char *first, const char *second,
                 uint64_t value, unsigned places);

/* All samples of a histogram. */
void metrics_put_histogram(const struct out *o, const struct histogram *h);

#endif
