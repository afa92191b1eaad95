/*
 * Which path is which page.  A page is rendered into a text that becomes the
 * body without a copy.  The large ones are kept for a moment, so that many
 * who ask at once cost the loop one rendering every PAGES_FRESH_MS, or less
 * often where it takes long; they are freed soon after nobody asks any more.
 *
 * Each of the large ones has a place of its own for its form without a query,
 * which requests with a query cannot take.  With a query it has many forms,
 * and a client that asks for all of them would take the time that probes
 * need: so all of those share one credit of time.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/clock.h"
#include "agent/config.h"
#include "agent/escape.h"
#include "agent/pool.h"
#include "agent/process.h"
#include "agent/recent.h"
#include "agent/rounds.h"
#include "dashboard.h"
#include "page_events.h"
#include "page_figures.h"
#include "page_fleet.h"
#include "page_health.h"
#include "page_instance.h"
#include "page_source.h"
#include "page_status.h"
#include "page_time.h"

#include "agent/pages.h"

#define INSTANCES "/instances/"
/* How long a body is kept. */
#define KEPT_MS 2000
/* A page is fresh for this many times what its rendering took. */
#define FRESH_TIMES 10

/* Forms with a query get this part of the loop's time (a fifth), and at most
 * this much at once. */
#define CREDIT_PART   5
#define CREDIT_MAX_US 100000

#define TYPE_TEXT    "text/plain; charset=utf-8"
#define TYPE_JSON    "application/json"
#define TYPE_HTML    "text/html; charset=utf-8"
#define TYPE_METRICS "text/plain; version=0.0.4; charset=utf-8"

/* No ?limit= in the query, or one that is no number. */
#define NO_LIMIT UINT64_MAX

struct route {
    const char *path;
    const char *type;
    const char *number; /* the query's key, or NULL */
    uint64_t deflt;     /* the number when it is not there */
    uint64_t most;      /* a larger number is taken as this */
    bool limited;       /* takes ?limit= */
    bool cached;        /* large, or takes long */
    void (*render)(const struct page_source *s, const struct page_query *q,
                   struct text *out);
};

/* Places for pages that are kept: one a route, and some for their forms with
 * a query. */
#define PAGES_ROUTES 7
#define PAGES_CACHED (PAGES_ROUTES + 3)

/* What distinguishes two renderings of one page. */
struct page_key {
    const struct route *route;
    struct page_query query;
};

struct page_place {
    struct page_key key;
    struct httpd_body *body; /* NULL: free */
    uint64_t made_mono_ms;
    uint64_t fresh_ms;
};

struct pages {
    struct page_source source;
    struct httpd_body *dashboard; /* made when it is first asked for */
    struct page_place cache[PAGES_CACHED];
    int64_t credit_us; /* to render forms with a query; negative: debt */
    uint64_t credited_us;
};

static void page_threads(const struct page_source *s,
                         const struct page_query *q, struct text *out)
{
    (void)s;
    (void)q;
    text_addf(out, "%ld\n", process_threads());
}

static void page_jobs(const struct page_source *s, const struct page_query *q,
                      struct text *out)
{
    (void)q;
    text_addf(out, "%zu\n", pool_parts(s->pool).jobs);
}

static const struct route ROUTES[] = {
    { .path = "/status",
      .type = TYPE_JSON,
      .number = "results",
      .deflt = 4,
      .most = RECENT_MAX,
      .cached = true,
      .render = page_status },
    { .path = "/events",
      .type = TYPE_JSON,
      .number = "since",
      .most = UINT64_MAX,
      .limited = true,
      .cached = true,
      .render = page_events },
    { .path = "/fleet",
      .type = TYPE_JSON,
      .cached = true,
      .render = page_fleet },
    { .path = "/metrics",
      .type = TYPE_METRICS,
      .cached = true,
      .render = page_metrics },
    { .path = "/memory", .type = TYPE_JSON, .render = page_memory },
    { .path = "/threads", .type = TYPE_TEXT, .render = page_threads },
    { .path = "/jobs", .type = TYPE_TEXT, .render = page_jobs },
};
#define NROUTES (sizeof ROUTES / sizeof ROUTES[0])
_Static_assert(NROUTES <= PAGES_ROUTES, "a place for each without a query");

