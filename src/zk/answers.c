/*
 * The answers that wait for the publisher.  As no more than ZK_WINDOW
 * requests are open at a time, whatever comes finds room.
 */
#include <stdlib.h>
#include <string.h>

#include "answers.h"

struct zk_answer *zk_answers_tail(struct zk_answers *a, size_t *room)
{
    *room = ZK_WINDOW - a->nready;
    return a->ready + a->nready;
}

static void give_back(struct zk_answers *a)
{
    while (a->nlent > 0)
        free(a->lent[--a->nlent]);
}

size_t zk_answers_collect(struct zk_answers *a, struct store_reply *out,
                          size_t max)
{
    size_t n = a->nready < max ? a->nready : max;

    give_back(a);
    for (size_t i = 0; i < n; i++) {
        out[i] = a->ready[i].reply;
        a->lent[a->nlent++] = a->ready[i].data;
    }
    a->nready -= n;
    memmove(a->ready, a->ready + n, a->nready * sizeof a->ready[0]);
    a->open -= n;
    return n;
}

void zk_answers_free(struct zk_answers *a)
{
    give_back(a);
    while (a->nready > 0)
        free(a->ready[--a->nready].data);
}
