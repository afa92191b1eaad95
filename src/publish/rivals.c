/*
 * The other agents that hold nodes of ours: whether their heartbeats exist.
 * One request for each of them at a bounded pace, whatever the number of
 * nodes; nobody is looked at any more whom no node names.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

static struct rival *rival_known(struct publisher *p, const char *agent)
{
    for (size_t i = 0; i < p->rivals.count; i++) {
        struct rival *r = p->rivals.list[i];

        if (r != NULL && strcmp(r->agent, agent) == 0)
            return r;
    }
    return NULL;
}

/* The first free index; the list is grown if there is none. */
static size_t index_take(struct rivals *v)
{
    struct rival **list;
    size_t i = 0;

    while (i < v->count && v->list[i] != NULL)
        i++;
    if (i < v->count)
        return i;
    list = realloc(v->list, (v->count + 8) * sizeof(*list));
    if (list == NULL)
        return SIZE_MAX;
    memset(list + v->count, 0, 8 * sizeof(*list));
    v->list = list;
    v->count += 8;
    return i;
}

static struct rival *rival_new(struct publisher *p, const char *agent)
{
    struct rival *r = calloc(1, sizeof *r);
    size_t index = index_take(&p->rivals);

    if (r == NULL || index == SIZE_MAX ||
        asprintf(&r->path, "%s/agents/%s", p->root, agent) < 0) {
        free(r);
        return NULL;
    }
    snprintf(r->agent, sizeof r->agent, "%s", agent);
    r->index = index;
    p->rivals.list[index] = r;
    return r;
}

struct rival *rival_find(struct publisher *p, const char *agent,
                         uint64_t now_mono_ms)
{
    struct rival *r = rival_known(p, agent);

    if (r == NULL)
        r = rival_new(p, agent);
    if (r == NULL)
        return NULL;
    r->users++;
    /* It was gone when something else was read: it may be back. */
    if (r->state != RIVAL_ALIVE) {
        r->state = RIVAL_ASKED;
        r->due_mono_ms = now_mono_ms;
        r->again = r->under_way;
    }
    return r;
}

static void free_unused(struct publisher *p, struct rival *r)
{
    if (r->users > 0 || r->under_way)
        return;
    p->rivals.list[r->index] = NULL;
    free(r->path);
    free(r);
}

void rival_leave(struct publisher *p, struct rival *r)
{
    r->users--;
    free_unused(p, r);
}

void rivals_ask_again(struct publisher *p)
{
    for (size_t i = 0; i < p->rivals.count; i++) {
        struct rival *r = p->rivals.list[i];

        if (r == NULL)
            continue;
        r->due_mono_ms = 0;
        r->again = r->under_way;
    }
}

bool rivals_request(struct publisher *p, uint64_t now_mono_ms,
                    struct store_request *req)
{
    for (size_t i = 0; i < p->rivals.count; i++) {
        struct rival *r = p->rivals.list[i];

        if (r == NULL || r->under_way || r->due_mono_ms > now_mono_ms)
            continue;
        *req = (struct store_request){
            .verb = STORE_GET,
            .token = RIVALS_TOKEN + i,
            .path = r->path,
            .data = "",
        };
        r->under_way = true;
        return true;
    }
    return false;
}

void rivals_unsent(struct publisher *p, uint64_t token)
{
    struct rival *r = p->rivals.list[token - RIVALS_TOKEN];

    r->under_way = false;
    free_unused(p, r);
}

static void judge(struct publisher *p, struct rival *r,
                  const struct store_reply *reply, uint64_t now)
{
    struct document_seen seen;

    r->due_mono_ms = now + p->recheck_ms;
    switch (reply->code) {
    case STORE_OK:
    case STORE_NO_AUTH: /* it is there, and that is all that is asked */
        document_read(reply->data, reply->len, &seen);
        snprintf(r->host, sizeof r->host, "%s", seen.host);
        r->state = RIVAL_ALIVE;
        break;
    case STORE_NO_NODE:
        r->state = r->again ? RIVAL_ASKED : RIVAL_GONE;
        break;
    case STORE_NODE_EXISTS:
    case STORE_BAD_VERSION:
    case STORE_UNCERTAIN:
    case STORE_SESSION_GONE:
    case STORE_BUSY:
    case STORE_FAILED:
        if (p->recheck_ms > BUSY_RETRY_MS)
            r->due_mono_ms = now + BUSY_RETRY_MS;
        break;
    }
    if (r->again)
        r->due_mono_ms = now;
    r->again = false;
}

void rivals_reply(struct publisher *p, const struct store_reply *reply,
                  uint64_t now_mono_ms)
{
    struct rival *r = p->rivals.list[reply->token - RIVALS_TOKEN];

    judge(p, r, reply, now_mono_ms);
    for (size_t i = 0; i < p->nslots; i++) {
        struct slot *s = p->slots[i];

        if (s == NULL || s->rival != r)
            continue;
        s->rival_gone =
            r->state == RIVAL_GONE && s->known && p->footing == FOOTING_FIRM;
        slot_settle(p, s);
        if (s->partner != NULL)
            slot_settle(p, s->partner);
        publisher_sweep(p, s);
    }
    r->under_way = false;
    free_unused(p, r);
}

uint64_t rivals_due(const struct publisher *p)
{
    uint64_t due = UINT64_MAX;

    for (size_t i = 0; i < p->rivals.count; i++) {
        const struct rival *r = p->rivals.list[i];

        if (r != NULL && !r->under_way && r->due_mono_ms < due)
            due = r->due_mono_ms;
    }
    return due;
}

void rivals_free(struct publisher *p)
{
    for (size_t i = 0; i < p->rivals.count; i++) {
        if (p->rivals.list[i] == NULL)
            continue;
        free(p->rivals.list[i]->path);
        free(p->rivals.list[i]);
    }
    free(p->rivals.list);
}
