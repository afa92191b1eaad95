/*
 * The store in memory.  One mutex over a tree (fake_tree.c).  Faults come from
 * a seeded generator, so that a failing run can be repeated as far as the
 * threads allow.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/clock.h"

#include "fake_store.h"
#include "fake_tree.h"

#define WINDOW 16 /* small, so that it is full at times */

struct answer {
    struct store_reply reply;
    char data[4200];
};

struct fake_store {
    struct store base;
    pthread_mutex_t lock;
    struct fake_tree tree;
    struct answer answers[WINDOW];
    struct answer lent[WINDOW];
    size_t nanswers;
    struct store_status status;
    struct fake_faults faults;
    char denied[128];
    enum store_code denied_code;
    enum store_code denied_creates;
    bool mute;
    int64_t clock_ahead_ms;
    bool unproved; /* see fake_store_unprove */
    bool told_unproved;
    bool closed;
    unsigned requests;
    int64_t last_session;
    uint64_t random;
    void (*on_write)(void *, const char *, const char *, size_t);
    void *on_write_arg;
};

static struct fake_store *fake_of(struct store *s)
{
    return (struct fake_store *)s;
}

static unsigned roll(struct fake_store *f)
{
    f->random = f->random * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(f->random >> 33) % 1000;
}

static enum store_code apply(struct fake_store *f,
                             const struct store_request *r)
{
    enum store_code code = fake_tree_apply(&f->tree, r, f->status.session);

    if (code == STORE_OK && (r->verb == STORE_SET || r->verb == STORE_CREATE))
        fake_tree_at(&f->tree, r->path)->node.mtime_wall_ms +=
            f->clock_ahead_ms;
    if (code == STORE_OK && f->on_write != NULL && r->len > 0)
        f->on_write(f->on_write_arg, r->path, r->data, r->len);
    return code;
}

static enum store_code decide(struct fake_store *f,
                              const struct store_request *r)
{
    unsigned dice = roll(f);

    if (f->denied[0] != '\0' &&
        strncmp(r->path, f->denied, strlen(f->denied)) == 0)
        return f->denied_code;
    if (r->verb == STORE_CREATE && f->denied_creates != STORE_OK)
        return f->denied_creates;
    if (dice < f->faults.lost_before)
        return STORE_UNCERTAIN;
    dice -= f->faults.lost_before;
    if (dice < f->faults.busy)
        return STORE_BUSY;
    dice -= f->faults.busy;
    if (dice < f->faults.lost_after) {
        apply(f, r);
        return STORE_UNCERTAIN;
    }
    return apply(f, r);
}

static void fill_answer(struct fake_store *f, const struct store_request *r,
                        struct answer *a)
{
    const struct fake_entry *e = fake_tree_at(&f->tree, r->path);

    if (r->verb == STORE_LIST) {
        a->reply.len =
            fake_tree_list(&f->tree, r->path, a->data, sizeof a->data);
        return;
    }
    a->reply.version = e->node.version;
    a->reply.owner = e->node.owner;
    if (r->verb == STORE_GET || r->verb == STORE_SET)
        a->reply.mtime_wall_ms = e->node.mtime_wall_ms;
    if (r->verb != STORE_GET)
        return;
    a->reply.len = e->node.len;
    memcpy(a->data, e->node.data, a->reply.len);
}

/* Whether it is a take-over that comes too early. */
static bool too_early(struct fake_store *f, const struct store_request *r)
{
    if (r->verb == STORE_TAKE_OVER) {
        f->told_unproved = f->unproved;
        return f->unproved;
    }
    f->unproved = f->unproved && !f->told_unproved;
    return false;
}

static int fake_submit(struct store *s, const struct store_request *r)
{
    struct fake_store *f = fake_of(s);
    struct answer *a;

    pthread_mutex_lock(&f->lock);
    if (f->status.state != STORE_CONNECTED || f->nanswers == WINDOW ||
        too_early(f, r)) {
        pthread_mutex_unlock(&f->lock);
        return -1;
    }
    f->requests++;
    a = &f->answers[f->nanswers++];
    memset(a, 0, sizeof *a);
    a->reply.verb = r->verb;
    a->reply.token = r->token;
    a->reply.version = -1;
    a->reply.sent_mono_ms = clock_mono_ms();
    a->reply.code = decide(f, r);
    if (a->reply.code != STORE_UNCERTAIN)
        a->reply.done_mono_ms = clock_mono_ms();
    if (a->reply.code == STORE_OK)
        fill_answer(f, r, a);
    s->wake(s->wake_arg);
    pthread_mutex_unlock(&f->lock);
    return 0;
}

