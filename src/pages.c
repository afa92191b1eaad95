/*
 * Which path is which page.  A page is rendered into a text that becomes the
 * body without a copy; the big ones are kept for a moment, so that a crowd
 * of askers costs the loop one rendering every PAGES_FRESH_MS, and let go of
 * soon after the last of them.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/clock.h"
#include "agent/config.h"
#include "agent/dashboard.h"
#include "agent/process.h"
#include "agent/reply.h"
#include "pages_impl.h"

#include "agent/pages.h"

#define INSTANCES "/instances/"
/* How long a body that nobody asks for is kept. */
#define KEPT_MS 2000

#define TYPE_TEXT    "text/plain; charset=utf-8"
#define TYPE_JSON    "application/json"
#define TYPE_HTML    "text/html; charset=utf-8"
#define TYPE_METRICS "text/plain; version=0.0.4; charset=utf-8"

/* A number in the query that is not there, or is none. */
#define NO_LIMIT UINT64_MAX

struct route {
    const char *path;
    const char *type;
    const char *number; /* the query's key, or NULL */
    uint64_t deflt;     /* … when it is not there */
    bool cached;        /* large, or dear */
    void (*render)(const struct pages *p, const struct page_key *k,
                   struct text *out);
};

static void threads_page(const struct pages *p, const struct page_key *k,
                         struct text *out)
{
    (void)p;
    (void)k;
    text_addf(out, "%ld\n", process_threads());
}

static void jobs_page(const struct pages *p, const struct page_key *k,
                      struct text *out)
{
    (void)k;
    text_addf(out, "%zu\n", fleet_jobs(p->fleet));
}

static const struct route ROUTES[] = {
    { "/status", TYPE_JSON, "results", 4, true, pages_status },
    { "/events", TYPE_JSON, "since", 0, true, pages_events },
    { "/metrics", TYPE_METRICS, NULL, 0, true, pages_metrics },
    { "/memory", TYPE_JSON, NULL, 0, false, pages_memory },
    { "/threads", TYPE_TEXT, NULL, 0, false, threads_page },
    { "/jobs", TYPE_TEXT, NULL, 0, false, jobs_page },
};
#define NROUTES (sizeof ROUTES / sizeof ROUTES[0])

struct page_time page_now(void)
{
    return (struct page_time){ .mono_ms = clock_mono_ms(),
                               .wall_ms = clock_wall_ms() };
}

int64_t page_wall_ms(const struct page_time *now, uint64_t mono_ms)
{
    return now->wall_ms + (int64_t)mono_ms - (int64_t)now->mono_ms;
}

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
    return a->route == b->route && a->number == b->number &&
           a->limit == b->limit;
}

static void forget(struct pages *p, size_t i)
{
    httpd_body_unref(p->cache[i].body);
    p->cache[i].body = NULL;
}

/* The place for KEY: its own, a free one, or that of the oldest. */
static size_t place_of(const struct pages *p, const struct page_key *key)
{
    size_t best = 0;

    for (size_t i = 0; i < PAGES_CACHED; i++) {
        if (p->cache[i].body != NULL && same_key(&p->cache[i].key, key))
            return i;
        if (p->cache[best].body != NULL &&
            (p->cache[i].body == NULL ||
             p->cache[i].made_mono_ms < p->cache[best].made_mono_ms))
            best = i;
    }
    return best;
}

static struct httpd_body *rendered(const struct pages *p,
                                   const struct page_key *key)
{
    struct text t = { 0 };

    key->route->render(p, key, &t);
    return body_of(&t, key->route->type);
}

static struct httpd_body *page(struct pages *p, const struct page_key *key)
{
    uint64_t now = clock_mono_ms();
    size_t i;

    if (!key->route->cached)
        return rendered(p, key);
    i = place_of(p, key);
    if (p->cache[i].body == NULL || !same_key(&p->cache[i].key, key) ||
        now - p->cache[i].made_mono_ms >= PAGES_FRESH_MS) {
        forget(p, i);
        p->cache[i].key = *key;
        p->cache[i].made_mono_ms = now;
        p->cache[i].body = rendered(p, key);
    }
    return p->cache[i].body != NULL ? httpd_body_ref(p->cache[i].body) : NULL;
}

void pages_rest(struct pages *p, uint64_t now_mono_ms)
{
    for (size_t i = 0; i < PAGES_CACHED; i++) {
        if (p->cache[i].body != NULL &&
            now_mono_ms - p->cache[i].made_mono_ms >= KEPT_MS)
            forget(p, i);
    }
}

/* ----------------------------------------------------------------- answers */

static void answer_health(const struct pages *p, struct httpd_answer *out)
{
    struct page_time now = page_now();
    struct troubles troubles;
    struct text t = { 0 };

    pages_troubles(p, &now, &troubles);
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
    char shown[REPLY_TEXT] = "";
    struct text t = { 0 };

    reply_escape(shown, sizeof shown, path, strlen(path));
    text_addf(&t, "not found: %s\n", shown);
    answer_text(out, 404, &t);
}

static const struct member *find(const struct fleet *f, const char *name)
{
    for (size_t i = 0; i < fleet_slots(f); i++) {
        const struct member *m = fleet_member(f, i);

        if (m != NULL && strcmp(m->instance.config->name, name) == 0)
            return m;
    }
    return NULL;
}

static void answer_instance(const struct pages *p, const char *path,
                            struct httpd_answer *out)
{
    const struct member *m = find(p->fleet, path + strlen(INSTANCES));
    struct text t = { 0 };

    if (m == NULL) {
        answer_not_found(path, out);
        return;
    }
    pages_instance(p, m, &t);
    out->body = body_of(&t, TYPE_JSON);
}

/* What is no number is taken as not said: the page is read only, and to
 * show it helps more than to refuse it. */
static uint64_t number_of(const struct httpd_request *r, const char *key,
                          uint64_t deflt)
{
    const char *value = key == NULL ? NULL : httpd_query(r, key);
    char *end;
    uint64_t n;

    if (value == NULL || *value < '0' || *value > '9')
        return deflt;
    n = strtoull(value, &end, 10);
    return *end == '\0' ? n : deflt;
}

void pages_answer(void *arg, const struct httpd_request *r,
                  struct httpd_answer *out)
{
    struct pages *p = arg;

    out->status = 200;
    for (size_t i = 0; i < NROUTES; i++) {
        const struct page_key key = {
            .route = &ROUTES[i],
            .number = number_of(r, ROUTES[i].number, ROUTES[i].deflt),
            .limit = number_of(r, "limit", NO_LIMIT),
        };

        if (strcmp(r->path, ROUTES[i].path) != 0)
            continue;
        out->body = page(p, &key);
        return;
    }
    if (strcmp(r->path, "/") == 0)
        answer_dashboard(p, out);
    else if (strcmp(r->path, "/healthz") == 0)
        answer_health(p, out);
    else if (strncmp(r->path, INSTANCES, strlen(INSTANCES)) == 0)
        answer_instance(p, r->path, out);
    else
        answer_not_found(r->path, out);
}

struct pages *pages_new(const struct config *config, const char *config_file,
                        struct rounds *rounds, struct err *e)
{
    struct pages *p = calloc(1, sizeof *p);

    if (p == NULL) {
        err_set(e, "out of memory for the status pages");
        return NULL;
    }
    p->config = config;
    p->config_file = config_file;
    p->rounds = rounds;
    p->fleet = rounds_fleet(rounds);
    return p;
}

void pages_free(struct pages *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < PAGES_CACHED; i++)
        forget(p, i);
    httpd_body_unref(p->dashboard);
    free(p);
}
