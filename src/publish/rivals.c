/*
 * An answer counts only if it was asked for after the node that names the agent
 * was read: else an agent that came back in between would be taken for gone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/document.h"

#include "rivals.h"

/* Where the answer says nothing, the question is put again after that. */
#define UNANSWERED_MS 1000

/* How many more the list can hold each time that it grows. */
#define GROWTH 8

static struct rival *known(const struct rivals *v, const char *agent)
{
    for (size_t i = 0; i < v->count; i++) {
        struct rival *r = v->list[i];

        if (r != NULL && strcmp(r->agent, agent) == 0)
            return r;
    }
    return NULL;
}

/* The first free index; the list grows if there is none.  SIZE_MAX on lack of
 * memory. */
static size_t free_index(struct rivals *v)
{
    size_t i = 0;

    while (i < v->count && v->list[i] != NULL)
        i++;
    if (i < v->count)
        return i;
    struct rival **list = realloc(v->list, (v->count + GROWTH) * sizeof(*list));
    if (list == NULL)
        return SIZE_MAX;
    memset(list + v->count, 0, GROWTH * sizeof(*list));
    v->list = list;
    v->count += GROWTH;
    return i;
}

static struct rival *rival_new(struct rivals *v, const char *agent)
{
    struct rival *r = calloc(1, sizeof *r);
    size_t index = free_index(v);

    if (r == NULL || index == SIZE_MAX ||
        asprintf(&r->path, "%s/agents/%s", v->root, agent) < 0) {
        free(r);
        return NULL;
    }
    snprintf(r->agent, sizeof r->agent, "%s", agent);
    r->index = index;
    v->list[index] = r;
    return r;
}

struct rival *rivals_find(struct rivals *v, const char *agent,
                          uint64_t now_mono_ms)
{
    struct rival *r = known(v, agent);

    if (r == NULL)
        r = rival_new(v, agent);
    if (r == NULL)
        return NULL;
    r->users++;
    /* It was gone when another node was read: it may be back. */
    if (r->state != RIVAL_ALIVE) {
        r->state = RIVAL_ASKED;
        r->due_mono_ms = now_mono_ms;
        r->again = r->under_way;
    }
    return r;
}

static void free_unused(struct rivals *v, struct rival *r)
{
    if (r->users > 0 || r->under_way)
        return;
    v->list[r->index] = NULL;
    free(r->path);
    free(r);
}

void rival_leave(struct rivals *v, struct rival *r)
{
    r->users--;
    free_unused(v, r);
}

void rivals_ask_again(struct rivals *v)
{
    for (size_t i = 0; i < v->count; i++) {
        struct rival *r = v->list[i];

        if (r == NULL)
            continue;
        r->due_mono_ms = 0;
        r->again = r->under_way;
    }
}

bool rivals_next(struct rivals *v, uint64_t now_mono_ms,
                 struct store_request *req)
{
    for (size_t i = 0; i < v->count; i++) {
        struct rival *r = v->list[i];

        if (r == NULL || r->under_way || r->due_mono_ms > now_mono_ms)
            continue;
        *req = (struct store_request){
            .verb = STORE_GET,
            .token = i,
            .path = r->path,
            .data = "",
        };
        r->under_way = true;
        return true;
    }
    return false;
}

void rivals_answered(struct rivals *v, struct rival *r)
{
    r->under_way = false;
    free_unused(v, r);
}

void rivals_unsent(struct rivals *v, uint64_t index)
{
    rivals_answered(v, v->list[index]);
}

static void judge(const struct rivals *v, struct rival *r,
                  const struct store_reply *reply, uint64_t now)
{
    struct document_seen seen;

    r->due_mono_ms = now + v->recheck_ms;
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
        if (v->recheck_ms > UNANSWERED_MS)
            r->due_mono_ms = now + UNANSWERED_MS;
        break;
    }
    if (r->again)
        r->due_mono_ms = now;
    r->again = false;
}

struct rival *rivals_reply(struct rivals *v, const struct store_reply *reply,
                           uint64_t now_mono_ms)
{
    struct rival *r = v->list[reply->token];

    judge(v, r, reply, now_mono_ms);
    return r;
}

uint64_t rivals_due(const struct rivals *v)
{
    uint64_t due = UINT64_MAX;

    for (size_t i = 0; i < v->count; i++) {
        const struct rival *r = v->list[i];

        if (r != NULL && !r->under_way && r->due_mono_ms < due)
            due = r->due_mono_ms;
    }
    return due;
}

void rivals_free(struct rivals *v)
{
    for (size_t i = 0; i < v->count; i++) {
        if (v->list[i] == NULL)
            continue;
        free(v->list[i]->path);
        free(v->list[i]);
    }
    free(v->list);
}
