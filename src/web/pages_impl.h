#ifndef SRC_PAGES_IMPL_H
#define SRC_PAGES_IMPL_H

/*
 * Between the parts of the pages: routes and answers (pages.c), how the agent
 * itself is (pages_health.c), its instances (pages_status.c), one of them and
 * why (pages_instance.c), the last changes (pages_events.c), figures
 * (pages_figures.c).  Thread: loop.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/pages.h"
#include "agent/publisher.h"
#include "agent/rounds.h"
#include "agent/text.h"

/* Places for pages that are kept: one a route, and some for their forms with
 * a query. */
#define PAGES_ROUTES 6
#define PAGES_CACHED (PAGES_ROUTES + 3)

/* What distinguishes two renderings of one page. */
struct page_key {
    const struct route *route;
    uint64_t number; /* of the query */
    uint64_t limit;
};

struct page_place {
    struct page_key key;
    struct httpd_body *body; /* NULL: free */
    uint64_t made_mono_ms;
    uint64_t fresh_ms;
};

struct pages {
    const struct config *config;
    const char *config_file;
    struct rounds *rounds;
    const struct pool *pool;
    struct httpd_body *dashboard; /* made when it is first asked for */
    struct page_place cache[PAGES_CACHED];
    int64_t credit_us; /* to render forms with a query; or debt */
    uint64_t credited_us;
};

/* Now on both clocks, once a page, so that all its times agree. */
struct page_time {
    uint64_t mono_ms;
    int64_t wall_ms;
};
struct page_time page_now(void);
/* A time on the monotonic clock as one on the wall. */
int64_t page_wall_ms(const struct page_time *now, uint64_t mono_ms);

/* What keeps the agent from its work, a sentence each. */
#define TROUBLES_MAX 8
struct troubles {
    char text[TROUBLES_MAX][320];
    size_t count;
};
void pages_troubles(const struct pages *p, const struct page_time *now,
                    struct troubles *out);

/* Each renders a whole page into an empty text. */
void pages_status(const struct pages *p, const struct page_key *k,
                  struct text *out);
void pages_events(const struct pages *p, const struct page_key *k,
                  struct text *out);
void pages_metrics(const struct pages *p, const struct page_key *k,
                   struct text *out);
void pages_memory(const struct pages *p, const struct page_key *k,
                  struct text *out);
void pages_instance(const struct pages *p, const struct instance *i,
                    struct text *out);

/* The members of a status document, but for `schema` which comes first. */
void pages_document(const struct pages *p, const struct instance *i,
                    const struct publisher_node *node, struct text *out);
void pages_conflict(const struct pages *p, const struct instance *i,
                    struct text *out);
void pages_event(const struct history_event *e, struct text *out);

#endif