static size_t fake_collect(struct store *s, struct store_reply *out, size_t max)
{
    struct fake_store *f = fake_of(s);
    size_t n;

    pthread_mutex_lock(&f->lock);
    n = f->mute ? 0 : f->nanswers < max ? f->nanswers : max;
    memcpy(f->lent, f->answers, n * sizeof f->lent[0]);
    memmove(f->answers, f->answers + n,
            (f->nanswers - n) * sizeof f->answers[0]);
    f->nanswers -= n;
    for (size_t i = 0; i < n; i++) {
        out[i] = f->lent[i].reply;
        out[i].data = f->lent[i].data;
    }
    pthread_mutex_unlock(&f->lock);
    return n;
}

/* Whoever needs it would wait too long for any test. */
static uint64_t fake_tick(struct store *s, uint64_t now_mono_ms)
{
    (void)s;
    return now_mono_ms + 600000;
}

static void fake_status(struct store *s, struct store_status *out)
{
    struct fake_store *f = fake_of(s);

    pthread_mutex_lock(&f->lock);
    *out = f->status;
    pthread_mutex_unlock(&f->lock);
}

static enum store_end fake_close(struct store *s, unsigned budget_ms)
{
    struct fake_store *f = fake_of(s);
    bool mute;

    (void)budget_ms;
    pthread_mutex_lock(&f->lock);
    f->closed = true;
    s->wake = NULL;
    for (size_t i = 0; i < f->tree.nentries; i++)
        if (f->tree.entries[i].exists && f->tree.entries[i].node.owner != 0 &&
            f->tree.entries[i].node.owner == f->status.session)
            fake_entry_vanish(&f->tree.entries[i]);
    mute = f->mute;
    pthread_mutex_unlock(&f->lock);
    return mute ? STORE_LEFT : STORE_CLOSED;
}

static const struct store_ops OPS = {
    .submit = fake_submit,
    .collect = fake_collect,
    .tick = fake_tick,
    .status = fake_status,
    .close = fake_close,
};

struct fake_store *fake_store_new(uint64_t seed)
{
    struct fake_store *f = calloc(1, sizeof *f);

    if (f == NULL)
        abort();
    f->base.ops = &OPS;
    f->random = seed * 2654435761u + 1;
    f->last_session = 100;
    f->status.state = STORE_CONNECTING;
    pthread_mutex_init(&f->lock, NULL);
    return f;
}

void fake_store_free(struct fake_store *f)
{
    pthread_mutex_destroy(&f->lock);
    free(f);
}

struct store *fake_store_seam(struct fake_store *f)
{
    return &f->base;
}

static void begin_session(struct fake_store *f)
{
    f->status.session = ++f->last_session;
    f->status.sessions++;
}

static void wake(struct fake_store *f)
{
    if (f->base.wake != NULL)
        f->base.wake(f->base.wake_arg);
}

void fake_store_connect(struct fake_store *f)
{
    pthread_mutex_lock(&f->lock);
    if (f->status.session == 0)
        begin_session(f);
    f->status.state = STORE_CONNECTED;
    wake(f);
    pthread_mutex_unlock(&f->lock);
}

static void lose_answers(struct fake_store *f)
{
    for (size_t i = 0; i < f->nanswers; i++) {
        f->answers[i].reply.code = STORE_UNCERTAIN;
        f->answers[i].reply.len = 0;
    }
}

void fake_store_disconnect(struct fake_store *f)
{
    pthread_mutex_lock(&f->lock);
    f->status.state = STORE_CONNECTING;
    lose_answers(f);
    wake(f);
    pthread_mutex_unlock(&f->lock);
}

static void end_owner(struct fake_store *f, int64_t owner)
{
    for (size_t i = 0; i < f->tree.nentries; i++)
        if (f->tree.entries[i].exists && f->tree.entries[i].node.owner == owner)
            fake_entry_vanish(&f->tree.entries[i]);
}

