/*
 * The window of requests under way.  Nothing here waits: the lock is held for
 * memory operations and for the wake only, never over a call into the
 * library, which takes locks of its own around callbacks.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/clock.h"
#include "agent/objects.h"

#include "codes.h"
#include "window.h"

void zk_window_init(struct zk_window *w, void (*wake)(void *), void *arg)
{
    memset(w, 0, sizeof *w);
    pthread_mutex_init(&w->lock, NULL);
    w->wake = wake;
    w->wake_arg = arg;
    STAILQ_INIT(&w->changes);
    for (size_t i = 0; i < ZK_WINDOW; i++)
        w->ops[i].window = w;
}

void zk_window_destroy(struct zk_window *w)
{
    struct zk_change *change;

    while ((change = STAILQ_FIRST(&w->changes)) != NULL) {
        STAILQ_REMOVE_HEAD(&w->changes, at);
        free(change);
    }
    for (size_t i = 0; i < ZK_WINDOW; i++) {
        if (w->ops[i].state != OP_FREE)
            object_gone(OBJECT_ZK_REQUEST);
        free(w->ops[i].data);
    }
    pthread_mutex_destroy(&w->lock);
}

struct zk_op *zk_window_take(struct zk_window *w, const struct store_request *r,
                             uint64_t deadline_mono_ms)
{
    struct zk_op *op = NULL;

    pthread_mutex_lock(&w->lock);
    for (size_t i = 0; i < ZK_WINDOW && op == NULL; i++) {
        op = &w->ops[w->next_op++ % ZK_WINDOW];
        if (op->state != OP_FREE)
            op = NULL;
    }
    if (r->verb == STORE_TAKE_OVER && !w->proved)
        op = NULL;
    if (op != NULL) {
        op->state = OP_UNDER_WAY;
        object_made(OBJECT_ZK_REQUEST);
        op->verb = r->verb;
        op->large = r->large;
        op->token = r->token;
        op->deadline_mono_ms = deadline_mono_ms;
        op->version = -1;
        op->owner = 0;
        op->mtime_wall_ms = 0;
        op->sent_mono_ms = clock_mono_ms();
        op->done_mono_ms = 0;
        op->len = 0;
    }
    pthread_mutex_unlock(&w->lock);
    return op;
}

/* Under the lock. */
static void op_free(struct zk_op *op)
{
    op->state = OP_FREE;
    object_gone(OBJECT_ZK_REQUEST);
}

void zk_window_untake(struct zk_op *op)
{
    pthread_mutex_lock(&op->window->lock);
    op_free(op);
    pthread_mutex_unlock(&op->window->lock);
}

void zk_op_done(struct zk_op *op, int rc, const struct Stat *stat, char *data,
                size_t len)
{
    struct zk_window *w = op->window;

    pthread_mutex_lock(&w->lock);
    op->done_mono_ms = clock_mono_ms();
    op->rc = rc;
    if (rc == ZOK && stat != NULL) {
        op->version = stat->version;
        op->owner = stat->ephemeralOwner;
        op->mtime_wall_ms = stat->mtime;
    }
    op->data = data;
    op->len = len;
    if (zk_server_said(rc))
        w->proved = true;
    op->state = OP_DONE;
    w->done++;
    if (!w->muted)
        w->wake(w->wake_arg);
    pthread_mutex_unlock(&w->lock);
}

void zk_window_changed(struct zk_window *w, const char *path)
{
    size_t size = strlen(path) + 1;
    struct zk_change *change = malloc(sizeof *change + size);

    pthread_mutex_lock(&w->lock);
    if (change != NULL) {
        memcpy(change->path, path, size);
        STAILQ_INSERT_TAIL(&w->changes, change, at);
    }
    w->changes_lost = w->changes_lost || change == NULL;
    if (!w->muted)
        w->wake(w->wake_arg);
    pthread_mutex_unlock(&w->lock);
}

