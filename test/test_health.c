/*
 * health: stories, one row of the table each, and then every sequence of
 * results up to a length against a second, naive reading of the contract.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/health.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static void start(struct health *h, const char *reason)
{
    health_init(h);
    assert_true(reason_parse(reason, &h->reason));
    h->status = reason_status(h->reason);
}

/*
 * Feeds WORDS, separated by spaces.  A word with = in front must make a
 * HEALTH_STATUS edge, one with ~ a HEALTH_REASON edge, others none; a !
 * behind says that the instance is unsettled afterwards, no ! that it is not.
 */
static void tell(struct health *h, const struct health_policy *p,
                 const char *words)
{
    char copy[256];
    assert_true(strlen(words) < sizeof copy);
    strcpy(copy, words);
    for (char *w = strtok(copy, " "); w != NULL; w = strtok(NULL, " ")) {
        enum health_edge want = HEALTH_SAME;
        bool settled = true;
        enum reason r;
        if (*w == '=' || *w == '~')
            want = *w++ == '=' ? HEALTH_STATUS : HEALTH_REASON;
        size_t n = strlen(w);
        if (w[n - 1] == '!') {
            settled = false;
            w[n - 1] = '\0';
        }
        assert_true(reason_parse(w, &r));
        enum health_edge got = health_step(h, p, r);
        if (got != want || health_settled(h) != settled)
            fail_msg("at %s in \"%s\": edge %d, settled %d", w, words, got,
                     health_settled(h));
    }
}

struct story {
    unsigned rise;
    unsigned fall;
    const char *from; /* the reason, and with it the status, at first */
    const char *words;
    const char *to;
};

static void check_stories(const struct story *s, size_t n)
{
    for (; n > 0; n--, s++) {
        struct health h;
        const struct health_policy p = { s->rise, s->fall };
        start(&h, s->from);
        tell(&h, &p, s->words);
        if (strcmp(reason_name(h.reason), s->to) != 0)
            fail_msg("from %s by \"%s\": %s, not %s", s->from, s->words,
                     reason_name(h.reason), s->to);
        assert_int_equal(h.status, reason_status(h.reason));
    }
}

static void a_first_status_takes_rise_or_fall_results(void **state)
{
    (void)state;
    static const struct story S[] = {
        { 1, 1, "pending", "=ok", "ok" },
        { 1, 1, "pending", "=lag", "lag" },
        { 1, 1, "pending", "=refused", "refused" },
        { 1, 1, "pending", "~noauth", "noauth" },
        { 2, 3, "pending", "ok! =ok", "ok" },
        { 2, 3, "pending", "refused! reset! =closed", "closed" },
        { 2, 3, "pending", "dns! dns! ~dns dns", "dns" },
        { 2, 3, "pending", "dns! noauth! ~noperm", "noperm" },
        { 3, 2, "pending", "ok! refused! ok! ok! =ok", "ok" },
        { 3, 2, "pending", "refused! ok! refused! =refused", "refused" },
    };
    check_stories(S, COUNT(S));
}

static void out_of_unknown_leads_the_worst_of_a_good_row(void **state)
{
    (void)state;
    static const struct story S[] = {
        { 3, 3, "pending", "ok! lag! =ok", "lag" },
        { 3, 3, "noauth", "lag! loading! =ok", "loading" },
        { 2, 3, "stuck", "ok! =loading", "loading" },
        { 2, 2, "doubt", "ok! =ok", "ok" },
    };
    check_stories(S, COUNT(S));
}

static void a_row_of_worse_results_leads_to_the_mildest(void **state)
{
    (void)state;
    static const struct story S[] = {
        { 2, 3, "ok", "refused! refused! =refused", "refused" },
        { 2, 3, "ok", "refused! lag! =refused", "lag" },
        { 2, 3, "ok", "lag! busy! =reset", "busy" },
        { 2, 3, "ok", "refused! refused! =lag refused! reset! =closed",
          "closed" },
        { 2, 2, "lag", "refused! =reset", "reset" },
        { 1, 1, "ok", "=lag =refused =lag", "lag" },
    };
    check_stories(S, COUNT(S));
}

