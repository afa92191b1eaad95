/*
 * Each place is a list, so that no pass walks over slots that have nothing to
 * do.
 */
#include "slot.h"

void places_init(struct places *p)
{
    TAILQ_INIT(&p->queue);
    TAILQ_INIT(&p->delayed);
    TAILQ_INIT(&p->parents);
    TAILQ_INIT(&p->refresh);
    p->delayed_mono_ms = UINT64_MAX;
}

static struct slot_list *list_of(struct places *p, enum place place)
{
    switch (place) {
    case PLACE_QUEUE:
        return &p->queue;
    case PLACE_DELAYED:
        return &p->delayed;
    case PLACE_PARENTS:
        return &p->parents;
    case PLACE_REFRESH:
        return &p->refresh;
    case PLACE_IDLE:
    case PLACE_FLIGHT:
        return NULL;
    }
    return NULL;
}

void place_move(struct places *p, struct slot *s, enum place place)
{
    struct slot_list *from = list_of(p, s->wait.place);
    struct slot_list *to = list_of(p, place);

    if (from != NULL)
        TAILQ_REMOVE(from, s, wait.at);
    if (to != NULL)
        TAILQ_INSERT_TAIL(to, s, wait.at);
    if (s->wait.place == PLACE_FLIGHT) {
        p->in_flight--;
        p->rereading -= s->wait.rereading;
        s->wait.rereading = false;
    }
    s->wait.place = place;
}

void place_first(struct places *p, struct slot *s)
{
    place_move(p, s, PLACE_QUEUE);
    TAILQ_REMOVE(&p->queue, s, wait.at);
    TAILQ_INSERT_HEAD(&p->queue, s, wait.at);
}

void place_delay(struct places *p, struct slot *s, uint64_t retry_mono_ms)
{
    s->wait.retry_mono_ms = retry_mono_ms;
    if (retry_mono_ms < p->delayed_mono_ms)
        p->delayed_mono_ms = retry_mono_ms;
    place_move(p, s, PLACE_DELAYED);
}

void place_reread(struct slot *s, bool reread)
{
    s->wait.reread = reread;
}

void place_send(struct places *p, struct slot *s, bool rereading)
{
    place_move(p, s, PLACE_FLIGHT);
    s->wait.reread = false;
    s->wait.rereading = rereading;
    p->in_flight++;
    p->rereading += rereading;
}

struct slot *places_next(const struct places *p, bool refresh)
{
    struct slot *s = TAILQ_FIRST(&p->queue);

    return s != NULL || !refresh ? s : TAILQ_FIRST(&p->refresh);
}

struct slot *places_due(struct places *p, uint64_t now_mono_ms)
{
    struct slot *s;

    if (now_mono_ms < p->delayed_mono_ms)
        return NULL;
    p->delayed_mono_ms = UINT64_MAX;
    TAILQ_FOREACH(s, &p->delayed, wait.at)
    {
        if (s->wait.retry_mono_ms <= now_mono_ms) {
            p->delayed_mono_ms = 0; /* there may be more */
            return s;
        }
        if (s->wait.retry_mono_ms < p->delayed_mono_ms)
            p->delayed_mono_ms = s->wait.retry_mono_ms;
    }
    return NULL;
}
