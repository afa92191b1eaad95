/*
 * What a slot is and what it needs next.  Nothing remembers a step of a
 * procedure: the next request always follows from what is known of the node
 * and what is wanted, so that a lost reply, a new session or a newer post
 * need no way back, only to forget.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/clock.h"
#include "agent/objects.h"

#include "internal.h"

/* What document_seal adds at most. */
#define SEAL_ROOM 48

int buffer_reserve(struct buffer *b, size_t size)
{
    char *bytes;

    if (b->size >= size)
        return 0;
    size = (size + 31) / 32 * 32;
    bytes = realloc(b->bytes, size);
    if (bytes == NULL)
        return -1;
    if (b->bytes == NULL)
        object_made(OBJECT_DOCUMENT);
    b->bytes = bytes;
    b->size = size;
    return 0;
}

int buffer_set(struct buffer *b, const char *bytes, size_t len)
{
    if (buffer_reserve(b, len) != 0)
        return -1;
    if (len > 0)
        memcpy(b->bytes, bytes, len);
    b->len = len;
    return 0;
}

static void buffer_free(struct buffer *b)
{
    if (b->bytes == NULL)
        return;
    free(b->bytes);
    object_gone(OBJECT_DOCUMENT);
    *b = (struct buffer){ .bytes = NULL };
}

struct slot *slot_new(enum slot_kind kind, const char *path)
{
    struct slot *s = calloc(1, sizeof *s);

    if (s == NULL)
        return NULL;
    s->kind = kind;
    s->path = strdup(path);
    if (s->path == NULL) {
        free(s);
        return NULL;
    }
    object_made(OBJECT_ZK_SLOT);
    return s;
}

void slot_free(struct slot *s)
{
    if (s == NULL)
        return;
    free(s->event);
    buffer_free(&s->posted);
    buffer_free(&s->sent);
    free(s->path);
    free(s);
    object_gone(OBJECT_ZK_SLOT);
}

bool slot_is_ephemeral(const struct slot *s)
{
    return s->kind == SLOT_HEARTBEAT || s->kind == SLOT_PRESENCE;
}

/* Presence is not read back: what the loop says of it always holds. */
static bool gate_shut(const struct slot *s)
{
    return s->kind != SLOT_PRESENCE && s->gate != GATE_OPEN;
}

static bool clean(const struct slot *s)
{
    return s->known && (s->want == WANT_GONE ? !s->exists : s->done == s->post);
}

/* A presence whose status is another agent's, or may be. */
static bool partner_is_other(const struct slot *s)
{
    return s->kind == SLOT_PRESENCE && s->partner != NULL &&
           s->partner->known && owner_is_other(s->partner);
}

/* … or of whose status it is not known whose it is. */
static bool partner_unread(const struct slot *s)
{
    return s->kind == SLOT_PRESENCE && s->partner != NULL &&
           !s->partner->known && s->partner->cause == CAUSE_NONE;
}

static enum standing rival_standing(const struct rival *r)
{
    switch (r->state) {
    case RIVAL_ASKED:
        return STANDING_PENDING;
    case RIVAL_ALIVE:
        return STANDING_HELD;
    case RIVAL_GONE: /* our heartbeat comes first */
        return STANDING_GATED;
    }
    return STANDING_PENDING;
}

/* Of a slot whose node is not as it should be. */
static enum standing standing_open(const struct publisher *p,
                                   const struct slot *s)
{
    if (gate_shut(s))
        return STANDING_GATED;
    if (s == p->heartbeat)
        return s->contested ? STANDING_HELD : STANDING_PENDING;
    if (p->footing == FOOTING_CONTESTED)
        return STANDING_HELD;
    if (p->footing == FOOTING_REFUSED)
        return STANDING_GATED;
    if (partner_is_other(s))
        return rival_standing(s->partner->rival);
    return owner_is_other(s) ? rival_standing(s->rival) : STANDING_PENDING;
}