static void a_row_of_better_results_leads_to_the_worst(void **state)
{
    (void)state;
    static const struct story S[] = {
        { 2, 3, "refused", "ok! =ok", "ok" },
        { 2, 3, "refused", "ok! =lag ok! =ok", "ok" },
        { 2, 3, "refused", "lag! =ok ok! =ok", "ok" },
        { 3, 3, "refused", "lag! busy! =ok", "busy" },
        { 3, 1, "lag", "ok! ok! =ok", "ok" },
    };
    check_stories(S, COUNT(S));
}

static void a_result_like_the_status_breaks_the_rows(void **state)
{
    (void)state;
    static const struct story S[] = {
        { 2, 3, "ok", "refused! refused! ok refused! refused! ok", "ok" },
        { 2, 3, "lag", "ok! lag refused! lag ok! lag", "lag" },
        { 3, 2, "lag", "ok! ok! refused! ok! ok! =ok", "ok" },
        { 2, 3, "refused", "ok! refused ok! refused", "refused" },
        { 2, 3, "refused", "ok! reset ok! refused", "refused" },
    };
    check_stories(S, COUNT(S));
}

static void a_fault_of_our_own_leaves_the_rows_alone(void **state)
{
    (void)state;
    static const struct story S[] = {
        { 2, 3, "ok", "refused! dns! refused! dns! dns! =refused", "refused" },
        { 2, 3, "refused", "ok! dns! =ok", "ok" },
        { 2, 3, "pending", "ok! noauth! =ok", "ok" },
        { 2, 2, "lag", "busy dns! ~busy", "busy" },
        { 2, 3, "noauth", "ok! noauth! =ok", "ok" },
        { 2, 3, "noauth", "refused! dns! refused! =refused", "refused" },
    };
    check_stories(S, COUNT(S));
}

static void fall_faults_in_a_row_make_it_unknown(void **state)
{
    (void)state;
    static const struct story S[] = {
        { 2, 3, "ok", "dns! dns! =noauth", "noauth" },
        { 2, 3, "ok", "dns! dns! ok dns! dns! ok", "ok" },
        { 2, 3, "ok", "dns! dns! refused! dns! dns! =dns", "dns" },
        { 2, 1, "refused", "=tls", "tls" },
        /* The edge ended the row of refused. */
        { 2, 2, "ok", "refused! dns! =dns refused! =refused", "refused" },
        { 2, 3, "pending", "ok! dns! dns! ~dns ok! =ok", "ok" },
    };
    check_stories(S, COUNT(S));
}

static void a_new_reason_takes_fall_results_in_a_row(void **state)
{
    (void)state;
    static const struct story S[] = {
        { 2, 3, "refused", "reset reset ~reset", "reset" },
        { 2, 3, "refused", "reset reset closed closed", "refused" },
        { 2, 3, "refused", "reset reset refused reset reset", "refused" },
        { 2, 3, "refused", "reset closed reset closed", "refused" },
        { 2, 3, "refused", "reset reset ok! reset reset", "refused" },
        { 2, 1, "refused", "~reset ~closed closed", "closed" },
        { 2, 2, "noauth", "dns ~dns noauth dns noauth ~noauth", "noauth" },
        { 2, 2, "noauth", "dns noperm dns noperm ~noperm", "noperm" },
        { 2, 2, "noauth", "dns refused! dns! ~dns", "dns" },
        { 2, 2, "stuck", "dns ~noauth", "noauth" },
    };
    check_stories(S, COUNT(S));
}