void fake_store_expire(struct fake_store *f, bool lose)
{
    pthread_mutex_lock(&f->lock);
    if (lose)
        lose_answers(f);
    end_owner(f, f->status.session);
    f->status.resumed = false;
    begin_session(f);
    wake(f);
    pthread_mutex_unlock(&f->lock);
}

void fake_store_clock(struct fake_store *f, int64_t ahead_ms)
{
    pthread_mutex_lock(&f->lock);
    f->clock_ahead_ms = ahead_ms;
    pthread_mutex_unlock(&f->lock);
}

void fake_store_end_owner(struct fake_store *f, int64_t owner)
{
    pthread_mutex_lock(&f->lock);
    end_owner(f, owner);
    pthread_mutex_unlock(&f->lock);
}

void fake_store_faults(struct fake_store *f, struct fake_faults faults)
{
    pthread_mutex_lock(&f->lock);
    f->faults = faults;
    pthread_mutex_unlock(&f->lock);
}

void fake_store_deny(struct fake_store *f, const char *prefix,
                     enum store_code code)
{
    pthread_mutex_lock(&f->lock);
    snprintf(f->denied, sizeof f->denied, "%s", prefix != NULL ? prefix : "");
    f->denied_code = code;
    pthread_mutex_unlock(&f->lock);
}

void fake_store_deny_creates(struct fake_store *f, enum store_code code)
{
    pthread_mutex_lock(&f->lock);
    f->denied_creates = code;
    pthread_mutex_unlock(&f->lock);
}

void fake_store_mute(struct fake_store *f, bool mute)
{
    pthread_mutex_lock(&f->lock);
    f->mute = mute;
    wake(f);
    pthread_mutex_unlock(&f->lock);
}

void fake_store_unprove(struct fake_store *f)
{
    pthread_mutex_lock(&f->lock);
    f->unproved = true;
    pthread_mutex_unlock(&f->lock);
}

void fake_store_put(struct fake_store *f, const char *path, const char *data,
                    int64_t owner)
{
    char level[128];
    struct fake_entry *e;

    pthread_mutex_lock(&f->lock);
    for (const char *c = strchr(path + 1, '/'); c != NULL;
         c = strchr(c + 1, '/')) {
        snprintf(level, sizeof level, "%.*s", (int)(c - path), path);
        fake_tree_at(&f->tree, level)->exists = true;
    }
    e = fake_tree_at(&f->tree, path);
    e->node.version = e->exists ? e->node.version + 1 : 0;
    e->exists = true;
    e->node.owner = owner;
    fake_entry_fill(e, data, strlen(data));
    pthread_mutex_unlock(&f->lock);
}

void fake_store_remove(struct fake_store *f, const char *path)
{
    pthread_mutex_lock(&f->lock);
    fake_entry_vanish(fake_tree_at(&f->tree, path));
    pthread_mutex_unlock(&f->lock);
}

bool fake_store_look(struct fake_store *f, const char *path,
                     struct fake_node *out)
{
    struct fake_entry *e;
    bool exists;

    pthread_mutex_lock(&f->lock);
    e = fake_tree_at(&f->tree, path);
    *out = e->node;
    exists = e->exists;
    pthread_mutex_unlock(&f->lock);
    return exists;
}

int64_t fake_store_session(struct fake_store *f)
{
    int64_t session;

    pthread_mutex_lock(&f->lock);
    session = f->status.session;
    pthread_mutex_unlock(&f->lock);
    return session;
}

unsigned fake_store_requests(struct fake_store *f)
{
    unsigned n;

    pthread_mutex_lock(&f->lock);
    n = f->requests;
    pthread_mutex_unlock(&f->lock);
    return n;
}

bool fake_store_closed(struct fake_store *f)
{
    bool closed;

    pthread_mutex_lock(&f->lock);
    closed = f->closed;
    pthread_mutex_unlock(&f->lock);
    return closed;
}

void fake_store_on_write(struct fake_store *f,
                         void (*fn)(void *, const char *, const char *, size_t),
                         void *arg)
{
    pthread_mutex_lock(&f->lock);
    f->on_write = fn;
    f->on_write_arg = arg;
    pthread_mutex_unlock(&f->lock);
}
