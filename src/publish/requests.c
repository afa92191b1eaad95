/*
 * A slot whose request the store does not take is the next one again: to be put
 * behind the others would starve it while the window is full.
 */
#include "action.h"
#include "book.h"
#include "requests.h"

static enum store_verb verb_of(enum action a)
{
    switch (a) {
    case ACTION_SET:
        return STORE_SET;
    case ACTION_CREATE:
        return STORE_CREATE;
    case ACTION_DELETE:
        return STORE_DELETE;
    case ACTION_TAKE_OVER:
        return STORE_TAKE_OVER;
    case ACTION_GET:
    case ACTION_NONE:
        return STORE_GET;
    }
    return STORE_GET;
}

/* Fills R.  -1 on lack of memory. */
static int make_request(struct slot *s, enum action a, struct store_request *r)
{
    *r = (struct store_request){
        .verb = verb_of(a),
        .token = s->index,
        .path = s->path,
        .data = "",
        .version = s->node.version,
        .ephemeral = slot_is_ephemeral(s),
    };
    if (a == ACTION_GET)
        return 0;
    if (a != ACTION_DELETE) {
        if (sent_compose(&s->sent, &s->wanted, s->kind) != 0)
            return -1;
        r->data = s->sent.bytes.bytes;
        r->len = s->sent.bytes.len;
    }
    sent_out(&s->sent, s->wanted.post);
    return 0;
}

static void refuse_memory(struct book *b, struct slot *s, uint64_t now)
{
    book_refuse(b, s,
                &(struct refused){
                    .cause = CAUSE_NO_MEMORY,
                    .detail = "out of memory for a request",
                    .now_mono_ms = now,
                });
}

bool requests_next(struct book *b, uint64_t now_mono_ms,
                   struct store_request *r)
{
    struct slot *s;

    while ((s = places_next(&b->places, !b->stopping)) != NULL) {
        enum action a =
            s->wait.reread ? ACTION_GET : action_next(&b->owners, s);

        if (a == ACTION_NONE) {
            refusal_over(&s->refusal);
            book_move(b, s, PLACE_IDLE);
            book_sweep(b, s);
        } else if (make_request(s, a, r) != 0) {
            refuse_memory(b, s, now_mono_ms);
        } else {
            book_send(b, s, a == ACTION_GET && s->node.known);
            return true;
        }
    }
    return false;
}

void requests_unsent(struct book *b, const struct store_request *r)
{
    struct slot *s = b->table.slots[r->token];
    bool rereading = s->wait.rereading;
    bool stale = node_was_stale(&s->node);

    /* A take-over may have to wait until the server has answered something
     * else: the node is read again first. */
    if (r->verb == STORE_TAKE_OVER || stale)
        node_forget(&s->node);
    place_reread(s, rereading && s->node.known);
    if (s->wait.reread && !lease_is_contested(&b->owners.lease, s))
        book_move(b, s, PLACE_REFRESH);
    else
        book_move_first(b, s);
}

void requests_release(struct book *b, uint64_t now_mono_ms)
{
    struct slot *s;

    while ((s = places_due(&b->places, now_mono_ms)) != NULL) {
        /* What was known when it was refused may be over by now. */
        place_reread(s, s->refusal.cause != CAUSE_NONE ||
                            lease_is_contested(&b->owners.lease, s));
        book_move(b, s, PLACE_QUEUE);
    }
}

uint64_t requests_due(const struct book *b)
{
    return b->places.delayed_mono_ms;
}