/* From settled STATUS with any reason of it, one result of any reason. */
static void every_pair_of_status_and_result_counts_in_its_row(void **state)
{
    (void)state;
    const struct health_policy p = { 3, 3 };
    for (int from = 0; from < REASON_COUNT; from++) {
        for (int said = 0; said < REASON_COUNT; said++) {
            struct health h;
            if (said == REASON_PENDING || said == REASON_STUCK ||
                said == REASON_REMOVED)
                continue; /* no probe sees these */
            start(&h, reason_name((enum reason)from));
            enum status s = h.status, t = reason_status((enum reason)said);
            assert_int_equal(health_step(&h, &p, (enum reason)said),
                             HEALTH_SAME);
            assert_int_equal(h.status, s);
            assert_int_equal(h.reason, from);

            bool up = t == STATUS_UP || t == STATUS_DEGRADED;
            bool better = s == STATUS_UNKNOWN ? up : t < s;
            bool worse = s == STATUS_UNKNOWN ? t == STATUS_DOWN
                                             : t != STATUS_UNKNOWN && t > s;
            bool own = s == STATUS_UNKNOWN && from >= REASON_PENDING;
            bool fault = t == STATUS_UNKNOWN && (s != t || own);
            assert_int_equal(h.better, better);
            assert_int_equal(h.worse, worse);
            assert_int_equal(h.fault, fault);
            assert_int_equal(h.same, s == t && !fault && from != said);
            assert_int_equal(health_settled(&h),
                             s == t && from != REASON_PENDING);
        }
    }
}

static void doubt_is_at_once_and_ends_the_rows(void **state)
{
    (void)state;
    struct health h;
    const struct health_policy p = { 2, 2 };
    start(&h, "ok");
    tell(&h, &p, "refused!");
    assert_int_equal(health_doubt(&h, REASON_STUCK), HEALTH_STATUS);
    assert_int_equal(h.status, STATUS_UNKNOWN);
    assert_int_equal(h.reason, REASON_STUCK);
    assert_int_equal(h.worse, 0);
    assert_true(health_settled(&h));
    tell(&h, &p, "refused!");
    assert_int_equal(health_doubt(&h, REASON_STUCK), HEALTH_SAME);
    tell(&h, &p, "refused!");
    assert_int_equal(health_doubt(&h, REASON_DOUBT), HEALTH_REASON);
    tell(&h, &p, "ok! =ok");
}

/* Rise may shrink at a reload while a row is longer already. */
static void a_row_longer_than_a_new_policy_asks_is_enough(void **state)
{
    (void)state;
    struct health h;
    const struct health_policy slow = { 5, 5 }, quick = { 2, 2 };
    start(&h, "ok");
    tell(&h, &slow, "refused! refused! refused!");
    tell(&h, &quick, "=refused");
}

/*
 * The model keeps every result since the last edge and counts backwards; it
 * knows no counters that could be forgotten.
 */
#define LONGEST 7

struct model {
    enum reason reason; /* the status is its */
    enum reason list[LONGEST];
    size_t n;
};

enum side { SIDE_BETTER, SIDE_WORSE, SIDE_LIKE, SIDE_FAULT };

static enum side side_of(enum status s, enum reason r)
{
    enum status t = reason_status(r);
    if (t == STATUS_UNKNOWN)
        return SIDE_FAULT;
    if (s == STATUS_UNKNOWN)
        return t == STATUS_DOWN ? SIDE_WORSE : SIDE_BETTER;
    return t < s ? SIDE_BETTER : t > s ? SIDE_WORSE : SIDE_LIKE;
}

/* The newest results that all lie on SIDE; faults are seen through. */
static size_t newest(const struct model *m, enum side side, enum reason *out)
{
    enum status s = reason_status(m->reason);
    size_t n = 0;
    for (size_t i = m->n; i > 0; i--) {
        enum side t = side_of(s, m->list[i - 1]);
        if (t == SIDE_FAULT && side != SIDE_FAULT)
            continue;
        if (t != side)
            break;
        out[n++] = m->list[i - 1];
    }
    return n;
}

/* The first, that is the newest, of the worst (SIGN 1) or mildest (-1). */
static enum reason extreme(const enum reason *row, size_t n, int sign)
{
    enum reason best = row[0];
    for (size_t i = 1; i < n; i++) {
        if (sign * ((int)reason_status(row[i]) - (int)reason_status(best)) > 0)
            best = row[i];
    }
    return best;
}

