#ifndef ZK_ANSWERS_H
#define ZK_ANSWERS_H

#include "window.h"

#include <stddef.h>

/*
 * Answers on their way from the handles to the publisher: how many requests
 * were accepted, what is answered, and what the last collect still points to.
 * All zero is empty.  Thread: publisher.
 */
struct zk_answers {
    size_t open;                       /* accepted and not yet collected */
    struct zk_answer ready[ZK_WINDOW]; /* answered and not yet collected */
    size_t nready;
    char *lent[ZK_WINDOW]; /* owned; what the last collect pointed to */
    size_t nlent;
};

/* Where new answers go: ROOM of them. */
struct zk_answer *zk_answers_tail(struct zk_answers *a, size_t *room);
/* Moves up to MAX of them to OUT, whose bytes live until the next collect. */
size_t zk_answers_collect(struct zk_answers *a, struct store_reply *out,
                          size_t max);
/* Frees the bytes of all of them. */
void zk_answers_free(struct zk_answers *a);

#endif
