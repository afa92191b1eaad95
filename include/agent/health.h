#ifndef AGENT_HEALTH_H
#define AGENT_HEALTH_H

#include "agent/reason.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Judgement: results in, a status out.  Pure: no clock, I/O or allocation.
 *
 * From best to worst: up, degraded, down.  `rise` results in a row that are
 * better than the status raise it, to the worst of them; `fall` in a row
 * that are worse lower it, to the mildest of them.  Within a status a new
 * reason is taken over when `fall` results in a row gave it.  A result of
 * the unknown kind is the agent's own fault: it leaves those rows alone;
 * `fall` of them in a row make the status unknown, with the last one's
 * reason.  Out of unknown lead `rise` results of up or degraded in a row (to
 * the worst of them), or `fall` of down.  While the status is unknown for a
 * reason that a result gave (noauth), another result of the unknown kind is
 * one of this status with another reason; while none did (pending, stuck,
 * doubt, removed), any `fall` of them in a row will do.
 */
struct health_policy {
    unsigned rise; /* 1..100 */
    unsigned fall; /* 1..100 */
};

struct health {
    enum status status;
    enum reason reason;
    /* Rows under way, for people who ask why; 0 when none is. */
    unsigned better;
    unsigned worse;
    unsigned fault; /* results of the unknown kind in a row */
    unsigned same;  /* results of this status with another reason */
    /* What the rows would lead to. */
    enum reason better_reason;
    enum reason worse_reason;
    enum reason same_reason;
};

/* What one step changed. */
enum health_edge {
    HEALTH_SAME,
    HEALTH_REASON, /* the same status for a new reason */
    HEALTH_STATUS, /* the edge everyone acts on */
};

/* Unknown, pending, no rows. */
void health_init(struct health *h);

/*
 * Judges one result; R is one that a probe can see (not pending, stuck or
 * removed; doubt when it lacked a descriptor).  After an edge, h->reason is the
 * reason of the most recent result of the row that spoke for the new status;
 * all rows start anew.
 */
enum health_edge health_step(struct health *h, const struct health_policy *p,
                             enum reason r);

/*
 * Says in a sentence which row made BEFORE become AFTER, by a health_step
 * with P that returned an edge: "3 results in a row worse than up (fall = 3)".
 * Room for it: HEALTH_CAUSE.
 */
#define HEALTH_CAUSE 96
void health_explain(const struct health *before, const struct health *after,
                    const struct health_policy *p, char *out, size_t size);

/*
 * Makes the status unknown at once with reason R, one of the unknown kind
 * (stuck, doubt, removed), and drops the rows.
 */
enum health_edge health_doubt(struct health *h, enum reason r);

/*
 * False while results contradict the status (or none is known yet): the
 * instance is then probed every retry_interval.  A row of another reason
 * within the status does not contradict it.
 */
bool health_settled(const struct health *h);

#endif
