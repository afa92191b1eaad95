/*
 * Agents of one fleet as a random model: they crash, are killed and come back,
 * join and leave, and learn of each other late.  What they decide by is the
 * program's; ZooKeeper, the verdicts and the clock are made up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/hold.h"
#include "agent/membership.h"
#include "agent/roster.h"
#include "agent/share.h"

#include "must.h"

#define AGENTS     6
#define TARGETS    30
#define STEP_MS    50
#define SESSION_MS 10000
#define VERDICT_MS 1500  /* from the first probe to the first verdict */
#define LOOK_MS    1000  /* who leaves looks so often */
#define SURE_MS    10000 /* who took a target over looks again, twice */
#define RUN_MS     400000
#define QUIET_MS   120000
#define NOBODY     -1

struct document {
    int agent; /* NOBODY: none yet */
    unsigned version;
};

struct held {
    struct rank rank;
    enum share share;
    bool ours;         /* as found */
    uint64_t since_ms; /* pending */
    uint64_t look_ms;  /* the next look at the document */
    bool sure;
    unsigned version; /* of the document, as known */
};

struct agent {
    int id;
    bool runs;
    bool member;        /* its node is there */
    uint64_t expire_ms; /* its session ends; 0: it lives */
    bool stopping;
    uint64_t start_ms; /* when it is started again; 0: never */
    struct roster *roster;
    struct hold hold;
    struct membership membership;
    struct held held[TARGETS];
    bool listed;      /* it has seen itself in the list */
    uint64_t read_ms; /* it reads the list of members; 0: not due */
    bool complete;
};

struct world {
    uint64_t now;
    unsigned late_ms; /* views are at most so late */
    struct document documents[TARGETS];
    struct agent agents[AGENTS];
    uint64_t unwatched[TARGETS]; /* since; 0: it is watched */
    uint64_t longest_unwatched;
    uint64_t longest_untrusted;
    uint64_t untrusted[TARGETS];
    bool begun; /* all targets were watched once */
    unsigned writes;
};

static const char *id_of(int agent)
{
    static const char *const IDS[AGENTS] = { "web-1", "web-2", "web-3",
                                             "web-4", "web-5", "web-6" };
    return IDS[agent];
}

static unsigned below(unsigned n)
{
    return (unsigned)rand() % n;
}

/* A watch fires: each reads the list, sooner or later. */
static void members_changed(struct world *w)
{
    for (size_t i = 0; i < AGENTS; i++)
        if (w->agents[i].runs && w->agents[i].read_ms == 0)
            w->agents[i].read_ms = w->now + 5 + below(w->late_ms);
}

static void start(struct world *w, struct agent *a)
{
    struct err e;

    a->runs = true;
    a->stopping = a->complete = a->listed = false;
    a->start_ms = 0;
    a->roster = roster_new(id_of(a->id), &e);
    MUST(a->roster != NULL);
    hold_init(&a->hold, SESSION_MS);
    a->membership = (struct membership){ 0 };
    for (int t = 0; t < TARGETS; t++) {
        char name[16];
        snprintf(name, sizeof name, "cache-%d", t);
        a->held[t] = (struct held){ 0 };
        rank_init(&a->held[t].rank, name);
    }
    a->read_ms = w->now + 5 + below(w->late_ms);
}

static void end(struct agent *a)
{
    a->runs = false;
    a->read_ms = 0;
    roster_free(a->roster);
    a->roster = NULL;
    for (int t = 0; t < TARGETS; t++)
        a->held[t].share = SHARE_NONE;
}

static void set_member(struct world *w, struct agent *a, bool member)
{
    if (a->member == member)
        return;
    a->member = member;
    members_changed(w);
}

static struct membership_facts facts_of(const struct agent *a)
{
    return (struct membership_facts){
        .stopping = a->stopping,
        .ready = a->hold.begun,
    };
}

/* The list was read. */
static void read_members(struct world *w, struct agent *a)
{
    struct err e;
    const struct membership_facts f = facts_of(a);

    a->read_ms = 0;
    a->listed = a->member;
    for (int i = 0; i < AGENTS; i++) {
        if (w->agents[i].member)
            MUST(roster_is(a->roster, id_of(i), NULL, &e) == 0);
        else
            roster_gone(a->roster, id_of(i));
    }
    a->complete = true;
    bool counts = membership_counts(&a->membership, &f, w->now);
    struct roster_differs d = roster_differs(a->roster, counts);
    hold_changed(&a->hold, d.acted, d.missing, d.missing == 0 && d.fresh == 0,
                 w->now);
}

