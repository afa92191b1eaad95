#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../src/publish/requests.h"
#include "../src/publish/sources.h"
#include "../src/publish/why.h"

#include "book_bench.h"

static const char *const PARENTS[] = {
    "/r",       "/r/instances", "/r/agents",       "/r/owned",
    "/r/alive", "/r/fleets",    "/r/fleets/cache", "/r/fleets/cache/members",
};

void connect_session(struct bench_book *w, int64_t session, bool connected)
{
    const struct store_status status = {
        .state = connected ? STORE_CONNECTED : STORE_CONNECTING,
        .session = session,
        .timeout_ms = SESSION_MS,
    };

    lease_connection(&w->book.owners.lease, &status);
}

static struct bench_book *open_with(const char *fleet)
{
    const struct book_options o = {
        .root = "/r",
        .agent = AGENT,
        .host = "h1",
        .fleet = fleet,
        .fleet_settings = "settings",
        .presence = true,
        .refused_ms = 30000,
        .recheck_ms = 5000,
        .wake_idle = true,
    };
    struct bench_book *w = calloc(1, sizeof *w);
    struct err e;

    assert_non_null(w);
    w->now = START;
    assert_int_equal(book_init(&w->book, &o, &e), 0);
    refresh_init(&w->refresh, 0, w->now);
    for (size_t i = 0; i < sizeof PARENTS / sizeof *PARENTS; i++)
        fake_tree_at(&w->tree, PARENTS[i])->exists = true;
    connect_session(w, SESSION, true);
    return w;
}

struct bench_book *open_book(void)
{
    return open_with(NULL);
}

struct bench_book *open_fleet(void)
{
    return open_with("cache");
}

void close_book(struct bench_book *w)
{
    book_clear(&w->book);
    free(w);
}

static const char *branch(enum slot_kind kind)
{
    return kind == SLOT_STATUS     ? "instances"
           : kind == SLOT_PRESENCE ? "alive"
           : kind == SLOT_MEMBER   ? "fleets/cache/members"
                                   : "agents";
}

struct slot *add_slot(struct bench_book *w, enum slot_kind kind,
                      const char *name)
{
    char path[128];
    struct slot *s;

    snprintf(path, sizeof path, "/r/%s/%s", branch(kind), name);
    s = slot_new(kind, path);
    assert_non_null(s);
    assert_int_equal(book_add(&w->book, s, name), 0);
    return s;
}

struct publisher_event take_of(struct bench_book *w, const struct slot *s)
{
    struct publisher_event e = { .slot = SIZE_MAX };

    assert_true(wanted_take(&w->book.findings, &e));
    assert_int_equal(e.slot, s->index);
    return e;
}

struct slot *add_read(struct bench_book *w, enum slot_kind kind,
                      const char *name)
{
    struct slot *s = add_slot(w, kind, name);

    run(w);
    (void)take_of(w, s);
    w->asked[0] = '\0';
    return s;
}

void post_to(struct bench_book *w, struct slot *s, const char *doc)
{
    assert_int_equal(wanted_post(&s->wanted, doc, strlen(doc)), 0);
    book_settle(&w->book, s);
}

struct slot *add_written(struct bench_book *w, enum slot_kind kind,
                         const char *name, const char *doc)
{
    struct slot *s = add_read(w, kind, name);

    post_to(w, s, doc);
    run(w);
    assert_int_equal(why_of(w, s), WHY_WRITTEN);
    w->asked[0] = '\0';
    return s;
}

static struct fake_entry *entry(struct bench_book *w, const char *path)
{
    char whole[128];

    snprintf(whole, sizeof whole, "/r/%s", path);
    return fake_tree_at(&w->tree, whole);
}

void put(struct bench_book *w, const char *path, const char *data,
         int64_t owner)
{
    struct fake_entry *e = entry(w, path);

    e->node.version = e->exists ? e->node.version + 1 : 0;
    e->exists = true;
    e->node.owner = owner;
    fake_entry_fill(e, data, strlen(data));
}

void drop(struct bench_book *w, const char *path)
{
    fake_entry_vanish(entry(w, path));
}

const struct fake_entry *at(struct bench_book *w, const char *path)
{
    return entry(w, path);
}

/* ---------------------------------------------------------------- requests */

