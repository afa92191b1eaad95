#include "slot.h"

void tally_init(struct tally *t)
{
    TAILQ_INIT(&t->pending);
    histogram_init(&t->publish, &HISTOGRAM_PUBLISH);
}

void tally_add(struct tally *t)
{
    t->count[PUBLISHER_CLEAN]++;
}

void tally_remove(struct tally *t)
{
    t->count[PUBLISHER_CLEAN]--;
}

/* Somebody still has to do something about it. */
static bool is_pending(enum publisher_standing s)
{
    return s != PUBLISHER_CLEAN && s != PUBLISHER_CONFLICT;
}

static bool is_settled(const struct tally *t)
{
    return t->count[PUBLISHER_PENDING] + t->count[PUBLISHER_WAITING] == 0;
}

bool tally_update(struct tally *t, struct slot *s, enum publisher_standing now,
                  uint64_t now_mono_ms)
{
    enum publisher_standing before = s->counted.standing;

    t->count[before]--;
    t->count[now]++;
    s->counted.standing = now;
    if (!is_pending(before) && is_pending(now)) {
        s->counted.pending_mono_ms = now_mono_ms;
        TAILQ_INSERT_TAIL(&t->pending, s, counted.at);
    }
    if (is_pending(before) && !is_pending(now)) {
        TAILQ_REMOVE(&t->pending, s, counted.at);
        if (now == PUBLISHER_CLEAN && s->wanted.want != WANT_NOTHING)
            histogram_observe(
                &t->publish, (now_mono_ms - s->counted.pending_mono_ms) * 1000);
    }
    return is_pending(before) && now != before && is_settled(t);
}

uint64_t tally_oldest_ms(const struct tally *t, uint64_t now_mono_ms)
{
    const struct slot *oldest = TAILQ_FIRST(&t->pending);

    return oldest != NULL ? now_mono_ms - oldest->counted.pending_mono_ms : 0;
}

size_t tally_pending(const struct tally *t)
{
    return t->count[PUBLISHER_PENDING] + t->count[PUBLISHER_WAITING] +
           t->count[PUBLISHER_REFUSED];
}