static size_t alike(const enum reason *row, size_t n, enum reason but)
{
    size_t k = 0;
    while (k < n && row[k] == row[0] && row[0] != but)
        k++;
    return k;
}

/* What the newest result, already in the list, makes of the reason. */
static enum reason model_verdict(const struct model *m,
                                 const struct health_policy *p)
{
    enum status s = reason_status(m->reason);
    enum reason row[LONGEST] = { m->reason };
    size_t n;
    switch (side_of(s, m->list[m->n - 1])) {
    case SIDE_BETTER:
        n = newest(m, SIDE_BETTER, row);
        return n >= p->rise ? extreme(row, n, 1) : m->reason;
    case SIDE_WORSE:
        n = newest(m, SIDE_WORSE, row);
        return n >= p->fall ? extreme(row, n, -1) : m->reason;
    case SIDE_LIKE:
        n = newest(m, SIDE_LIKE, row);
        return alike(row, n, m->reason) >= p->fall ? row[0] : m->reason;
    case SIDE_FAULT:
        n = newest(m, SIDE_FAULT, row);
        if (s == STATUS_UNKNOWN && m->reason < REASON_PENDING)
            n = alike(row, n, m->reason);
        return n >= p->fall ? row[0] : m->reason;
    }
    return m->reason;
}

static bool model_settled(const struct model *m)
{
    enum status s = reason_status(m->reason);
    enum reason row[LONGEST];
    return m->reason != REASON_PENDING && newest(m, SIDE_BETTER, row) == 0 &&
           newest(m, SIDE_WORSE, row) == 0 &&
           (s == STATUS_UNKNOWN || newest(m, SIDE_FAULT, row) == 0);
}

static const enum reason ALPHABET[] = {
    REASON_OK,     REASON_LOADING, REASON_REFUSED, REASON_REPLY_TIMEOUT,
    REASON_NOAUTH, REASON_DNS,
};

static void explore(const struct health *h, const struct model *m,
                    const struct health_policy *p, unsigned depth)
{
    if (depth == 0)
        return;
    for (size_t i = 0; i < COUNT(ALPHABET); i++) {
        struct health h2 = *h;
        struct model m2 = *m;
        enum health_edge edge = health_step(&h2, p, ALPHABET[i]);

        m2.list[m2.n++] = ALPHABET[i];
        enum reason r = model_verdict(&m2, p);
        enum health_edge want = HEALTH_SAME;
        if (r != m->reason) {
            want = reason_status(r) == reason_status(m->reason) ? HEALTH_REASON
                                                                : HEALTH_STATUS;
            m2.reason = r;
            m2.n = 0;
        }
        if (edge != want || h2.reason != r || h2.status != reason_status(r) ||
            health_settled(&h2) != model_settled(&m2))
            fail_msg("rise %u, fall %u, %s by %s: %s, not %s", p->rise, p->fall,
                     reason_name(m->reason), reason_name(ALPHABET[i]),
                     reason_name(h2.reason), reason_name(r));
        explore(&h2, &m2, p, depth - 1);
    }
}

static void every_sequence_agrees_with_the_naive_model(void **state)
{
    (void)state;
    static const enum reason FROM[] = { REASON_PENDING, REASON_STUCK };
    for (unsigned rise = 1; rise <= 3; rise++) {
        for (unsigned fall = 1; fall <= 3; fall++) {
            for (size_t i = 0; i < COUNT(FROM); i++) {
                const struct health_policy p = { rise, fall };
                struct health h;
                struct model m = { .reason = FROM[i] };
                start(&h, reason_name(FROM[i]));
                explore(&h, &m, &p, i == 0 ? LONGEST : LONGEST - 2);
            }
        }
    }
}