static void note(struct bench_book *w, const struct store_request *r)
{
    static const char *const VERBS[] = {
        [STORE_GET] = "get",        [STORE_LIST] = "list",
        [STORE_EXISTS] = "exists",  [STORE_SET] = "set",
        [STORE_CREATE] = "create",  [STORE_DELETE] = "delete",
        [STORE_TAKE_OVER] = "take",
    };
    size_t len = strlen(w->asked);
    bool versioned = r->verb == STORE_SET || r->verb == STORE_DELETE ||
                     r->verb == STORE_TAKE_OVER;
    const char *path = strcmp(r->path, "/r") == 0 ? "/r" : r->path + 3;
    char version[16] = "";

    if (versioned)
        snprintf(version, sizeof version, ":%d", r->version);
    snprintf(w->asked + len, sizeof w->asked - len, "%s%s %s%s%s%s",
             len > 0 ? ", " : "", VERBS[r->verb], path, version,
             r->verb == STORE_CREATE && r->ephemeral ? "*" : "",
             r->watch ? "!" : "");
}

bool let_out(struct bench_book *w, struct store_request *r)
{
    requests_release(&w->book, w->now);
    refresh_mark(&w->refresh, &w->book, w->now);
    if (!sources_next(&w->book, w->now, r))
        return false;
    note(w, r);
    return true;
}

static void reply(struct bench_book *w, const struct store_request *r,
                  enum store_code code)
{
    const struct fake_entry *e = fake_tree_at(&w->tree, r->path);
    struct store_reply answer = {
        .verb = r->verb,
        .token = r->token,
        .code = code,
        .raw = -1,
        .words = code == STORE_FAILED ? "the quota is exceeded" : NULL,
        .advice = code == STORE_FAILED ? "raise it" : NULL,
        .version = -1,
        .data = "",
    };
    char list[2048];

    if (code == STORE_OK && r->verb == STORE_LIST) {
        answer.len = fake_tree_list(&w->tree, r->path, list, sizeof list);
        answer.data = list;
    } else if (code == STORE_OK) {
        answer.version = e->node.version;
        answer.owner = e->node.owner;
        answer.mtime_wall_ms = 1;
        answer.data = r->verb == STORE_GET ? e->node.data : "";
        answer.len = r->verb == STORE_GET ? e->node.len : 0;
    }
    sources_reply(&w->book, &answer, w->now);
}

void answer_code(struct bench_book *w, const struct store_request *r,
                 enum store_code code)
{
    reply(w, r, code);
}

void answer(struct bench_book *w, const struct store_request *r)
{
    bool denied = w->denied[0] != '\0' && strcmp(r->path, w->denied) == 0 &&
                  !(w->writes_only && r->verb == STORE_GET);
    int64_t session = w->book.owners.lease.session;

    if (denied && !w->lost) {
        reply(w, r, w->code);
        return;
    }
    enum store_code code = fake_tree_apply(&w->tree, r, session);
    reply(w, r, denied ? w->code : code);
}

void run(struct bench_book *w)
{
    struct store_request r;

    for (int i = 0; let_out(w, &r); i++) {
        assert_true(i < 100); /* else it asks in a hot loop */
        answer(w, &r);
    }
}

void run_at(struct bench_book *w, uint64_t now)
{
    w->now = now;
    run(w);
}

void new_session(struct bench_book *w, int64_t session, bool gone)
{
    int64_t before = w->book.owners.lease.session;

    for (size_t i = 0; i < w->tree.nentries && gone; i++)
        if (w->tree.entries[i].exists &&
            w->tree.entries[i].node.owner == before)
            fake_entry_vanish(&w->tree.entries[i]);
    connect_session(w, session, true);
    book_new_session(&w->book);
}

void assert_asked_at(struct bench_book *w, const char *text, const char *file,
                     int line)
{
    char asked[sizeof w->asked];

    memcpy(asked, w->asked, sizeof asked);
    w->asked[0] = '\0';
    _assert_string_equal(asked, text, file, line);
}

enum publisher_why why_of(const struct bench_book *w, const struct slot *s)
{
    enum publisher_why why = why_not_written(&w->book.owners, s);

    assert_int_equal(s->counted.standing, why_standing(why));
    return why;
}

static struct bench_book *with_beat(struct bench_book *w)
{
    add_written(w, SLOT_HEARTBEAT, AGENT, BEAT);
    assert_int_equal(w->book.owners.lease.state, LEASE_HELD);
    return w;
}

struct bench_book *open_with_beat(void)
{
    return with_beat(open_book());
}

struct bench_book *open_fleet_with_beat(void)
{
    return with_beat(open_fleet());
}