/* Takes the text's bytes. */
static struct httpd_body *body_of(struct text *t, const char *type)
{
    const struct httpd_content c = {
        .type = type,
        .bytes = t->bytes,
        .len = t->len,
    };

    if (t->failed || t->bytes == NULL) {
        text_free(t);
        return NULL;
    }
    return httpd_body_new(&c);
}

static void answer_text(struct httpd_answer *out, unsigned status,
                        struct text *t)
{
    out->status = status;
    out->body = body_of(t, TYPE_TEXT);
}

/* ------------------------------------------------------------------ cache */

static bool same_key(const struct page_key *a, const struct page_key *b)
{
    return a->route == b->route && a->query.number == b->query.number &&
           a->query.limit == b->query.limit;
}

static bool plain(const struct page_key *k)
{
    return k->query.number == k->route->deflt && k->query.limit == NO_LIMIT;
}

static void forget(struct page_place *at)
{
    httpd_body_unref(at->body);
    at->body = NULL;
}

/* The place for KEY: its own, a free one, or that of the oldest. */
static struct page_place *place_of(struct pages *p, const struct page_key *key)
{
    struct page_place *best = &p->cache[PAGES_ROUTES];

    if (plain(key))
        return &p->cache[key->route - ROUTES];
    for (size_t i = PAGES_ROUTES; i < PAGES_CACHED; i++) {
        struct page_place *at = &p->cache[i];

        if (at->body != NULL && same_key(&at->key, key))
            return at;
        if (best->body != NULL &&
            (at->body == NULL || at->made_mono_ms < best->made_mono_ms))
            best = at;
    }
    return best;
}

static struct httpd_body *rendered(const struct pages *p,
                                   const struct page_key *key)
{
    struct text t = { 0 };

    key->route->render(&p->source, &key->query, &t);
    return body_of(&t, key->route->type);
}

static bool has_credit(struct pages *p, uint64_t now_us)
{
    p->credit_us += (int64_t)((now_us - p->credited_us) / CREDIT_PART);
    p->credited_us = now_us;
    if (p->credit_us > CREDIT_MAX_US)
        p->credit_us = CREDIT_MAX_US;
    return p->credit_us > 0;
}

static void render_into(struct pages *p, struct page_place *at,
                        const struct page_key *key, uint64_t began_us)
{
    forget(at);
    at->key = *key;
    at->body = rendered(p, key);
    uint64_t took_us = clock_mono_us() - began_us;
    at->made_mono_ms = began_us / 1000;
    at->fresh_ms = took_us * FRESH_TIMES / 1000;
    if (at->fresh_ms < PAGES_FRESH_MS)
        at->fresh_ms = PAGES_FRESH_MS;
    if (!plain(key))
        p->credit_us -= (int64_t)took_us;
}

static void answer_busy(struct httpd_answer *out)
{
    struct text t = { 0 };

    text_add(&t, "too many forms of this page are asked for: ask again\n");
    answer_text(out, 503, &t);
}

static void answer_page(struct pages *p, const struct page_key *key,
                        struct httpd_answer *out)
{
    uint64_t now_us = clock_mono_us();

    if (!key->route->cached) {
        out->body = rendered(p, key);
        return;
    }
    struct page_place *at = place_of(p, key);
    bool there = at->body != NULL && same_key(&at->key, key);
    if (!there || now_us / 1000 - at->made_mono_ms >= at->fresh_ms) {
        if (plain(key) || has_credit(p, now_us)) {
            render_into(p, at, key, now_us);
        } else if (!there) {
            answer_busy(out);
            return;
        }
    }
    out->body = at->body != NULL ? httpd_body_ref(at->body) : NULL;
}

void pages_rest(struct pages *p, uint64_t now_mono_ms)
{
    for (size_t i = 0; i < PAGES_CACHED; i++) {
        if (p->cache[i].body != NULL &&
            now_mono_ms - p->cache[i].made_mono_ms >= KEPT_MS)
            forget(&p->cache[i]);
    }
}

/* ----------------------------------------------------------------- answers */

