/*
 * The calls of other threads: slots come and go, documents are posted, events
 * taken.  They touch memory only, under the publisher's mutex, and wake its
 * thread when there is something new to do.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/clock.h"

#include "internal.h"

/* LOCKED */
static void remove_slot(struct publisher *p, struct slot *s)
{
    struct slot *partner = s->partner;

    slot_move(p, s, PLACE_IDLE);
    s->want = WANT_NOTHING;
    s->cause = CAUSE_NONE;
    slot_count(p, s);
    owner_forget(p, s);
    if (partner != NULL)
        slot_settle(p, partner);
    p->count[STANDING_CLEAN]--;
    p->nremoved--;
    p->slots[s->index] = NULL;
    p->nfree++;
    slot_free(s);
}

void publisher_sweep(struct publisher *p, struct slot *s)
{
    if (slot_finished(p, s) && s != p->heartbeat)
        remove_slot(p, s);
}

static const char *branch_of(enum slot_kind kind)
{
    switch (kind) {
    case SLOT_STATUS:
        return "instances";
    case SLOT_HEARTBEAT:
    case SLOT_HEARTBEAT_PERSISTENT:
        return "agents";
    case SLOT_PRESENCE:
        return "alive";
    }
    return "";
}

/* LOCKED.  Two slots must not write one node: what is left to do of a
 * removed one is given up. */
static void give_up_removed(struct publisher *p, const char *path)
{
    for (size_t i = 0; i < p->nslots && p->nremoved > 0; i++) {
        struct slot *s = p->slots[i];

        if (s == NULL || !s->removed || strcmp(s->path, path) != 0)
            continue;
        s->want = WANT_NOTHING;
        slot_count(p, s);
        publisher_sweep(p, s);
    }
}

/* LOCKED.  SIZE_MAX on lack of memory. */
static size_t index_take(struct publisher *p)
{
    size_t i = p->nfree > 0 ? 0 : p->nslots;

    while (i < p->nslots && p->slots[i] != NULL)
        i++;
    if (i < p->nslots) {
        p->nfree--;
        return i;
    }
    if (p->nslots == p->room) {
        size_t room = p->room == 0 ? 16 : p->room * 2;
        struct slot **slots = realloc(p->slots, room * sizeof *slots);

        if (slots == NULL)
            return SIZE_MAX;
        p->slots = slots;
        p->room = room;
    }
    return p->nslots++;
}

/* LOCKED.  The slots of one instance have followed each other mostly. */
static struct slot *find_status(struct publisher *p, const char *name)
{
    size_t above = strlen(p->root) + strlen("/instances/");

    for (size_t i = p->nslots; i-- > 0;) {
        struct slot *s = p->slots[i];

        if (s != NULL && s->kind == SLOT_STATUS && !s->removed &&
            strcmp(s->path + above, name) == 0)
            return s;
    }
    return NULL;
}

/* LOCKED */
static void connect_slot(struct publisher *p, struct slot *s, const char *name)
{
    switch (s->kind) {
    case SLOT_PRESENCE:
        s->partner = find_status(p, name);
        if (s->partner != NULL)
            s->partner->partner = s;
        break;
    case SLOT_HEARTBEAT:
    case SLOT_HEARTBEAT_PERSISTENT:
        p->heartbeat = s;
        footing_update(p);
        break;
    case SLOT_STATUS:
        break;
    }
}

size_t publisher_add(struct publisher *p, enum slot_kind kind, const char *name,
                     struct err *e)
{
    struct slot *s = NULL;
    char *path = NULL;
    size_t index = SIZE_MAX;

    if (asprintf(&path, "%s/%s/%s", p->root, branch_of(kind), name) < 0)
        path = NULL;
    else
        s = slot_new(kind, path);
    if (s == NULL) {
        err_set(e, "no memory for the node of %s", name);
        free(path);
        return SIZE_MAX;
    }
    pthread_mutex_lock(&p->lock);
    give_up_removed(p, path);
    index = index_take(p);
    if (index != SIZE_MAX) {
        s->index = index;
        p->slots[index] = s;
        p->count[STANDING_CLEAN]++;
        connect_slot(p, s, name);
        slot_move(p, s, PLACE_QUEUE);
        publisher_nudge(p);
    }
    publisher_unlock(p);
    free(path);
    if (index == SIZE_MAX) {
        err_set(e, "no memory for the node of %s", name);
        slot_free(s);
    }
    return index;
}

/* LOCKED */
static struct slot *slot_at(struct publisher *p, size_t slot)
{
    assert(slot < p->nslots && p->slots[slot] != NULL &&
           !p->slots[slot]->removed);
    return p->slots[slot];
}

void publisher_remove(struct publisher *p, size_t slot)
{
    struct slot *s;

    pthread_mutex_lock(&p->lock);
    s = slot_at(p, slot);
    s->removed = true;
    p->nremoved++;
    /* Nobody will answer the event any more. */
    if (s->gate == GATE_TOLD || s->gate == GATE_TAKEN)
        s->gate = GATE_OPEN;
    if (s->event != NULL) {
        TAILQ_REMOVE(&p->events, s, at_event);
        free(s->event);
        s->event = NULL;
    }
    slot_settle(p, s);
    publisher_sweep(p, s);
    publisher_unlock(p);
}