static bool is_mine(const struct agent *a, int t)
{
    const struct rank_member *first = a->held[t].rank.first;

    return first != NULL && strcmp(first->id, id_of(a->id)) == 0;
}

/* The document is taken, whoever wrote it last, as the publisher does for the
 * one that speaks. */
static void write_document(struct world *w, struct agent *a, int t)
{
    struct document *d = &w->documents[t];

    assert_true(a->member || d->agent == a->id);
    d->agent = a->id;
    a->held[t].version = ++d->version;
    w->writes++;
}

static void step_share(struct world *w, struct agent *a, int t, bool displaced)
{
    struct held *h = &a->held[t];
    const struct share_facts f = {
        .assigned = is_mine(a, t),
        .member = a->listed,
        .verdict =
            h->share != SHARE_PENDING || w->now >= h->since_ms + VERDICT_MS,
        .ours = h->ours,
        .displaced = displaced,
    };
    enum share before = h->share;

    h->share = share_next(before, &f);
    if (h->share == before)
        return;
    if (h->share == SHARE_PENDING) {
        h->since_ms = w->now;
        h->ours = w->documents[t].agent == a->id;
    }
    if (before == SHARE_PENDING && h->share == SHARE_SPEAKING) {
        write_document(w, a, t);
        h->look_ms = w->now + SURE_MS;
        h->sure = false;
    }
    if (h->share == SHARE_LEAVING)
        h->look_ms = w->now;
}

static void look(struct world *w, struct agent *a, int t)
{
    struct held *h = &a->held[t];
    bool theirs = w->documents[t].agent != a->id;

    if (h->share == SHARE_LEAVING) {
        h->look_ms = w->now + LOOK_MS;
    } else if (h->share == SHARE_SPEAKING) {
        h->look_ms = h->sure ? UINT64_MAX : w->now + 5 * SURE_MS;
        h->sure = true;
    } else {
        return;
    }
    if (theirs)
        step_share(w, a, t, true);
}

/* The status changes: a write names the version that it is to follow. */
static void flip(struct world *w, struct agent *a, int t)
{
    struct held *h = &a->held[t];
    struct document *d = &w->documents[t];

    if (h->share != SHARE_SPEAKING && h->share != SHARE_LEAVING)
        return;
    if (d->version == h->version)
        h->version = ++d->version;
    else
        step_share(w, a, t, d->agent != a->id);
}

static void act(struct world *w, struct agent *a)
{
    const struct membership_facts f = facts_of(a);
    bool counts = membership_counts(&a->membership, &f, w->now);
    struct roster_differs d = roster_act(a->roster, counts);

    hold_acted(&a->hold, d.missing, w->now);
    for (int t = 0; t < TARGETS; t++)
        (void)roster_rank(a->roster, &a->held[t].rank);
    roster_ranked(a->roster);
}

static void step_agent(struct world *w, struct agent *a)
{
    struct membership_facts f;
    bool leaving = false;

    if (a->read_ms != 0 && a->read_ms <= w->now)
        read_members(w, a);
    if (hold_due(&a->hold) <= w->now)
        act(w, a);
    f = facts_of(a);
    if (membership_step(&a->membership, &f, w->now)) {
        set_member(w, a, a->membership.in);
        /* What we do ourselves needs no waiting for. */
        act(w, a);
    }
    for (int t = 0; t < TARGETS; t++) {
        step_share(w, a, t, false);
        if (a->held[t].look_ms <= w->now)
            look(w, a, t);
        leaving = leaving || a->held[t].share == SHARE_LEAVING;
    }
    if (a->stopping && !leaving) {
        end(a);
        a->start_ms = w->now + 1000 + below(30000);
    }
}