static void answer_health(const struct pages *p, struct httpd_answer *out)
{
    struct page_time now = page_now();
    struct troubles troubles;
    struct text t = { 0 };

    page_troubles(&p->source, &now, &troubles);
    if (troubles.count == 0)
        text_add(&t, "ok\n");
    for (size_t i = 0; i < troubles.count; i++)
        text_addf(&t, "%s\n", troubles.text[i]);
    answer_text(out, troubles.count == 0 ? 200 : 503, &t);
}

static void answer_dashboard(struct pages *p, struct httpd_answer *out)
{
    const struct httpd_content c = {
        .type = TYPE_HTML,
        .policy = dashboard_csp,
        .bytes = (char *)(uintptr_t)dashboard_html,
        .len = dashboard_html_len,
        .constant = true,
    };

    if (p->dashboard == NULL)
        p->dashboard = httpd_body_new(&c);
    out->body = p->dashboard != NULL ? httpd_body_ref(p->dashboard) : NULL;
}

static void answer_not_found(const char *path, struct httpd_answer *out)
{
    char shown[ESCAPED_SIZE] = "";
    struct text t = { 0 };

    escape_add(shown, sizeof shown, path, strlen(path));
    text_addf(&t, "not found: %s\n", shown);
    answer_text(out, 404, &t);
}

static const struct instance *find(const struct pool *f, const char *name)
{
    for (size_t k = 0; k < pool_size(f); k++) {
        const struct instance *i = pool_instance(f, k);

        if (i != NULL && strcmp(i->config->name, name) == 0)
            return i;
    }
    return NULL;
}

static void answer_instance(const struct pages *p, const char *path,
                            struct httpd_answer *out)
{
    const struct instance *i = find(p->source.pool, path + strlen(INSTANCES));
    struct text t = { 0 };

    if (i == NULL) {
        answer_not_found(path, out);
        return;
    }
    page_instance(&p->source, i, &t);
    out->body = body_of(&t, TYPE_JSON);
}

/* A value that is no number is ignored: the page is read only, and to show
 * it helps more than to refuse it. */
static uint64_t number_of(const struct httpd_request *r, const char *key,
                          uint64_t deflt)
{
    const char *value = key == NULL ? NULL : httpd_query(r, key);
    char *end;

    if (value == NULL || *value < '0' || *value > '9')
        return deflt;
    uint64_t n = strtoull(value, &end, 10);
    return *end == '\0' ? n : deflt;
}

static bool answer_route(struct pages *p, const struct httpd_request *r,
                         struct httpd_answer *out)
{
    for (size_t i = 0; i < NROUTES; i++) {
        const struct route *route = &ROUTES[i];
        struct page_key key = { .route = route, .query.limit = NO_LIMIT };

        if (strcmp(r->path, route->path) != 0)
            continue;
        key.query.number = number_of(r, route->number, route->deflt);
        if (key.query.number > route->most)
            key.query.number = route->most;
        if (route->limited)
            key.query.limit = number_of(r, "limit", NO_LIMIT);
        answer_page(p, &key, out);
        return true;
    }
    return false;
}

void pages_answer(void *arg, const struct httpd_request *r,
                  struct httpd_answer *out)
{
    struct pages *p = arg;

    out->status = 200;
    if (answer_route(p, r, out))
        return;
    if (strcmp(r->path, "/") == 0)
        answer_dashboard(p, out);
    else if (strcmp(r->path, "/healthz") == 0)
        answer_health(p, out);
    else if (strncmp(r->path, INSTANCES, strlen(INSTANCES)) == 0)
        answer_instance(p, r->path, out);
    else
        answer_not_found(r->path, out);
}

struct pages *pages_new(const struct pages_options *o, struct err *e)
{
    struct pages *p = calloc(1, sizeof *p);

    if (p == NULL) {
        err_set(e, "out of memory for the status pages");
        return NULL;
    }
    p->source = (struct page_source){
        .config = o->config,
        .config_file = o->config_file,
        .needs_restart = o->needs_restart,
        .rounds = o->rounds,
        .pool = rounds_pool(o->rounds),
    };
    return p;
}

void pages_free(struct pages *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < PAGES_CACHED; i++)
        forget(&p->cache[i]);
    httpd_body_unref(p->dashboard);
    free(p);
}
