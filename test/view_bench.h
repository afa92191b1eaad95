#ifndef TEST_VIEW_BENCH_H
#define TEST_VIEW_BENCH_H

#include <jansson.h>

#include "../src/cmd/status_view.h"

/* What is printed of a view; failures fail the test. */

/* The moment that the tests' documents are looked at. */
#define NOW "2026-11-25T18:20:00.000Z"

/* To be freed. */
char *print_view(const struct status_view *v, const struct status_style *s);

/* It is a part of what is printed; it is none. */
void shows(const struct status_view *v, const struct status_style *s,
           const char *wanted);
void hides(const struct status_view *v, const struct status_style *s,
           const char *unwanted);

/* What is printed as JSON, which is one line; to be put back. */
json_t *print_json(const struct status_view *v);

void has_text(const json_t *object, const char *key, const char *text);

#endif