static void look_at_targets(struct world *w)
{
    bool all = true;

    for (int t = 0; t < TARGETS; t++) {
        bool watched = false;
        bool trusted = false;
        for (int i = 0; i < AGENTS; i++) {
            bool holds = w->agents[i].held[t].share != SHARE_NONE;
            watched = watched || holds;
            trusted = trusted || (holds && w->documents[t].agent == i);
        }
        all = all && trusted;
        if (watched || w->unwatched[t] == 0)
            w->unwatched[t] = w->now;
        if (trusted || w->untrusted[t] == 0)
            w->untrusted[t] = w->now;
        if (!w->begun)
            continue;
        if (w->now - w->unwatched[t] > w->longest_unwatched)
            w->longest_unwatched = w->now - w->unwatched[t];
        if (w->now - w->untrusted[t] > w->longest_untrusted)
            w->longest_untrusted = w->now - w->untrusted[t];
    }
    w->begun = w->begun || all;
}

static unsigned members(const struct world *w)
{
    unsigned n = 0;

    for (int i = 0; i < AGENTS; i++)
        n += w->agents[i].member;
    return n;
}

static void crash(struct world *w, struct agent *a)
{
    end(a);
    if (a->member)
        a->expire_ms = w->now + SESSION_MS;
    a->start_ms = w->now + 1000 + below(30000);
}

static void disturb(struct world *w, bool crashes)
{
    struct agent *a = &w->agents[below(AGENTS)];

    flip(w, &w->agents[below(AGENTS)], (int)below(TARGETS));
    if (below(100) != 0 || !a->runs || !w->begun)
        return;
    if (crashes && below(2) == 0)
        crash(w, a);
    else if (members(w) > 2)
        a->stopping = true;
}

static void step(struct world *w)
{
    for (int i = 0; i < AGENTS; i++) {
        struct agent *a = &w->agents[i];
        if (a->expire_ms != 0 && a->expire_ms <= w->now) {
            a->expire_ms = 0;
            set_member(w, a, false);
        }
        /* It would take its old node into its session. */
        if (!a->runs && a->start_ms != 0 && a->start_ms <= w->now) {
            a->expire_ms = 0;
            start(w, a);
        }
        if (a->runs)
            step_agent(w, a);
    }
    look_at_targets(w);
}

/* What must hold when nothing has happened for a while. */
static void assert_settled(const struct world *w)
{
    struct rank_member all[AGENTS];

    for (int i = 0; i < AGENTS; i++)
        all[i] = (struct rank_member){ id_of(i), rank_hash(id_of(i)) };
    for (int t = 0; t < TARGETS; t++) {
        char name[16];
        struct rank r;
        int first = NOBODY;
        snprintf(name, sizeof name, "cache-%d", t);
        rank_init(&r, name);
        for (int i = 0; i < AGENTS; i++)
            if (w->agents[i].member && rank_came(&r, &all[i]))
                first = i;
        assert_int_equal(w->documents[t].agent, first);
        for (int i = 0; i < AGENTS; i++)
            assert_int_equal(w->agents[i].held[t].share,
                             i == first ? SHARE_SPEAKING : SHARE_NONE);
    }
}

static void run(struct world *w, unsigned seed, bool crashes, unsigned late_ms)
{
    srand(seed);
    *w = (struct world){ .now = 100000, .late_ms = late_ms };
    for (int t = 0; t < TARGETS; t++)
        w->documents[t].agent = NOBODY;
    for (int i = 0; i < AGENTS; i++) {
        w->agents[i].id = i;
        w->agents[i].start_ms = w->now + below(5000);
    }
    uint64_t end_ms = w->now + RUN_MS;
    for (; w->now < end_ms; w->now += STEP_MS) {
        if (w->now < end_ms - QUIET_MS)
            disturb(w, crashes);
        step(w);
    }
    assert_settled(w);
    for (int i = 0; i < AGENTS; i++)
        if (w->agents[i].runs)
            end(&w->agents[i]);
}

static void joins_and_leaves_leave_no_target_alone(void **state)
{
    static struct world w;

    (void)state;
    for (unsigned seed = 1; seed <= 25; seed++) {
        run(&w, seed, false, 6000);
        assert_true(w.writes > TARGETS);
        assert_int_equal(w.longest_unwatched, 0);
        assert_int_equal(w.longest_untrusted, 0);
    }
}

static void after_any_faults_each_target_has_its_first(void **state)
{
    static struct world w;

    (void)state;
    for (unsigned seed = 1; seed <= 75; seed++) {
        run(&w, seed, true, 6000);
        assert_true(w.writes > TARGETS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joins_and_leaves_leave_no_target_alone),
        cmocka_unit_test(after_any_faults_each_target_has_its_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
