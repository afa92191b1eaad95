/*
 * What a reply means for its slot.  Most replies only say what is known of
 * the node now.  What is uncertain is forgotten, and therefore read again.
 */
#include <stdio.h>

#include "agent/clock.h"

#include "action.h"
#include "book.h"
#include "reply.h"

/* A heartbeat that is another agent's is looked at again so often at most. */
#define CONTEST_MS 1000

static void refuse_memory(struct book *b, struct slot *s, uint64_t now)
{
    node_forget(&s->node);
    book_refuse(b, s,
                &(struct refused){
                    .cause = CAUSE_NO_MEMORY,
                    .detail = "out of memory for a reply",
                    .now_mono_ms = now,
                });
}

static void refuse_code(struct book *b, struct slot *s, enum cause cause,
                        const struct store_reply *r, uint64_t now)
{
    char detail[240];
    struct refused what = {
        .cause = cause,
        .detail = detail,
        .raw = r->raw,
        .now_mono_ms = now,
    };

    /* It is to be read again even if it was known. */
    if (r->verb == STORE_GET && cause != CAUSE_BUSY)
        node_forget(&s->node);
    /* The node will be gone when the session that it lives in has ended: then
     * it can be made, even where it may not be deleted. */
    if (r->verb == STORE_TAKE_OVER)
        what.max_ms = b->owners.lease.session_ms;
    store_reply_say(r, detail, sizeof detail);
    book_refuse(b, s, &what);
}

/* The first reading goes to the loop.  -1 on lack of memory. */
static int tell(struct book *b, struct slot *s,
                const struct document_seen *seen)
{
    const struct publisher_event event = {
        .slot = s->index,
        .displaced = owner_is_displaced(s),
        .exists = s->node.exists,
        .owner = s->node.owner,
        .seen = *seen,
    };

    if (!event.displaced)
        return wanted_tell(&s->wanted, &event, &b->findings, &b->tell);
    /* The fellow has its presence, too, or says that there is none. */
    if (s->owner.partner != NULL)
        wanted_give_up(&s->owner.partner->wanted);
    return wanted_tell_again(&s->wanted, &event, &b->findings, &b->tell);
}

/* True when the node is as we sent it last. */
static bool compare(const struct lease *l, struct slot *s,
                    const struct store_reply *r)
{
    bool same = sent_is(&s->sent, &s->wanted, s->kind, r->data, r->len) &&
                (!slot_is_ephemeral(s) || s->node.owner == l->session);

    node_is_like(&s->node,
                 same && s->wanted.want == WANT_NODE ? s->sent.post : 0);
    return same;
}

/* The fellow that took the status has its presence, too, whose versions began
 * anew: a write of ours might come off. */
static void doubt_presence(struct slot *status)
{
    struct slot *presence = status->owner.partner;

    if (presence == NULL)
        return;
    drift_unsure(presence);
    node_doubt(&presence->node, presence->wait.place == PLACE_FLIGHT);
}

/* What a reading found.  -1 on lack of memory. */
static int learn(struct book *b, struct slot *s, const struct store_reply *r,
                 uint64_t now)
{
    const struct lease *l = &b->owners.lease;
    struct document_seen seen;

    if (s->wait.rereading && drift_none(s, l->session, r))
        return 0; /* nothing to learn */
    document_read(r->data, r->len, &seen);
    if (owner_may_pass(&b->owners, s, &seen))
        drift_unsure(s);
    b->drifts += drift_check(s, l->session, r, &seen);
    node_found(&s->node, r, &seen, l->agent);
    /* A write of ours may lie below what hides it. */
    if (!seen.valid && s->sure.doubtful)
        sent_go_on(&s->sent, s->sent.seq);
    if (seen.valid)
        sent_go_on(&s->sent, seen.seq);
    drift_read(s, l->session, r, compare(l, s, r));
    if (owner_read(&b->owners, s, &seen, now) != 0)
        return -1;
    if (s->owner.fellow)
        doubt_presence(s);
    if (s->owner.kept && sent_keep(&s->sent, r->data, r->len) != 0)
        return -1;
    return tell(b, s, &seen);
}

static int learn_absent(struct book *b, struct slot *s,
                        const struct store_reply *r)
{
    static const struct document_seen NOTHING = {
        .status = STATUS_UNKNOWN,
        .reason = REASON_PENDING,
    };

    if (owner_may_pass(&b->owners, s, &NOTHING))
        drift_unsure(s);
    b->drifts += drift_check(s, b->owners.lease.session, r, &NOTHING);
    node_absent(&s->node);
    owner_none(&b->owners, s);
    return tell(b, s, &NOTHING);
}

static void written(struct book *b, struct slot *s, const struct store_reply *r)
{
    int64_t owner = slot_is_ephemeral(s) ? b->owners.lease.session : 0;

    node_written(&s->node, r, owner);
    /* It may have gone only because its status is another agent's. */
    bool as_wanted = s->node.exists || s->wanted.want == WANT_GONE;
    node_is_like(&s->node, as_wanted ? s->sent.post : 0);
    refusal_over(&s->refusal);
    sent_acked(&s->sent, clock_wall_ms());
    b->drifts += drift_written(s, r);
    sent_drop(&s->sent, &s->wanted, s->kind);
    owner_written(&b->owners, s);
}