static enum standing standing_of(const struct publisher *p,
                                 const struct slot *s)
{
    if (s->cause != CAUSE_NONE)
        return STANDING_REFUSED;
    if (s->want == WANT_NOTHING || clean(s))
        return STANDING_CLEAN;
    return standing_open(p, s);
}

/* What somebody still has to do something about. */
static bool outstanding(enum standing s)
{
    return s != STANDING_CLEAN && s != STANDING_HELD;
}

void slot_count(struct publisher *p, struct slot *s)
{
    enum standing now = standing_of(p, s);
    enum standing before = s->standing;

    p->count[before]--;
    p->count[now]++;
    s->standing = now;
    if (!outstanding(before) && outstanding(now)) {
        s->pending_mono_ms = clock_mono_ms();
        TAILQ_INSERT_TAIL(&p->pending, s, at_pending);
    } else if (outstanding(before) && !outstanding(now)) {
        TAILQ_REMOVE(&p->pending, s, at_pending);
        if (now == STANDING_CLEAN)
            histogram_observe(&p->publish,
                              (clock_mono_ms() - s->pending_mono_ms) * 1000);
        if (TAILQ_EMPTY(&p->pending))
            p->tell = p->tell || p->wake_idle;
    }
    if (p->count[STANDING_REFUSED] == 0)
        p->trouble[0] = '\0';
    conflict_say(p, s);
}

static struct slot_list *list_of(struct publisher *p, enum place place)
{
    switch (place) {
    case PLACE_QUEUE:
        return &p->queue;
    case PLACE_DELAYED:
        return &p->delayed;
    case PLACE_PARENTS:
        return &p->waiting;
    case PLACE_REFRESH:
        return &p->refresh;
    case PLACE_IDLE:
    case PLACE_FLIGHT:
        return NULL;
    }
    return NULL;
}

void slot_move(struct publisher *p, struct slot *s, enum place place)
{
    struct slot_list *from = list_of(p, s->place);
    struct slot_list *to = list_of(p, place);

    if (from != NULL)
        TAILQ_REMOVE(from, s, at_place);
    if (to != NULL)
        TAILQ_INSERT_TAIL(to, s, at_place);
    if (s->place == PLACE_FLIGHT) {
        p->in_flight--;
        p->rereading -= s->rereading;
        s->rereading = false;
    }
    if (place == PLACE_FLIGHT) {
        p->in_flight++;
        p->rereading += s->rereading;
    }
    s->place = place;
    slot_count(p, s);
}

void slot_settle(struct publisher *p, struct slot *s)
{
    bool reread = s->reread;

    if (s->place != PLACE_IDLE && s->place != PLACE_REFRESH) {
        slot_count(p, s);
        return;
    }
    /* A write says itself if the node is not as it was. */
    s->reread = false;
    if (slot_action(p, s) != ACTION_NONE) {
        slot_move(p, s, PLACE_QUEUE);
        publisher_nudge(p);
        return;
    }
    s->reread = reread;
    slot_count(p, s);
}

void publisher_settle_all(struct publisher *p)
{
    for (size_t i = 0; i < p->nslots; i++) {
        struct slot *s = p->slots[i];

        if (s == NULL)
            continue;
        slot_settle(p, s);
        if (s != p->heartbeat)
            publisher_sweep(p, s);
    }
}

/* Whether all that could be done is not ours to do, or not yet. */
static bool held(const struct publisher *p, const struct slot *s)
{
    if (s == p->heartbeat)
        return s->contested;
    return p->footing < FOOTING_FREE || partner_unread(s) || owner_is_other(s);
}

static enum action persistent_action(const struct slot *s)
{
    if (clean(s))
        return ACTION_NONE;
    return s->exists ? ACTION_SET : ACTION_CREATE;
}

static enum action ephemeral_action(const struct publisher *p,
                                    const struct slot *s)
{
    if (!s->exists)
        return ACTION_CREATE;
    if (s->owner != p->session)
        return ACTION_TAKE_OVER;
    return clean(s) ? ACTION_NONE : ACTION_SET;
}

