/*
 * What a reply means for its slot.  Most replies only say what is known of
 * the node now; what is uncertain is forgotten, and therefore read again.
 * Refusals wait, so that nothing is ever asked in a hot loop, and are logged
 * when their cause changes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/clock.h"
#include "agent/log.h"

#include "internal.h"

static const char *const CAUSES[] = {
    [CAUSE_NONE] = "none",           [CAUSE_NO_AUTH] = "no_auth",
    [CAUSE_FAILED] = "failed",       [CAUSE_BUSY] = "busy",
    [CAUSE_NO_PARENT] = "no_parent", [CAUSE_NO_MEMORY] = "no_memory",
};

/* The wait doubles for what may be over soon, up to that of a refusal. */
static unsigned retry_ms(const struct publisher *p, struct slot *s,
                         enum cause cause)
{
    switch (cause) {
    case CAUSE_FAILED:
        s->failed_ms =
            s->cause == CAUSE_FAILED ? s->failed_ms * 2 : FAILED_FIRST_MS;
        if (s->failed_ms > p->refused_ms)
            s->failed_ms = p->refused_ms;
        return s->failed_ms;
    case CAUSE_NONE:
    case CAUSE_BUSY:
    case CAUSE_NO_MEMORY:
        return BUSY_RETRY_MS;
    case CAUSE_NO_AUTH:
    case CAUSE_NO_PARENT:
        return p->refused_ms;
    }
    return p->refused_ms;
}

void publisher_refuse(struct publisher *p, struct slot *s, enum cause cause,
                      const char *detail, int raw, uint64_t now_mono_ms)
{
    s->retry_mono_ms = now_mono_ms + retry_ms(p, s, cause);
    /* To be slow is no refusal. */
    if (cause != CAUSE_BUSY) {
        snprintf(p->trouble, sizeof p->trouble, "%s: %s", s->path, detail);
        if (s->cause != cause)
            LOG_EVENT(LOG_LEVEL_WARN, "publish_failed",
                      LOG_STR("path", s->path), LOG_STR("code", CAUSES[cause]),
                      LOG_STR("detail", detail), LOG_INT("raw", raw));
        s->cause = cause;
    }
    if (s->retry_mono_ms < p->delayed_mono_ms)
        p->delayed_mono_ms = s->retry_mono_ms;
    slot_move(p, s, PLACE_DELAYED);
}

static void refuse_code(struct publisher *p, struct slot *s, enum cause cause,
                        const struct store_reply *r, uint64_t now)
{
    static const char *const VERBS[] = {
        [STORE_GET] = "get",       [STORE_LIST] = "list",
        [STORE_SET] = "set",       [STORE_CREATE] = "create",
        [STORE_DELETE] = "delete", [STORE_TAKE_OVER] = "take over",
    };
    char detail[80];

    /* To be read again, should it have been known. */
    if (r->verb == STORE_GET && cause != CAUSE_BUSY)
        slot_forget(s);
    snprintf(detail, sizeof detail, "%s: %s (%d)", VERBS[r->verb],
             store_code_name(r->code), r->raw);
    publisher_refuse(p, s, cause, detail, r->raw, now);
}

/* The first reading goes to the loop.  -1: no memory. */
static int tell_event(struct publisher *p, struct slot *s,
                      const struct document_seen *seen)
{
    if (s->gate != GATE_UNREAD)
        return 0;
    if (s->removed) {
        s->gate = GATE_OPEN; /* its last post is all there is to come */
        return 0;
    }
    s->event = malloc(sizeof *s->event);
    if (s->event == NULL)
        return -1;
    *s->event = (struct publisher_event){
        .slot = s->index,
        .exists = s->exists,
        .owner = s->owner,
        .seen = *seen,
    };
    TAILQ_INSERT_TAIL(&p->events, s, at_event);
    s->gate = GATE_TOLD;
    p->tell = true;
    return 0;
}

/* True when it is as we sent it last. */
static bool compare(const struct publisher *p, struct slot *s,
                    const struct store_reply *r)
{
    bool same = slot_sent_is(s, r->data, r->len) &&
                (!slot_is_ephemeral(s) || s->owner == p->session);

    s->done = same && s->want == WANT_NODE ? s->sent_post : 0;
    return same;
}

/* What an earlier life left for us to keep as it is, until something is posted.
 * A persistent heartbeat stays by itself. */
static bool left_to_us(const struct slot *s)
{
    return s->want == WANT_NOTHING && s->ours &&
           (s->kind == SLOT_PRESENCE ||
            (s->kind == SLOT_HEARTBEAT && s->owner != 0 && !s->contested));
}

/* What GET found. -1: no memory. */
static int learn(struct publisher *p, struct slot *s,
                 const struct store_reply *r, uint64_t now)
{
    struct document_seen seen;

    if (s->rereading && drift_none(p, s, r))
        return 0; /* nothing to learn */
    document_read(r->data, r->len, &seen);
    drift_check(p, s, r, &seen);
    s->known = true;
    s->exists = true;
    s->version = r->version;
    s->owner = r->owner;
    s->readable = seen.valid;
    s->ours = seen.valid && strcmp(seen.agent, p->agent) == 0;
    if (seen.valid && seen.seq > s->seq)
        s->seq = seen.seq;
    /* A write of ours may lie below what hides it. */
    if (!seen.valid && s->doubtful && s->sent_seq > s->seq)
        s->seq = s->sent_seq;
    drift_read(p, s, r, compare(p, s, r));
    if (owner_read(p, s, &seen, now) != 0)
        return -1;
    s->kept = left_to_us(s);
    if (s->kept && buffer_set(&s->sent, r->data, r->len) != 0)
        return -1;
    return tell_event(p, s, &seen);
}

