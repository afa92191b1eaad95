/*
 * The calls of other threads: slots come and go, documents are posted, events
 * taken.  They touch memory only, under the publisher's lock, and wake its
 * thread when there is something new to do.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/clock.h"

#include "monitor.h"
#include "why.h"

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
    case SLOT_MEMBER:
        return "members";
    }
    return "";
}

/* NULL on lack of memory. */
static struct slot *make_slot(const struct publisher *p, enum slot_kind kind,
                              const char *name)
{
    char *path;
    bool member = kind == SLOT_MEMBER;

    assert(!member || p->fleet != NULL);
    if (asprintf(&path, "%s%s%s/%s/%s", p->root, member ? "/fleets/" : "",
                 member ? p->fleet : "", branch_of(kind), name) < 0)
        return NULL;
    struct slot *s = slot_new(kind, path);
    free(path);
    return s;
}

static size_t add(struct publisher *p, enum slot_kind kind,
                  enum slot_share share, const char *name, struct err *e)
{
    struct slot *s = make_slot(p, kind, name);
    size_t index = SIZE_MAX;

    if (s != NULL) {
        publisher_lock(p);
        owner_share(s, share);
        if (book_add(&p->book, s, name) == 0)
            index = s->index;
        publisher_unlock(p);
    }
    if (index == SIZE_MAX) {
        err_set(e, "out of memory for the node of %s", name);
        slot_free(s);
    }
    return index;
}

size_t publisher_add(struct publisher *p, enum slot_kind kind, const char *name,
                     struct err *e)
{
    return add(p, kind, SLOT_OWN, name, e);
}

size_t publisher_add_target(struct publisher *p, const char *name,
                            struct err *e)
{
    assert(p->fleet != NULL);
    return add(p, SLOT_STATUS, SLOT_SPEAKER, name, e);
}

void publisher_remove(struct publisher *p, size_t slot)
{
    publisher_lock(p);
    book_remove(&p->book, book_at(&p->book, slot));
    publisher_unlock(p);
}

bool publisher_post(struct publisher *p, size_t slot, const char *doc,
                    size_t len)
{
    struct book *b = &p->book;

    assert(len > 0 && len <= DOCUMENT_MAX);
    publisher_lock(p);
    struct slot *s = book_at(b, slot);
    bool kept = wanted_post(&s->wanted, doc, len) == 0;
    if (kept)
        book_settle(b, s);
    else
        snprintf(b->trouble, sizeof b->trouble, "%s: out of memory for a post",
                 s->path);
    publisher_unlock(p);
    return kept;
}

void publisher_withdraw(struct publisher *p, size_t slot)
{
    publisher_lock(p);
    struct slot *s = book_at(&p->book, slot);
    assert(s->kind == SLOT_PRESENCE || s->kind == SLOT_MEMBER);
    wanted_withdraw(&s->wanted);
    book_settle(&p->book, s);
    publisher_unlock(p);
}

void publisher_share(struct publisher *p, size_t slot, enum slot_share share)
{
    publisher_lock(p);
    book_share(&p->book, book_at(&p->book, slot), share);
    publisher_unlock(p);
}

size_t publisher_follow(struct publisher *p, const char *path,
                        enum follow_kind kind, struct err *e)
{
    publisher_lock(p);
    size_t follow = follow_add(&p->book, path, kind, e);
    publisher_unlock(p);
    return follow;
}

void publisher_unfollow(struct publisher *p, size_t follow)
{
    publisher_lock(p);
    follow_remove(&p->book, follow);
    publisher_unlock(p);
}

bool publisher_follow_take(struct publisher *p, struct follow_event *out)
{
    publisher_lock(p);
    bool any = follow_take(&p->book, out);
    publisher_unlock(p);
    return any;
}

int publisher_order(struct publisher *p, const struct publisher_order *o,
                    struct err *e)
{
    publisher_lock(p);
    int rc = orders_add(&p->book, o, e);
    publisher_unlock(p);
    return rc;
}

bool publisher_order_take(struct publisher *p, struct publisher_ordered *out)
{
    publisher_lock(p);
    bool any = orders_take(&p->book, out);
    publisher_unlock(p);
    return any;
}

void publisher_look(struct publisher *p, size_t slot)
{
    publisher_lock(p);
    book_look(&p->book, book_at(&p->book, slot));
    publisher_unlock(p);
}