/* Deep into a life that began long ago: from each status, not from pending. */
static void every_sequence_from_each_status_agrees_as_well(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(ALPHABET); i++) {
        for (unsigned n = 0; n < 9; n++) {
            const struct health_policy p = { n / 3 + 1, n % 3 + 1 };
            struct health h;
            struct model m = { .reason = ALPHABET[i] };
            start(&h, reason_name(ALPHABET[i]));
            explore(&h, &m, &p, LONGEST - 1);
        }
    }
}

/* Steps through REASONS until the edge, and checks how it is explained. */
static void explained(const char *expected, struct health h,
                      const enum reason *reasons, size_t n)
{
    const struct health_policy p = { .rise = 2, .fall = 3 };
    char out[HEALTH_CAUSE];
    struct health before;

    for (size_t i = 0; i < n; i++) {
        before = h;
        assert_int_equal(health_step(&h, &p, reasons[i]) != HEALTH_SAME,
                         i == n - 1);
    }
    health_explain(&before, &h, &p, out, sizeof out);
    assert_string_equal(out, expected);
}

#define EXPLAINED(text, from, ...)                              \
    explained(text, from, (const enum reason[]){ __VA_ARGS__ }, \
              sizeof((const enum reason[]){ __VA_ARGS__ }) /    \
                  sizeof(enum reason))

static void every_edge_is_explained_by_its_row(void **state)
{
    const struct health up = { .status = STATUS_UP, .reason = REASON_OK };
    const struct health down = { .status = STATUS_DOWN,
                                 .reason = REASON_REFUSED };
    const struct health noauth = { .status = STATUS_UNKNOWN,
                                   .reason = REASON_NOAUTH };
    struct health new;

    (void)state;
    health_init(&new);
    EXPLAINED("3 results in a row worse than up (fall = 3)", up, REASON_REFUSED,
              REASON_NOAUTH, REASON_RESET, REASON_LOADING);
    EXPLAINED("2 results in a row better than down (rise = 2)", down, REASON_OK,
              REASON_LOADING);
    EXPLAINED("3 results in a row with this reason (fall = 3)", down,
              REASON_RESET, REASON_RESET, REASON_RESET);
    EXPLAINED("3 results in a row that tell nothing of the server (fall = 3)",
              up, REASON_NOAUTH, REASON_DNS, REASON_NOAUTH);
    EXPLAINED("2 results of up or degraded in a row (rise = 2)", new, REASON_OK,
              REASON_OK);
    EXPLAINED("3 results of down in a row (fall = 3)", new, REASON_REFUSED,
              REASON_REFUSED, REASON_RESET);
    EXPLAINED("3 results in a row that tell nothing of the server (fall = 3)",
              new, REASON_NOAUTH, REASON_DNS, REASON_NOAUTH);
    EXPLAINED("3 results in a row with this reason (fall = 3)", noauth,
              REASON_DNS, REASON_DNS, REASON_DNS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_first_status_takes_rise_or_fall_results),
        cmocka_unit_test(out_of_unknown_leads_the_worst_of_a_good_row),
        cmocka_unit_test(a_row_of_worse_results_leads_to_the_mildest),
        cmocka_unit_test(a_row_of_better_results_leads_to_the_worst),
        cmocka_unit_test(a_result_like_the_status_breaks_the_rows),
        cmocka_unit_test(a_fault_of_our_own_leaves_the_rows_alone),
        cmocka_unit_test(fall_faults_in_a_row_make_it_unknown),
        cmocka_unit_test(a_new_reason_takes_fall_results_in_a_row),
        cmocka_unit_test(every_pair_of_status_and_result_counts_in_its_row),
        cmocka_unit_test(doubt_is_at_once_and_ends_the_rows),
        cmocka_unit_test(a_row_longer_than_a_new_policy_asks_is_enough),
        cmocka_unit_test(every_sequence_agrees_with_the_naive_model),
        cmocka_unit_test(every_sequence_from_each_status_agrees_as_well),
        cmocka_unit_test(every_edge_is_explained_by_its_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