static void no_parent(struct book *b, struct slot *s, uint64_t now)
{
    char detail[320];

    if (refusal_try_parents(&s->refusal)) {
        book_move(b, s, PLACE_PARENTS);
        parents_want(&b->parents, now);
        return;
    }
    enum cause cause = parents_cause(&b->parents, detail, sizeof detail);
    book_refuse(b, s,
                &(struct refused){
                    .cause = cause, .detail = detail, .now_mono_ms = now });
}

/* Returns false when the slot was put aside already. */
static bool no_node(struct book *b, struct slot *s, const struct store_reply *r,
                    uint64_t now)
{
    switch (r->verb) {
    case STORE_GET:
    case STORE_LIST:
    case STORE_EXISTS:
    case STORE_SET:
    case STORE_DELETE:
        if (learn_absent(b, s, r) == 0)
            return true;
        refuse_memory(b, s, now);
        return false;
    case STORE_TAKE_OVER:
        node_forget(&s->node);
        return true;
    case STORE_CREATE:
        no_parent(b, s, now);
        return false;
    }
    return true;
}

/* Returns false when the slot was put aside already. */
static bool fine(struct book *b, struct slot *s, const struct store_reply *r,
                 uint64_t now)
{
    if (drift_under_write(s, b->owners.lease.session, r)) {
        b->drifts++;
        node_forget(&s->node);
        return true;
    }
    if (r->verb != STORE_GET) {
        written(b, s, r);
        return true;
    }
    if (learn(b, s, r, now) == 0)
        return true;
    refuse_memory(b, s, now);
    return false;
}

/* Returns false when the slot was put aside already. */
static bool judge(struct book *b, struct slot *s, const struct store_reply *r,
                  uint64_t now)
{
    switch (r->code) {
    case STORE_OK:
        return fine(b, s, r, now);
    case STORE_NO_NODE:
        return no_node(b, s, r, now);
    case STORE_NODE_EXISTS:
    case STORE_BAD_VERSION:
        node_forget(&s->node);
        return true;
    case STORE_UNCERTAIN:
    case STORE_SESSION_GONE:
        if (r->verb != STORE_GET)
            drift_uncertain(s);
        /* A second reading that did not come off leaves what is known. */
        if (!s->wait.rereading)
            node_forget(&s->node);
        return true;
    case STORE_NO_AUTH:
        refuse_code(b, s, CAUSE_NO_AUTH, r, now);
        return false;
    case STORE_BUSY:
        refuse_code(b, s, CAUSE_BUSY, r, now);
        return false;
    case STORE_FAILED:
        refuse_code(b, s, CAUSE_FAILED, r, now);
        return false;
    }
    return true;
}

static void count_write(struct book *b, const struct store_reply *r)
{
    if (r->verb == STORE_GET)
        return;
    switch (r->code) {
    case STORE_OK:
        b->writes_ok++;
        break;
    case STORE_NO_AUTH:
    case STORE_UNCERTAIN:
    case STORE_SESSION_GONE:
    case STORE_BUSY:
    case STORE_FAILED:
        b->writes_failed++;
        break;
    case STORE_NO_NODE:
    case STORE_NODE_EXISTS:
    case STORE_BAD_VERSION:
        break; /* nothing failed: the next request follows from it */
    }
}

/* Returns false when the slot was put aside already. */
static bool enter(struct book *b, struct slot *s, const struct store_reply *r,
                  uint64_t now)
{
    if (!node_was_stale(&s->node))
        return judge(b, s, r, now);
    node_forget(&s->node);
    if (r->verb != STORE_GET)
        drift_uncertain(s);
    return true;
}

static void next_place(struct book *b, struct slot *s, uint64_t now)
{
    unsigned ms = b->recheck_ms < CONTEST_MS ? b->recheck_ms : CONTEST_MS;

    if (action_next(&b->owners, s) != ACTION_NONE) {
        book_move(b, s, PLACE_QUEUE);
        return;
    }
    refusal_over(&s->refusal);
    if (lease_is_contested(&b->owners.lease, s))
        book_delay(b, s, now + ms);
    else
        book_move(b, s, PLACE_IDLE);
}

/* What our own heartbeat's writes say of the ensemble's clock. */
static bool is_made(struct book *b, const struct slot *s,
                    const struct store_reply *r, uint64_t now)
{
    ensemble_heard(&b->ensemble, r, now, clock_wall_ms());
    if (s != b->owners.lease.heartbeat)
        return false;
    if (r->verb == STORE_GET)
        ensemble_read(&b->ensemble, r, b->owners.lease.session, now,
                      clock_wall_ms());
    return r->verb == STORE_CREATE && r->code == STORE_OK &&
           ensemble_made(&b->ensemble, r);
}

void reply_take(struct book *b, struct slot *s, const struct store_reply *r,
                uint64_t now_mono_ms)
{
    bool made = is_made(b, s, r, now_mono_ms);

    count_write(b, r);
    if (r->verb != STORE_GET && r->verb != STORE_DELETE && r->code == STORE_OK)
        sent_counted(&s->sent);
    if (enter(b, s, r, now_mono_ms))
        next_place(b, s, now_mono_ms);
    if (s->owner.partner != NULL)
        book_settle(b, s->owner.partner);
    if (s == b->owners.lease.heartbeat)
        book_update_lease(b);
    if (made)
        book_look(b, s);
    book_sweep(b, s);
}
