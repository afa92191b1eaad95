/*
 * The text format (version 0.0.4): one line a sample.  A histogram is given by
 * its name's three relatives, in seconds and cumulative.
 */
#include "agent/histogram.h"
#include "agent/text.h"

#include "metrics_line.h"

void metrics_head(const struct out *o)
{
    static const char *const TYPES[] = {
        [GAUGE] = " gauge\n",
        [COUNTER] = " counter\n",
        [HISTOGRAM] = " histogram\n",
    };
    struct text *t = o->text;

    text_add(t, "# HELP ");
    text_add(t, o->metric->name);
    text_add_char(t, ' ');
    text_add(t, o->metric->help);
    text_add(t, "\n# TYPE ");
    text_add(t, o->metric->name);
    text_add(t, TYPES[o->metric->type]);
}

void metrics_put(const struct out *o, const char *first, const char *second,
                 uint64_t value, unsigned places)
{
    const char *values[LABELS_MAX] = { first, second };
    struct text *t = o->text;

    text_add(t, o->metric->name);
    for (int i = 0; i < LABELS_MAX && o->metric->labels[i] != NULL; i++) {
        text_add_char(t, i == 0 ? '{' : ',');
        text_add(t, o->metric->labels[i]);
        text_add_char(t, '=');
        text_add_label(t, values[i]);
    }
    if (o->metric->labels[0] != NULL)
        text_add_char(t, '}');
    text_add_char(t, ' ');
    text_add_decimal(t, value, places);
    text_add_char(t, '\n');
}

static void put_bucket(const struct out *o, const char *bound, uint64_t us,
                       uint64_t count)
{
    struct text *t = o->text;

    text_add(t, o->metric->name);
    text_add(t, "_bucket{le=\"");
    if (bound != NULL)
        text_add(t, bound);
    else
        text_add_decimal(t, us, 6);
    text_add(t, "\"} ");
    text_add_uint(t, count);
    text_add_char(t, '\n');
}

void metrics_put_histogram(const struct out *o, const struct histogram *h)
{
    struct text *t = o->text;

    for (size_t i = 0; i < h->bounds->count; i++)
        put_bucket(o, NULL, h->bounds->us[i], histogram_upto(h, i));
    put_bucket(o, "+Inf", 0, h->count);
    text_add(t, o->metric->name);
    text_add(t, "_sum ");
    text_add_decimal(t, h->sum_us, 6);
    text_add_char(t, '\n');
    text_add(t, o->metric->name);
    text_add(t, "_count ");
    text_add_uint(t, h->count);
    text_add_char(t, '\n');
}
