/*
 * What a slot is and what it needs next.  Nothing remembers a step of a
 * procedure: the next request always follows from what is known of the node
 * and what is wanted, so that a lost reply, a new session or a newer post
 * need no way back, only to forget.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/clock.h"

#include "publisher_internal.h"

/* What document_seal adds at most. */
#define SEAL_ROOM 48

int buffer_reserve(struct buffer *b, size_t size)
{
    char *bytes;

    if (b->size >= size)
        return 0;
    size = (size + 255) / 256 * 256;
    bytes = realloc(b->bytes, size);
    if (bytes == NULL)
        return -1;
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
    return s;
}

void slot_free(struct slot *s)
{
    if (s == NULL)
        return;
    free(s->event);
    free(s->posted.bytes);
    free(s->sent.bytes);
    free(s->path);
    free(s);
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

static enum standing standing_of(const struct slot *s)
{
    if (s->cause != CAUSE_NONE)
        return STANDING_REFUSED;
    if (s->want == WANT_NOTHING || clean(s))
        return STANDING_CLEAN;
    return gate_shut(s) ? STANDING_GATED : STANDING_PENDING;
}

void slot_count(struct publisher *p, struct slot *s)
{
    enum standing now = standing_of(s);
    enum standing before = s->standing;

    p->count[before]--;
    p->count[now]++;
    s->standing = now;
    if (before == STANDING_CLEAN && now != STANDING_CLEAN) {
        s->pending_mono_ms = clock_mono_ms();
        TAILQ_INSERT_TAIL(&p->pending, s, at_pending);
    } else if (before != STANDING_CLEAN && now == STANDING_CLEAN) {
        TAILQ_REMOVE(&p->pending, s, at_pending);
        if (TAILQ_EMPTY(&p->pending))
            p->tell = true;
    }
    if (p->count[STANDING_REFUSED] == 0)
        p->trouble[0] = '\0';
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
    p->in_flight -= s->place == PLACE_FLIGHT;
    p->in_flight += place == PLACE_FLIGHT;
    s->place = place;
    slot_count(p, s);
}

static enum action persistent_action(const struct slot *s)
{
    if (clean(s))
        return ACTION_NONE;
    if (!s->exists)
        return ACTION_CREATE;
    /* A daemon's heartbeat: it publishes, we do not. */
    if (s->kind == SLOT_HEARTBEAT_PERSISTENT && s->owner != 0)
        return ACTION_FOREIGN;
    return ACTION_SET;
}

/* A node of nobody's that says nothing we understand may be replaced; one
 * that lives in somebody's session may not. */
static enum action ephemeral_action(const struct publisher *p,
                                    const struct slot *s)
{
    if (!s->exists)
        return ACTION_CREATE;
    if (s->owner == p->session)
        return clean(s) ? ACTION_NONE : ACTION_SET;
    if (s->readable ? s->ours : s->owner == 0)
        return ACTION_TAKE_OVER;
    return ACTION_FOREIGN;
}

static enum action keep_action(const struct publisher *p, const struct slot *s)
{
    enum action a;

    if (!s->kept)
        return ACTION_NONE;
    a = ephemeral_action(p, s);
    return a == ACTION_SET || a == ACTION_FOREIGN ? ACTION_NONE : a;
}

static enum action gone_action(const struct publisher *p, const struct slot *s)
{
    if (!s->exists)
        return ACTION_NONE;
    if (s->owner == p->session || (s->readable && s->ours))
        return ACTION_DELETE;
    return ACTION_FOREIGN;
}

enum action slot_action(const struct publisher *p, const struct slot *s)
{
    bool read = s->gate == GATE_UNREAD || s->want != WANT_NOTHING ||
                s->kind == SLOT_PRESENCE;

    if (!s->known)
        return read ? ACTION_GET : ACTION_NONE;
    if (gate_shut(s))
        return ACTION_NONE;
    switch (s->want) {
    case WANT_NOTHING:
        return keep_action(p, s);
    case WANT_NODE:
        return slot_is_ephemeral(s) ? ephemeral_action(p, s)
                                    : persistent_action(s);
    case WANT_GONE:
        return gone_action(p, s);
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
    case ACTION_FOREIGN:
        return STORE_GET;
    }
    return STORE_GET;
}

/* A heartbeat that stays must not overwrite that of a daemon which came
 * meanwhile. */
static bool overwrites(const struct slot *s, enum action a)
{
    return a == ACTION_SET && s->kind != SLOT_HEARTBEAT_PERSISTENT;
}

int slot_request(struct slot *s, enum action a, struct store_request *r)
{
    *r = (struct store_request){
        .verb = verb_of(a),
        .token = s->index,
        .path = s->path,
        .data = "",
        .version = overwrites(s, a) ? -1 : s->version,
        .ephemeral = slot_is_ephemeral(s),
    };
    if (a == ACTION_GET)
        return 0;
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

bool slot_finished(const struct slot *s)
{
    return s->removed && s->place != PLACE_FLIGHT &&
           (s->want == WANT_NOTHING || clean(s) || s->cause == CAUSE_FOREIGN);
}
