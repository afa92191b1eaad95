#ifndef WEB_PAGE_SOURCE_H
#define WEB_PAGE_SOURCE_H

#include <stdint.h>

struct config;
struct pool;
struct rounds;

/* What pages are rendered from.  All of it is borrowed, and belongs to the
 * loop thread. */
struct page_source {
    const struct config *config; /* what the agent was started with */
    const char *config_file;
    /* The changed keys that wait for a restart; "" for none. */
    const char *needs_restart;
    struct rounds *rounds;
    const struct pool *pool;
};

/* What the address after `?` asks for, as far as a page takes it. */
struct page_query {
    uint64_t number;
    uint64_t limit;
};

#endif