/* LOCKED */
static void wanted(struct publisher *p, struct slot *s, enum want want)
{
    s->want = want;
    s->post++;
    if (s->gate == GATE_TAKEN)
        s->gate = GATE_OPEN;
    slot_settle(p, s);
}

void publisher_post(struct publisher *p, size_t slot, const char *doc,
                    size_t len)
{
    struct slot *s;

    assert(len > 0 && len <= DOCUMENT_MAX);
    pthread_mutex_lock(&p->lock);
    s = slot_at(p, slot);
    if (buffer_set(&s->posted, doc, len) == 0)
        wanted(p, s, WANT_NODE);
    else
        snprintf(p->trouble, sizeof p->trouble, "%s: no memory for a post",
                 s->path);
    publisher_unlock(p);
}

void publisher_withdraw(struct publisher *p, size_t slot)
{
    struct slot *s;

    pthread_mutex_lock(&p->lock);
    s = slot_at(p, slot);
    assert(s->kind == SLOT_PRESENCE);
    wanted(p, s, WANT_GONE);
    publisher_unlock(p);
}

bool publisher_take(struct publisher *p, struct publisher_event *out)
{
    struct slot *s;
    bool taken;

    pthread_mutex_lock(&p->lock);
    s = TAILQ_FIRST(&p->events);
    if (s != NULL) {
        TAILQ_REMOVE(&p->events, s, at_event);
        *out = *s->event;
        free(s->event);
        s->event = NULL;
        s->gate = GATE_TAKEN;
    }
    taken = s != NULL || orphans_take(p, out);
    publisher_unlock(p);
    return taken;
}

bool publisher_conflict(struct publisher *p, size_t slot,
                        struct publisher_holder *out)
{
    const struct slot *s;
    bool contested;
    bool conflict;

    pthread_mutex_lock(&p->lock);
    s = slot_at(p, slot);
    contested = p->footing == FOOTING_CONTESTED;
    conflict = contested || s->conflict;
    *out = (struct publisher_holder){ "", "" };
    if (contested) {
        *out = p->contender;
    } else if (conflict && s->rival != NULL) {
        memcpy(out->agent, s->rival->agent, sizeof out->agent);
        memcpy(out->host, s->rival->host, sizeof out->host);
    }
    publisher_unlock(p);
    return conflict;
}

static const struct {
    enum publisher_standing standing;
    const char *name;
} STANDINGS[STANDING_COUNT] = {
    [STANDING_CLEAN] = { PUBLISHER_CLEAN, "clean" },
    [STANDING_PENDING] = { PUBLISHER_PENDING, "pending" },
    [STANDING_GATED] = { PUBLISHER_WAITING, "waiting" },
    [STANDING_REFUSED] = { PUBLISHER_REFUSED, "refused" },
    [STANDING_HELD] = { PUBLISHER_CONFLICT, "conflict" },
};

const char *publisher_standing_name(enum publisher_standing standing)
{
    size_t i = 0;

    while (STANDINGS[i].standing != standing)
        i++;
    return STANDINGS[i].name;
}

void publisher_node(struct publisher *p, size_t slot,
                    struct publisher_node *out)
{
    const struct slot *s;

    pthread_mutex_lock(&p->lock);
    s = slot_at(p, slot);
    *out = (struct publisher_node){
        .standing = STANDINGS[s->standing].standing,
        .posted = s->want == WANT_NODE,
        .version = s->known && s->exists ? s->version : -1,
        .seq = s->seq,
        .acked_wall_ms = s->acked_wall_ms,
    };
    pthread_mutex_unlock(&p->lock);
}

size_t publisher_node_document(struct publisher *p, size_t slot, char *out,
                               size_t size)
{
    const struct slot *s;
    size_t len = 0;

    pthread_mutex_lock(&p->lock);
    s = slot_at(p, slot);
    if (s->standing == STANDING_CLEAN && s->want == WANT_NODE &&
        s->kind == SLOT_STATUS)
        len = document_seal(s->posted.bytes, s->posted.len, s->seq, out, size);
    pthread_mutex_unlock(&p->lock);
    return len;
}

void publisher_info(struct publisher *p, struct publisher_info *out)
{
    struct slot *oldest;

    pthread_mutex_lock(&p->lock);
    oldest = TAILQ_FIRST(&p->pending);
    *out = (struct publisher_info){
        .store = p->status,
        .pending = p->count[STANDING_PENDING] + p->count[STANDING_GATED] +
                   p->count[STANDING_REFUSED],
        .in_flight = p->in_flight,
        .writes_ok = p->writes_ok,
        .writes_failed = p->writes_failed,
        .oldest_pending_ms =
            oldest != NULL ? clock_mono_ms() - oldest->pending_mono_ms : 0,
        .refused = (unsigned)p->count[STANDING_REFUSED],
        .conflicts = p->conflicts,
        .seeking =
            p->orphans.step != ORPHANS_IDLE && p->orphans.step != ORPHANS_DONE,
        .drifts = p->drifts,
        .publish = p->publish,
    };
    memcpy(out->trouble, p->trouble, sizeof out->trouble);
    publisher_unlock(p);
}