static int learn_absent(struct publisher *p, struct slot *s,
                        const struct store_reply *r)
{
    static const struct document_seen NOTHING = {
        .status = STATUS_UNKNOWN,
        .reason = REASON_PENDING,
    };

    drift_check(p, s, r, &NOTHING);
    s->known = true;
    s->exists = false;
    s->owner = 0;
    s->version = -1;
    s->done = 0;
    owner_none(p, s);
    return tell_event(p, s, &NOTHING);
}

static void written(struct publisher *p, struct slot *s,
                    const struct store_reply *r)
{
    s->known = true;
    s->exists = r->verb != STORE_DELETE;
    s->version = r->version;
    if (r->verb == STORE_CREATE || r->verb == STORE_TAKE_OVER)
        s->owner = slot_is_ephemeral(s) ? p->session : 0;
    s->readable = true;
    s->ours = true;
    /* It may have gone only because its status is another agent's. */
    s->done = s->exists || s->want == WANT_GONE ? s->sent_post : 0;
    s->cause = CAUSE_NONE;
    s->parents_tried = false;
    s->acked_wall_ms = clock_wall_ms();
    drift_written(p, s, r);
    slot_drop_sent(s);
    owner_none(p, s);
}

/* Returns false when the slot was put aside already. */
static bool no_node(struct publisher *p, struct slot *s,
                    const struct store_reply *r, uint64_t now)
{
    switch (r->verb) {
    case STORE_GET:
    case STORE_LIST:
    case STORE_SET:
    case STORE_DELETE:
        if (learn_absent(p, s, r) == 0)
            return true;
        slot_forget(s);
        publisher_refuse(p, s, CAUSE_NO_MEMORY, "no memory", 0, now);
        return false;
    case STORE_TAKE_OVER:
        slot_forget(s);
        return true;
    case STORE_CREATE:
        if (!s->parents_tried) {
            parents_wanted(p, s, now);
            return false;
        }
        s->parents_tried = false;
        parents_refuse(p, s, now);
        return false;
    }
    return true;
}

static bool fine(struct publisher *p, struct slot *s,
                 const struct store_reply *r, uint64_t now)
{
    if (drift_under_write(p, s, r)) {
        slot_forget(s);
        return true;
    }
    if (r->verb != STORE_GET) {
        written(p, s, r);
        return true;
    }
    if (learn(p, s, r, now) == 0)
        return true;
    slot_forget(s);
    publisher_refuse(p, s, CAUSE_NO_MEMORY, "no memory", 0, now);
    return false;
}

/* Returns false when the slot was put aside already. */
static bool judge(struct publisher *p, struct slot *s,
                  const struct store_reply *r, uint64_t now)
{
    switch (r->code) {
    case STORE_OK:
        return fine(p, s, r, now);
    case STORE_NO_NODE:
        return no_node(p, s, r, now);
    case STORE_NODE_EXISTS:
    case STORE_BAD_VERSION:
        slot_forget(s);
        return true;
    case STORE_UNCERTAIN:
    case STORE_SESSION_GONE:
        if (r->verb != STORE_GET)
            drift_uncertain(s);
        /* A reading that did not come off leaves what is known. */
        if (!s->rereading)
            slot_forget(s);
        return true;
    case STORE_NO_AUTH:
        refuse_code(p, s, CAUSE_NO_AUTH, r, now);
        return false;
    case STORE_BUSY:
        refuse_code(p, s, CAUSE_BUSY, r, now);
        return false;
    case STORE_FAILED:
        refuse_code(p, s, CAUSE_FAILED, r, now);
        return false;
    }
    return true;
}

static void count_write(struct publisher *p, const struct store_reply *r)
{
    if (r->verb == STORE_GET)
        return;
    switch (r->code) {
    case STORE_OK:
        p->writes_ok++;
        break;
    case STORE_NO_AUTH:
    case STORE_UNCERTAIN:
    case STORE_SESSION_GONE:
    case STORE_BUSY:
    case STORE_FAILED:
        p->writes_failed++;
        break;
    case STORE_NO_NODE:
    case STORE_NODE_EXISTS:
    case STORE_BAD_VERSION:
        break; /* the way it goes: the next request follows from it */
    }
}

/* Returns false when the slot was put aside already. */
static bool take_in(struct publisher *p, struct slot *s,
                    const struct store_reply *r, uint64_t now)
{
    if (!s->stale)
        return judge(p, s, r, now);
    s->stale = false;
    slot_forget(s);
    if (r->verb != STORE_GET)
        drift_uncertain(s);
    return true;
}

static void next_place(struct publisher *p, struct slot *s, uint64_t now)
{
    if (slot_action(p, s) != ACTION_NONE) {
        slot_move(p, s, PLACE_QUEUE);
        return;
    }
    s->cause = CAUSE_NONE;
    if (!s->contested) {
        slot_move(p, s, PLACE_IDLE);
        return;
    }
    s->retry_mono_ms =
        now + (p->recheck_ms < CONTEST_MS ? p->recheck_ms : CONTEST_MS);
    if (s->retry_mono_ms < p->delayed_mono_ms)
        p->delayed_mono_ms = s->retry_mono_ms;
    slot_move(p, s, PLACE_DELAYED);
}

void publisher_reply(struct publisher *p, struct slot *s,
                     const struct store_reply *r, uint64_t now_mono_ms)
{
    count_write(p, r);
    if (r->verb != STORE_GET && r->verb != STORE_DELETE && r->code == STORE_OK)
        s->seq = s->sent_seq;
    if (take_in(p, s, r, now_mono_ms))
        next_place(p, s, now_mono_ms);
    if (s->partner != NULL)
        slot_settle(p, s->partner);
    if (s == p->heartbeat)
        footing_update(p);
}