void publisher_fence(struct publisher *p, size_t member_slot,
                     bool (*fit)(void *arg), void *arg)
{
    publisher_lock(p);
    assert(book_at(&p->book, member_slot)->kind == SLOT_MEMBER);
    p->fence = (struct fence){ .fit = fit, .arg = arg, .slot = member_slot };
    p->book.nudged = true;
    publisher_unlock(p);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int publisher_own(struct publisher *p, const char **names, size_t n, bool part,
                  struct err *e)
{
    struct names all = { 0 };
    size_t size = 1;

    if (n > 0)
        qsort(names, n, sizeof *names, by_text);
    for (size_t i = 0; i < n; i++)
        size += strlen(names[i]) + 1;
    all.bytes = malloc(size);
    if (all.bytes == NULL) {
        err_set(e, "out of memory for the names of %zu instances", n);
        return -1;
    }
    for (size_t i = 0; i < n; i++)
        all.len += (size_t)sprintf(all.bytes + all.len, "%s\n", names[i]);
    publisher_lock(p);
    int rc = owned_want(&p->book, all, part, e);
    publisher_unlock(p);
    return rc;
}

void publisher_search(struct publisher *p)
{
    publisher_lock(p);
    owned_search(&p->book);
    publisher_unlock(p);
}

bool publisher_take(struct publisher *p, struct publisher_event *out)
{
    publisher_lock(p);
    bool taken =
        wanted_take(&p->book.findings, out) || orphans_take(&p->book, out);
    publisher_unlock(p);
    return taken;
}

bool publisher_conflict(struct publisher *p, size_t slot,
                        struct publisher_holder *out)
{
    const struct lease *lease = &p->book.owners.lease;

    *out = (struct publisher_holder){ "", "" };
    publisher_lock(p);
    const struct slot *s = book_at(&p->book, slot);
    const struct rival *rival = s->owner.rival;
    bool contested = lease->state == LEASE_CONTESTED;
    bool conflict = contested || s->owner.conflict;
    if (contested) {
        *out = lease->contender;
    } else if (conflict && rival != NULL) {
        memcpy(out->agent, rival->agent, sizeof out->agent);
        memcpy(out->host, rival->host, sizeof out->host);
    }
    publisher_unlock(p);
    return conflict;
}

void publisher_node(struct publisher *p, size_t slot,
                    struct publisher_node *out)
{
    publisher_lock(p);
    const struct slot *s = book_at(&p->book, slot);
    *out = (struct publisher_node){
        .why = why_not_written(&p->book.owners, s),
        .posted = s->wanted.want == WANT_NODE,
        .version = s->node.known && s->node.exists ? s->node.version : -1,
        .seq = s->sent.known_seq,
        .acked_wall_ms = s->sent.acked_wall_ms,
    };
    out->standing = why_standing(out->why);
    publisher_unlock(p);
}

size_t publisher_node_document(struct publisher *p, size_t slot, char *out,
                               size_t size)
{
    size_t len = 0;

    publisher_lock(p);
    const struct slot *s = book_at(&p->book, slot);
    if (s->kind == SLOT_STATUS &&
        why_not_written(&p->book.owners, s) == WHY_WRITTEN &&
        s->wanted.want == WANT_NODE)
        len = document_seal(s->wanted.posted.bytes, s->wanted.posted.len,
                            s->sent.known_seq, out, size);
    publisher_unlock(p);
    return len;
}

/* The last part of the slot's path. */
static const char *name_of(const struct slot *s)
{
    return strrchr(s->path, '/') + 1;
}

void publisher_refused(struct publisher *p, uint64_t for_ms,
                       struct publisher_refused *out)
{
    uint64_t now = clock_mono_ms();
    const struct slot *s;

    out->count = 0;
    publisher_lock(p);
    TABLE_EACH(s, &p->book.table)
    {
        if (s->kind != SLOT_STATUS || !refusal_lasts(&s->refusal, for_ms, now))
            continue;
        if (out->count < PUBLISHER_REFUSED_NAMES)
            snprintf(out->names[out->count], sizeof out->names[0], "%s",
                     name_of(s));
        out->count++;
    }
    publisher_unlock(p);
}

/* LOCKED. */
static int64_t ensemble_wall_ms(const struct publisher *p)
{
    const struct ensemble *c = &p->book.ensemble;

    return c->known ? (int64_t)clock_mono_ms() + c->beyond_mono_ms
                    : clock_wall_ms();
}

bool publisher_clock(struct publisher *p, int64_t *wall_ms)
{
    publisher_lock(p);
    *wall_ms = ensemble_wall_ms(p);
    bool known = p->book.ensemble.known;
    publisher_unlock(p);
    return known;
}

void publisher_info(struct publisher *p, struct publisher_info *out)
{
    const struct book *b = &p->book;

    publisher_lock(p);
    *out = (struct publisher_info){
        .store = p->status,
        .pending = tally_pending(&b->tally),
        .in_flight = b->places.in_flight,
        .writes_ok = b->writes_ok,
        .writes_failed = b->writes_failed,
        .oldest_pending_ms = tally_oldest_ms(&b->tally, clock_mono_ms()),
        .refused = (unsigned)b->tally.count[PUBLISHER_REFUSED],
        .conflicts = b->owners.conflicts,
        .seeking = owned_busy(b) || orphans_seeking(&b->orphans),
        .drifts = b->drifts,
        .fenced = p->fenced,
        .watches = follow_watches(b),
        .clock_known = b->ensemble.known,
        .clock_offset_ms = b->ensemble.offset_ms,
        .publish = b->tally.publish,
    };
    memcpy(out->trouble, b->trouble, sizeof out->trouble);
    publisher_unlock(p);
}