bool zk_window_take_change(struct zk_window *w, char *path, size_t size)
{
    struct zk_change *change;
    bool lost;

    pthread_mutex_lock(&w->lock);
    change = STAILQ_FIRST(&w->changes);
    if (change != NULL)
        STAILQ_REMOVE_HEAD(&w->changes, at);
    lost = w->changes_lost;
    w->changes_lost = false;
    pthread_mutex_unlock(&w->lock);
    /* One that does not fit was never asked for by this path. */
    path[0] = '\0';
    if (change != NULL && !lost && strlen(change->path) < size)
        strcpy(path, change->path);
    free(change);
    return change != NULL || lost;
}

void zk_window_reconnected(struct zk_window *w)
{
    pthread_mutex_lock(&w->lock);
    w->proved = false;
    if (!w->muted)
        w->wake(w->wake_arg);
    pthread_mutex_unlock(&w->lock);
}

void zk_window_proved(struct zk_window *w, bool by_it)
{
    pthread_mutex_lock(&w->lock);
    w->proved = w->proved || by_it;
    if (!w->muted)
        w->wake(w->wake_arg);
    pthread_mutex_unlock(&w->lock);
}

/* Under the lock. */
static void answer(struct zk_op *op, enum store_code code,
                   struct zk_answer *out)
{
    bool made = op->verb == STORE_CREATE || op->verb == STORE_TAKE_OVER;

    *out = (struct zk_answer){
        .reply = { .verb = op->verb,
                   .token = op->token,
                   .code = code,
                   .raw = op->rc,
                   .words = zk_code_words(op->rc),
                   .advice = zk_code_advice(op->rc),
                   .version = code == STORE_OK && made ? 0 : op->version,
                   .owner = op->owner,
                   .mtime_wall_ms = op->mtime_wall_ms,
                   .sent_mono_ms = op->sent_mono_ms,
                   .done_mono_ms = op->done_mono_ms,
                   .data = op->data != NULL ? op->data : "",
                   .len = op->data != NULL ? op->len : 0 },
        .data = op->data,
    };
    op->data = NULL;
    op->rc = 0;
}

size_t zk_window_harvest(struct zk_window *w, struct zk_answer *out, size_t max)
{
    size_t n = 0;

    pthread_mutex_lock(&w->lock);
    for (size_t i = 0; i < ZK_WINDOW && n < max && w->done > 0; i++) {
        if (w->ops[i].state != OP_DONE)
            continue;
        answer(&w->ops[i], zk_code(w->ops[i].rc), &out[n++]);
        op_free(&w->ops[i]);
        w->done--;
    }
    pthread_mutex_unlock(&w->lock);
    return n;
}

uint64_t zk_window_deadline(struct zk_window *w)
{
    uint64_t first = UINT64_MAX;

    pthread_mutex_lock(&w->lock);
    for (size_t i = 0; i < ZK_WINDOW; i++)
        if (w->ops[i].state == OP_UNDER_WAY &&
            w->ops[i].deadline_mono_ms < first)
            first = w->ops[i].deadline_mono_ms;
    pthread_mutex_unlock(&w->lock);
    return first;
}

void zk_window_mute(struct zk_window *w)
{
    pthread_mutex_lock(&w->lock);
    w->muted = true;
    pthread_mutex_unlock(&w->lock);
}

size_t zk_window_give_up(struct zk_window *w, struct zk_answer *out)
{
    size_t n = 0;

    pthread_mutex_lock(&w->lock);
    w->muted = true;
    for (size_t i = 0; i < ZK_WINDOW; i++) {
        struct zk_op *op = &w->ops[i];

        if (op->state == OP_UNDER_WAY)
            answer(op, STORE_UNCERTAIN, &out[n++]);
        else if (op->state == OP_DONE)
            answer(op, zk_code(op->rc), &out[n++]);
    }
    pthread_mutex_unlock(&w->lock);
    return n;
}