/* Nothing was said of it yet: it is to outlive the session of an earlier life,
 * as whoever misses it takes all that we have for left behind. */
static enum action keep_action(const struct publisher *p, const struct slot *s)
{
    if (!s->kept || (s->exists && (s->owner == p->session || !s->ours)))
        return ACTION_NONE;
    return ephemeral_action(p, s);
}

/* What we had advertised goes with the status, to an agent that lives: a
 * document may name one that never was. */
static enum action yield_action(const struct publisher *p, const struct slot *s)
{
    bool goes = s->want == WANT_GONE || s->partner->rival->state == RIVAL_ALIVE;

    return s->exists && s->owner == p->session && goes ? ACTION_DELETE
                                                       : ACTION_NONE;
}

enum action slot_action(const struct publisher *p, const struct slot *s)
{
    if (!s->known || s->reread)
        return ACTION_GET;
    if (held(p, s))
        return ACTION_NONE;
    if (partner_is_other(s))
        return yield_action(p, s);
    if (s->want != WANT_NOTHING && gate_shut(s))
        return ACTION_NONE;
    switch (s->want) {
    case WANT_NOTHING:
        return keep_action(p, s);
    case WANT_NODE:
        return slot_is_ephemeral(s) ? ephemeral_action(p, s)
                                    : persistent_action(s);
    case WANT_GONE:
        return s->exists ? ACTION_DELETE : ACTION_NONE;
    }
    return ACTION_NONE;
}

/* The bytes to write.  A node that is only kept is written as it was. */
static int compose(struct slot *s)
{
    s->sent_seq = s->seq + 1;
    if (s->want != WANT_NODE)
        return 0;
    if (s->kind != SLOT_STATUS)
        return buffer_set(&s->sent, s->posted.bytes, s->posted.len);
    if (buffer_reserve(&s->sent, s->posted.len + SEAL_ROOM) != 0)
        return -1;
    s->sent.len = document_seal(s->posted.bytes, s->posted.len, s->sent_seq,
                                s->sent.bytes, s->sent.size);
    return s->sent.len > 0 ? 0 : -1;
}

void slot_drop_sent(struct slot *s)
{
    if (s->want == WANT_NODE && s->post == s->sent_post &&
        s->kind != SLOT_HEARTBEAT)
        buffer_free(&s->sent);
}

bool slot_sent_is(const struct slot *s, const char *bytes, size_t len)
{
    char again[DOCUMENT_MAX + SEAL_ROOM];
    struct buffer sent = s->sent;

    if (sent.bytes == NULL && s->sent_post > 0 && s->post == s->sent_post) {
        sent = s->posted;
        if (s->kind == SLOT_STATUS) {
            sent.len = document_seal(s->posted.bytes, s->posted.len,
                                     s->sent_seq, again, sizeof again);
            sent.bytes = again;
        }
    }
    return len > 0 && sent.len == len && memcmp(sent.bytes, bytes, len) == 0;
}

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

int slot_request(struct slot *s, enum action a, struct store_request *r)
{
    *r = (struct store_request){
        .verb = verb_of(a),
        .token = s->index,
        .path = s->path,
        .data = "",
        .version = s->version,
        .ephemeral = slot_is_ephemeral(s),
    };
    if (a == ACTION_GET) {
        s->rereading = s->known;
        s->reread = false;
        return 0;
    }
    if (a != ACTION_DELETE) {
        if (compose(s) != 0)
            return -1;
        r->data = s->sent.bytes;
        r->len = s->sent.len;
    }
    s->sent_post = s->post;
    return 0;
}

void slot_forget(struct slot *s)
{
    s->known = false;
    s->done = 0;
}

bool slot_finished(const struct publisher *p, const struct slot *s)
{
    return s->removed && s->place != PLACE_FLIGHT &&
           (s->want == WANT_NOTHING || clean(s) ||
            (s->standing == STANDING_HELD && p->footing != FOOTING_CONTESTED));
}
