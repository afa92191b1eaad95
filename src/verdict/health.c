/*
 * Rise and fall.  Rows are counters, not a list of results: what a row would
 * lead to is kept up to date while it runs, so a judgement costs the same
 * whatever rise and fall are.
 *
 * In the status unknown, `better` counts the results of up or degraded and
 * `worse` those of down: the two ways out.
 *
 * Two rules of the contract meet when a result of the unknown kind comes while
 * the status is unknown.  Where a result gave the present reason (noauth), it
 * is a matter within the status: `fall` results in a row must give the same
 * new reason.  Where none did (pending, stuck, doubt, removed), `fall` of the
 * unknown kind are enough, whichever they are; otherwise an instance whose
 * resolver and password fail by turns would be pending for ever.
 */
#include <assert.h>
#include <stddef.h>
#include <stdio.h>

#include "agent/health.h"

/* True when nothing but a result leads to this reason. */
static bool from_result(enum reason r)
{
    return r != REASON_PENDING && r != REASON_STUCK && r != REASON_DOUBT &&
           r != REASON_REMOVED;
}

/* The only place that assigns a status; every row starts anew. */
static enum health_edge become(struct health *h, enum status s, enum reason r)
{
    enum health_edge edge = HEALTH_SAME;
    if (h->status != s)
        edge = HEALTH_STATUS;
    else if (h->reason != r)
        edge = HEALTH_REASON;
    *h = (struct health){ .status = s, .reason = r };
    return edge;
}

/* A row of results that speak for the status but give another reason. */
static enum health_edge step_same(struct health *h,
                                  const struct health_policy *p, enum reason r)
{
    if (r == h->reason) {
        h->same = 0;
        return HEALTH_SAME;
    }
    if (h->same == 0 || h->same_reason != r) {
        h->same = 0;
        h->same_reason = r;
    }
    if (++h->same >= p->fall)
        return become(h, h->status, r);
    return HEALTH_SAME;
}

/* A result of the unknown kind: better, worse and (outside unknown) same are
 * left as they are. */
static enum health_edge step_fault(struct health *h,
                                   const struct health_policy *p, enum reason r)
{
    if (h->status == STATUS_UNKNOWN && from_result(h->reason))
        return step_same(h, p, r);
    if (++h->fault >= p->fall)
        return become(h, STATUS_UNKNOWN, r);
    return HEALTH_SAME;
}

/* The row leads to the worst of its results, with the newest such reason. */
static enum health_edge step_better(struct health *h,
                                    const struct health_policy *p,
                                    enum reason r)
{
    h->worse = 0;
    h->same = 0;
    if (h->better == 0 || reason_status(r) >= reason_status(h->better_reason))
        h->better_reason = r;
    if (++h->better >= p->rise)
        return become(h, reason_status(h->better_reason), h->better_reason);
    return HEALTH_SAME;
}

/* The row leads to the mildest of its results, with the newest such reason. */
static enum health_edge step_worse(struct health *h,
                                   const struct health_policy *p, enum reason r)
{
    h->better = 0;
    h->same = 0;
    if (h->worse == 0 || reason_status(r) <= reason_status(h->worse_reason))
        h->worse_reason = r;
    if (++h->worse >= p->fall)
        return become(h, reason_status(h->worse_reason), h->worse_reason);
    return HEALTH_SAME;
}

void health_init(struct health *h)
{
    *h = (struct health){
        .status = STATUS_UNKNOWN,
        .reason = REASON_PENDING,
    };
}

enum health_edge health_step(struct health *h, const struct health_policy *p,
                             enum reason r)
{
    assert(p->rise >= 1 && p->fall >= 1);
    /* A probe that lacked a descriptor ends in doubt. */
    assert(from_result(r) || r == REASON_DOUBT);

    enum status said = reason_status(r);
    if (said == STATUS_UNKNOWN)
        return step_fault(h, p, r);
    h->fault = 0;

    if (h->status == STATUS_UNKNOWN)
        return said == STATUS_DOWN ? step_worse(h, p, r) : step_better(h, p, r);
    if (said < h->status)
        return step_better(h, p, r);
    if (said > h->status)
        return step_worse(h, p, r);
    h->better = 0;
    h->worse = 0;
    return step_same(h, p, r);
}

static const char *results(unsigned n)
{
    return n == 1 ? "result" : "results";
}

void health_explain(const struct health *before, const struct health *after,
                    const struct health_policy *p, char *out, size_t size)
{
    unsigned fault = before->fault + 1, same = before->same + 1;
    unsigned worse = before->worse + 1, better = before->better + 1;
    const char *from = status_name(before->status);

    if (after->status == before->status &&
        (after->status != STATUS_UNKNOWN || from_result(before->reason)))
        snprintf(out, size, "%u %s in a row with this reason (fall = %u)", same,
                 results(same), p->fall);
    else if (after->status == STATUS_UNKNOWN)
        snprintf(out, size,
                 "%u %s in a row that tell nothing of the server (fall = %u)",
                 fault, results(fault), p->fall);
    else if (before->status == STATUS_UNKNOWN && after->status == STATUS_DOWN)
        snprintf(out, size, "%u %s of down in a row (fall = %u)", worse,
                 results(worse), p->fall);
    else if (before->status == STATUS_UNKNOWN)
        snprintf(out, size, "%u %s of up or degraded in a row (rise = %u)",
                 better, results(better), p->rise);
    else if (after->status > before->status)
        snprintf(out, size, "%u %s in a row worse than %s (fall = %u)", worse,
                 results(worse), from, p->fall);
    else
        snprintf(out, size, "%u %s in a row better than %s (rise = %u)", better,
                 results(better), from, p->rise);
}

enum health_edge health_doubt(struct health *h, enum reason r)
{
    assert(reason_status(r) == STATUS_UNKNOWN);
    return become(h, STATUS_UNKNOWN, r);
}

bool health_settled(const struct health *h)
{
    if (h->reason == REASON_PENDING || h->better > 0 || h->worse > 0)
        return false;
    return h->fault == 0 || h->status == STATUS_UNKNOWN;
}
